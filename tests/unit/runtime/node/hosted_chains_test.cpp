// The chains of a node over real folders and actors: what is hosted stays, what is not there is
// refused, and one that is broken holds up no other.

#include "runtime/node/hosted_chains.hpp"

#include <gtest/gtest.h>

#include <caf/all.hpp>
#include <fstream>
#include <thread>

#include "../../storage/temporary_directory.hpp"

namespace ait::node {
namespace {

constexpr std::chrono::seconds patience{60};  // for a loaded machine; TSan is slow

crypto::SecretKey key_of(char letter) {
    return crypto::SecretKey::from_seed(std::string(crypto::seed_bytes, letter)).value();
}

/// What a node is to its chains, without a gateway.
class BareNode final : public NodeParts {
  public:
    explicit BareNode(const std::string& data_dir) {
        config_.storage.segment_bytes = 1024 * 1024;
        config_.storage.scrub_bytes_per_second = 1;
        config_.gateway.connections_max = 64;
        config_.peer.name = "node-a";
        chains_.emplace(ChainHost{.config = config_,
                                  .key = key_,
                                  .clock = system_clock(),
                                  .drain_gate = gate_,
                                  .disk_watch = disk_watch_,
                                  .node = *this,
                                  .on_fatal = [](const Error&) { std::abort(); },
                                  .on_joined = [] {}},
                        data_dir);
        actor_config_.set("scheduler.max-threads", std::size_t{2});
        system_.emplace(actor_config_);
        opened_ = chains_->open({.folder = data_dir, .genesis = genesis("ait-first")});
        if (opened_.ok()) opened_ = chains_->start(*system_);
    }
    ~BareNode() override {
        chains_->stop();
        system_->await_all_actors_done();
    }

    [[nodiscard]] consensus::Genesis genesis(const std::string& chain) const {
        consensus::Genesis made{.chain = chain, .time = UnixMs{1'700'000'000'000}};
        made.validators.push_back({.name = "node-a", .public_key = key_.public_key()});
        return made;
    }
    static ChainWish wish(const std::string& chain) {
        return {.genesis = Json{{"chain", chain},
                                {"time", "2026-01-01T00:00:00.000Z"},
                                {"validators", Json::array()}},
                .is_new = true};
    }
    Result<HostedChainView> host(ChainWish wanted) {
        auto answered = std::make_shared<std::promise<Result<HostedChainView>>>();
        auto answer = answered->get_future();
        chains_->host(std::move(wanted), [answered](Result<HostedChainView> view) {
            answered->set_value(std::move(view));
        });
        if (answer.wait_for(patience) == std::future_status::ready) return answer.get();
        return Error{ErrorCode::deadline_exceeded, "No answer came.", "", ""};
    }
    Result<LeftChainView> leave(const std::string& chain) {
        auto answered = std::make_shared<std::promise<Result<LeftChainView>>>();
        auto answer = answered->get_future();
        chains_->leave(chain, [answered](Result<LeftChainView> view) {
            answered->set_value(std::move(view));
        });
        if (answer.wait_for(patience) == std::future_status::ready) return answer.get();
        return Error{ErrorCode::deadline_exceeded, "No answer came.", "", ""};
    }
    /// The same, until no other is being opened.
    Result<HostedChainView> host_in_turn(const ChainWish& wanted) {
        for (;;) {
            auto view = host(wanted);
            if (view.ok() || view.error().code != ErrorCode::overloaded) return view;
            std::this_thread::yield();
        }
    }

    [[nodiscard]] const NodeFacts& facts() const override { return facts_; }
    [[nodiscard]] InferenceForward& inference() override { return inference_; }
    [[nodiscard]] HealthView health(HostedChain&) override { return {}; }
    Result<ReloadView> reload_config() override { return ReloadView{}; }
    [[nodiscard]] DrainGate& drain_gate() override { return gate_; }
    [[nodiscard]] HostedChains& chains() override { return *chains_; }

    Status opened_{};

  private:
    config::NodeConfig config_{};
    const crypto::SecretKey key_ = key_of('a');
    NodeFacts facts_{};
    DrainGate gate_{};
    DiskWatch disk_watch_{[] { return storage::disk_space("/"); }, system_clock()};
    InferenceForward inference_{1, 1};
    std::optional<HostedChains> chains_{};
    caf::actor_system_config actor_config_{};
    std::optional<caf::actor_system> system_{};
};

std::vector<std::string> names_of(const HostedChains& chains) {
    std::vector<std::string> names;
    for (const auto& view : chains.views()) names.push_back(view.chain);
    return names;
}

using Names = std::vector<std::string>;

// Breaks if a chain that a node was asked to host is gone after a restart, or is another one then.
TEST(HostedChains, what_is_hosted_once_is_hosted_after_each_start) {
    const storage::TemporaryDirectory directory;
    Hash genesis{};
    {
        BareNode node(directory.path());
        ASSERT_TRUE(node.opened_.ok()) << node.opened_.error().why;
        const auto view = node.host(BareNode::wish("ait-second"));
        ASSERT_TRUE(view.ok()) << view.error().why;
        genesis = view.value().genesis;
        EXPECT_EQ(node.chains().find("ait-second").value()->data().genesis_id(), genesis);
        EXPECT_EQ(node.host(BareNode::wish("ait-second")).error().code, ErrorCode::conflict);
        EXPECT_EQ(node.host(BareNode::wish("ait-first")).error().code, ErrorCode::conflict);
    }
    BareNode node(directory.path());
    ASSERT_TRUE(node.opened_.ok());
    EXPECT_EQ(names_of(node.chains()), (Names{"ait-first", "ait-second"}));
    EXPECT_EQ(node.chains().find("ait-second").value()->data().genesis_id(), genesis);
    EXPECT_EQ(&node.chains().main(), node.chains().find("").value());
}

// Breaks if a question about one chain is answered from another.
TEST(HostedChains, a_chain_that_is_not_there_is_not_found_and_a_plan_makes_none) {
    const storage::TemporaryDirectory directory;
    BareNode node(directory.path());
    ASSERT_TRUE(node.opened_.ok());
    EXPECT_EQ(node.chains().find("ait-second").error().code, ErrorCode::not_found);
    auto planned = BareNode::wish("ait-second");
    planned.dry_run = true;
    EXPECT_TRUE(node.host(planned).ok());
    EXPECT_EQ(node.chains().find("ait-second").error().code, ErrorCode::not_found);
    EXPECT_FALSE(std::filesystem::exists(directory.path() + "/chains"));
}

// Breaks if damage to one chain stops the node, or is taken for a chain without a past.
TEST(HostedChains, one_that_cannot_be_opened_says_so_and_holds_up_no_other) {
    const storage::TemporaryDirectory directory;
    {
        BareNode node(directory.path());
        for (const char* name : {"ait-bad", "ait-good"})
            ASSERT_TRUE(node.host(BareNode::wish(name)).ok());
    }
    std::ofstream(directory.path() + "/chains/ait-bad/genesis.json") << "{}";
    BareNode node(directory.path());
    ASSERT_TRUE(node.opened_.ok());
    EXPECT_EQ(node.chains().find("ait-bad").error().code, ErrorCode::unavailable);
    EXPECT_TRUE(node.chains().find("ait-good").ok());
    const auto views = node.chains().views();
    ASSERT_EQ(views.size(), 3U);
    EXPECT_EQ(views[1].sync, SyncState::error);
    EXPECT_EQ(views[2].sync, SyncState::synced);
    EXPECT_EQ(node.host(BareNode::wish("ait-bad")).error().code, ErrorCode::conflict)
        << "it may still hold what is wanted back";
}

// Breaks if a chain that was left takes work or comes back by itself, or if its data is lost.
TEST(HostedChains, what_is_left_is_gone_for_all_but_its_folder_and_can_be_hosted_again) {
    const storage::TemporaryDirectory directory;
    Hash genesis{};
    Json document;
    {
        BareNode node(directory.path());
        const auto view = node.host(BareNode::wish("ait-second"));
        ASSERT_TRUE(view.ok());
        genesis = view.value().genesis;
        HostedChain& chain = *node.chains().find("ait-second").value();
        document = to_json_value(chain.data().genesis());
        EXPECT_EQ(node.leave("ait-first").error().code, ErrorCode::conflict);
        EXPECT_EQ(node.leave("ait-third").error().code, ErrorCode::not_found);
        const auto left = node.leave("ait-second");
        ASSERT_TRUE(left.ok()) << left.error().why;
        EXPECT_TRUE(std::filesystem::exists(left.value().folder + "/genesis.json"));
        EXPECT_EQ(node.chains().find("ait-second").error().code, ErrorCode::not_found);
        EXPECT_EQ(names_of(node.chains()), Names{"ait-first"});
        EXPECT_EQ(node.leave("ait-second").error().code, ErrorCode::not_found);
        EXPECT_EQ(node.host(BareNode::wish("ait-second")).error().code, ErrorCode::conflict);
        std::promise<ErrorCode> refused;  // who still holds it is refused
        chain.propose(
            {.kind = "job.submit", .deadline_unix_ms = INT64_MAX},
            [&refused](const Result<consensus::Applied>& answer) {
                refused.set_value(answer.ok() ? ErrorCode::internal : answer.error().code);
            });
        EXPECT_EQ(refused.get_future().get(), ErrorCode::unavailable);
        EXPECT_TRUE(node.chains().drain(patience)) << "the rest ends in order";
    }
    BareNode node(directory.path());
    EXPECT_EQ(names_of(node.chains()), Names{"ait-first"});
    auto again = BareNode::wish("ait-second");
    again.genesis = document;
    const auto back = node.host(again);
    ASSERT_TRUE(back.ok()) << back.error().why;
    EXPECT_EQ(back.value().genesis, genesis);
    for (const auto& entry : std::filesystem::directory_iterator(directory.path() + "/chains")) {
        EXPECT_EQ(entry.path().filename().string(), "ait-second") << "nothing was put aside";
    }
}

// Breaks if a node that drains or stops begins something new.
TEST(HostedChains, a_node_that_drains_or_ends_takes_no_new_chain) {
    const storage::TemporaryDirectory directory;
    BareNode node(directory.path());
    node.drain_gate().begin(1);
    EXPECT_EQ(node.host(BareNode::wish("ait-late")).error().code, ErrorCode::unavailable);
    node.drain_gate().end();
    node.chains().stop_hosting();
    EXPECT_EQ(node.host(BareNode::wish("ait-late")).error().code, ErrorCode::unavailable);
    EXPECT_TRUE(node.chains().drain(patience));
}

// Breaks if a node can be made to open chains without end, or if those who look at its chains see
// one that is half made (TSan).
TEST(HostedChains, many_may_ask_at_once_and_so_many_are_hosted_and_no_more) {
    const storage::TemporaryDirectory directory;
    BareNode node(directory.path());
    ASSERT_TRUE(node.opened_.ok());
    std::atomic<bool> is_over{false};
    std::thread looks([&] {
        while (!is_over) {
            for (const auto& view : node.chains().views()) {
                const auto found = node.chains().find(view.chain);
                EXPECT_TRUE(found.ok() && found.value()->reader()->height() == 0);
            }
        }
    });
    std::atomic<std::size_t> made{0}, refused{0};
    std::vector<std::thread> askers;
    for (const char asker : {'x', 'y'}) {
        askers.emplace_back([&, asker] {
            for (std::size_t i = 0; i < hosted_chains_max / 2 + 1; ++i) {
                const auto view =
                    node.host_in_turn(BareNode::wish(std::string(1, asker) + std::to_string(i)));
                if (view.ok())
                    ++made;
                else if (view.error().code == ErrorCode::limit_reached)
                    ++refused;
            }
        });
    }
    for (auto& asker : askers) asker.join();
    is_over = true;
    looks.join();
    EXPECT_EQ(made, hosted_chains_max - 1);
    EXPECT_EQ(refused, 3U);
    EXPECT_EQ(node.chains().all().size(), hosted_chains_max);
}

}  // namespace
}  // namespace ait::node
