#include "net/http_serialise.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <ctime>

#include "net/http_server.hpp"
#include "runtime/base/assert.hpp"
#include "runtime/base/clock.hpp"

namespace ait::net {

namespace {

template <class Integer>
void append_number(std::string& out, Integer number, int base = 10) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base);
    out.append(digits.data(), end.ptr);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += ": ";
    const std::size_t start = out.size();
    out += value;
    for (std::size_t i = start; i < out.size(); ++i) {
        if (out[i] == '\r' || out[i] == '\n' || out[i] == '\0') out[i] = ' ';
    }
    out += "\r\n";
}

/// "Sat, 21 Nov 2026 08:25:07 GMT", made once a second and thread (RFC 9110, 6.6.1).
std::string_view date_text() {
    thread_local std::int64_t made_for_s = -1;
    thread_local std::string text;
    const std::int64_t now_s = system_clock().now_unix_ms() / 1000;
    if (now_s != made_for_s) {
        // By hand, because strftime's names follow the locale.
        static constexpr std::string_view days[] = {"Sun", "Mon", "Tue", "Wed",
                                                    "Thu", "Fri", "Sat"};
        static constexpr std::string_view months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        const auto seconds = static_cast<std::time_t>(now_s);
        std::tm parts{};
        gmtime_r(&seconds, &parts);
        text = fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", days[parts.tm_wday],
                           parts.tm_mday, months[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour,
                           parts.tm_min, parts.tm_sec);
        made_for_s = now_s;
    }
    return text;
}

bool is_framing_header(std::string_view name) noexcept {
    return name == "content-length" || name == "transfer-encoding" || name == "connection" ||
           name == "content-type" || name == "date";
}

bool has_no_body(int status) noexcept {
    return status == 204 || status == 304 || status / 100 == 1;
}

void append_head(std::string& out, const HttpResponse& response, const HttpFraming& framing) {
    AIT_ASSERT(response.status >= 100);
    AIT_ASSERT(response.status <= 999);
    out += "HTTP/1.1 ";
    append_number(out, response.status);
    out += ' ';
    out += reason_phrase(response.status);
    out += "\r\n";
    append_field(out, "date", date_text());
    if (!response.content_type.empty() && !has_no_body(response.status)) {
        append_field(out, "content-type", response.content_type);
    }
    for (const HttpHeader& header : response.headers) {
        if (!is_framing_header(header.name)) append_field(out, header.name, header.value);
    }
    if (!framing.keep_alive) {
        out += "connection: close\r\n";
    } else if (framing.is_http_1_0) {
        out += "connection: keep-alive\r\n";
    }
}

}  // namespace

std::string serialise_response(const HttpResponse& response, const HttpFraming& framing) {
    std::string out;
    out.reserve(256 + response.headers.size() * 48 + (framing.is_head ? 0 : response.body.size()));
    append_head(out, response, framing);
    if (has_no_body(response.status)) {
        out += "\r\n";
        return out;
    }
    out += "content-length: ";
    append_number(out, response.body.size());
    out += "\r\n\r\n";
    if (!framing.is_head) out += response.body;
    return out;
}

std::string serialise_stream_head(const HttpResponse& head, const HttpFraming& framing) {
    std::string out;
    append_head(out, head, framing);
    out += framing.is_http_1_0 ? "\r\n" : "transfer-encoding: chunked\r\n\r\n";
    return out;
}

void append_chunk(std::string& out, std::string_view bytes) {
    AIT_ASSERT(!bytes.empty());  // an empty chunk would end the answer
    append_number(out, bytes.size(), 16);
    out += "\r\n";
    out += bytes;
    out += "\r\n";
}

HttpResponse plain_error_response(int status, std::string_view code, std::string_view message,
                                  std::string_view hint, bool retryable) {
    HttpResponse response;
    response.status = status;
    response.body = "{\"error\":{\"code\":\"";
    response.body += code;
    response.body += "\",\"message\":\"";
    response.body += message;
    response.body += "\",\"hint\":\"";
    response.body += hint;
    response.body += retryable ? "\",\"retryable\":true}}" : "\",\"retryable\":false}}";
    return response;
}

}  // namespace ait::net
