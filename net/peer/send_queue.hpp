#pragma once

// What waits to be written on one link: a bounded queue for each priority and a small one for the
// transport's own frames, given out most urgent first. Short messages lie encoded one behind the
// other, so that a burst becomes one write; long ones keep their shared payload until they are cut
// into pieces. Pure; the link's lock guards it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "net/peer/peer_types.hpp"

namespace ait::net {

class SendQueue {
  public:
    explicit SendQueue(const std::array<PeerQueueRule, peer_priority_count>& rules)
        : rules_(rules) {}

    /// False, and nothing changed, when the priority's queue is full. A queue that is empty takes
    /// any message, so that no limit makes one impossible to send.
    [[nodiscard]] bool push(PeerPriority priority, std::uint8_t kind, std::uint64_t correlation,
                            std::string_view payload);
    [[nodiscard]] bool push(PeerPriority priority, std::uint8_t kind, std::uint64_t correlation,
                            PeerPayload payload);
    /// A frame of the transport itself, before all others; false when too many wait.
    [[nodiscard]] bool push_control(std::uint8_t kind, std::string_view payload);

    /// Bytes to be written: `bytes`, then the part of `payload` if there is one.
    struct Chunk {
        std::string bytes{};
        PeerPayload payload{};
        std::size_t offset = 0;
        std::size_t size = 0;
    };
    /// Replaces `out` by the most urgent chunks, of `bytes_max` together and at most one chunk
    /// more. Copies nothing; the strings that `out` held are used again. Gives the number of
    /// messages whose last byte is among them.
    std::size_t take(std::vector<Chunk>& out, std::size_t bytes_max);

    [[nodiscard]] bool is_empty() const noexcept { return frames_total_ == 0 && control_.empty(); }
    [[nodiscard]] std::uint32_t bytes(PeerPriority priority) const noexcept {
        return lane(priority).bytes;
    }
    [[nodiscard]] std::uint32_t frames(PeerPriority priority) const noexcept {
        return lane(priority).frames;
    }
    /// Forgets everything; gives the number of messages lost.
    std::size_t clear();

  private:
    /// Either encoded messages, or one long message of which `offset` bytes are taken.
    struct Entry {
        std::string encoded{};
        std::uint32_t frames = 0;
        PeerPayload payload{};
        std::uint8_t kind = 0;
        std::uint64_t correlation = 0;
        std::size_t offset = 0;
    };
    struct Lane {
        std::deque<Entry> entries{};
        std::uint32_t bytes = 0;  ///< on the wire, heads included
        std::uint32_t frames = 0;
    };
    [[nodiscard]] const Lane& lane(PeerPriority priority) const noexcept {
        return lanes_[static_cast<std::size_t>(priority)];
    }
    [[nodiscard]] bool reserve(PeerPriority priority, std::size_t payload_bytes);
    Chunk take_front(Lane& lane, std::size_t& finished);
    std::string& segment_for(Lane& lane, std::size_t payload_bytes);

    const std::array<PeerQueueRule, peer_priority_count> rules_;
    std::array<Lane, peer_priority_count> lanes_{};
    std::string control_{};
    std::vector<std::string> spare_{};  // empty strings that own memory
    std::size_t frames_total_ = 0;
};

}  // namespace ait::net
