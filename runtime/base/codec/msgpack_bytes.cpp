#include "runtime/base/codec/msgpack_bytes.hpp"

#include <algorithm>

namespace ait::detail {

void Packer::make_room(std::size_t count) {
    constexpr std::size_t bytes_least = 512;
    bytes_.resize(std::max({bytes_least, 2 * bytes_.size(), size_ + count}));
}

void Packer::real(double value) {
    constexpr double beyond_unsigned = 0x1p64;
    constexpr double least_signed = -0x1p63;
    if (value >= 0 && value < beyond_unsigned &&
        value == static_cast<double>(static_cast<std::uint64_t>(value))) {
        return number(static_cast<std::uint64_t>(value));
    }
    if (value < 0 && value >= least_signed &&
        value == static_cast<double>(static_cast<std::int64_t>(value))) {
        return number(static_cast<std::int64_t>(value));
    }
    headed(head_float_64, std::bit_cast<std::uint64_t>(value));
}

Packer& thread_packer() {
    thread_local Packer packer;
    packer.clear();
    return packer;
}

void refuse(std::string_view field, std::string_view why) {
    throw DecodeFailure{"Field \"" + std::string(field) + "\" " + std::string(why)};
}

void Unpacker::end_too_early() {
    throw DecodeFailure{"Its bytes end too early."};
}

double Unpacker::real(std::string_view field) {
    const std::uint8_t head = byte();
    if (head != head_float_64) {
        const bool is_integer =
            head < 0x80 || (head >= head_uint_8 && head <= head_int_64) || head >= head_negative;
        if (!is_integer) refuse(field, "is not a number.");
        --at_;
        return head >= head_int_8 ? static_cast<double>(number<std::int64_t>(field))
                                  : static_cast<double>(number<std::uint64_t>(field));
    }
    const auto value = std::bit_cast<double>(unsigned_of<std::uint64_t>());
    Packer shortest;
    shortest.real(value);
    if (static_cast<std::uint8_t>(shortest.view().front()) != head_float_64) not_canonical();
    return value;
}

}  // namespace ait::detail
