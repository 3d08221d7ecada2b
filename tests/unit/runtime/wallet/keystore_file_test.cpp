#include "runtime/wallet/keystore_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "runtime/base/crypto/hash.hpp"
#include "runtime/base/crypto/keys.hpp"
#include "runtime/wallet/sealed.hpp"
#include "tests/unit/runtime/seeded_random.hpp"

namespace ait::wallet {
namespace {

using testing::HasSubstr;

KeystoreFile sample() {
    SeededRandom random(21);
    KeystoreFile file;
    file.name = "test_wallet";
    file.public_key = crypto::SecretKey::generate(random).public_key();
    file.address = crypto::address_of(file.public_key);
    file.created_at = "2026-11-21T08:15:30.123Z";
    file.cost = {.memory_kib = 65'536, .passes = 3};
    file.salt = random.bytes(salt_bytes);
    file.nonce = random.bytes(nonce_bytes);
    file.ciphertext = random.bytes(53);
    return file;
}

/// The text of the sample with its first `from` replaced.
std::string changed(const std::string& from, const std::string& to) {
    std::string text = render_keystore(sample());
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

TEST(KeystoreFile, is_read_as_it_was_written) {
    const auto file = parse_keystore(render_keystore(sample()));
    ASSERT_TRUE(file.ok());
    EXPECT_EQ(file.value(), sample());
}

TEST(KeystoreFile, may_be_laid_out_otherwise) {
    std::string text = render_keystore(sample());
    std::erase_if(text, [](char c) { return c == '\n' || c == ' '; });
    EXPECT_EQ(parse_keystore(text).value(), sample());
}

// Breaks if a file from elsewhere could take all memory or hours of work.
TEST(KeystoreFile, bounds_the_cost_that_a_file_asks_for) {
    for (const char* memory : {"4294967296", "262145", "7", "0", "-1", "65536.0", "\"65536\"",
                               "1e5", "18446744073709551616", "null", "[]", "{}"}) {
        const auto file = parse_keystore(changed("65536", memory));
        ASSERT_FALSE(file.ok()) << memory;
        EXPECT_EQ(file.error().code, ErrorCode::corrupt_data) << memory;
    }
    EXPECT_TRUE(parse_keystore(changed("65536", "262144")).ok());
    for (const char* passes : {"0", "11", "-3", "3.0", "\"3\"", "4294967299"}) {
        const auto file =
            parse_keystore(changed("\"passes\": 3", std::string("\"passes\": ") + passes));
        ASSERT_FALSE(file.ok()) << passes;
        EXPECT_THAT(file.error().why, HasSubstr("passes")) << passes;
    }
}

TEST(KeystoreFile, names_the_field_that_is_wrong) {
    const std::tuple<const char*, const char*, const char*> rows[] = {
        {"\"test_wallet\"", "\"../test\"", "name"},
        {"\"test_wallet\"", "\"\"", "name"},
        {"\"test_wallet\"", "7", "name"},
        {"\"ait1", "\"AIT1", "address"},
        {"\"address\": \"", "\"address\": \" ", "address"},
        {"\"public_key\": \"", "\"public_key\": \"00", "public_key"},
        {"2026-11-21T08", "2026-11-21 08", "created_at"},
        {".123Z", ".123", "created_at"},
        {"argon2id", "scrypt", "kdf.name"},
        {"\"salt\": \"", "\"salt\": \"00", "kdf.salt"},
        {"\"salt\"", "\"seed\"", "kdf"},
        {"xchacha20poly1305", "aes", "cipher.name"},
        {"\"nonce\": \"", "\"nonce\": \"g", "cipher.nonce"},
        {"\"nonce\"", "\"none\"", "cipher"},
        {"\"ciphertext\": \"", "\"ciphertext\": \"=", "ciphertext"},
    };
    for (const auto& [from, to, field] : rows) {
        const auto file = parse_keystore(changed(from, to));
        ASSERT_FALSE(file.ok()) << from;
        EXPECT_EQ(file.error().code, ErrorCode::corrupt_data) << from;
        EXPECT_THAT(file.error().why, HasSubstr("\"" + std::string(field) + "\"")) << from;
    }
}

// Breaks if upper-case or otherwise respelled values gave one wallet two texts.
TEST(KeystoreFile, refuses_upper_case_hexadecimal) {
    std::string text = render_keystore(sample());
    const std::size_t key = text.find("\"public_key\": \"") + 15;
    const std::size_t letter = text.find_first_of("abcdef", key);
    text[letter] = static_cast<char>(text[letter] - 'a' + 'A');
    EXPECT_FALSE(parse_keystore(text).ok());
}

TEST(KeystoreFile, refuses_unknown_missing_and_doubled_fields) {
    const std::pair<const char*, const char*> rows[] = {
        {"\"version\"", "\"note\": 1, \"version\""},
        {"\"version\": 1,", "\"version\": 1, \"version\": 1,"},
        {"\"passes\"", "\"lanes\": 1, \"passes\""},
        {"\"passes\": 3,", "\"passes\": 3, \"passes\": 3,"},
        {"\"name\": \"test_wallet\",", ""},
        {"\"nonce\"", "\"tag\": 0, \"nonce\""},
    };
    for (const auto& [from, to] : rows) {
        const auto file = parse_keystore(changed(from, to));
        ASSERT_FALSE(file.ok()) << to;
        EXPECT_EQ(file.error().code, ErrorCode::corrupt_data) << to;
    }
}

TEST(KeystoreFile, refuses_what_is_not_strict_json) {
    const std::string text = render_keystore(sample());
    for (const std::string& wrong :
         {std::string(), std::string("null"), std::string("[]"), std::string("7"), text + "x",
          text + text, "// note\n" + text, "\xEF\xBB" + text, text.substr(0, text.size() - 3),
          std::string(2'000, '['), "{\"a\":" + std::string(1'000, '{'), std::string("{}"),
          std::string("{\"version\": {\"a\": {\"b\": 1}}}")}) {
        EXPECT_FALSE(parse_keystore(wrong).ok()) << wrong.substr(0, 40);
    }
}

TEST(KeystoreFile, refuses_files_that_are_too_large) {
    std::string text = render_keystore(sample());
    text.append(keystore_bytes_max - text.size(), ' ');
    EXPECT_TRUE(parse_keystore(text).ok());
    EXPECT_THAT(parse_keystore(text + " ").error().why, HasSubstr("4096"));
}

TEST(KeystoreFile, bounds_the_sealed_part) {
    for (const std::size_t size : {0UL, 32UL, 129UL, 400UL}) {
        KeystoreFile file = sample();
        file.ciphertext = std::string(size, 'c');
        EXPECT_FALSE(parse_keystore(render_keystore(file)).ok()) << size;
    }
}

TEST(KeystoreFile, says_when_it_is_of_a_later_version) {
    EXPECT_EQ(parse_keystore(changed("\"version\": 1", "\"version\": 2")).error().code,
              ErrorCode::unsupported);
    EXPECT_EQ(parse_keystore("{\"version\": 2, \"new\": true}").error().code,
              ErrorCode::unsupported);
    EXPECT_EQ(parse_keystore(changed("\"version\": 1", "\"version\": 0")).error().code,
              ErrorCode::corrupt_data);
}

// Breaks if two files with different facts were sealed under the same associated data.
TEST(KeystoreFile, every_fact_changes_the_associated_data) {
    std::set<std::string> seen{associated_data(sample())};
    const auto differs = [&seen](auto change) {
        KeystoreFile file = sample();
        change(file);
        EXPECT_TRUE(seen.insert(associated_data(file)).second);
    };
    differs([](KeystoreFile& file) { file.name = "other"; });
    differs([](KeystoreFile& file) { file.address.bytes[0] ^= 1U; });
    differs([](KeystoreFile& file) { file.public_key.bytes[0] ^= 1U; });
    differs([](KeystoreFile& file) { file.created_at[0] = '1'; });
    differs([](KeystoreFile& file) { file.cost.memory_kib = 8; });
    differs([](KeystoreFile& file) { file.cost.passes = 1; });
    differs([](KeystoreFile& file) { file.salt[0] = static_cast<char>(file.salt[0] ^ 1); });
    differs([](KeystoreFile& file) { file.nonce[0] = static_cast<char>(file.nonce[0] ^ 1); });
}

// Breaks if a wallet could be named so that its file lands elsewhere.
TEST(WalletName, allows_letters_digits_dash_and_underscore_only) {
    for (const char* right : {"a", "default", "Test_Wallet-1", "-", "active"}) {
        EXPECT_TRUE(is_wallet_name(right)) << right;
    }
    EXPECT_TRUE(is_wallet_name(std::string(64, 'a')));
    EXPECT_FALSE(is_wallet_name(std::string(65, 'a')));
    for (const char* wrong :
         {"", ".", "..", "a/b", "/a", "a.b", "a b", "a\n", "%2e", "a\\b", "\xC3\xA9"}) {
        EXPECT_FALSE(is_wallet_name(wrong)) << wrong;
    }
    EXPECT_FALSE(is_wallet_name(std::string_view("a\0b", 3)));
}

TEST(WalletSecretBytes, are_read_as_they_were_written_and_nothing_else_is_read) {
    using Kind = WalletSecret::Kind;
    for (const Kind kind : {Kind::mnemonic, Kind::seed}) {
        for (std::size_t size = 0; size <= 40; ++size) {
            const WalletSecret secret{.kind = kind,
                                      .account = kind == Kind::mnemonic ? 7U : 0U,
                                      .bytes = crypto::Secret::copy_of(std::string(size, 's'))};
            const auto again = decode_wallet_secret(encode_wallet_secret(secret).view());
            const bool allowed =
                kind == Kind::seed ? size == 32 : size >= 16 && size <= 32 && size % 4 == 0;
            ASSERT_EQ(again.ok(), allowed) << size;
            if (!allowed) continue;
            EXPECT_EQ(again.value().kind, kind);
            EXPECT_EQ(again.value().account, secret.account);
            EXPECT_TRUE(again.value().bytes.equals(secret.bytes));
        }
    }
    const std::string entropy(16, 'e');
    EXPECT_FALSE(decode_wallet_secret("").ok());
    EXPECT_FALSE(decode_wallet_secret(std::string_view("\x01\0\0\0", 4)).ok());
    EXPECT_FALSE(decode_wallet_secret(std::string("\x01\x80\0\0\0", 5) + entropy).ok());
    EXPECT_FALSE(decode_wallet_secret(std::string("\x03\0\0\0\0", 5) + entropy).ok());
    EXPECT_FALSE(decode_wallet_secret(std::string("\x02\0\0\0\1", 5) + entropy + entropy).ok());
}

}  // namespace
}  // namespace ait::wallet
