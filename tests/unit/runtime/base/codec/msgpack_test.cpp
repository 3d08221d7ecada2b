#include "runtime/base/codec/msgpack.hpp"

#include <gtest/gtest.h>

namespace ait {
namespace {

struct Measured {
    double value = 0;
    static constexpr auto fields() {
        return std::tuple{field("value", &Measured::value, "")};
    }
};

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
