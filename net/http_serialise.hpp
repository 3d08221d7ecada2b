#pragma once

// Writes answers as bytes, head and body in one buffer, with the framing decided in one place.

#include <cstddef>
#include <string>
#include <string_view>

#include "net/http_types.hpp"

namespace ait::net {

/// What the request decides about the form of its answer.
struct HttpFraming {
    bool is_head = false;
    bool is_http_1_0 = false;
    bool keep_alive = true;
};

/// Head and body. Line ends inside header values become spaces, so that no value can forge a
/// header. Pure but for the clock of the date header.
std::string serialise_response(const HttpResponse& response, const HttpFraming& framing);
/// Head of an answer of unknown length: chunked, or until the end of the connection for HTTP/1.0.
std::string serialise_stream_head(const HttpResponse& head, const HttpFraming& framing);
/// One chunk of such an answer. Needs bytes that are not empty.
void append_chunk(std::string& out, std::string_view bytes);
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

}  // namespace ait::net
