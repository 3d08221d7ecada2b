#include "runtime/base/codec/msgpack.hpp"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace ait
