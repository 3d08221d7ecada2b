// Which chains a node may be asked to host, and what of an unfinished attempt is left.

#include "runtime/node/chain_manifest.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "../../storage/temporary_directory.hpp"
#include "runtime/base/crypto/keys.hpp"

namespace ait::node {
namespace {

namespace fs = std::filesystem;

crypto::SecretKey key_of(char letter) {
    return crypto::SecretKey::from_seed(std::string(crypto::seed_bytes, letter)).value();
}

class ChainPlanning : public ::testing::Test {
  protected:
    [[nodiscard]] Result<ChainPlan> plan(const ChainWish& wish) const {
        return plan_chain(wish, {.key = own_key_, .name = name_, .now_unix_ms = 1'800'000'000'000});
    }
    static Json validator(const std::string& name, const PublicKey& key) {
        return Json{{"name", name}, {"public_key", to_hex(key.view())}, {"weight", 1}};
    }
    [[nodiscard]] static Json genesis(Json validators) {
        return Json{{"chain", "ait-health"},
                    {"time", "2026-01-01T00:00:00.000Z"},
                    {"validators", std::move(validators)}};
    }
    [[nodiscard]] Json of_two() const {
        return genesis(Json::array({validator("a", own_key_), validator("b", other_key_)}));
    }
    [[nodiscard]] std::string other_peer() const {
        return "b=" + to_hex(other_key_.view()) + "@10.0.0.6:7801";
    }

    const PublicKey own_key_ = key_of('a').public_key();
    const PublicKey other_key_ = key_of('b').public_key();
    const std::string name_ = "a";
    storage::TemporaryDirectory directory_{};
};

// Breaks if an example genesis cannot be used as it is, or is completed where it must not be.
TEST_F(ChainPlanning, a_new_chain_without_validators_gets_this_node_and_the_present) {
    const auto made = plan({.genesis = genesis(Json::array()), .is_new = true});
    ASSERT_TRUE(made.ok()) << made.error().why;
    ASSERT_EQ(made.value().genesis.validators.size(), 1U);
    EXPECT_EQ(made.value().genesis.validators[0].public_key, own_key_);
    EXPECT_EQ(made.value().genesis.time.ms, 1'800'000'000'000);
    EXPECT_FALSE(plan({.genesis = genesis(Json::array()), .is_new = false}).ok())
        << "a chain of others has its validators";
    const auto whole =
        plan({.genesis = genesis(Json::array({validator("a", own_key_)})), .is_new = true});
    ASSERT_TRUE(whole.ok());
    EXPECT_NE(whole.value().genesis.time.ms, 1'800'000'000'000) << "it is what it is";
}

// Breaks if a node begins a chain on which it has no say, and calls its key new there.
TEST_F(ChainPlanning, only_a_validator_begins_a_chain) {
    const auto stranger = genesis(Json::array({validator("b", other_key_)}));
    const ChainWish wish{
        .genesis = stranger, .is_new = true, .listen = "127.0.0.1:7801", .peers = {other_peer()}};
    EXPECT_EQ(plan(wish).error().code, ErrorCode::invalid_argument);
    ChainWish join = wish;
    join.is_new = false;
    const auto followed = plan(join);
    ASSERT_TRUE(followed.ok()) << followed.error().why;
    EXPECT_EQ(followed.value().peers.listen_port, 7801);
    EXPECT_EQ(followed.value().peers.nodes.size(), 1U);
}

// Breaks if a chain that needs others is hosted without a way to them.
TEST_F(ChainPlanning, a_chain_of_several_needs_peers_and_an_address_of_its_own) {
    ChainWish wish{.genesis = of_two(), .is_new = true};
    EXPECT_FALSE(plan(wish).ok());
    wish.peers = {other_peer()};
    EXPECT_FALSE(plan(wish).ok());
    wish.listen = "127.0.0.1:7801";
    EXPECT_TRUE(plan(wish).ok());
    for (const char* bad : {"no-equals-sign", "b=", "b=zz@10.0.0.6:7801", "=x"}) {
        wish.peers = {bad};
        EXPECT_FALSE(plan(wish).ok()) << bad;
    }
    wish.peers = {other_peer(), other_peer()};
    EXPECT_FALSE(plan(wish).ok()) << "two of one name";
}

// Breaks if the name of a chain leads out of its folder.
TEST_F(ChainPlanning, a_name_that_is_no_folder_is_refused) {
    for (const char* name : {"..", ".", "../up", "a/b", "", "-x", " "}) {
        auto document = genesis(Json::array());
        document["chain"] = name;
        EXPECT_FALSE(plan({.genesis = document, .is_new = true}).ok()) << name;
    }
    EXPECT_TRUE(is_chain_name("ait-healthchain"));
    EXPECT_FALSE(is_chain_name(std::string(65, 'a')));
    EXPECT_FALSE(plan({.genesis = Json::array(), .is_new = true}).ok());
}

// Breaks if a crash before the last step leaves a node with half a chain, or one without it.
TEST_F(ChainPlanning, a_chain_is_hosted_from_its_manifest_on_and_not_before) {
    const std::string data = directory_.path();
    const std::string folder = data + "/chains/ait-health";
    ChainWish wish{
        .genesis = of_two(), .is_new = true, .listen = "127.0.0.1:7801", .peers = {other_peer()}};
    const auto made = plan(wish);
    ASSERT_TRUE(made.ok());
    EXPECT_TRUE(hosted_names(data).value().empty());
    ASSERT_TRUE(prepare_chain(folder, made.value(), {.is_new = true, .now_unix_ms = 1}).ok());
    EXPECT_TRUE(hosted_names(data).value().empty());
    EXPECT_TRUE(fs::exists(folder + "/fresh-key"));
    ASSERT_TRUE(write_manifest(folder, made.value().manifest).ok());
    EXPECT_EQ(hosted_names(data).value(), std::vector<std::string>{"ait-health"});
    const auto read = read_chain(folder, name_);
    ASSERT_TRUE(read.ok()) << read.error().why;
    EXPECT_EQ(consensus::genesis_hash(read.value().genesis),
              consensus::genesis_hash(made.value().genesis));
    EXPECT_EQ(read.value().peers.nodes, made.value().peers.nodes);
}

// Breaks if a second attempt after a crash fails for ever, loses what the first one voted for, or
// calls a key fresh that has voted.
TEST_F(ChainPlanning, a_second_attempt_goes_on_from_the_same_genesis_and_puts_another_aside) {
    const std::string folder = directory_.path() + "/chains/ait-health";
    ChainWish wish{
        .genesis = of_two(), .is_new = true, .listen = "127.0.0.1:7801", .peers = {other_peer()}};
    const auto first = plan(wish);
    ASSERT_TRUE(prepare_chain(folder, first.value(), {.is_new = true, .now_unix_ms = 1}).ok());
    fs::create_directory(folder + "/votes-ait-health");
    fs::remove(folder + "/fresh-key");
    ASSERT_TRUE(prepare_chain(folder, first.value(), {.is_new = true, .now_unix_ms = 2}).ok());
    EXPECT_TRUE(fs::exists(folder + "/votes-ait-health"));
    EXPECT_FALSE(fs::exists(folder + "/fresh-key"));

    wish.genesis["time"] = "2026-02-02T00:00:00.000Z";
    const auto second = plan(wish);
    ASSERT_TRUE(prepare_chain(folder, second.value(), {.is_new = true, .now_unix_ms = 3}).ok());
    EXPECT_FALSE(fs::exists(folder + "/votes-ait-health"));
    EXPECT_TRUE(fs::exists(folder + ".unfinished-3/votes-ait-health"));
    EXPECT_TRUE(fs::exists(folder + "/fresh-key"));
}

// Breaks if a node that joins what runs already votes as if it never had.
TEST_F(ChainPlanning, a_chain_that_is_joined_has_no_word_that_its_key_is_fresh) {
    const std::string folder = directory_.path() + "/chains/ait-health";
    const auto made = plan({.genesis = of_two(),
                            .is_new = false,
                            .listen = "127.0.0.1:7801",
                            .peers = {other_peer()}});
    ASSERT_TRUE(made.ok());
    ASSERT_TRUE(prepare_chain(folder, made.value(), {.is_new = false, .now_unix_ms = 1}).ok());
    EXPECT_FALSE(fs::exists(folder + "/fresh-key"));
}

// Breaks if a damaged manifest is taken for another one.
TEST_F(ChainPlanning, a_manifest_that_is_not_ours_is_an_error) {
    const std::string folder = directory_.path() + "/chains/ait-health";
    const auto made = plan({.genesis = genesis(Json::array()), .is_new = true});
    ASSERT_TRUE(prepare_chain(folder, made.value(), {.is_new = true, .now_unix_ms = 1}).ok());
    for (const char* text :
         {"", "[]", "{\"version\":1}", "{\"version\":2,\"chain\":\"ait-health\"}",
          "{\"version\":1,\"chain\":\"other\"}"}) {
        std::ofstream(folder + "/chain.json") << text;
        EXPECT_FALSE(read_chain(folder, name_).ok()) << text;
    }
}

}  // namespace
}  // namespace ait::node
