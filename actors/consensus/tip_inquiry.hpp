#pragma once

// Is this node's state new enough to refuse something by it? A node that was cut off or stood still
// does not know what it missed, and its links may look well for seconds. So the members are asked
// how far the chain is, and a quorum of answers to a question that was asked later than the
// operation came tells: whatever was acknowledged before has been voted for by one of them (Ongaro,
// "Consensus: Bridging Theory and Practice", 6.4, for leaders; here any node asks). Pure, one
// thread.

#include <cstdint>
#include <optional>
#include <vector>

#include "actors/consensus/simplex/types.hpp"
#include "runtime/base/fields.hpp"

namespace ait::consensus {

/// A question, or the answer to it.
struct TipWord {
    std::uint64_t question = 0;
    std::optional<std::uint64_t> height{};  ///< of any block that the member knows of; a question
                                            ///< has none
    static constexpr auto fields() {
        return std::tuple{field("question", &TipWord::question, "Its number at the asker."),
                          optional_field("height", &TipWord::height, "Of the answering member.")};
    }
};

class TipInquiry {
  public:
    /// `first_question`: a number that no earlier life of this node is likely to have used.
    TipInquiry(const simplex::Config& config, std::uint64_t first_question);
    /// Others vouch from now on: a question that is under way has to be asked again.
    void begin_epoch(const simplex::Config& config);

    /// What comes now is vouched for by the answers to this question or a later one.
    [[nodiscard]] std::uint64_t next() const { return asked_ + 1; }
    /// Begins the next question and gives its number. Where this node is a quorum itself, that is
    /// answered at once.
    std::uint64_t ask(std::uint64_t own_height);
    /// True when a quorum has answered the present question just now.
    bool on_answer(std::uint32_t member, const TipWord& word);

    /// Questions up to this one are answered; 0: none.
    [[nodiscard]] std::uint64_t answered() const { return answered_; }
    /// What the last quorum knew: a state that has reached it is new enough.
    [[nodiscard]] std::uint64_t height() const { return height_; }
    /// A question is under way.
    [[nodiscard]] bool is_asking() const { return asked_ != answered_; }

  private:
    bool count();

    std::vector<std::uint64_t> weights_{};
    std::optional<std::uint32_t> self_{};
    std::uint64_t quorum_ = 0;
    std::vector<std::optional<std::uint64_t>> heights_{};  ///< of the present question, by member
    std::uint64_t asked_;
    std::uint64_t answered_;
    std::uint64_t height_ = 0;
};

}  // namespace ait::consensus
