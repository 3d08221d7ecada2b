#pragma once

// Compact JSON text of described structs, written straight from their fields: the same bytes as
// dump_json(to_json_value(value)) without building the tree. For answers on the write path.

#include "runtime/base/codec/json.hpp"

namespace ait {

namespace detail {

/// A quoted string; invalid UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);
void append_json_number(std::string& out, std::uint64_t number);
void append_json_number(std::string& out, std::int64_t number);
void append_json_tree(std::string& out, const Json& json);
/// A document of unknown origin; what is none becomes null.
void append_json_document(std::string& out, const std::string& text);

/// Texts of this program's own making, which need no escapes.
inline void append_json_plain(std::string& out, std::string_view text) {
    out += '"';
    out += text;
    out += '"';
}

template <class T>
void append_json_value(std::string& out, const T& value) {
    if constexpr (is_optional<T>) {
        if (value)
            append_json_value(out, *value);
        else
            out += "null";
    } else if constexpr (std::same_as<T, bool>) {
        out += value ? "true" : "false";
    } else if constexpr (std::signed_integral<T>) {
        append_json_number(out, static_cast<std::int64_t>(value));
    } else if constexpr (std::unsigned_integral<T>) {
        append_json_number(out, static_cast<std::uint64_t>(value));
    } else if constexpr (std::same_as<T, std::string>) {
        append_json_string(out, value);
    } else if constexpr (std::same_as<T, Amount>) {
        append_json_plain(out, to_text(value));
    } else if constexpr (std::same_as<T, UnixMs>) {
        if (value.ms == 0)
            out += "null";
        else
            append_json_plain(out, to_rfc3339(value.ms));
    } else if constexpr (std::same_as<T, Address>) {
        if (value.is_zero())
            out += "null";
        else
            append_json_plain(out, crypto::to_text(value));
    } else if constexpr (is_fixed_bytes<T>) {
        if (value.is_zero())
            out += "null";
        else
            append_json_plain(out, to_hex(value.view()));
    } else if constexpr (std::same_as<T, Blob>) {
        append_json_plain(out, to_base64(value.bytes));
    } else if constexpr (std::same_as<T, JsonText>) {
        append_json_document(out, value.text);
    } else if constexpr (NamedEnum<T>) {
        append_json_plain(out, name_of(value));
    } else if constexpr (is_vector<T>) {
        char before = '[';
        for (const auto& element : value) {
            out += before;
            before = ',';
            append_json_value(out, element);
        }
        out += before == '[' ? "[]" : "]";
    } else if constexpr (Described<T>) {
        char before = '{';
        for_each_field<T>([&](const auto& row, std::size_t) {
            out += before;
            before = ',';
            append_json_plain(out, row.name);
            out += ':';
            append_json_value(out, value.*row.member);
        });
        out += before == '{' ? "{}" : "}";
    } else {
        out += dump_json(value_to_json(value));  // numbers with a fraction
    }
}

}  // namespace detail

template <Described T>
void append_json(std::string& out, const T& value) {
    detail::append_json_value(out, value);
}

template <Described T>
std::string to_json_text(const T& value) {
    std::string text;
    text.reserve(256);
    append_json(text, value);
    return text;
}

}  // namespace ait
