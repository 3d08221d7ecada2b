#pragma once

// What an HTTP request and an answer are to the rest of the program: plain values, free of any
// network library, so that the gateway, its tests and the command line share them.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ait::net {

struct HttpHeader {
    std::string name;  ///< lower-case
    std::string value;

    bool operator==(const HttpHeader&) const = default;
};

struct HttpRequest {
    std::string method;  ///< as sent: "GET", "HEAD", ...
    std::string target;  ///< raw, as sent
    std::string path;    ///< percent-decoded, valid UTF-8, begins with '/' (or is "*" for OPTIONS)
    std::vector<std::pair<std::string, std::string>> query;  ///< decoded, in order, with repeats
    std::vector<HttpHeader> headers;                         ///< in order, with repeats
    std::string body;
    bool local_socket = false;   ///< came over the unix socket
    std::uint32_t peer_uid = 0;  ///< SO_PEERCRED; meaningful only when local_socket
    std::string peer_address;    ///< textual IP address, without port; empty for the unix socket

    /// First header of that (lower-case) name, or null. The pointer lives as long as the request.
    [[nodiscard]] const std::string* find_header(std::string_view name) const noexcept;
    /// First query value of that name, or null.
    [[nodiscard]] const std::string* find_query(std::string_view name) const noexcept;
};

struct HttpResponse {
    int status = 200;
    /// Besides content-type, content-length, transfer-encoding, connection and date, which the
    /// server writes itself.
    std::vector<HttpHeader> headers{};
    std::string body{};
    std::string content_type = "application/json";

    [[nodiscard]] const std::string* find_header(std::string_view name) const noexcept;
};

/// ASCII only, independent of the locale.
std::string to_lower_ascii(std::string_view text);
/// "Not Found" for 404; "Unknown" where the standard has no phrase.
std::string_view reason_phrase(int status) noexcept;

}  // namespace ait::net
