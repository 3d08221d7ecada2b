#pragma once

// Reads request targets strictly: a target that two programs could read in two ways is refused.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.hpp"

namespace ait::net {

struct HttpTarget {
    std::string path;
    std::vector<std::pair<std::string, std::string>> query;
};

/// Origin form, absolute form (its authority is dropped) or "*". Path and query are decoded and
/// are UTF-8 without NUL; '+' means a space in the query only; an encoded slash becomes a slash.
/// Errors: malformed; too_large for more than 256 query fields. Pure.
Result<HttpTarget> parse_http_target(std::string_view raw);

/// Strict %XX decoding. Errors: malformed (bad escape, NUL, not UTF-8).
Result<std::string> percent_decode(std::string_view text, bool plus_is_space);
/// Encodes all but unreserved characters (RFC 3986); safe for one path segment or query value.
std::string percent_encode(std::string_view text);

}  // namespace ait::net
