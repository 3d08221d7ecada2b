#include <algorithm>
#include <array>
#include <limits>

#include "gpu/core/gguf.hpp"
#include "gpu/core/gguf_format.hpp"

namespace ait::gpu {
namespace {

/// Any integer kind as 64 signed bits; empty for other kinds and for values above them.
std::optional<std::int64_t> load_integer(std::uint32_t type, const std::uint8_t* from) noexcept {
    switch (type) {
        case value_uint8:
            return gguf_load<std::uint8_t>(from);
        case value_int8:
            return gguf_load<std::int8_t>(from);
        case value_uint16:
            return gguf_load<std::uint16_t>(from);
        case value_int16:
            return gguf_load<std::int16_t>(from);
        case value_uint32:
            return gguf_load<std::uint32_t>(from);
        case value_int32:
            return gguf_load<std::int32_t>(from);
        case value_int64:
            return gguf_load<std::int64_t>(from);
        case value_uint64: {
            const auto value = gguf_load<std::uint64_t>(from);
            if (value > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
            return static_cast<std::int64_t>(value);
        }
        default:
            return std::nullopt;
    }
}

std::optional<double> load_float(std::uint32_t type, const std::uint8_t* from) noexcept {
    if (type == value_float32) return static_cast<double>(gguf_load<float>(from));
    if (type == value_float64) return gguf_load<double>(from);
    return std::nullopt;
}

std::string_view text_view(std::span<const std::uint8_t> bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

const GgufFile::Entry* GgufFile::find_entry(std::string_view key) const noexcept {
    const auto place =
        std::lower_bound(entries_.begin(), entries_.end(), key,
                         [](const Entry& entry, std::string_view k) { return entry.key < k; });
    if (place == entries_.end() || place->key != key) return nullptr;
    return &*place;
}

const GgufFile::Entry* GgufFile::find_array(std::string_view key) const noexcept {
    const Entry* const entry = find_entry(key);
    return entry != nullptr && entry->type == value_array ? entry : nullptr;
}

bool GgufFile::contains(std::string_view key) const noexcept {
    return find_entry(key) != nullptr;
}

std::optional<std::uint64_t> GgufFile::find_unsigned(std::string_view key) const noexcept {
    const Entry* const entry = find_entry(key);
    if (entry == nullptr) return std::nullopt;
    if (entry->type == value_uint64) return gguf_load<std::uint64_t>(entry->value.data());
    const auto value = load_integer(entry->type, entry->value.data());
    if (!value || *value < 0) return std::nullopt;
    return static_cast<std::uint64_t>(*value);
}

std::optional<double> GgufFile::find_float(std::string_view key) const noexcept {
    const Entry* const entry = find_entry(key);
    if (entry == nullptr) return std::nullopt;
    return load_float(entry->type, entry->value.data());
}

std::optional<bool> GgufFile::find_bool(std::string_view key) const noexcept {
    const Entry* const entry = find_entry(key);
    if (entry == nullptr || entry->type != value_bool) return std::nullopt;
    return entry->value[0] != 0;
}

std::optional<std::string_view> GgufFile::find_string(std::string_view key) const noexcept {
    const Entry* const entry = find_entry(key);
    if (entry == nullptr || entry->type != value_string) return std::nullopt;
    return text_view(entry->value);
}

std::optional<std::vector<std::string_view>> GgufFile::find_string_array(
    std::string_view key) const {
    const Entry* const entry = find_array(key);
    if (entry == nullptr || entry->element_type != value_string) return std::nullopt;
    std::vector<std::string_view> texts;
    texts.reserve(entry->count);
    std::uint64_t cursor = 0;
    for (std::uint64_t i = 0; i < entry->count; ++i) {
        AIT_ASSERT(entry->value.size() - cursor >= sizeof(std::uint64_t));
        const auto length = gguf_load<std::uint64_t>(entry->value.data() + cursor);
        cursor += sizeof(std::uint64_t);
        AIT_ASSERT(length <= entry->value.size() - cursor);
        texts.push_back(text_view(entry->value.subspan(cursor, length)));
        cursor += length;
    }
    return texts;
}

std::optional<std::vector<std::int64_t>> GgufFile::find_int_array(std::string_view key) const {
    const Entry* const entry = find_array(key);
    if (entry == nullptr) return std::nullopt;
    const std::uint64_t stride = gguf_scalar_bytes(entry->element_type);
    std::vector<std::int64_t> numbers;
    if (stride != 0) numbers.reserve(entry->count);
    for (std::uint64_t i = 0; i < entry->count; ++i) {
        const auto number = load_integer(entry->element_type, entry->value.data() + i * stride);
        if (!number) return std::nullopt;
        numbers.push_back(*number);
    }
    return numbers;
}

std::optional<std::vector<double>> GgufFile::find_float_array(std::string_view key) const {
    const Entry* const entry = find_array(key);
    if (entry == nullptr) return std::nullopt;
    const std::uint64_t stride = gguf_scalar_bytes(entry->element_type);
    std::vector<double> numbers;
    if (stride != 0) numbers.reserve(entry->count);
    for (std::uint64_t i = 0; i < entry->count; ++i) {
        const auto number = load_float(entry->element_type, entry->value.data() + i * stride);
        if (!number) return std::nullopt;
        numbers.push_back(*number);
    }
    return numbers;
}

}  // namespace ait::gpu
