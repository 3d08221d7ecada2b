#pragma once

// The questions of one peer that wait for an answer: ids made here, deadlines, and the promise that
// each is answered once. Pure; the link's lock guards it, and what comes out is called without it.

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/base/result.hpp"

namespace ait::net {

class PendingRequests {
  public:
    using Reply = std::function<void(Result<std::string>)>;
    static constexpr std::int64_t never_us = std::numeric_limits<std::int64_t>::max();

    /// The correlation of the new request, never used before by this object.
    std::uint64_t add(std::uint8_t reply_kind, std::int64_t deadline_us, Reply reply);
    /// The request that a reply belongs to, which is forgotten; null when there is none, or when it
    /// waits for another kind of reply.
    [[nodiscard]] Reply take(std::uint64_t correlation, std::uint8_t reply_kind);
    /// Those whose deadline has passed, forgotten.
    [[nodiscard]] std::vector<Reply> take_expired(std::int64_t now_us);
    [[nodiscard]] std::vector<Reply> take_all();
    [[nodiscard]] std::int64_t next_deadline_us() const noexcept {
        return deadlines_.empty() ? never_us : deadlines_.begin()->first;
    }
    [[nodiscard]] std::size_t count() const noexcept { return waiting_.size(); }

  private:
    using Deadlines = std::multimap<std::int64_t, std::uint64_t>;
    struct Waiting {
        std::uint8_t reply_kind = 0;
        Reply reply{};
        Deadlines::iterator deadline{};
    };
    std::uint64_t last_correlation_ = 0;
    std::unordered_map<std::uint64_t, Waiting> waiting_{};
    Deadlines deadlines_{};
};

/// The payload of a reply: a byte that says whether it is an answer (0) or an error (1), then the
/// answer's bytes or the error's record.
std::string encode_error_reply(const Error& error);
/// What the asker gets. A payload that is neither is an error (malformed).
Result<std::string> decode_reply(std::string_view payload);
inline constexpr char reply_is_answer = 0;
inline constexpr char reply_is_error = 1;

}  // namespace ait::net
