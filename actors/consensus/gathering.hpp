#pragma once

// Whether a leader waits for more operations before it builds a block. A block costs each node the
// same whatever it holds, so while others are under way a leader waits for a moment until twice as
// many operations wait as those hold: clients that always ask again would else stay in many small
// groups. Where nothing is under way, it waits for as many as were there last, that is for those
// who were just answered. Nobody waits where one client works alone. Pure.

#include <cstddef>
#include <cstdint>

namespace ait::consensus {

class Gathering {
  public:
    /// 0: nobody ever waits.
    explicit Gathering(std::uint32_t block_wait_ms) : block_wait_ms_(block_wait_ms) {}

    struct Waiting {
        std::uint64_t view = 0;
        std::size_t fresh = 0;      ///< operations that are in no block yet
        std::size_t under_way = 0;  ///< operations in blocks that are not final yet
        bool is_due = false;        ///< stored times have come
    };
    struct Answer {
        bool builds = false;
        std::int64_t wait_ms = 0;  ///< not zero: call over() after this time, and ask again
    };
    [[nodiscard]] Answer ask(const Waiting& waiting);
    /// The time of a view's answer is over. False: that view is over too.
    [[nodiscard]] bool over(std::uint64_t view);
    /// A block became final and visible; `left` operations wait behind it.
    void on_published(std::size_t operations, std::size_t left) { crowd_ = operations + left; }

  private:
    const std::uint32_t block_wait_ms_;
    std::uint64_t view_ = 0;  ///< for which it waits, or waited
    bool is_over_ = false;
    std::size_t crowd_ = 0;
};

}  // namespace ait::consensus
