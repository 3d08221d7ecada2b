#include "runtime/base/codec/json_text.hpp"

#include <array>
#include <charconv>
#include <utility>

namespace ait::detail {
namespace {

template <class Number>
void append_digits(std::string& out, Number number) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out.append(digits.data(), end);
}

std::string dump_by_library(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void append_escaped(std::string& out, char c) {
    constexpr std::string_view hex = "0123456789abcdef";
    switch (c) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        case '\b':
            out += "\\b";
            return;
        case '\f':
            out += "\\f";
            return;
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        default:
            break;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20) {
        out += c;
        return;
    }
    out += "\\u00";
    out += hex[byte >> 4U];
    out += hex[byte & 15U];
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
    if (!is_utf8(text)) {
        out += dump_by_library(Json(std::string(text)));
        return;
    }
    out += '"';
    std::size_t plain = 0;  // what has not been copied yet
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
        out += text.substr(plain, i - plain);
        append_escaped(out, text[i]);
        plain = i + 1;
    }
    out += text.substr(plain);
    out += '"';
}

void append_json_number(std::string& out, std::uint64_t number) {
    append_digits(out, number);
}

void append_json_number(std::string& out, std::int64_t number) {
    append_digits(out, number);
}

// NOLINTNEXTLINE(misc-no-recursion): documents are bounded in depth where they are read.
void append_json_tree(std::string& out, const Json& json) {
    char before = json.is_array() ? '[' : '{';
    switch (json.type()) {
        case Json::value_t::null:
            out += "null";
            return;
        case Json::value_t::boolean:
            out += json.get<bool>() ? "true" : "false";
            return;
        case Json::value_t::number_integer:
            return append_digits(out, json.get<std::int64_t>());
        case Json::value_t::number_unsigned:
            return append_digits(out, json.get<std::uint64_t>());
        case Json::value_t::string:
            return append_json_string(out, json.get_ref<const std::string&>());
        case Json::value_t::array:
            for (const auto& element : json) {
                out += std::exchange(before, ',');
                append_json_tree(out, element);
            }
            out += before == '[' ? "[]" : "]";
            return;
        case Json::value_t::object:
            for (const auto& [name, value] : json.get_ref<const Json::object_t&>()) {
                out += std::exchange(before, ',');
                append_json_string(out, name);
                out += ':';
                append_json_tree(out, value);
            }
            out += before == '{' ? "{}" : "}";
            return;
        case Json::value_t::number_float:
        case Json::value_t::binary:
        case Json::value_t::discarded:
            out += dump_by_library(json);
            return;
    }
}

void append_json_document(std::string& out, const std::string& text) {
    out += Json::accept(text) ? std::string_view(text) : std::string_view("null");
}

}  // namespace ait::detail
