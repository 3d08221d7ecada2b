#pragma once

// One description of a plain struct's fields from which everything else follows: its msgpack bytes
// in the log, its JSON at the edges, its row in OpenAPI, its command-line options. A struct takes
// part by a static member function:
//
//   struct Transfer {
//       Address to{};
//       Amount amount{};
//       static constexpr auto fields() {
//           return std::tuple{field("to", &Transfer::to, "Receiving address."),
//                             field("amount", &Transfer::amount, "How much.")};
//       }
//   };
//
// Order is part of the stored format: append only. An enumeration takes part by a specialisation of
// EnumNames.

#include <array>
#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "runtime/base/bytes.hpp"
#include "runtime/base/money.hpp"

namespace ait {

/// Bytes that are shown as base64; std::string is UTF-8 text.
struct Blob {
    std::string bytes{};
    auto operator<=>(const Blob&) const = default;
};

/// JSON that passes through unread, kept as compact text.
struct JsonText {
    std::string text = "null";
    auto operator<=>(const JsonText&) const = default;
};

/// Milliseconds since 1970; RFC 3339 in JSON, absent (null) when zero.
struct UnixMs {
    std::int64_t ms = 0;
    auto operator<=>(const UnixMs&) const = default;
};

enum class Presence : std::uint8_t { required, optional };

template <class Owner, class Value>
struct FieldRow {
    std::string_view name;
    Value Owner::* member;
    std::string_view help;
    Presence presence;
    std::uint32_t bytes_max;  ///< of a text or blob; elements of a list
};

inline constexpr std::uint32_t field_bytes_max_default = 4'096;

template <class Owner, class Value>
constexpr FieldRow<Owner, Value> field(std::string_view name, Value Owner::* member,
                                       std::string_view help,
                                       std::uint32_t bytes_max = field_bytes_max_default) {
    return {name, member, help, Presence::required, bytes_max};
}

/// May be left out of JSON; then it keeps its default.
template <class Owner, class Value>
constexpr FieldRow<Owner, Value> optional_field(std::string_view name, Value Owner::* member,
                                                std::string_view help,
                                                std::uint32_t bytes_max = field_bytes_max_default) {
    return {name, member, help, Presence::optional, bytes_max};
}

template <class T>
concept Described = requires { T::fields(); };

/// Specialise with `static constexpr std::array<std::string_view, N> names` for enums that count
/// from zero; the number is stored, the name is shown.
template <class E>
struct EnumNames;

template <class E>
concept NamedEnum = std::is_enum_v<E> && requires { EnumNames<E>::names; };

template <NamedEnum E>
constexpr std::string_view name_of(E value) {
    return EnumNames<E>::names[static_cast<std::size_t>(value)];
}

template <NamedEnum E>
constexpr std::optional<E> enum_from_name(std::string_view name) {
    for (std::size_t i = 0; i < EnumNames<E>::names.size(); ++i) {
        if (EnumNames<E>::names[i] == name) return static_cast<E>(i);
    }
    return std::nullopt;
}

template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_fixed_bytes = false;
template <class Tag, std::size_t N>
inline constexpr bool is_fixed_bytes<FixedBytes<Tag, N>> = true;

/// The rows as a constant, so that what visits them is compiled to the members themselves.
template <Described T>
inline constexpr auto field_rows = T::fields();

/// Calls visit(row, index) for each field of T.
template <Described T, class Visit>
constexpr void for_each_field(Visit&& visit) {
    std::apply(
        [&](const auto&... rows) {
            std::size_t index = 0;
            (visit(rows, index++), ...);
        },
        field_rows<T>);
}

template <Described T>
inline constexpr std::size_t field_count = std::tuple_size_v<decltype(T::fields())>;

// ---- the same description as run-time data, for OpenAPI, help and tables ----

enum class ValueKind : std::uint8_t {
    boolean,
    integer,
    number,
    text,
    amount,
    time,
    address,
    hex,
    base64,
    choice,
    list,
    object,
    json
};

struct Schema;

struct SchemaField {
    std::string name;
    ValueKind kind = ValueKind::text;
    bool required = true;
    std::string help;
    std::vector<std::string_view> choices;  ///< of a choice
    ValueKind element = ValueKind::text;    ///< of a list
    const Schema* object = nullptr;         ///< of an object, or of a list of objects
};

struct Schema {
    std::vector<SchemaField> fields;
};

template <class T>
const Schema& schema_of();

namespace detail {

template <class T>
constexpr ValueKind kind_of() {
    if constexpr (is_optional<T>)
        return kind_of<typename T::value_type>();
    else if constexpr (std::same_as<T, bool>)
        return ValueKind::boolean;
    else if constexpr (std::integral<T>)
        return ValueKind::integer;
    else if constexpr (std::floating_point<T>)
        return ValueKind::number;
    else if constexpr (std::same_as<T, std::string>)
        return ValueKind::text;
    else if constexpr (std::same_as<T, Amount>)
        return ValueKind::amount;
    else if constexpr (std::same_as<T, UnixMs>)
        return ValueKind::time;
    else if constexpr (std::same_as<T, Address>)
        return ValueKind::address;
    else if constexpr (is_fixed_bytes<T>)
        return ValueKind::hex;
    else if constexpr (std::same_as<T, Blob>)
        return ValueKind::base64;
    else if constexpr (std::same_as<T, JsonText>)
        return ValueKind::json;
    else if constexpr (NamedEnum<T>)
        return ValueKind::choice;
    else if constexpr (is_vector<T>)
        return ValueKind::list;
    else {
        static_assert(Described<T>, "a field of a type that has no form");
        return ValueKind::object;
    }
}

template <class T>
void describe_type(SchemaField& field) {
    if constexpr (is_optional<T>) {
        describe_type<typename T::value_type>(field);
    } else if constexpr (is_vector<T>) {
        using Element = typename T::value_type;
        field.element = kind_of<Element>();
        if constexpr (Described<Element>) field.object = &schema_of<Element>();
        if constexpr (NamedEnum<Element>) describe_type<Element>(field);
    } else if constexpr (NamedEnum<T>) {
        field.choices.assign(EnumNames<T>::names.begin(), EnumNames<T>::names.end());
    } else if constexpr (Described<T>) {
        field.object = &schema_of<T>();
    }
}

}  // namespace detail

template <class T>
const Schema& schema_of() {
    static const Schema schema = [] {
        Schema built;
        for_each_field<T>([&]<class Value>(const FieldRow<T, Value>& row, std::size_t) {
            SchemaField field;
            field.name = std::string(row.name);
            field.kind = detail::kind_of<Value>();
            field.required = row.presence == Presence::required && !is_optional<Value>;
            field.help = std::string(row.help);
            detail::describe_type<Value>(field);
            built.fields.push_back(std::move(field));
        });
        return built;
    }();
    return schema;
}

}  // namespace ait
