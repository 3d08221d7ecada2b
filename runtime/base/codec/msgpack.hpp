#pragma once

// Canonical msgpack bytes of described structs: an array of the fields in order, integers in their
// shortest form, fixed bytes and blobs as `bin`, texts as `str`. A reader accepts fewer fields than
// it knows (they were appended later) and refuses more. Records and signed bodies go through here,
// so every bound is checked before anything is allocated.

#include "runtime/base/codec/msgpack_bytes.hpp"
#include "runtime/base/fields.hpp"
#include "runtime/base/limits.hpp"

namespace ait {

namespace detail {

template <class T>
void pack_value(Packer& packer, const T& value) {
    if constexpr (is_optional<T>) {
        if (value)
            pack_value(packer, *value);
        else
            packer.nil();
    } else if constexpr (std::same_as<T, bool>) {
        packer.boolean(value);
    } else if constexpr (std::floating_point<T>) {
        packer.real(value);
    } else if constexpr (std::signed_integral<T>) {
        packer.number(static_cast<std::int64_t>(value));
    } else if constexpr (std::unsigned_integral<T>) {
        packer.number(static_cast<std::uint64_t>(value));
    } else if constexpr (std::same_as<T, std::string>) {
        packer.text(value);
    } else if constexpr (std::same_as<T, Amount>) {
        packer.number(value.micro);
    } else if constexpr (std::same_as<T, UnixMs>) {
        packer.number(value.ms);
    } else if constexpr (is_fixed_bytes<T>) {
        packer.fixed_bin(value.bytes);
    } else if constexpr (std::same_as<T, Blob>) {
        packer.bin(value.bytes);
    } else if constexpr (std::same_as<T, JsonText>) {
        packer.text(value.text);
    } else if constexpr (NamedEnum<T>) {
        packer.number(static_cast<std::uint64_t>(value));
    } else if constexpr (is_vector<T>) {
        packer.list(value.size());
        for (const auto& element : value) pack_value(packer, element);
    } else {
        packer.list(field_count<T>);
        for_each_field<T>(
            [&](const auto& row, std::size_t) { pack_value(packer, value.*row.member); });
    }
}

template <Described T>
void unpack_record(Unpacker& unpacker, T& value, std::string_view field);

template <class T>
void unpack_value(Unpacker& unpacker, T& value, std::string_view field, std::uint32_t bytes_max) {
    if constexpr (is_optional<T>) {
        if (unpacker.take_nil())
            value.reset();
        else
            unpack_value(unpacker, value.emplace(), field, bytes_max);
    } else if constexpr (std::same_as<T, bool>) {
        value = unpacker.boolean(field);
    } else if constexpr (std::integral<T>) {
        value = unpacker.number<T>(field);
    } else if constexpr (std::floating_point<T>) {
        value = static_cast<T>(unpacker.real(field));
    } else if constexpr (std::same_as<T, std::string>) {
        value = unpacker.text(field, bytes_max);
    } else if constexpr (std::same_as<T, Amount>) {
        value.micro = unpacker.number<std::uint64_t>(field);
        if (value > amount_max) refuse(field, "is larger than the largest amount.");
    } else if constexpr (std::same_as<T, UnixMs>) {
        value.ms = unpacker.number<std::int64_t>(field);
    } else if constexpr (is_fixed_bytes<T>) {
        const std::string_view bytes = unpacker.bin(field);
        if (bytes.size() != T::size) refuse(field, "has the wrong length.");
        std::memcpy(value.bytes.data(), bytes.data(), T::size);
    } else if constexpr (std::same_as<T, Blob>) {
        const std::string_view bytes = unpacker.bin(field);
        if (bytes.size() > bytes_max) refuse(field, "is too long.");
        value.bytes = bytes;
    } else if constexpr (std::same_as<T, JsonText>) {
        value.text = unpacker.text(field, bytes_max);
    } else if constexpr (NamedEnum<T>) {
        const auto number = unpacker.number<std::uint64_t>(field);
        if (number >= EnumNames<T>::names.size()) refuse(field, "has an unknown value.");
        value = static_cast<T>(number);
    } else if constexpr (is_vector<T>) {
        const std::size_t count = unpacker.list(field, "is not a list.");
        if (count > bytes_max) refuse(field, "has too many elements.");
        using Element = typename T::value_type;
        // A field bounds its list; blobs in it (transactions, sidecars) are as long as blocks
        // allow.
        constexpr std::uint32_t element_bytes_max =
            std::same_as<Element, Blob> ? 2 * limits::block_bytes_max : field_bytes_max_default;
        value.clear();
        value.reserve(count);
        for (std::size_t i = 0; i < count; ++i)
            unpack_value(unpacker, value.emplace_back(), field, element_bytes_max);
    } else {
        unpack_record(unpacker, value, field);
    }
}

template <Described T>
void unpack_record(Unpacker& unpacker, T& value, std::string_view field) {
    const std::size_t count = unpacker.list(field, "is not a record.");
    if (count > field_count<T>) refuse(field, "has more fields than this version knows.");
    if (count < field_count<T>) unpacker.not_canonical();
    for_each_field<T>([&]<class Value>(const FieldRow<T, Value>& row, std::size_t index) {
        if (index < count)
            unpack_value(unpacker, value.*row.member, row.name, row.bytes_max);
        else if (row.presence == Presence::required)
            refuse(row.name, "is missing.");
    });
}

/// All bytes as one T; `needs_canonical`: as encode() would write them.
template <Described T>
Result<T> decoded(std::string_view bytes, bool needs_canonical) {
    try {
        Unpacker unpacker(bytes);
        Result<T> result{T{}};
        unpack_record(unpacker, result.value(), "record");
        if (!unpacker.is_at_end()) throw DecodeFailure{"Bytes follow its end."};
        if (needs_canonical && !unpacker.is_canonical())
            throw DecodeFailure{"It is not in canonical form."};
        return result;
    } catch (const DecodeFailure& failure) {
        return Error{ErrorCode::malformed, "A record cannot be read.", failure.why, ""};
    }
}

}  // namespace detail

/// Puts together the canonical bytes of a struct from parts that are encoded already, so that large
/// parts are copied once. The caller writes the fields in order.
class Assembly {
  public:
    explicit Assembly(std::size_t bytes_expected) : packer_(bytes_expected + 64) {}
    Assembly& list(std::size_t count) {
        packer_.list(count);
        return *this;
    }
    Assembly& blob(std::string_view bytes) {
        packer_.bin(bytes);
        return *this;
    }
    Assembly& encoded(std::string_view bytes) {
        packer_.raw(bytes);
        return *this;
    }
    [[nodiscard]] std::string take() { return packer_.take(); }

  private:
    detail::Packer packer_;
};

/// Canonical bytes, behind what they are to follow. Any thread.
template <Described T>
std::string encode(const T& value, std::string_view before = {}) {
    detail::Packer& packer = detail::thread_packer();
    packer.raw(before);
    detail::pack_value(packer, value);
    return std::string(packer.view());
}

/// Appends the canonical bytes. Any thread.
template <Described T>
void append_encoded(std::string& bytes, const T& value) {
    detail::Packer& packer = detail::thread_packer();
    detail::pack_value(packer, value);
    bytes += packer.view();
}

/// Reads what encode() wrote, and other msgpack of the same values. Error: malformed, naming the
/// field. The whole input must be used.
template <Described T>
Result<T> decode(std::string_view bytes) {
    return detail::decoded<T>(bytes, false);
}

/// Reads exactly what encode() writes: one value has one form. Error: malformed.
template <Described T>
Result<T> decode_canonical(std::string_view bytes) {
    return detail::decoded<T>(bytes, true);
}

}  // namespace ait
