#include "runtime/base/codec/json.hpp"

#include <cstdio>
#include <ctime>

namespace ait {
namespace {

/// Counts nesting before the parser builds anything: the library recurses only when destroying, but
/// a deep document would still be built in full.
bool is_too_deep(std::string_view text) {
    std::uint32_t depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > limits::json_depth_max) return true;
        } else if ((c == '}' || c == ']') && depth > 0) {
            --depth;
        }
    }
    return false;
}

}  // namespace

Result<Json> parse_json(std::string_view text, std::size_t bytes_max) {
    if (text.size() > bytes_max) {
        return Error{ErrorCode::too_large, "The JSON is too large.",
                     std::to_string(text.size()) + " bytes where " + std::to_string(bytes_max) +
                         " are allowed.",
                     "Send less."};
    }
    if (is_too_deep(text)) {
        return Error{ErrorCode::malformed, "The JSON is nested too deeply.",
                     "At most " + std::to_string(limits::json_depth_max) + " levels are read.", ""};
    }
    try {
        return Json::parse(text);
    } catch (const std::exception& failure) {  // the library reports by throwing; it stops here
        std::string why = failure.what();
        const auto at = why.find("parse error");
        if (at != std::string::npos) why = why.substr(at);
        if (!is_utf8(why)) why = "It is not UTF-8.";
        return Error{ErrorCode::malformed, "The JSON cannot be read.", why,
                     "Check the syntax there."};
    }
}

std::string dump_json(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string dump_json_pretty(const Json& json) {
    return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

Result<std::int64_t> parse_rfc3339(std::string_view text) {
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, used = 0;
    const std::string copy(text.substr(0, 40));
    const int read = std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day,
                                 &hour, &minute, &second, &used);
    std::string_view rest = std::string_view(copy).substr(static_cast<std::size_t>(used));
    std::int64_t ms = 0;
    bool good = read == 6 && month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour <= 23 &&
                minute <= 59 && second <= 59;
    if (good && !rest.empty() && rest.front() == '.') {
        std::size_t digits = 1;
        std::int64_t unit = 100;
        while (digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9') {
            ms += unit * (rest[digits] - '0');
            unit /= 10;
            ++digits;
        }
        rest = rest.substr(digits);
    }
    if (!good || rest != "Z") {
        return Error{ErrorCode::invalid_argument, "\"" + copy + "\" is not a time.", "",
                     "Write it in UTC like 2026-11-21T08:15:30Z."};
    }
    std::tm parts{};
    parts.tm_year = year - 1900;
    parts.tm_mon = month - 1;
    parts.tm_mday = day;
    parts.tm_hour = hour;
    parts.tm_min = minute;
    parts.tm_sec = second;
    return static_cast<std::int64_t>(timegm(&parts)) * 1000 + ms;
}

Json error_to_json(const Error& error, std::string_view request_id) {
    const auto& row = error_code_row(error.code);
    return Json{{"error",
                 {{"code", std::string(row.name)},
                  {"message", error.what},
                  {"details", error.why},
                  {"hint", error.next.empty() ? std::string(row.remedy) : error.next},
                  {"retryable", row.retryable},
                  {"request_id", std::string(request_id)}}}};
}

Error error_from_json(const Json& json) {
    Error error{ErrorCode::internal, "The node's answer cannot be read.", "", ""};
    if (!json.is_object() || !json.contains("error") || !json["error"].is_object()) return error;
    const Json& body = json["error"];
    const auto text = [&body](const char* key) {
        return body.contains(key) && body[key].is_string() ? body[key].get<std::string>()
                                                           : std::string();
    };
    if (const auto* row = find_error_code(text("code"))) error.code = row->code;
    error.what = text("message");
    error.why = text("details");
    error.next = text("hint");
    return error;
}

namespace detail {

Error json_refusal(const std::string& path, std::string_view why) {
    return Error{
        ErrorCode::invalid_argument,
        path.empty() ? "The input is not acceptable." : "Field \"" + path + "\" is not acceptable.",
        "It " + std::string(why), ""};
}

}  // namespace detail
}  // namespace ait
