#include "net/http_target.hpp"

#include <cstddef>

#include "runtime/base/bytes.hpp"

namespace ait::net {

namespace {

constexpr std::size_t query_fields_max = 256;

Error bad_target(std::string why) {
    return Error{ErrorCode::malformed, "The request target cannot be read.", std::move(why),
                 "Percent-encode the path and the query as UTF-8."};
}

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool is_unreserved(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/// The part of a target after scheme and authority, or the target itself.
std::string_view without_authority(std::string_view raw) noexcept {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!raw.starts_with(scheme)) continue;
        const std::size_t start = raw.find_first_of("/?", scheme.size());
        return start == std::string_view::npos ? std::string_view("/") : raw.substr(start);
    }
    return raw;
}

Status parse_query(std::string_view text, HttpTarget& target) {
    while (!text.empty()) {
        const std::size_t end = text.find('&');
        const std::string_view field = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
        if (field.empty()) continue;
        if (target.query.size() == query_fields_max) {
            return Error{ErrorCode::too_large, "The query has too many fields.",
                         "At most " + std::to_string(query_fields_max) + " are read.",
                         "Send long lists in a body."};
        }
        const std::size_t equals = field.find('=');
        auto name = percent_decode(field.substr(0, equals), true);
        if (!name.ok()) return name.error();
        auto value = equals == std::string_view::npos
                         ? Result<std::string>(std::string())
                         : percent_decode(field.substr(equals + 1), true);
        if (!value.ok()) return value.error();
        target.query.emplace_back(std::move(name).value(), std::move(value).value());
    }
    return {};
}

}  // namespace

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            if (text.size() - i < 3)
                return bad_target("A percent sign has no two digits after it.");
            const int high = hex_digit(text[i + 1]);
            const int low = hex_digit(text[i + 2]);
            if (high < 0 || low < 0) return bad_target("A percent escape is not hexadecimal.");
            c = static_cast<char>(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == '\0') return bad_target("It holds a NUL byte.");
        decoded.push_back(c);
    }
    if (!is_utf8(decoded)) return bad_target("Decoded, it is not UTF-8.");
    return decoded;
}

std::string percent_encode(std::string_view text) {
    static constexpr char digits[] = "0123456789ABCDEF";
    std::string encoded;
    encoded.reserve(text.size());
    for (const char c : text) {
        if (is_unreserved(c)) {
            encoded.push_back(c);
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        encoded.push_back('%');
        encoded.push_back(digits[byte >> 4U]);
        encoded.push_back(digits[byte & 15U]);
    }
    return encoded;
}

Result<HttpTarget> parse_http_target(std::string_view raw) {
    HttpTarget target;
    if (raw == "*") {
        target.path = "*";
        return target;
    }
    for (const char c : raw) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= ' ' || byte == 0x7F)
            return bad_target("It holds a control character or space.");
        if (c == '#') return bad_target("A fragment ('#') does not belong in a request.");
    }
    const std::string_view origin = without_authority(raw);
    const std::size_t query_at = origin.find('?');
    const std::string_view path = origin.substr(0, query_at);
    const bool is_absolute = origin.size() != raw.size() || origin.data() != raw.data();
    auto decoded = percent_decode(path.empty() && is_absolute ? "/" : path, false);
    if (!decoded.ok()) return decoded.error();
    target.path = std::move(decoded).value();
    if (!target.path.starts_with('/')) return bad_target("The path does not begin with a slash.");
    if (query_at != std::string_view::npos) {
        const Status query = parse_query(origin.substr(query_at + 1), target);
        if (!query.ok()) return query.error();
    }
    AIT_ASSERT(target.query.size() <= query_fields_max);
    return target;
}

}  // namespace ait::net
