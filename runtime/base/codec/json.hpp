#pragma once

// JSON of described structs, for the edges: amounts as decimal strings, times as RFC 3339,
// addresses as ait1..., hashes as hexadecimal, enums by name. Reading is strict: an unknown field,
// a wrong type or an overlong text is refused with the field's path.

#include <nlohmann/json.hpp>
#include <utility>

#include "runtime/base/clock.hpp"
#include "runtime/base/crypto/bech32m.hpp"
#include "runtime/base/fields.hpp"
#include "runtime/base/limits.hpp"

namespace ait {

/// Keeps the order of fields, so that output reads as the struct does.
using Json = nlohmann::ordered_json;

/// Parses one document of bounded size and depth. Error: malformed, with line and column.
Result<Json> parse_json(std::string_view text, std::size_t bytes_max = limits::http_body_bytes_max);

/// Compact text; invalid UTF-8 (which should have been refused before) becomes U+FFFD.
std::string dump_json(const Json& json);
/// Two-space indented.
std::string dump_json_pretty(const Json& json);

/// RFC 3339 in UTC -> milliseconds. Error: invalid_argument.
Result<std::int64_t> parse_rfc3339(std::string_view text);

/// {"error":{code,message,details,hint,retryable,request_id}} (surfaces.md rule 6).
Json error_to_json(const Error& error, std::string_view request_id);
/// The reverse, for clients; an unreadable body becomes internal.
Error error_from_json(const Json& json);

namespace detail {

Error json_refusal(const std::string& path, std::string_view why);

template <class T>
Json value_to_json(const T& value);

template <Described T>
Json object_to_json(const T& value) {
    Json json = Json::object();
    for_each_field<T>([&](const auto& row, std::size_t) {
        json[std::string(row.name)] = value_to_json(value.*row.member);
    });
    return json;
}

template <class T>
Json value_to_json(const T& value) {
    if constexpr (is_optional<T>)
        return value ? value_to_json(*value) : Json(nullptr);
    else if constexpr (std::same_as<T, bool> || std::integral<T> || std::floating_point<T>)
        return value;
    else if constexpr (std::same_as<T, std::string>)
        return value;
    else if constexpr (std::same_as<T, Amount>)
        return to_text(value);
    else if constexpr (std::same_as<T, UnixMs>)
        return value.ms == 0 ? Json(nullptr) : Json(to_rfc3339(value.ms));
    else if constexpr (std::same_as<T, Address>)
        return value.is_zero() ? Json(nullptr) : Json(crypto::to_text(value));
    else if constexpr (is_fixed_bytes<T>)
        return value.is_zero() ? Json(nullptr) : Json(to_hex(value.view()));
    else if constexpr (std::same_as<T, Blob>)
        return to_base64(value.bytes);
    else if constexpr (std::same_as<T, JsonText>)
        return Json::parse(value.text, nullptr, false);
    else if constexpr (NamedEnum<T>)
        return std::string(name_of(value));
    else if constexpr (is_vector<T>) {
        Json list = Json::array();
        for (const auto& element : value) list.push_back(value_to_json(element));
        return list;
    } else
        return object_to_json(value);
}

template <class T>
Result<T> value_from_json(const Json& json, const std::string& path, std::uint32_t bytes_max);

template <class T>
Result<T> integer_from_json(const Json& json, const std::string& path) {
    if (json.is_number_unsigned()) {
        const auto value = json.get<std::uint64_t>();
        if (std::in_range<T>(value)) return static_cast<T>(value);
    } else if (json.is_number_integer()) {
        const auto value = json.get<std::int64_t>();
        if (std::in_range<T>(value)) return static_cast<T>(value);
    } else {
        return json_refusal(path, "must be an integer.");
    }
    return json_refusal(path, "is out of range.");
}

template <class T>
Result<T> text_like_from_json(const Json& json, const std::string& path, std::uint32_t bytes_max) {
    if (!json.is_string()) return json_refusal(path, "must be a string.");
    const auto& text = json.get_ref<const std::string&>();
    if constexpr (std::same_as<T, std::string>) {
        if (text.size() > bytes_max) {
            return json_refusal(path, "is longer than " + std::to_string(bytes_max) + " bytes.");
        }
        return text;
    } else if constexpr (std::same_as<T, Amount>) {
        return parse_amount(text);
    } else if constexpr (std::same_as<T, UnixMs>) {
        auto ms = parse_rfc3339(text);
        if (!ms.ok()) return ms.error();
        return UnixMs{ms.value()};
    } else if constexpr (std::same_as<T, Address>) {
        return crypto::parse_address(text);
    } else if constexpr (is_fixed_bytes<T>) {
        return fixed_from_hex<T>(text);
    } else if constexpr (std::same_as<T, Blob>) {
        auto bytes = from_base64(text);
        if (!bytes.ok()) return bytes.error();
        if (bytes.value().size() > bytes_max) return json_refusal(path, "is too long.");
        return Blob{std::move(bytes).value()};
    } else {
        const auto value = enum_from_name<T>(text);
        if (value) return *value;
        std::string names;
        for (const auto name : EnumNames<T>::names)
            names += (names.empty() ? "" : ", ") + std::string(name);
        return json_refusal(path, "must be one of: " + names + ".");
    }
}

template <Described T>
Result<T> object_from_json(const Json& json, const std::string& path) {
    if (!json.is_object()) return json_refusal(path, "must be an object.");
    T value{};
    std::optional<Error> error;
    std::size_t used = 0;
    for_each_field<T>([&]<class Value>(const FieldRow<T, Value>& row, std::size_t) {
        if (error) return;
        const auto found = json.find(row.name);
        const std::string at =
            path.empty() ? std::string(row.name) : path + "." + std::string(row.name);
        if (found == json.end() ||
            (found->is_null() && (row.presence == Presence::optional || is_optional<Value>))) {
            if (found != json.end())
                ++used;
            else if (row.presence == Presence::required && !is_optional<Value>)
                error = json_refusal(at, "is missing.");
            return;
        }
        ++used;
        auto read = value_from_json<Value>(*found, at, row.bytes_max);
        if (!read.ok())
            error = read.error();
        else
            value.*row.member = std::move(read).value();
    });
    if (error) return *error;
    if (used != json.size()) {
        for (const auto& [key, unused] : json.items()) {
            bool known = false;
            for_each_field<T>(
                [&](const auto& row, std::size_t) { known = known || row.name == key; });
            if (!known)
                return json_refusal(path.empty() ? key : path + "." + key, "is not a known field.");
        }
    }
    return value;
}

template <class T>
Result<T> value_from_json(const Json& json, const std::string& path, std::uint32_t bytes_max) {
    if constexpr (is_optional<T>) {
        if (json.is_null()) return T{};
        auto inner = value_from_json<typename T::value_type>(json, path, bytes_max);
        if (!inner.ok()) return inner.error();
        return T{std::move(inner).value()};
    } else if constexpr (std::same_as<T, bool>) {
        if (!json.is_boolean()) return json_refusal(path, "must be true or false.");
        return json.get<bool>();
    } else if constexpr (std::integral<T>) {
        return integer_from_json<T>(json, path);
    } else if constexpr (std::floating_point<T>) {
        if (!json.is_number()) return json_refusal(path, "must be a number.");
        return json.get<T>();
    } else if constexpr (std::same_as<T, JsonText>) {
        JsonText text{dump_json(json)};
        if (text.text.size() > bytes_max) return json_refusal(path, "is too long.");
        return text;
    } else if constexpr (is_vector<T>) {
        if (!json.is_array()) return json_refusal(path, "must be a list.");
        if (json.size() > bytes_max) return json_refusal(path, "has too many elements.");
        T list;
        for (std::size_t i = 0; i < json.size(); ++i) {
            auto element = value_from_json<typename T::value_type>(
                json[i], path + "[" + std::to_string(i) + "]", field_bytes_max_default);
            if (!element.ok()) return element.error();
            list.push_back(std::move(element).value());
        }
        return list;
    } else if constexpr (Described<T>) {
        return object_from_json<T>(json, path);
    } else {
        return text_like_from_json<T>(json, path, bytes_max);
    }
}

}  // namespace detail

template <Described T>
Json to_json_value(const T& value) {
    return detail::object_to_json(value);
}

template <Described T>
Result<T> from_json_value(const Json& json) {
    return detail::object_from_json<T>(json, "");
}

}  // namespace ait
