#include "runtime/base/crypto/keys.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/runtime/seeded_random.hpp"

namespace ait::crypto {
namespace {

constexpr std::uint64_t seed = 5;

PublicKey key_from(std::string_view hex) {
    return fixed_from_hex<PublicKey>(hex).value();
}
Signature signature_from(std::string_view hex) {
    return fixed_from_hex<Signature>(hex).value();
}

/// The same signature with S + L in place of S: the classic second spelling.
Signature with_order_added(Signature signature) {
    const std::string order =
        from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").value();
    unsigned carry = 0;
    for (std::size_t i = 0; i < 32; ++i) {
        const unsigned sum = signature.bytes[32 + i] + static_cast<std::uint8_t>(order[i]) + carry;
        signature.bytes[32 + i] = static_cast<std::uint8_t>(sum & 0xffU);
        carry = sum >> 8U;
    }
    return signature;
}

struct Rfc8032Case {
    const char* secret;
    const char* key;
    const char* message;
    const char* signature;
};
constexpr Rfc8032Case rfc_8032_cases[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "46b"
     "d25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d8c"
     "387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "659"
     "4a7c15e9716ed28dc027beceea1ec40a"},
};

// Breaks if our keys and signatures were not those of RFC 8032.
TEST(Ed25519, matches_rfc_8032) {
    for (const Rfc8032Case& row : rfc_8032_cases) {
        const auto key = SecretKey::from_seed(from_hex(row.secret).value());
        EXPECT_EQ(key.value().public_key(), key_from(row.key));
        const std::string message = from_hex(row.message).value();
        EXPECT_TRUE(verify_untagged(key_from(row.key), message, signature_from(row.signature)));
        EXPECT_FALSE(
            verify_untagged(key_from(row.key), message + "x", signature_from(row.signature)));
    }
}

TEST(SecretKey, signs_what_its_public_key_verifies) {
    SeededRandom random(seed);
    for (std::size_t size = 0; size < 200; size += 13) {
        const SecretKey key = SecretKey::generate(random);
        const std::string message = random.bytes(size);
        const Signature signature = key.sign("test", message);
        EXPECT_TRUE(verify(key.public_key(), "test", message, signature));
        EXPECT_TRUE(verify_untagged(key.public_key(), "test|" + message, signature));
        EXPECT_EQ(key.sign("test", message), signature);
    }
}

// Breaks if a signature for one purpose were accepted for another.
TEST(SecretKey, a_signature_is_bound_to_domain_message_and_key) {
    SeededRandom random(seed);
    const SecretKey key = SecretKey::generate(random);
    const SecretKey other = SecretKey::generate(random);
    const Signature signature = key.sign("ait-tx", "pay 10");
    EXPECT_FALSE(verify(key.public_key(), "ait-vote", "pay 10", signature));
    EXPECT_FALSE(verify(key.public_key(), "ait-tx", "pay 11", signature));
    EXPECT_FALSE(verify(other.public_key(), "ait-tx", "pay 10", signature));
    EXPECT_FALSE(verify(key.public_key(), "ait-t", "x|pay 10", signature));
}

// Breaks if a changed signature still counted.
TEST(Verification, refuses_every_single_changed_bit) {
    SeededRandom random(seed);
    const SecretKey key = SecretKey::generate(random);
    const Signature signature = key.sign("test", "message");
    for (std::size_t bit = 0; bit < Signature::size * 8; ++bit) {
        Signature changed = signature;
        changed.bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        EXPECT_FALSE(verify(key.public_key(), "test", "message", changed)) << bit;
    }
    for (std::size_t bit = 0; bit < PublicKey::size * 8; ++bit) {
        PublicKey changed = key.public_key();
        changed.bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        EXPECT_FALSE(verify(changed, "test", "message", signature)) << bit;
    }
}

// Breaks if one transaction had two valid signatures, hence two ids.
TEST(Verification, refuses_a_second_spelling_of_s) {
    SeededRandom random(seed);
    for (int i = 0; i < 16; ++i) {
        const SecretKey key = SecretKey::generate(random);
        const Signature signature = key.sign("test", "message");
        EXPECT_FALSE(verify(key.public_key(), "test", "message", with_order_added(signature)));
    }
}

// Breaks if somebody could use a key under which one signature fits many messages: with such a key
// A the equation S*B = R + h*A holds for S = 0 and R = identity whenever h*A vanishes.
TEST(Verification, refuses_keys_and_r_of_small_order) {
    constexpr const char* small_order[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    for (const char* key : small_order) {
        for (const char* r : small_order) {
            const Signature signature = signature_from(r + std::string(64, '0'));
            for (int i = 0; i < 16; ++i) {
                EXPECT_FALSE(
                    verify_untagged(key_from(key), "message " + std::to_string(i), signature))
                    << key << " " << r;
            }
        }
    }
}

struct EdgeCase {
    const char* message;
    const char* key;
    const char* signature;
    bool valid;
};
// Chalkias, Garillot, Nikolaenko: Taming the many EdDSAs (2020), their published test vectors. The
// valid one has a key with a part of small order beside a proper one, which RFC 8032 allows; it is
// the row on which every strict library agrees.
constexpr EdgeCase edge_cases[] = {
    // small-order key and R, S = 0
    {"8c93255d71dcab10e8f379c26200f3c7bd5f09d9bc3068d3ef4edeb4853022b6",
     "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
     "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a00000000000000000000000000000"
     "00000"
     "000000000000000000000000000000",
     false},
    // small-order key
    {"9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
     "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
     "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43a5bb704786be79fc476f91d3f3f89"
     "b0398"
     "4d8068dcf1bb7dfc6637b45450ac04",
     false},
    // small-order R
    {"aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab",
     "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
     "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa8c4bd45aecaca5b24fb97bc10ac27"
     "ac875"
     "1a7dfe1baff8b953ec9f5833ca260e",
     false},
    // key and R of mixed order
    {"9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
     "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
     "9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f87909e14428a7a1d62e9f22f3d3ad"
     "7802d"
     "b02eb2e688b6c52fcd6648a98bd009",
     true},
    // valid only when the equation is multiplied by the cofactor
    {"e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
     "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
     "160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed5125ec6bc982a269b723e0668e540911"
     "a9a6a"
     "58921d6925e434ab10aa7940551a09",
     false},
    {"e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
     "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
     "21122a84e0b5fca4052f5b1235c80a537878b38f3142356b2c2384ebad4668b7e40bc836dac0f71076f9abe3a53f9"
     "c03c1"
     "ceeeddb658d0030494ace586687405",
     false},
    // S above the group order
    {"85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
     "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
     "e96f66be976d82e60150baecff9906684aebb1ef181f67a7189ac78ea23b6c0e547f7690a0e2ddcd04d87dbc3490d"
     "c19b3"
     "b3052f7ff0538cb68afb369ba3a514",
     false},
    {"85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
     "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
     "8ce5b96c8f26d0ab6c47958c9e68b937104cd36e13c33566acd2fe8d38aa19427e71f98a473474f2f13f06f97c20d"
     "58cc3"
     "f54b8bd0d272f42b695dd7e89a8c22",
     false},
    // R written in a second way
    {"9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
     "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
     "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff03be9678ac102edcd92b0210bb34d"
     "7428d"
     "12ffc5df5f37e359941266a4e35f0f",
     false},
    {"9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
     "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
     "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffca8c5b64cd208982aa38d4936621a"
     "4775a"
     "a233aa0505711d8fdcfdaa943d4908",
     false},
    // key written in a second way
    {"e96b7021eb39c1a163b6da4e3093dcd3f21387da4cc4572be588fafae23c155b",
     "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
     "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dca5bb704786be79fc476f91d3f3f89"
     "b0398"
     "4d8068dcf1bb7dfc6637b45450ac04",
     false},
    {"39a591f5321bbe07fd5a23dc2f39d025d74526615746727ceefd6e82ae65c06f",
     "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
     "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dca5bb704786be79fc476f91d3f3f89"
     "b0398"
     "4d8068dcf1bb7dfc6637b45450ac04",
     false},
};

// Breaks if nodes with another library disagreed about a signature: the chain would split.
TEST(Verification, judges_the_published_edge_cases_strictly) {
    std::size_t index = 0;
    for (const EdgeCase& row : edge_cases) {
        EXPECT_EQ(verify_untagged(key_from(row.key), from_hex(row.message).value(),
                                  signature_from(row.signature)),
                  row.valid)
            << "case " << index;
        ++index;
    }
}

TEST(SecretKey, comes_back_from_its_seed) {
    SeededRandom random(seed);
    const SecretKey key = SecretKey::generate(random);
    const auto again = SecretKey::from_seed(key.seed().view());
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again.value().public_key(), key.public_key());
    EXPECT_EQ(again.value().sign("test", "x"), key.sign("test", "x"));
}

TEST(SecretKey, refuses_every_other_seed_length) {
    for (const std::size_t size : {0U, 31U, 33U, 64U}) {
        const auto key = SecretKey::from_seed(std::string(size, 'a'));
        ASSERT_FALSE(key.ok());
        EXPECT_EQ(key.error().code, ErrorCode::malformed);
    }
}

// Breaks if two pairs of domain and message could share their signed bytes.
TEST(SecretKeyDeathTest, a_domain_is_not_empty_and_has_no_separator) {
    SeededRandom random(seed);
    const SecretKey key = SecretKey::generate(random);
    EXPECT_DEATH((void)key.sign("a|b", "c"), "domain");
    EXPECT_DEATH((void)key.sign("", "c"), "domain");
}

TEST(SecretKeyDeathTest, a_key_that_was_moved_away_signs_nothing) {
    SeededRandom random(seed);
    SecretKey key = SecretKey::generate(random);
    const SecretKey taken = std::move(key);
    // NOLINTNEXTLINE(bugprone-use-after-move): that this stops the process is what we test.
    EXPECT_DEATH((void)key.sign("test", "x"), "bytes_ != nullptr");
}

}  // namespace
}  // namespace ait::crypto
