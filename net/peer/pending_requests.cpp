#include "net/peer/pending_requests.hpp"

#include <tuple>
#include <utility>

#include "runtime/base/codec/msgpack.hpp"

namespace ait::net {

namespace {

/// An Error on the wire. The code goes by its name: a newer node may know more of them.
struct ErrorRecord {
    std::string code{};
    std::string what{};
    std::string why{};
    std::string next{};

    static constexpr auto fields() {
        constexpr std::uint32_t bytes_max = limits::error_text_bytes_max;
        return std::tuple{field("code", &ErrorRecord::code, "Its name.", limits::name_bytes_max),
                          field("what", &ErrorRecord::what, "What happened.", bytes_max),
                          field("why", &ErrorRecord::why, "The values.", bytes_max),
                          field("next", &ErrorRecord::next, "What to do.", bytes_max)};
    }
};

std::string cut(std::string text) {
    if (text.size() > limits::error_text_bytes_max) text.resize(limits::error_text_bytes_max);
    // Half a character at the cut would make the record unreadable.
    for (int i = 0; i < 4 && !is_utf8(text); ++i) text.pop_back();
    return is_utf8(text) ? text : std::string("(unreadable)");
}

}  // namespace

std::uint64_t PendingRequests::add(std::uint8_t reply_kind, std::int64_t deadline_us, Reply reply) {
    const std::uint64_t correlation = ++last_correlation_;
    const auto deadline = deadlines_.emplace(deadline_us, correlation);
    waiting_.emplace(correlation, Waiting{reply_kind, std::move(reply), deadline});
    return correlation;
}

PendingRequests::Reply PendingRequests::take(std::uint64_t correlation, std::uint8_t reply_kind) {
    const auto found = waiting_.find(correlation);
    if (found == waiting_.end() || found->second.reply_kind != reply_kind) return nullptr;
    Reply reply = std::move(found->second.reply);
    deadlines_.erase(found->second.deadline);
    waiting_.erase(found);
    return reply;
}

std::vector<PendingRequests::Reply> PendingRequests::take_expired(std::int64_t now_us) {
    std::vector<Reply> expired;
    while (!deadlines_.empty() && deadlines_.begin()->first <= now_us) {
        const auto found = waiting_.find(deadlines_.begin()->second);
        expired.push_back(std::move(found->second.reply));
        waiting_.erase(found);
        deadlines_.erase(deadlines_.begin());
    }
    return expired;
}

std::vector<PendingRequests::Reply> PendingRequests::take_all() {
    std::vector<Reply> all;
    all.reserve(waiting_.size());
    for (auto& [correlation, waiting] : waiting_) all.push_back(std::move(waiting.reply));
    waiting_.clear();
    deadlines_.clear();
    return all;
}

std::string encode_error_reply(const Error& error) {
    const ErrorRecord record{std::string(error_code_row(error.code).name), cut(error.what),
                             cut(error.why), cut(error.next)};
    return std::string(1, reply_is_error) + encode(record);
}

Result<std::string> decode_reply(std::string_view payload) {
    if (!payload.empty() && payload[0] == reply_is_answer) return std::string(payload.substr(1));
    if (payload.empty() || payload[0] != reply_is_error) {
        return Error{ErrorCode::malformed, "The peer's answer cannot be read.",
                     "It is neither an answer nor an error.", "Check the peer's version."};
    }
    auto record = decode<ErrorRecord>(payload.substr(1));
    if (!record.ok()) return record.error();
    const ErrorCodeRow* const row = find_error_code(record.value().code);
    return Error{row == nullptr ? ErrorCode::internal : row->code, record.value().what,
                 record.value().why, record.value().next};
}

}  // namespace ait::net
