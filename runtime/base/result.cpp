#include "runtime/base/result.hpp"

#include <array>

namespace ait {
namespace {

using enum ErrorCode;

constexpr std::array rows{
    ErrorCodeRow{
        internal, "internal", 1, 500, false, "A fault inside the program.",
        "Report it with the trace id; `aitbc status` shows whether the node still answers."},
    ErrorCodeRow{usage, "usage", 2, 400, false, "The command line cannot be understood.",
                 "Read `aitbc help COMMAND`."},
    ErrorCodeRow{invalid_argument, "invalid_argument", 2, 422, false, "A value breaks a rule.",
                 "The message names the field and the rule."},
    ErrorCodeRow{malformed, "malformed", 2, 400, false, "The input cannot be read at all.",
                 "Check the syntax at the place that the message names."},
    ErrorCodeRow{not_found, "not_found", 3, 404, false, "There is no such thing here.",
                 "List what exists, for example `aitbc client list`."},
    ErrorCodeRow{ambiguous, "ambiguous", 2, 409, false, "Several things match.",
                 "Name one of those that the message lists."},
    ErrorCodeRow{unauthenticated, "unauthenticated", 4, 401, false, "The caller is not signed in.",
                 "Give a token, or use the node's unix socket as its owner."},
    ErrorCodeRow{forbidden, "forbidden", 4, 403, false, "The caller's role does not allow this.",
                 "Ask an administrator for a role that does."},
    ErrorCodeRow{conflict, "conflict", 5, 409, false, "The present state does not allow this.",
                 "Look at the present state, then decide again."},
    ErrorCodeRow{already_exists, "already_exists", 5, 409, false, "It exists already.",
                 "Use another name or id."},
    ErrorCodeRow{nonce_mismatch, "nonce_mismatch", 5, 409, true,
                 "Another transaction of the account came first.",
                 "Sign again with the account's next nonce."},
    ErrorCodeRow{insufficient_funds, "insufficient_funds", 6, 402, false,
                 "The account has less than this needs.", "Add funds, or ask for less."},
    ErrorCodeRow{limit_reached, "limit_reached", 6, 429, true, "A limit or quota is reached.",
                 "Wait, or ask for less."},
    ErrorCodeRow{overloaded, "overloaded", 7, 503, true, "A queue of the node is full right now.",
                 "Try again after the time that Retry-After names."},
    ErrorCodeRow{unavailable, "unavailable", 7, 503, true, "A needed part is not running.",
                 "Start it: `aitbc up` starts a local node and a miner."},
    ErrorCodeRow{deadline_exceeded, "deadline_exceeded", 8, 504, true,
                 "The time ran out; the outcome may be unknown.",
                 "Repeat with the same idempotency key: it is never done twice."},
    ErrorCodeRow{expired, "expired", 5, 410, false, "Its time has passed.", "Submit it again."},
    ErrorCodeRow{corrupt_data, "corrupt_data", 9, 500, false, "Bytes do not pass their check.",
                 "Restore the file, or let the node repair it from its log."},
    ErrorCodeRow{storage_failed, "storage_failed", 7, 503, false, "The disk refused a write.",
                 "Free space or replace the disk, then restart the node."},
    ErrorCodeRow{check_failed, "check_failed", 9, 422, false, "A verification said no.",
                 "Do not trust what was checked."},
    ErrorCodeRow{no_agreement, "no_agreement", 9, 409, false, "The members did not agree.",
                 "Look at the tally."},
    ErrorCodeRow{cancelled, "cancelled", 12, 409, false, "The user ended it.", "Start it again."},
    ErrorCodeRow{partly_done, "partly_done", 13, 207, false, "A part was done, a part was not.",
                 "The answer lists which."},
    ErrorCodeRow{too_large, "too_large", 2, 413, false, "The input is larger than its limit.",
                 "Send less; the message names the limit."},
    ErrorCodeRow{unsupported, "unsupported", 2, 422, false, "This form is not supported.",
                 "The message names what is."},
    ErrorCodeRow{lease_lost, "lease_lost", 5, 409, false,
                 "The miner does not hold the lease of this job any more.",
                 "Drop the result: the job went elsewhere or ended."},
    ErrorCodeRow{wrong_password, "wrong_password", 4, 401, false, "The password is wrong.",
                 "Try again; a keystore cannot be opened without it."},
    ErrorCodeRow{not_ready, "not_ready", 7, 425, true, "It is still being worked on.",
                 "Wait for it, for example with --wait."},
    ErrorCodeRow{job_failed, "job_failed", 1, 409, false, "The job ended without a result.",
                 "`aitbc explain job ID` tells why."},
};

constexpr bool rows_are_in_order() {
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (static_cast<std::size_t>(rows[i].code) != i + 1) return false;
    }
    return true;
}
static_assert(rows_are_in_order(), "error_code_row indexes by number");

}  // namespace

const ErrorCodeRow& error_code_row(ErrorCode code) noexcept {
    const auto number = static_cast<std::size_t>(code);
    AIT_ASSERT(number >= 1);
    AIT_ASSERT(number <= rows.size());
    return rows[number - 1];
}

const ErrorCodeRow* find_error_code(std::string_view name) noexcept {
    for (const auto& row : rows) {
        if (row.name == name) return &row;
    }
    return nullptr;
}

std::pair<const ErrorCodeRow*, std::size_t> error_code_rows() noexcept {
    return {rows.data(), rows.size()};
}

std::string render_error(const Error& error, std::string_view trace) {
    std::string text = "error: " + error.what + "\n";
    if (!error.why.empty()) text += "  why:  " + error.why + "\n";
    const auto& row = error_code_row(error.code);
    text += "  next: " + (error.next.empty() ? std::string(row.remedy) : error.next) + "\n";
    text += "  code: " + std::string(row.name);
    if (!trace.empty()) text += "   trace: " + std::string(trace);
    return text + "\n";
}

}  // namespace ait
