#include "runtime/base/crypto/hash.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/runtime/seeded_random.hpp"

namespace ait::crypto {
namespace {

// Breaks if hashes differed from those of every other BLAKE2b: proofs could not be checked
// elsewhere.
TEST(Blake2b, matches_known_values) {
    EXPECT_EQ(to_hex(blake2b_256("").view()),
              "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
    EXPECT_EQ(to_hex(blake2b_256("abc").view()),
              "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

TEST(Hasher, gives_the_same_hash_however_the_bytes_are_cut) {
    SeededRandom random(3);
    const std::string bytes = random.bytes(1'000);
    for (std::size_t cut = 0; cut <= bytes.size(); cut += 37) {
        const std::string_view view(bytes);
        Hasher hasher;
        hasher.update(view.substr(0, cut)).update({}).update(view.substr(cut));
        EXPECT_EQ(hasher.finish(), blake2b_256(bytes)) << cut;
    }
}

TEST(Hasher, a_copy_goes_its_own_way) {
    Hasher first;
    first.update("a");
    Hasher second = first;
    EXPECT_EQ(first.update("b").finish(), blake2b_256("ab"));
    EXPECT_EQ(second.update("c").finish(), blake2b_256("ac"));
}

TEST(HasherDeathTest, cannot_be_used_after_its_end) {
    Hasher hasher;
    EXPECT_FALSE(hasher.finish().is_zero());
    EXPECT_DEATH((void)hasher.finish(), "finished_");
}

// Breaks if addresses changed: money would sit at addresses that nobody has.
TEST(AddressOf, is_the_20_byte_blake2b_of_the_key) {
    const auto key = fixed_from_hex<PublicKey>(
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    EXPECT_EQ(to_hex(address_of(key.value()).view()), "1b3517cf5af0ac86b8efe88452908c45f5c7e079");
}

}  // namespace
}  // namespace ait::crypto
