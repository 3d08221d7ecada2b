#include "runtime/wallet/keystore.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "runtime/base/crypto/bech32m.hpp"
#include "runtime/base/crypto/hash.hpp"
#include "tests/unit/runtime/seeded_random.hpp"
#include "tests/unit/runtime/wallet/scratch_folder.hpp"

namespace ait::wallet {
namespace {

using crypto::Secret;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr KdfCost quick{.memory_kib = 8, .passes = 1};
constexpr std::string_view phrase =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
// Computed by another program from the phrase and m/44'/4278612'/0'.
constexpr std::string_view phrase_address = "ait1gqcrtq0xq3q53lzkkx9jwg05t8v3z43j0lnagf";

struct Fixture {
    ScratchFolder scratch{};
    ManualClock clock{1'795'248'930'123};
    WalletStore store{scratch.path() / "wallets", system_random(), clock, quick};
    Secret password = Secret::copy_of("correct horse");
    Secret other_password = Secret::copy_of("battery staple");
    Secret words = Secret::copy_of(phrase);

    [[nodiscard]] std::filesystem::path file(const std::string& name) const {
        return scratch.path() / "wallets" / (name + ".json");
    }
};

std::vector<std::string> names_of(const WalletStore& store) {
    std::vector<std::string> names;
    const auto wallets = store.list();
    EXPECT_TRUE(wallets.ok());
    for (const WalletFacts& facts : wallets.value()) names.push_back(facts.name);
    return names;
}

TEST(WalletStore, creates_a_wallet_that_its_password_opens) {
    Fixture f;
    const auto created = f.store.create("test_wallet", f.password);
    ASSERT_TRUE(created.ok());
    const WalletFacts& facts = created.value().facts;
    EXPECT_EQ(facts.name, "test_wallet");
    EXPECT_EQ(facts.created_at, to_rfc3339(f.clock.now_unix_ms()));
    EXPECT_EQ(facts.address, crypto::address_of(facts.public_key));
    EXPECT_EQ(mode_of(f.file("test_wallet")), 0600U);

    const auto key = f.store.unlock("test_wallet", f.password);
    ASSERT_TRUE(key.ok());
    EXPECT_EQ(key.value().public_key(), facts.public_key);
    EXPECT_EQ(f.store.find("test_wallet").value().address, facts.address);
    EXPECT_TRUE(f.store.export_mnemonic("test_wallet", f.password)
                    .value()
                    .equals(created.value().mnemonic));
}

// Breaks if the words on paper did not bring the money back.
TEST(WalletStore, restores_the_same_wallet_from_its_words_on_another_machine) {
    Fixture here;
    Fixture there;
    for (const std::uint32_t count : {12U, 24U}) {
        const std::string name = "w" + std::to_string(count);
        const auto created = here.store.create(name, here.password, count);
        ASSERT_TRUE(created.ok());
        const auto restored =
            there.store.restore(name, created.value().mnemonic, there.other_password);
        ASSERT_TRUE(restored.ok());
        EXPECT_EQ(restored.value().address, created.value().facts.address);
        EXPECT_TRUE(there.store.unlock(name, there.other_password).ok());
    }
    EXPECT_EQ(here.store.create("w13", here.password, 13).error().code,
              ErrorCode::invalid_argument);
}

// Breaks if derivation changed between releases.
TEST(WalletStore, gives_a_known_phrase_its_known_address) {
    Fixture f;
    const auto first = f.store.restore("first", f.words, f.password);
    ASSERT_TRUE(first.ok());
    EXPECT_EQ(crypto::to_text(first.value().address), phrase_address);
    const auto second = f.store.restore("second", f.words, f.password, 1);
    ASSERT_TRUE(second.ok());
    EXPECT_NE(second.value().address, first.value().address);
    EXPECT_EQ(f.store.export_mnemonic("second", f.password).value().view(), phrase);
    EXPECT_EQ(f.store.unlock("second", f.password).value().public_key(), second.value().public_key);
    EXPECT_EQ(f.store.restore("third", f.words, f.password, 0x8000'0000).error().code,
              ErrorCode::invalid_argument);
    EXPECT_FALSE(std::filesystem::exists(f.file("third")));
}

// Breaks if the file format drifted: wallets of earlier releases would not open. The file was made
// by another program (PyNaCl), so it also checks our use of Argon2id and XChaCha20-Poly1305.
TEST(WalletStore, opens_a_file_of_the_first_release) {
    Fixture f;
    ASSERT_TRUE(f.store.create("maker_of_the_folder", f.password).ok());
    write_text(f.file("golden"),
               read_text(AIT_SOURCE_DIR "/tests/unit/runtime/wallet/golden_keystore.json"));
    EXPECT_EQ(crypto::to_text(f.store.find("golden").value().address), phrase_address);
    EXPECT_EQ(f.store.export_mnemonic("golden", f.password).value().view(), phrase);
}

TEST(WalletStore, imports_and_exports_a_single_key) {
    Fixture f;
    SeededRandom random(4);
    const auto key = crypto::SecretKey::generate(random);
    const auto facts = f.store.import_seed("imported", key.seed(), f.password);
    ASSERT_TRUE(facts.ok());
    EXPECT_EQ(facts.value().public_key, key.public_key());
    EXPECT_EQ(f.store.unlock("imported", f.password).value().public_key(), key.public_key());
    EXPECT_TRUE(f.store.export_seed("imported", f.password).value().equals(key.seed()));
    EXPECT_EQ(f.store.export_mnemonic("imported", f.password).error().code, ErrorCode::conflict);
    EXPECT_EQ(f.store.import_seed("short", Secret::copy_of("abc"), f.password).error().code,
              ErrorCode::malformed);
    EXPECT_THAT(names_of(f.store), ElementsAre("imported"));
}

TEST(WalletStore, a_wrong_password_opens_nothing) {
    Fixture f;
    ASSERT_TRUE(f.store.create("a", f.password).ok());
    EXPECT_EQ(f.store.unlock("a", f.other_password).error().code, ErrorCode::wrong_password);
    EXPECT_EQ(f.store.export_mnemonic("a", f.other_password).error().code,
              ErrorCode::wrong_password);
    EXPECT_EQ(f.store.export_seed("a", f.other_password).error().code, ErrorCode::wrong_password);
    EXPECT_EQ(f.store.rename("a", "b", f.other_password).error().code, ErrorCode::wrong_password);
    EXPECT_EQ(f.store.unlock("a", Secret()).error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(names_of(f.store), ElementsAre("a"));
}

TEST(WalletStore, refuses_passwords_and_names_that_break_the_rules) {
    Fixture f;
    EXPECT_EQ(f.store.create("a", Secret::copy_of("short")).error().code,
              ErrorCode::invalid_argument);
    EXPECT_EQ(f.store.create("a", Secret::copy_of(std::string(1'025, 'x'))).error().code,
              ErrorCode::invalid_argument);
    for (const char* name : {"", "../a", "a/b", "a.b", "a b", "a\x1b[31m"}) {
        const auto created = f.store.create(name, f.password);
        ASSERT_FALSE(created.ok()) << name;
        EXPECT_EQ(created.error().code, ErrorCode::invalid_argument) << name;
        EXPECT_THAT(created.error().what, Not(HasSubstr("\x1b")));
        EXPECT_FALSE(f.store.find(name).ok());
        EXPECT_FALSE(f.store.unlock(name, f.password).ok());
        EXPECT_FALSE(f.store.use(name).ok());
    }
    EXPECT_FALSE(std::filesystem::exists(f.scratch.path() / "wallets"));
}

// Breaks if any way of making a wallet could destroy one.
TEST(WalletStore, overwrites_no_wallet) {
    Fixture f;
    ASSERT_TRUE(f.store.create("a", f.password).ok());
    ASSERT_TRUE(f.store.create("b", f.password).ok());
    const std::string before = read_text(f.file("a"));
    EXPECT_EQ(f.store.create("a", f.password).error().code, ErrorCode::already_exists);
    EXPECT_EQ(f.store.restore("a", f.words, f.password).error().code, ErrorCode::already_exists);
    EXPECT_EQ(f.store.import_seed("a", Secret::zeros(32), f.password).error().code,
              ErrorCode::already_exists);
    EXPECT_EQ(f.store.rename("b", "a", f.password).error().code, ErrorCode::already_exists);
    EXPECT_EQ(f.store.rename("a", "a", f.password).error().code, ErrorCode::already_exists);
    EXPECT_EQ(read_text(f.file("a")), before);
    EXPECT_TRUE(f.store.unlock("b", f.password).ok());
}

// Breaks if damage at rest could pass: each bit of the file is flipped once.
TEST(WalletStore, a_file_with_any_bit_flipped_does_not_open) {
    Fixture f;
    ASSERT_TRUE(f.store.create("a", f.password).ok());
    const std::string whole = read_text(f.file("a"));
    const auto parsed = parse_keystore(whole);
    ASSERT_TRUE(parsed.ok());
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
        std::string flipped = whole;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
        const auto file = parse_keystore(flipped);
        if (!file.ok()) continue;
        // The name is compared with the file name; the rest must fail to open.
        if (file.value().name != "a") continue;
        EXPECT_EQ(open_sealed(file.value(), f.password).error().code, ErrorCode::wrong_password)
            << "bit " << bit;
    }
}

// Breaks if somebody could make a wallet show the address of another one.
TEST(WalletStore, facts_of_another_wallet_do_not_open) {
    Fixture f;
    ASSERT_TRUE(f.store.create("a", f.password).ok());
    ASSERT_TRUE(f.store.create("b", f.password).ok());
    auto a = parse_keystore(read_text(f.file("a"))).value();
    const auto b = parse_keystore(read_text(f.file("b"))).value();
    a.public_key = b.public_key;
    a.address = b.address;
    write_text(f.file("a"), render_keystore(a));
    EXPECT_EQ(f.store.unlock("a", f.password).error().code, ErrorCode::wrong_password);
}

// Breaks if two files that were swapped were used for each other.
TEST(WalletStore, swapped_files_are_noticed_without_a_password) {
    Fixture f;
    ASSERT_TRUE(f.store.create("a", f.password).ok());
    ASSERT_TRUE(f.store.create("b", f.password).ok());
    const std::string a = read_text(f.file("a"));
    write_text(f.file("a"), read_text(f.file("b")));
    write_text(f.file("b"), a);
    EXPECT_EQ(f.store.find("a").error().code, ErrorCode::corrupt_data);
    EXPECT_EQ(f.store.unlock("b", f.password).error().code, ErrorCode::corrupt_data);
}

// Breaks if salt or nonce were ever used twice.
TEST(WalletStore, every_sealing_has_its_own_salt_and_nonce) {
    Fixture f;
    ASSERT_TRUE(f.store.restore("a", f.words, f.password).ok());
    ASSERT_TRUE(f.store.restore("b", f.words, f.password).ok());
    const auto a = parse_keystore(read_text(f.file("a"))).value();
    const auto b = parse_keystore(read_text(f.file("b"))).value();
    EXPECT_NE(a.salt, b.salt);
    EXPECT_NE(a.nonce, b.nonce);
    EXPECT_NE(a.ciphertext, b.ciphertext);
    ASSERT_TRUE(f.store.rename("a", "c", f.password).ok());
    const auto c = parse_keystore(read_text(f.file("c"))).value();
    EXPECT_NE(c.salt, a.salt);
    EXPECT_NE(c.nonce, a.nonce);
}

TEST(WalletStore, lists_all_wallets_also_those_that_are_damaged) {
    Fixture f;
    EXPECT_THAT(f.store.list().value(), IsEmpty());
    ASSERT_TRUE(f.store.create("b", f.password).ok());
    ASSERT_TRUE(f.store.create("a", f.password).ok());
    write_text(f.file("c"), "{");
    write_text(f.file("not a name"), "{}");
    ASSERT_EQ(::chmod(f.file("b").c_str(), 0644), 0);
    const auto wallets = f.store.list().value();
    EXPECT_THAT(names_of(f.store), ElementsAre("a", "b", "c", "not a name"));
    EXPECT_FALSE(wallets[0].problem.has_value());
    EXPECT_EQ(wallets[1].problem.value().code, ErrorCode::forbidden);
    EXPECT_THAT(wallets[1].problem.value().next, HasSubstr("chmod 600"));
    EXPECT_EQ(wallets[2].problem.value().code, ErrorCode::corrupt_data);
    EXPECT_THAT(wallets[2].problem.value().why, HasSubstr("c.json"));
    EXPECT_EQ(wallets[3].problem.value().code, ErrorCode::invalid_argument);
}

TEST(WalletStore, says_which_wallets_there_are_when_one_is_not_found) {
    Fixture f;
    EXPECT_THAT(f.store.find("x").error().why, HasSubstr("no wallets yet"));
    ASSERT_TRUE(f.store.create("a", f.password).ok());
    ASSERT_TRUE(f.store.create("b", f.password).ok());
    const auto missing = f.store.unlock("x", f.password);
    EXPECT_EQ(missing.error().code, ErrorCode::not_found);
    EXPECT_THAT(missing.error().why, HasSubstr("a, b"));
    EXPECT_THAT(missing.error().next, HasSubstr("aitbc wallet create --name x"));
}

TEST(WalletStore, renames_a_wallet_and_keeps_it_active) {
    Fixture f;
    const auto created = f.store.create("old", f.password);
    ASSERT_TRUE(created.ok());
    ASSERT_TRUE(f.store.create("other", f.password).ok());
    ASSERT_TRUE(f.store.use("old").ok());
    const auto renamed = f.store.rename("old", "new", f.password);
    ASSERT_TRUE(renamed.ok());
    EXPECT_EQ(renamed.value().name, "new");
    EXPECT_EQ(renamed.value().created_at, created.value().facts.created_at);
    EXPECT_EQ(f.store.active().value(), "new");
    EXPECT_THAT(names_of(f.store), ElementsAre("new", "other"));
    EXPECT_EQ(f.store.unlock("new", f.password).value().public_key(),
              created.value().facts.public_key);
    ASSERT_TRUE(f.store.rename("other", "another", f.password).ok());
    EXPECT_EQ(f.store.active().value(), "new");
    EXPECT_EQ(f.store.rename("nobody", "x", f.password).error().code, ErrorCode::not_found);
    EXPECT_EQ(f.store.rename("new", "../x", f.password).error().code, ErrorCode::invalid_argument);
}

// Breaks if making a wallet changed whose money is spent.
TEST(WalletStore, only_use_changes_the_active_wallet) {
    Fixture f;
    EXPECT_EQ(f.store.active().error().code, ErrorCode::not_found);
    ASSERT_TRUE(f.store.create("default", f.password).ok());
    EXPECT_EQ(f.store.active().error().code, ErrorCode::not_found);
    ASSERT_TRUE(f.store.use("default").ok());
    ASSERT_TRUE(f.store.create("second", f.password).ok());
    EXPECT_EQ(f.store.active().value(), "default");
    EXPECT_EQ(f.store.use("nobody").error().code, ErrorCode::not_found);
    EXPECT_EQ(f.store.active().value(), "default");
    write_text(f.scratch.path() / "wallets" / "active", "../../etc/passwd\n");
    EXPECT_EQ(f.store.active().error().code, ErrorCode::corrupt_data);
    ASSERT_TRUE(f.store.use("second").ok());
    EXPECT_EQ(f.store.active().value(), "second");
}

// Breaks if a file or an error text carried a secret: each is searched for canaries.
TEST(WalletStore, secrets_stay_out_of_files_and_errors) {
    Fixture f;
    const auto created = f.store.create("a", f.password);
    ASSERT_TRUE(created.ok());
    const std::string seed = to_hex(f.store.export_seed("a", f.password).value().view());
    std::string seen = read_text(f.file("a"));
    seen += render_error(f.store.unlock("a", f.other_password).error());
    seen += render_error(f.store.create("a", f.password).error());
    seen += render_error(f.store.restore("b", Secret::copy_of("zebra zero"), f.password).error());
    for (const std::string_view canary :
         {f.password.view(), f.other_password.view(), created.value().mnemonic.view(),
          std::string_view(seed), std::string_view("zebra")}) {
        EXPECT_THAT(seen, Not(HasSubstr(std::string(canary))));
    }
}

// Breaks if real wallets were written with the cheap cost of these tests.
TEST(WalletStore, uses_64_mib_and_3_passes_unless_told_otherwise) {
    Fixture f;
    WalletStore real(f.scratch.path() / "real", system_random(), f.clock);
    ASSERT_TRUE(real.create("a", f.password).ok());
    const auto file = parse_keystore(read_text(f.scratch.path() / "real" / "a.json")).value();
    EXPECT_EQ(file.cost, (KdfCost{.memory_kib = 65'536, .passes = 3}));
    EXPECT_TRUE(real.unlock("a", f.password).ok());
}

}  // namespace
}  // namespace ait::wallet
