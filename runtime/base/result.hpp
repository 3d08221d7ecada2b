#pragma once

// One error policy for the whole program: whatever can happen in operation comes back as a
// Result<T> that carries an Error. The code alone decides exit status, HTTP status and whether a
// retry makes sense (one table, error_code_row); the texts are for people.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "runtime/base/assert.hpp"

namespace ait {

/// Stable for ever: numbers and names are part of the wire format and of scripts. Append only.
enum class ErrorCode : std::uint16_t {
    internal = 1,          ///< a fault of ours that is not the caller's
    usage = 2,             ///< the command line is off
    invalid_argument = 3,  ///< a value breaks a rule
    malformed = 4,         ///< bytes that cannot be read as what they should be
    not_found = 5,
    ambiguous = 6,  ///< several candidates where one is needed
    unauthenticated = 7,
    forbidden = 8,
    conflict = 9,  ///< the thing is in a state that does not allow this
    already_exists = 10,
    nonce_mismatch = 11,  ///< another transaction of the account came first
    insufficient_funds = 12,
    limit_reached = 13,      ///< a bound or quota; try later or ask for less
    overloaded = 14,         ///< a queue is full right now
    unavailable = 15,        ///< a needed part is not there right now
    deadline_exceeded = 16,  ///< the outcome may be unknown
    expired = 17,
    corrupt_data = 18,    ///< stored bytes do not pass their check
    storage_failed = 19,  ///< the disk refused; the node stops
    check_failed = 20,    ///< a verification said no
    no_agreement = 21,
    cancelled = 22,
    partly_done = 23,
    too_large = 24,
    unsupported = 25,
    lease_lost = 26,  ///< a result by a miner that does not hold the lease
    wrong_password = 27,
    not_ready = 28,   ///< asked too early; it is still being worked on
    job_failed = 29,  ///< the job ended without a result
};

/// What a code means for exit status, HTTP status and retries.
struct ErrorCodeRow {
    ErrorCode code;
    std::string_view name;  ///< the stable text code, e.g. "insufficient_funds"
    int exit_status;        ///< spec/surfaces.md rule 5
    int http_status;
    bool retryable;
    std::string_view meaning;  ///< one sentence for `aitbc explain CODE`
    std::string_view remedy;   ///< what usually helps
};

/// The row of a code; total. Any thread.
const ErrorCodeRow& error_code_row(ErrorCode code) noexcept;
/// The row of a text code, or null.
const ErrorCodeRow* find_error_code(std::string_view name) noexcept;
/// All rows, in order of their number, for help texts.
std::pair<const ErrorCodeRow*, std::size_t> error_code_rows() noexcept;

/// What happened, why (with the values that decided) and what to do next. Sentences end with a dot.
struct Error {
    ErrorCode code = ErrorCode::internal;
    std::string what{};
    std::string why{};
    std::string next{};
};

/// The form people read on standard error (STYLE part 13). `trace` may be empty.
std::string render_error(const Error& error, std::string_view trace = {});

template <class T>
class [[nodiscard]] Result {
  public:
    // NOLINTNEXTLINE(google-explicit-constructor): `return value;` and `return error;` both read
    // well.
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    [[nodiscard]] bool ok() const noexcept { return state_.index() == 0; }
    [[nodiscard]] T& value() & {
        AIT_ASSERT(ok());
        return *std::get_if<0>(&state_);
    }
    [[nodiscard]] const T& value() const& {
        AIT_ASSERT(ok());
        return *std::get_if<0>(&state_);
    }
    [[nodiscard]] T&& value() && {
        AIT_ASSERT(ok());
        return std::move(*std::get_if<0>(&state_));
    }
    [[nodiscard]] const Error& error() const {
        AIT_ASSERT(!ok());
        return *std::get_if<1>(&state_);
    }

  private:
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
  public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) {}

    [[nodiscard]] bool ok() const noexcept { return !error_.has_value(); }
    [[nodiscard]] const Error& error() const {
        AIT_ASSERT(!ok());
        return *error_;
    }

  private:
    std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace ait
