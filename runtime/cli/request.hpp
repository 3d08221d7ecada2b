#pragma once

// From what was typed to what an operation takes: files are read, names and ids resolved, the
// wallet's own address filled in, and all of it checked against the row.

#include "runtime/cli/arguments.hpp"
#include "runtime/cli/session.hpp"

namespace ait::cli {

struct Request {
    const Operation* operation = nullptr;
    Json input = Json::object();  ///< goes to the node
    Json local = Json::object();  ///< for the command line itself
};

/// Moves what rows share with the global options (--wallet, --wait, ...) into those. Error: usage.
Status lift_options(const Invocation& invocation, GlobalOptions& options);

/// Errors: usage, invalid_argument, not_found, ambiguous, and those of a node that was asked.
Result<Request> build_request(Session& session, const Invocation& invocation);

/// The value of one parameter: "@FILE" and "-" are read where the parameter takes large input.
Result<Json> read_value(Session& session, const GivenValue& given);

/// A JSON document of a file; .jsonl and .csv become a list. Error: malformed.
Result<Json> rows_of_file(const std::string& path, std::string_view bytes);

/// Readers of checked input; absence gives the fallback.
std::string text_in(const Json& input, std::string_view name, std::string fallback = {});
std::int64_t integer_in(const Json& input, std::string_view name, std::int64_t fallback);
bool flag_in(const Json& input, std::string_view name);

}  // namespace ait::cli
