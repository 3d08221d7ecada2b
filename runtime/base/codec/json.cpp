#include "runtime/base/codec/json.hpp"

#include <algorithm>
#include <array>
#include <ctime>

#include "runtime/base/codec/json_text.hpp"

namespace ait {
namespace {

constexpr std::uint32_t object_members_max = 256;

/// What can be counted before the parser builds anything.
struct Shape {
    bool is_too_deep = false;  ///< the library would build a deep document in full
    bool is_too_wide = false;  ///< the library looks each name up among all before it
    std::size_t members = 0;   ///< names of all objects; in valid JSON, one colon each
};

Shape shape_of(std::string_view text) {
    Shape shape;
    std::array<std::uint32_t, limits::json_depth_max + 1> members_at{};
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
            if (++depth > limits::json_depth_max) {
                shape.is_too_deep = true;
                return shape;
            }
            members_at[depth] = 0;
        } else if (c == ':') {
            ++shape.members;
            shape.is_too_wide = shape.is_too_wide || ++members_at[depth] > object_members_max;
        } else if ((c == '}' || c == ']') && depth > 0) {
            --depth;
        }
    }
    return shape;
}

/// Members of all objects in it. Recursion is bounded: the text was not too deep.
std::size_t members_of(const Json& json) {
    std::size_t count = json.is_object() ? json.size() : 0;
    if (!json.is_structured()) return count;
    for (const auto& element : json) {
        if (element.is_structured()) count += members_of(element);
    }
    return count;
}

}  // namespace

Result<Json> parse_json(std::string_view text, std::size_t bytes_max) {
    if (text.size() > bytes_max) {
        return Error{ErrorCode::too_large, "The JSON is too large.",
                     std::to_string(text.size()) + " bytes where " + std::to_string(bytes_max) +
                         " are allowed.",
                     "Send less."};
    }
    const Shape shape = shape_of(text);
    if (shape.is_too_deep) {
        return Error{ErrorCode::malformed, "The JSON is nested too deeply.",
                     "At most " + std::to_string(limits::json_depth_max) + " levels are read.", ""};
    }
    if (shape.is_too_wide) {
        return Error{ErrorCode::malformed, "The JSON has an object with too many names.",
                     "At most " + std::to_string(object_members_max) + " are read.", ""};
    }
    try {
        Json json = Json::parse(text);
        if (members_of(json) == shape.members) return json;
        // The library keeps the last of two equal names, others the first: what one program checks
        // another might not use.
        return Error{ErrorCode::malformed, "The JSON cannot be read.",
                     "An object has the same name twice.", "Give each name once."};
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
    std::string text;
    detail::append_json_tree(text, json);
    return text;
}

std::string dump_json_pretty(const Json& json) {
    return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

Result<std::int64_t> parse_rfc3339(std::string_view text) {
    const Error refused{ErrorCode::invalid_argument,
                        "\"" + std::string(text.substr(0, 40)) + "\" is not a time.", "",
                        "Write it in UTC like 2026-11-21T08:15:30Z."};
    constexpr std::string_view form = "dddd-dd-ddTdd:dd:dd";
    if (text.size() < form.size() + 1 || text.size() > 40 || text.back() != 'Z') return refused;
    for (std::size_t i = 0; i < form.size(); ++i) {
        const bool is_digit = text[i] >= '0' && text[i] <= '9';
        if (form[i] == 'd' ? !is_digit : text[i] != form[i]) return refused;
    }
    const auto number = [text](std::size_t at, std::size_t count) {
        int value = 0;
        for (std::size_t i = at; i < at + count; ++i) value = value * 10 + (text[i] - '0');
        return value;
    };
    std::int64_t ms = 0;
    const std::string_view rest = text.substr(form.size(), text.size() - form.size() - 1);
    if (!rest.empty() && (rest.front() != '.' || rest.size() == 1)) return refused;
    std::int64_t unit = 100;
    for (const char c : rest.substr(std::min<std::size_t>(rest.size(), 1))) {
        if (c < '0' || c > '9') return refused;
        ms += unit * (c - '0');
        unit /= 10;
    }
    std::tm parts{};
    parts.tm_year = number(0, 4) - 1900;
    parts.tm_mon = number(5, 2) - 1;
    parts.tm_mday = number(8, 2);
    parts.tm_hour = number(11, 2);
    parts.tm_min = number(14, 2);
    parts.tm_sec = number(17, 2);
    const std::tm written = parts;
    const std::int64_t seconds = timegm(&parts);  // normalises a day or hour that does not exist
    if (parts.tm_mon != written.tm_mon || parts.tm_mday != written.tm_mday ||
        parts.tm_hour != written.tm_hour || parts.tm_min != written.tm_min ||
        parts.tm_sec != written.tm_sec) {
        return refused;
    }
    return seconds * 1000 + ms;
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
