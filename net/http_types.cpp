#include "net/http_types.hpp"

namespace ait::net {

namespace {

const std::string* find_in(const std::vector<HttpHeader>& headers, std::string_view name) noexcept {
    for (const HttpHeader& header : headers) {
        if (header.name == name) return &header.value;
    }
    return nullptr;
}

}  // namespace

const std::string* HttpRequest::find_header(std::string_view name) const noexcept {
    return find_in(headers, name);
}

const std::string* HttpRequest::find_query(std::string_view name) const noexcept {
    for (const auto& [key, value] : query) {
        if (key == name) return &value;
    }
    return nullptr;
}

const std::string* HttpResponse::find_header(std::string_view name) const noexcept {
    return find_in(headers, name);
}

std::string to_lower_ascii(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lower;
}

std::string_view reason_phrase(int status) noexcept {
    struct Row {
        int status;
        std::string_view phrase;
    };
    static constexpr Row rows[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {207, "Multi-Status"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {425, "Too Early"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {507, "Insufficient Storage"},
    };
    for (const Row& row : rows) {
        if (row.status == status) return row.phrase;
    }
    return "Unknown";
}

}  // namespace ait::net
