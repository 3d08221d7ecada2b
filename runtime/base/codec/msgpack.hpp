#pragma once

// Canonical msgpack bytes of described structs: an array of the fields in order, integers in their
// shortest form, fixed bytes and blobs as `bin`, texts as `str`. A reader accepts fewer fields than
// it knows (they were appended later) and refuses more. Records and signed bodies go through here,
// so every bound is checked before anything is allocated.

#include <msgpack.hpp>
#include <utility>

#include "runtime/base/fields.hpp"
#include "runtime/base/limits.hpp"

namespace ait {

namespace detail {

/// msgpack-c writes straight into the string that encode() gives.
struct StringSink {
    std::string& bytes;
    void write(const char* data, std::size_t size) { bytes.append(data, size); }
};

using Packer = msgpack::packer<StringSink>;

inline void pack_bin(Packer& packer, std::string_view bytes) {
    packer.pack_bin(static_cast<std::uint32_t>(bytes.size()));
    packer.pack_bin_body(bytes.data(), static_cast<std::uint32_t>(bytes.size()));
}

template <class T>
void pack_value(Packer& packer, const T& value) {
    if constexpr (is_optional<T>) {
        if (value)
            pack_value(packer, *value);
        else
            packer.pack_nil();
    } else if constexpr (std::same_as<T, bool> || std::floating_point<T>) {
        packer.pack(value);
    } else if constexpr (std::signed_integral<T>) {
        packer.pack_int64(value);
    } else if constexpr (std::unsigned_integral<T>) {
        packer.pack_uint64(value);
    } else if constexpr (std::same_as<T, std::string>) {
        packer.pack_str(static_cast<std::uint32_t>(value.size()));
        packer.pack_str_body(value.data(), static_cast<std::uint32_t>(value.size()));
    } else if constexpr (std::same_as<T, Amount>) {
        packer.pack_uint64(value.micro);
    } else if constexpr (std::same_as<T, UnixMs>) {
        packer.pack_int64(value.ms);
    } else if constexpr (is_fixed_bytes<T>) {
        pack_bin(packer, value.view());
    } else if constexpr (std::same_as<T, Blob>) {
        pack_bin(packer, value.bytes);
    } else if constexpr (std::same_as<T, JsonText>) {
        pack_value(packer, value.text);
    } else if constexpr (NamedEnum<T>) {
        packer.pack_uint64(static_cast<std::uint64_t>(value));
    } else if constexpr (is_vector<T>) {
        packer.pack_array(static_cast<std::uint32_t>(value.size()));
        for (const auto& element : value) pack_value(packer, element);
    } else {
        packer.pack_array(static_cast<std::uint32_t>(field_count<T>));
        for_each_field<T>(
            [&](const auto& row, std::size_t) { pack_value(packer, value.*row.member); });
    }
}

/// A stored block nests nine deep: archive, outcomes, items, events, attributes.
inline constexpr std::size_t nesting_max = 16;

/// Memory for the tree of one decode() at a time, kept for the thread's next.
class DecodeZone {
  public:
    DecodeZone() = default;
    ~DecodeZone() { zone().clear(); }
    DecodeZone(const DecodeZone&) = delete;
    DecodeZone& operator=(const DecodeZone&) = delete;
    [[nodiscard]] static msgpack::zone& zone() {
        thread_local msgpack::zone shared;
        return shared;
    }
};

/// Thrown inside this header only; decode() turns it into an Error.
struct DecodeFailure {
    std::string why;
};

[[noreturn]] inline void refuse(std::string_view field, std::string_view why) {
    throw DecodeFailure{"Field \"" + std::string(field) + "\" " + std::string(why)};
}

inline std::string_view bytes_of(const msgpack::object& object, std::string_view field) {
    if (object.type != msgpack::type::BIN) refuse(field, "is not bytes.");
    return {object.via.bin.ptr, object.via.bin.size};
}

inline std::string_view text_of(const msgpack::object& object, std::string_view field,
                                std::uint32_t bytes_max) {
    if (object.type != msgpack::type::STR) refuse(field, "is not text.");
    const std::string_view text{object.via.str.ptr, object.via.str.size};
    if (text.size() > bytes_max) refuse(field, "is too long.");
    if (!is_utf8(text)) refuse(field, "is not UTF-8.");
    return text;
}

template <class T>
T unpack_integer(const msgpack::object& object, std::string_view field) {
    if (object.type == msgpack::type::POSITIVE_INTEGER) {
        const std::uint64_t value = object.via.u64;
        if (!std::in_range<T>(value)) refuse(field, "is out of range.");
        return static_cast<T>(value);
    }
    if (object.type == msgpack::type::NEGATIVE_INTEGER) {
        const std::int64_t value = object.via.i64;
        if (!std::in_range<T>(value)) refuse(field, "is out of range.");
        return static_cast<T>(value);
    }
    refuse(field, "is not an integer.");
}

template <Described T>
T unpack_object(const msgpack::object& object, std::string_view field);

template <class T>
T unpack_value(const msgpack::object& object, std::string_view field, std::uint32_t bytes_max) {
    if constexpr (is_optional<T>) {
        if (object.type == msgpack::type::NIL) return std::nullopt;
        return unpack_value<typename T::value_type>(object, field, bytes_max);
    } else if constexpr (std::same_as<T, bool>) {
        if (object.type != msgpack::type::BOOLEAN) refuse(field, "is not true or false.");
        return object.via.boolean;
    } else if constexpr (std::integral<T>) {
        return unpack_integer<T>(object, field);
    } else if constexpr (std::floating_point<T>) {
        // msgpack-c writes a whole number in its integer form.
        if (object.type == msgpack::type::POSITIVE_INTEGER) return static_cast<T>(object.via.u64);
        if (object.type == msgpack::type::NEGATIVE_INTEGER) return static_cast<T>(object.via.i64);
        if (object.type != msgpack::type::FLOAT64) refuse(field, "is not a number.");
        return static_cast<T>(object.via.f64);
    } else if constexpr (std::same_as<T, std::string>) {
        return std::string(text_of(object, field, bytes_max));
    } else if constexpr (std::same_as<T, Amount>) {
        const Amount amount{unpack_integer<std::uint64_t>(object, field)};
        if (amount > amount_max) refuse(field, "is larger than the largest amount.");
        return amount;
    } else if constexpr (std::same_as<T, UnixMs>) {
        return UnixMs{unpack_integer<std::int64_t>(object, field)};
    } else if constexpr (is_fixed_bytes<T>) {
        auto fixed = fixed_from_bytes<T>(bytes_of(object, field));
        if (!fixed.ok()) refuse(field, "has the wrong length.");
        return fixed.value();
    } else if constexpr (std::same_as<T, Blob>) {
        const auto bytes = bytes_of(object, field);
        if (bytes.size() > bytes_max) refuse(field, "is too long.");
        return Blob{std::string(bytes)};
    } else if constexpr (std::same_as<T, JsonText>) {
        return JsonText{std::string(text_of(object, field, bytes_max))};
    } else if constexpr (NamedEnum<T>) {
        const auto number = unpack_integer<std::uint64_t>(object, field);
        if (number >= EnumNames<T>::names.size()) refuse(field, "has an unknown value.");
        return static_cast<T>(number);
    } else if constexpr (is_vector<T>) {
        if (object.type != msgpack::type::ARRAY) refuse(field, "is not a list.");
        if (object.via.array.size > bytes_max) refuse(field, "has too many elements.");
        using Element = typename T::value_type;
        // A field bounds its list; blobs in it (transactions, sidecars) are as long as blocks
        // allow.
        constexpr std::uint32_t element_bytes_max =
            std::same_as<Element, Blob> ? 2 * limits::block_bytes_max : field_bytes_max_default;
        T list;
        list.reserve(object.via.array.size);
        for (std::uint32_t i = 0; i < object.via.array.size; ++i) {
            list.push_back(
                unpack_value<Element>(object.via.array.ptr[i], field, element_bytes_max));
        }
        return list;
    } else {
        return unpack_object<T>(object, field);
    }
}

template <Described T>
T unpack_object(const msgpack::object& object, std::string_view field) {
    if (object.type != msgpack::type::ARRAY) refuse(field, "is not a record.");
    const auto& array = object.via.array;
    if (array.size > field_count<T>) refuse(field, "has more fields than this version knows.");
    T value{};
    for_each_field<T>([&]<class Value>(const FieldRow<T, Value>& row, std::size_t index) {
        if (index >= array.size) {
            if (row.presence == Presence::required) refuse(row.name, "is missing.");
            return;
        }
        value.*row.member = unpack_value<Value>(array.ptr[index], row.name, row.bytes_max);
    });
    return value;
}

}  // namespace detail

/// Puts together the canonical bytes of a struct from parts that are encoded already, so that large
/// parts are copied once. The caller writes the fields in order.
class Assembly {
  public:
    explicit Assembly(std::size_t bytes_expected) { bytes_.reserve(bytes_expected + 64); }
    Assembly& list(std::size_t count) {
        packer_.pack_array(static_cast<std::uint32_t>(count));
        return *this;
    }
    Assembly& blob(std::string_view bytes) {
        detail::pack_bin(packer_, bytes);
        return *this;
    }
    Assembly& encoded(std::string_view bytes) {
        bytes_ += bytes;
        return *this;
    }
    [[nodiscard]] std::string take() { return std::move(bytes_); }

  private:
    std::string bytes_{};
    detail::StringSink sink_{bytes_};
    detail::Packer packer_{sink_};
};

/// Canonical bytes. Any thread.
template <Described T>
std::string encode(const T& value) {
    std::string bytes;
    bytes.reserve(256);
    detail::StringSink sink{bytes};
    detail::Packer packer(sink);
    detail::pack_value(packer, value);
    return bytes;
}

/// Reads what encode() wrote. Error: malformed, naming the field. The whole input must be used.
template <Described T>
Result<T> decode(std::string_view bytes) {
    try {
        // array, map, str, bin, ext, depth: the library's defaults allow 4 GiB each.
        const msgpack::unpack_limit limit(limits::block_blobs_max, 0, limits::block_bytes_max * 2,
                                          limits::block_bytes_max * 2, 0, detail::nesting_max);
        const detail::DecodeZone zone;
        std::size_t offset = 0;
        bool is_referenced = false;
        // Texts and bytes stay where they are, in `bytes`.
        const auto object = msgpack::unpack(
            zone.zone(), bytes.data(), bytes.size(), offset, is_referenced,
            [](msgpack::type::object_type, std::size_t, void*) { return true; }, nullptr, limit);
        if (offset != bytes.size()) throw detail::DecodeFailure{"Bytes follow its end."};
        return detail::unpack_object<T>(object, "record");
    } catch (const detail::DecodeFailure& failure) {
        return Error{ErrorCode::malformed, "A record cannot be read.", failure.why, ""};
    } catch (const std::exception& failure) {  // msgpack-c reports by throwing; it stops here
        return Error{ErrorCode::malformed, "A record cannot be read.", failure.what(), ""};
    }
}

}  // namespace ait
