#pragma once

// The few forms of msgpack that described structs need, written and read without a tree between.
// The writer gives the shortest form of everything, which is the canonical one; the reader takes
// every form and remembers whether it met a longer one than needed. Format: msgpack.org, "spec.md".

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/base/bytes.hpp"

namespace ait::detail {

enum MsgpackHead : std::uint8_t {
    head_fix_list = 0x90,
    head_fix_text = 0xa0,
    head_nil = 0xc0,
    head_false = 0xc2,
    head_true = 0xc3,
    head_bin_8 = 0xc4,
    head_bin_16 = 0xc5,
    head_bin_32 = 0xc6,
    head_float_64 = 0xcb,
    head_uint_8 = 0xcc,
    head_uint_16 = 0xcd,
    head_uint_32 = 0xce,
    head_uint_64 = 0xcf,
    head_int_8 = 0xd0,
    head_int_16 = 0xd1,
    head_int_32 = 0xd2,
    head_int_64 = 0xd3,
    head_text_8 = 0xd9,
    head_text_16 = 0xda,
    head_text_32 = 0xdb,
    head_list_16 = 0xdc,
    head_list_32 = 0xdd,
    head_negative = 0xe0,
};

template <class Unsigned>
Unsigned swapped(Unsigned value) noexcept {
    static_assert(std::endian::native == std::endian::little);
    if constexpr (sizeof(Unsigned) == 1) return value;
    if constexpr (sizeof(Unsigned) == 2) return __builtin_bswap16(value);
    if constexpr (sizeof(Unsigned) == 4) return __builtin_bswap32(value);
    if constexpr (sizeof(Unsigned) == 8) return __builtin_bswap64(value);
}

/// Appends canonical forms to a buffer of its own.
class Packer {
  public:
    explicit Packer(std::size_t bytes_expected = 0) : bytes_(bytes_expected, '\0') {}

    void nil() { *grow(1) = static_cast<char>(head_nil); }
    void boolean(bool value) { *grow(1) = static_cast<char>(value ? head_true : head_false); }
    void number(std::uint64_t value) {
        if (value < 0x80) {
            *grow(1) = static_cast<char>(value);
        } else if (value <= 0xFF) {
            headed(head_uint_8, static_cast<std::uint8_t>(value));
        } else if (value <= 0xFFFF) {
            headed(head_uint_16, static_cast<std::uint16_t>(value));
        } else if (value <= 0xFFFF'FFFF) {
            headed(head_uint_32, static_cast<std::uint32_t>(value));
        } else {
            headed(head_uint_64, value);
        }
    }
    void number(std::int64_t value) {
        if (value >= 0) {
            number(static_cast<std::uint64_t>(value));
        } else if (value >= -32) {
            *grow(1) = static_cast<char>(value);
        } else if (value >= INT8_MIN) {
            headed(head_int_8, static_cast<std::uint8_t>(value));
        } else if (value >= INT16_MIN) {
            headed(head_int_16, static_cast<std::uint16_t>(value));
        } else if (value >= INT32_MIN) {
            headed(head_int_32, static_cast<std::uint32_t>(value));
        } else {
            headed(head_int_64, static_cast<std::uint64_t>(value));
        }
    }
    /// A whole number takes its integer form.
    void real(double value);
    void text(std::string_view bytes) {
        if (bytes.size() < 32) {
            char* at = grow(1 + bytes.size());
            *at = static_cast<char>(head_fix_text + bytes.size());
            std::memcpy(at + 1, bytes.data(), bytes.size());
            return;
        }
        sized(bytes, head_text_8, head_text_16, head_text_32);
    }
    void bin(std::string_view bytes) { sized(bytes, head_bin_8, head_bin_16, head_bin_32); }
    template <std::size_t size>
    void fixed_bin(const std::array<std::uint8_t, size>& bytes) {
        static_assert(size <= 0xFF);
        char* at = grow(2 + size);
        at[0] = static_cast<char>(head_bin_8);
        at[1] = static_cast<char>(size);
        std::memcpy(at + 2, bytes.data(), size);
    }
    void list(std::size_t count) {
        if (count < 16) {
            *grow(1) = static_cast<char>(head_fix_list + count);
        } else if (count <= 0xFFFF) {
            headed(head_list_16, static_cast<std::uint16_t>(count));
        } else {
            headed(head_list_32, static_cast<std::uint32_t>(count));
        }
    }
    /// Bytes that are encoded already.
    void raw(std::string_view bytes) {
        if (!bytes.empty()) std::memcpy(grow(bytes.size()), bytes.data(), bytes.size());
    }

    [[nodiscard]] std::string_view view() const noexcept { return {bytes_.data(), size_}; }
    [[nodiscard]] std::string take() {
        bytes_.resize(size_);
        size_ = 0;
        return std::move(bytes_);
    }
    /// Forgets what it holds; keeps its memory unless that is unusually much.
    void clear() noexcept {
        size_ = 0;
        if (bytes_.size() > kept_bytes_max) bytes_ = std::string();
    }

  private:
    static constexpr std::size_t kept_bytes_max = 256 * 1024;

    char* grow(std::size_t count) {
        if (bytes_.size() - size_ < count) make_room(count);
        char* at = bytes_.data() + size_;
        size_ += count;
        return at;
    }
    void make_room(std::size_t count);
    template <class Unsigned>
    void headed(std::uint8_t head, Unsigned value) {
        char* at = grow(1 + sizeof(Unsigned));
        *at = static_cast<char>(head);
        const Unsigned big_end_first = swapped(value);
        std::memcpy(at + 1, &big_end_first, sizeof(Unsigned));
    }
    void sized(std::string_view bytes, std::uint8_t head_8, std::uint8_t head_16,
               std::uint8_t head_32) {
        if (bytes.size() <= 0xFF) {
            headed(head_8, static_cast<std::uint8_t>(bytes.size()));
        } else if (bytes.size() <= 0xFFFF) {
            headed(head_16, static_cast<std::uint16_t>(bytes.size()));
        } else {
            headed(head_32, static_cast<std::uint32_t>(bytes.size()));
        }
        raw(bytes);
    }

    std::string bytes_;  // behind size_ lies room
    std::size_t size_ = 0;
};

/// The thread's packer, empty. One use at a time, as nothing that is packed encodes anything
/// itself.
Packer& thread_packer();

/// Thrown inside the codec only; decode() turns it into an Error.
struct DecodeFailure {
    std::string why;
};

[[noreturn]] void refuse(std::string_view field, std::string_view why);

/// Reads forms one after the other; what is not as asked for is refused with the field's name.
class Unpacker {
  public:
    explicit Unpacker(std::string_view bytes)
        : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

    [[nodiscard]] bool is_at_end() const noexcept { return at_ == end_; }
    /// Whether all that was read had its shortest form.
    [[nodiscard]] bool is_canonical() const noexcept { return is_canonical_; }
    /// For readers that know a reason of their own.
    void not_canonical() noexcept { is_canonical_ = false; }

    bool take_nil() {
        if (at_ == end_ || static_cast<std::uint8_t>(*at_) != head_nil) return false;
        ++at_;
        return true;
    }
    bool boolean(std::string_view field) {
        const std::uint8_t head = byte();
        if (head != head_true && head != head_false) refuse(field, "is not true or false.");
        return head == head_true;
    }
    double real(std::string_view field);
    template <class T>
    T number(std::string_view field) {
        const std::uint8_t head = byte();
        if (head < 0x80) return static_cast<T>(head);  // fits every integer
        if (head >= head_negative) return in_range<T>(static_cast<std::int8_t>(head), field);
        return long_number<T>(head, field);
    }
    std::string_view text(std::string_view field, std::uint32_t bytes_max) {
        const std::uint8_t head = byte();
        std::size_t size = head - head_fix_text;
        if (head < head_fix_text || size >= 32)
            size = long_size(head, head_text_8, 32, field, "is not text.");
        if (size > bytes_max) refuse(field, "is too long.");
        const std::string_view text = bytes(size);
        if (!is_plain(text) && !is_utf8(text)) refuse(field, "is not UTF-8.");
        return text;
    }
    std::string_view bin(std::string_view field) {
        return bytes(long_size(byte(), head_bin_8, 0, field, "is not bytes."));
    }
    /// How many elements follow; at least so many bytes do.
    std::size_t list(std::string_view field, std::string_view why) {
        const std::uint8_t head = byte();
        std::size_t count = head - head_fix_list;
        if (head < head_fix_list || count >= 16) {
            if (head != head_list_16 && head != head_list_32) refuse(field, why);
            count =
                head == head_list_16 ? unsigned_of<std::uint16_t>() : unsigned_of<std::uint32_t>();
            if (count < 16 || (head == head_list_32 && count <= 0xFFFF)) not_canonical();
        }
        if (count > static_cast<std::size_t>(end_ - at_)) end_too_early();
        return count;
    }

  private:
    [[noreturn]] static void end_too_early();
    std::uint8_t byte() {
        if (at_ == end_) end_too_early();
        return static_cast<std::uint8_t>(*at_++);
    }
    std::string_view bytes(std::size_t size) {
        if (size > static_cast<std::size_t>(end_ - at_)) end_too_early();
        const std::string_view taken(at_, size);
        at_ += size;
        return taken;
    }
    template <class Unsigned>
    Unsigned unsigned_of() {
        Unsigned value = 0;
        std::memcpy(&value, bytes(sizeof value).data(), sizeof value);
        return swapped(value);
    }
    template <class Unsigned>
    std::uint64_t at_least(std::uint64_t least) {
        const std::uint64_t value = unsigned_of<Unsigned>();
        if (value < least) not_canonical();
        return value;
    }
    template <class Unsigned>
    std::int64_t below(std::int64_t bound) {
        const std::int64_t value =
            static_cast<std::make_signed_t<Unsigned>>(unsigned_of<Unsigned>());
        if (value >= bound) not_canonical();
        return value;
    }
    template <class T, class Value>
    static T in_range(Value value, std::string_view field) {
        if (!std::in_range<T>(value)) refuse(field, "is out of range.");
        return static_cast<T>(value);
    }
    template <class T>
    T long_number(std::uint8_t head, std::string_view field) {
        switch (head) {
            case head_uint_8:
                return in_range<T>(at_least<std::uint8_t>(0x80), field);
            case head_uint_16:
                return in_range<T>(at_least<std::uint16_t>(0x100), field);
            case head_uint_32:
                return in_range<T>(at_least<std::uint32_t>(0x1'0000), field);
            case head_uint_64:
                return in_range<T>(at_least<std::uint64_t>(0x1'0000'0000), field);
            case head_int_8:
                return in_range<T>(below<std::uint8_t>(-32), field);
            case head_int_16:
                return in_range<T>(below<std::uint16_t>(INT8_MIN), field);
            case head_int_32:
                return in_range<T>(below<std::uint32_t>(INT16_MIN), field);
            case head_int_64:
                return in_range<T>(below<std::uint64_t>(INT32_MIN), field);
            default:
                refuse(field, "is not an integer.");
        }
    }
    /// A size of 8, 16 or 32 bits behind heads that follow each other; below `least` another form
    /// is shorter.
    std::size_t long_size(std::uint8_t head, std::uint8_t head_8, std::size_t least,
                          std::string_view field, std::string_view why) {
        if (head == head_8) return at_least<std::uint8_t>(least);
        if (head == head_8 + 1) return at_least<std::uint16_t>(0x100);
        if (head == head_8 + 2) return at_least<std::uint32_t>(0x1'0000);
        refuse(field, why);
    }
    /// ASCII, which most texts are.
    static bool is_plain(std::string_view text) noexcept {
        std::uint64_t seen = 0;
        std::size_t i = 0;
        for (; i + sizeof seen <= text.size(); i += sizeof seen) {
            std::uint64_t part = 0;
            std::memcpy(&part, text.data() + i, sizeof part);
            seen |= part;
        }
        for (; i < text.size(); ++i) seen |= static_cast<std::uint8_t>(text[i]);
        return (seen & 0x8080'8080'8080'8080U) == 0;
    }

    const char* at_;
    const char* end_;
    bool is_canonical_ = true;
};

}  // namespace ait::detail
