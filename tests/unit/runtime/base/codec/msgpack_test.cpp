#include "runtime/base/codec/msgpack.hpp"

#include <gtest/gtest.h>

#include <msgpack.hpp>

namespace ait {
namespace {

struct Measured {
    double value = 0;
    static constexpr auto fields() { return std::tuple{field("value", &Measured::value, "")}; }
};

struct Wires {
    std::vector<Blob> wires{};
    static constexpr auto fields() {
        return std::tuple{field("wires", &Wires::wires, "", limits::block_transactions_max)};
    }
};

// Found by benchmarks/jobs restart: a block with a batch or a prompt of more than 4 KiB was logged,
// and could not be read after a crash.
TEST(Msgpack, long_blobs_in_a_list_are_read_back) {
    const Wires written{.wires = {Blob{std::string(5'000, 'a')},
                                  Blob{std::string(limits::blob_bytes_max, 'b')},
                                  Blob{std::string(limits::block_bytes_max, 'c')}}};
    const auto read = decode<Wires>(encode(written));
    ASSERT_TRUE(read.ok()) << read.error().why;
    ASSERT_EQ(read.value().wires.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i)
        EXPECT_EQ(read.value().wires[i].bytes, written.wires[i].bytes);
    const Wires too_long{.wires = {Blob{std::string(2 * limits::block_bytes_max + 1, 'd')}}};
    EXPECT_FALSE(decode<Wires>(encode(too_long)).ok());
}

// Found by json_fuzz: msgpack-c writes a whole number as an integer, which the reader refused.
TEST(Msgpack, whole_and_broken_numbers_are_read_back) {
    for (const double value : {0.0, 1.0, -1.0, 0.5, 1e18, -1e18, 1e300}) {
        const auto read = decode<Measured>(encode(Measured{value}));
        ASSERT_TRUE(read.ok()) << value << ": " << read.error().why;
        EXPECT_EQ(read.value().value, value);
    }
    EXPECT_FALSE(decode<Measured>("\x91\xc0").ok());
}

struct Everything {
    std::uint64_t number = 0;
    std::int64_t sum = 0;
    std::string text{};
    Blob blob{};
    std::vector<std::uint32_t> list{};
    std::optional<bool> flag{};
    double share = 0;
    static constexpr auto fields() {
        using T = Everything;
        return std::tuple{
            field("number", &T::number, ""),      field("sum", &T::sum, ""),
            field("text", &T::text, "", 100'000), field("blob", &T::blob, "", 100'000),
            field("list", &T::list, "", 100'000), field("flag", &T::flag, ""),
            field("share", &T::share, "")};
    }
};

/// The same by the library of the msgpack project, whose forms are the shortest.
std::string by_library(const Everything& value) {
    msgpack::sbuffer bytes;
    msgpack::packer packer(bytes);
    packer.pack_array(7);
    packer.pack_uint64(value.number);
    packer.pack_int64(value.sum);
    packer.pack_str(static_cast<std::uint32_t>(value.text.size()));
    packer.pack_str_body(value.text.data(), static_cast<std::uint32_t>(value.text.size()));
    packer.pack_bin(static_cast<std::uint32_t>(value.blob.bytes.size()));
    packer.pack_bin_body(value.blob.bytes.data(),
                         static_cast<std::uint32_t>(value.blob.bytes.size()));
    packer.pack(value.list);
    if (value.flag)
        packer.pack(*value.flag);
    else
        packer.pack_nil();
    packer.pack_double(value.share);
    return {bytes.data(), bytes.size()};
}

// Breaks if other programs read other values from our bytes, or write other bytes for the same.
TEST(Msgpack, every_form_at_its_edges_is_that_of_the_msgpack_library) {
    std::vector<std::uint64_t> edges;
    for (const unsigned bits : {5U, 7U, 8U, 15U, 16U, 31U, 32U, 63U}) {
        for (const std::uint64_t near : {0ULL, 1ULL, 2ULL})
            edges.push_back((std::uint64_t{1} << bits) - 1 + near);
    }
    edges.push_back(UINT64_MAX);
    for (const std::uint64_t edge : edges) {
        const std::size_t size = edge < 70'000 ? edge : 3;
        const Everything value{.number = edge,
                               .sum = -static_cast<std::int64_t>(edge - 1),
                               .text = std::string(size, 't'),
                               .blob = Blob{std::string(size, '\xff')},
                               .list = std::vector<std::uint32_t>(size, 7),
                               .flag = edge % 2 == 0 ? std::optional(true) : std::nullopt,
                               .share = static_cast<double>(edge) / 3};
        const std::string bytes = encode(value);
        ASSERT_EQ(bytes, by_library(value)) << edge;
        const auto read = decode_canonical<Everything>(bytes);
        ASSERT_TRUE(read.ok()) << edge << ": " << read.error().why;
        EXPECT_EQ(encode(read.value()), bytes);
        EXPECT_EQ(encode(value, "before"), "before" + bytes);
    }
}

// Breaks if a signed value had two wire forms: its leaf and its hash could differ.
TEST(Msgpack, longer_forms_are_read_and_are_not_canonical) {
    struct Case {
        std::string bytes;
        bool is_canonical;
    };
    const std::string nil_and_zero = "\xc0" + std::string(1, '\0');
    const std::string tail = "\xa0\xc4" + std::string(1, '\0') + "\x90" + nil_and_zero;
    for (const auto& [head, is_canonical] :
         {Case{std::string("\x97\x05\x07"), true}, Case{std::string("\x97\xcc\x05\x07"), false},
          Case{std::string("\x97\xcd\x00\x05\x07", 5), false},
          Case{std::string("\x97\x05\xd0\x07"), false},
          Case{std::string("\x97\x05\xd1\xff\xfe"), false},
          Case{std::string("\xdc\x00\x07\x05\x07", 5), false}}) {
        const std::string bytes = head + tail;
        ASSERT_TRUE(decode<Everything>(bytes).ok()) << to_hex(bytes);
        EXPECT_EQ(decode<Everything>(bytes).value().number, 5U);
        EXPECT_EQ(decode_canonical<Everything>(bytes).ok(), is_canonical) << to_hex(bytes);
    }
}

// Breaks if bytes from outside could be read past their end, or make room for what never comes.
TEST(Msgpack, every_beginning_of_a_record_is_refused) {
    const std::string bytes = encode(Everything{.number = 1'000'000,
                                                .sum = -40'000,
                                                .text = std::string(300, 't'),
                                                .blob = Blob{std::string(70'000, 'b')},
                                                .list = {1, 2, 3},
                                                .flag = true,
                                                .share = 0.3});
    for (std::size_t size = 0; size < bytes.size(); size += size < 320 ? 1 : 97)
        EXPECT_FALSE(decode<Everything>(std::string_view(bytes).substr(0, size)).ok()) << size;
    EXPECT_FALSE(decode<Everything>(bytes + "x").ok());
    EXPECT_FALSE(decode<Wires>("\x91\xdd\x00\x00\x04\x00").ok());
    EXPECT_FALSE(decode<Wires>(std::string("\x91\xdd\x00\x00\x04\x00", 6)).ok());
}

}  // namespace
}  // namespace ait
