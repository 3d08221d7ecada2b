#include "net/peer/caf_error.hpp"

#include <caf/atom.hpp>
#include <caf/error.hpp>
#include <caf/message.hpp>
#include <caf/sec.hpp>
#include <string>

#include "runtime/base/assert.hpp"

namespace ait::net {

namespace {

constexpr caf::atom_value category = caf::atom("ait");

ErrorCode code_of(const caf::error& error) {
    if (error == caf::sec::request_timeout) return ErrorCode::deadline_exceeded;
    if (error == caf::sec::request_receiver_down) return ErrorCode::unavailable;
    if (error == caf::sec::unexpected_message) return ErrorCode::unsupported;
    return ErrorCode::internal;
}

}  // namespace

caf::error to_caf(const Error& error) {
    const auto code = static_cast<std::uint16_t>(error.code);
    AIT_ASSERT(code != 0 && code <= UINT8_MAX);  // what a caf::error holds
    return {static_cast<std::uint8_t>(code), category,
            caf::make_message(error.what, error.why, error.next)};
}

Error from_caf(const caf::error& error) {
    const caf::message& texts = error.context();
    const auto [rows, count] = error_code_rows();
    if (error.category() == category && error.code() >= 1 && error.code() <= count &&
        texts.match_elements<std::string, std::string, std::string>()) {
        return Error{static_cast<ErrorCode>(error.code()), texts.get_as<std::string>(0),
                     texts.get_as<std::string>(1), texts.get_as<std::string>(2)};
    }
    return Error{code_of(error), "An actor did not do what it was asked.", to_string(error), ""};
}

}  // namespace ait::net
