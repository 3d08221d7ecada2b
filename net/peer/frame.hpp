#pragma once

// The form of a message on a link, and its pure reader and writer. A message travels in pieces of
// at most piece_bytes_max, so that an urgent one need not wait for the end of a long one:
//
//   u32 length   big-endian; bit 31: further pieces of this message follow; bits 0-30: bytes after
//                this field (9 + the piece's payload)
//   u8  kind
//   u64 correlation   big-endian
//   payload
//
// Pieces of one message follow each other within their priority; pieces of other priorities may
// come between them. Every length is checked before a byte is kept, and what is kept grows only by
// bytes that have come.

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>

#include "net/peer/peer_types.hpp"

namespace ait::net {

inline constexpr std::size_t frame_header_bytes = 13;
inline constexpr std::uint32_t piece_bytes_max = 64 * 1024;

/// Whether a kind may come on a link now, and how long.
struct FrameRule {
    /// control: the transport's own; always one piece, outside the priorities.
    enum class Is : std::uint8_t { unknown, forbidden, allowed, control };
    Is is = Is::unknown;
    PeerPriority priority = PeerPriority::vote;
    std::uint32_t bytes_max = 0;
};
using FrameRules = std::array<FrameRule, 256>;  ///< index: kind

/// The transport's own kinds. What their payloads hold: handshake.hpp, heartbeat.hpp.
namespace control_kind {
inline constexpr std::uint8_t hello = 1;
inline constexpr std::uint8_t ready = 2;
inline constexpr std::uint8_t welcome = 3;
inline constexpr std::uint8_t refusal = 4;
inline constexpr std::uint8_t ping = 5;
inline constexpr std::uint8_t pong = 6;
}  // namespace control_kind
inline constexpr std::uint32_t control_bytes_max = 1'024;

/// What a peer of this role may send on a link.
FrameRules frame_rules_of(std::span<const PeerKind> kinds, PeerRole role);
/// What may come before there is a link.
const FrameRules& handshake_frame_rules();

/// Appends the head of one piece.
void append_frame_header(std::string& out, std::uint8_t kind, std::uint64_t correlation,
                         std::size_t payload_bytes, bool has_more);
/// Appends a whole message of one piece. Needs payload.size() <= piece_bytes_max.
void append_frame(std::string& out, std::uint8_t kind, std::uint64_t correlation,
                  std::string_view payload);

/// Finds the messages in a stream of bytes. Pure; one thread at a time. After `failed` it must not
/// be used again.
///
/// Invariants:
///  1. header_ is set exactly while the piece that carry_ begins has passed check().
///  2. carry_ never holds more than one piece; parts_[p] never more than its kind allows.
class FrameReader {
  public:
    enum class Step : std::uint8_t {
        frame,    ///< `frame` is set; its payload is valid until release()
        skipped,  ///< a message of an unknown kind went by
        more,     ///< all input is used up
        failed,   ///< failure() and failure_detail() tell why
    };
    /// Takes bytes from the front of `input`, which must stay where it is until release().
    Step next(std::string_view& input, const FrameRules& rules, PeerFrame& frame);
    /// Frees the payloads given so far.
    void release() { held_.clear(); }
    [[nodiscard]] PeerEnd failure() const noexcept { return failure_; }
    [[nodiscard]] const std::string& failure_detail() const noexcept { return failure_detail_; }
    /// Bytes kept for messages that are not whole yet.
    [[nodiscard]] std::size_t kept_bytes() const noexcept;

  private:
    struct Header {
        std::uint32_t payload_bytes = 0;
        bool has_more = false;
        std::uint8_t kind = 0;
        std::uint64_t correlation = 0;
    };
    struct Part {
        bool is_open = false;
        std::uint8_t kind = 0;
        std::uint64_t correlation = 0;
        std::string bytes{};
    };
    static Header header_at(const char* bytes) noexcept;
    [[nodiscard]] bool check(const Header& header, const FrameRules& rules);
    [[nodiscard]] bool check_part(const Header& header, const FrameRule& rule);
    /// Moves bytes from `input` until carry_ has `bytes`; false when there are too few.
    bool fill_carry(std::string_view& input, std::size_t bytes);
    Step finish(const Header& header, std::string_view payload, const FrameRules& rules,
                PeerFrame& frame);
    bool fail(PeerEnd why, std::string detail);

    bool has_header_ = false;
    Header header_{};
    std::string carry_{};
    std::array<Part, peer_priority_count> parts_{};
    std::deque<std::string> held_{};  // a deque: earlier payloads must not move
    PeerEnd failure_ = PeerEnd::none;
    std::string failure_detail_{};
};

}  // namespace ait::net
