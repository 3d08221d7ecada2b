#include "actors/node/views.hpp"

#include <gtest/gtest.h>

#include "actors/ledger/state.hpp"
#include "runtime/base/crypto/hash.hpp"
#include "storage/state_view.hpp"

namespace ait::node {
namespace {

/// A chain of which only genesis and height matter.
class BareChain final : public consensus::ChainReader {
  public:
    [[nodiscard]] const consensus::Genesis& genesis() const override { return genesis_; }
    [[nodiscard]] std::uint64_t height() const override { return 40; }
    [[nodiscard]] std::int64_t block_time_unix_ms() const override { return 1'000; }
    [[nodiscard]] const storage::StateReader& state() const override { return state_; }
    [[nodiscard]] Result<std::optional<consensus::StoredBlock>> block(
        std::uint64_t /*height*/) const override {
        return std::optional<consensus::StoredBlock>();
    }
    [[nodiscard]] std::optional<consensus::OperationPosition> find_operation(
        const Hash& /*hash*/) const override {
        return std::nullopt;
    }
    [[nodiscard]] std::vector<consensus::StoredEvent> events_after(
        std::uint64_t /*height*/, std::uint32_t /*index*/, std::size_t /*max*/) const override {
        return {};
    }
    [[nodiscard]] std::optional<std::string> blob(const Hash& /*hash*/) const override {
        return std::nullopt;
    }

    consensus::Genesis genesis_{};
    storage::MemoryState state_{};
};

class TwoPeers final : public PeerDirectory {
  public:
    explicit TwoPeers(const crypto::SecretKey& key) : key_(key) {}
    [[nodiscard]] const std::string& name() const override { return name_; }
    [[nodiscard]] const crypto::SecretKey& key() const override { return key_; }
    [[nodiscard]] std::vector<PeerView> peers() const override { return peers_; }

    std::vector<PeerView> peers_{};

  private:
    const std::string name_ = "node-1";
    const crypto::SecretKey& key_;
};

crypto::SecretKey key_of(char seed) {
    return crypto::SecretKey::from_seed(std::string(crypto::seed_bytes, seed)).value();
}

class NodeViews : public ::testing::Test {
  protected:
    NodeViews() {
        chain_.genesis_.chain = "ait-test";
        for (const auto* key : {&own_, &second_, &third_})
            chain_.genesis_.validators.push_back({.name = "v", .public_key = key->public_key()});
        directory_.peers_ = {{.name = "node-2",
                              .public_key = second_.public_key(),
                              .is_connected = true,
                              .height = 44},
                             {.name = "node-3", .public_key = third_.public_key()}};
    }
    [[nodiscard]] std::vector<HostedChainView> chains() const {
        return {hosted_chain_view(directory_, chain_, {.is_default = true})};
    }
    crypto::SecretKey own_ = key_of('a'), second_ = key_of('b'), third_ = key_of('c');
    BareChain chain_{};
    TwoPeers directory_{own_};
};

// Breaks if a node cannot prove who it is, or proves it for another question.
TEST_F(NodeViews, the_identity_proves_its_key_for_the_challenge_only) {
    const std::string challenge(identity_challenge_bytes, 'q');
    const auto view =
        identity_of(directory_, chains(), {.ready = true, .now_unix_ms = 5}, to_hex(challenge));
    ASSERT_TRUE(view.ok());
    EXPECT_TRUE(verify_identity(own_.public_key(), challenge, view.value().proof));
    EXPECT_EQ(view.value().role, "validator");
    EXPECT_EQ(view.value().peers_connected, 1U);
    EXPECT_EQ(view.value().peers_known, 2U);
    EXPECT_EQ(view.value().time.ms, 5);
    EXPECT_EQ(view.value().chains[0].genesis, consensus::genesis_hash(chain_.genesis_));
    const auto unasked = identity_of(directory_, chains(), {}, "");
    ASSERT_TRUE(unasked.ok());
    EXPECT_TRUE(unasked.value().proof.is_zero());
    EXPECT_EQ(identity_of(directory_, chains(), {}, "abcd").error().code,
              ErrorCode::invalid_argument);
}

// Breaks if a node that lags looks synced although a peer told it of more.
TEST_F(NodeViews, the_known_height_is_the_highest_that_anyone_tells) {
    const auto told = hosted_chain_view(directory_, chain_, {.is_default = true});
    EXPECT_EQ(told.height, 40U);
    EXPECT_EQ(told.height_known, 44U);
    EXPECT_EQ(told.sync, SyncState::behind);
    EXPECT_TRUE(told.is_validator);
    EXPECT_TRUE(told.is_default);
    EXPECT_EQ(hosted_chain_view(directory_, chain_, {.height_known = 60}).height_known, 60U);
}

// Breaks if a chain that cannot go on looks well because its height is the highest that is known.
TEST_F(NodeViews, a_chain_that_cannot_go_on_says_so_before_it_says_how_far_it_is) {
    directory_.peers_.clear();
    EXPECT_EQ(hosted_chain_view(directory_, chain_, {}).sync, SyncState::synced);
    HostedNow now{.reaches_quorum = false};
    EXPECT_EQ(hosted_chain_view(directory_, chain_, now).sync, SyncState::cut_off);
    now.is_joining = true;
    EXPECT_EQ(hosted_chain_view(directory_, chain_, now).sync, SyncState::joining);
    now.is_failed = true;
    now.problem = "The port is taken.";
    const auto failed = hosted_chain_view(directory_, chain_, now);
    EXPECT_EQ(failed.sync, SyncState::error);
    EXPECT_EQ(failed.problem, "The port is taken.");
}

// Breaks if the list of validators hides which of them cannot be reached.
TEST_F(NodeViews, validators_are_self_connected_or_not) {
    const auto views = validators_of(directory_, chain_, std::nullopt).value();
    ASSERT_EQ(views.size(), 3U);
    EXPECT_TRUE(views[0].is_self);
    EXPECT_FALSE(views[0].is_connected.has_value());
    EXPECT_EQ(views[1].is_connected, std::optional(true));
    EXPECT_EQ(views[2].is_connected, std::optional(false));
    EXPECT_EQ(connected_count(directory_), 1U);
}

// Breaks if nobody can see what a validator's word is worth.
TEST_F(NodeViews, validators_are_shown_with_what_answers_for_them) {
    chain_.genesis_.validators[1].stake = Amount{70 * micro_per_unit};
    storage::StateView state(chain_.state_);
    ASSERT_TRUE(ledger::domain_rules().genesis(state, chain_.genesis_).ok());
    chain_.state_.apply(state.take_writes());
    const auto views = validators_of(directory_, chain_, std::nullopt).value();
    EXPECT_EQ(views[0].staked, Amount{});
    EXPECT_EQ(views[1].staked, Amount{70 * micro_per_unit});
    EXPECT_EQ(views[1].owner, crypto::address_of(second_.public_key()));
    EXPECT_EQ(views[1].slashed, Amount{});
    EXPECT_FALSE(views[1].evidence.has_value());
}

// Breaks if a lone node claims company.
TEST_F(NodeViews, a_node_without_others_has_an_empty_list) {
    const NoPeers alone("me", own_);
    EXPECT_EQ(list_of(alone.peers())["items"], Json::array());
    EXPECT_EQ(connected_count(alone), 0U);
}

}  // namespace
}  // namespace ait::node
