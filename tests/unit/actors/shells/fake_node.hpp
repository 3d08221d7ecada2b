#pragma once

// A node for shells under test: the real rules over a state in memory, blocks that are made when
// the test says so, a clock that stands still, and CAF's deterministic scheduler.

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include "../chain_fixture.hpp"
#include "actors/consensus/execution.hpp"
#include "actors/coordinator/actor.hpp"
#include "actors/miner/actor.hpp"

namespace ait {

class FakeReader final : public consensus::ChainReader {
  public:
    explicit FakeReader(TestChain& chain, const std::map<Hash, std::string>& blobs)
        : chain_(chain), blobs_(blobs) {}
    [[nodiscard]] const consensus::Genesis& genesis() const override { return chain_.genesis(); }
    [[nodiscard]] std::uint64_t height() const override { return chain_.height; }
    [[nodiscard]] std::int64_t block_time_unix_ms() const override { return chain_.now_ms; }
    [[nodiscard]] const storage::StateReader& state() const override { return chain_.state(); }
    [[nodiscard]] Result<std::optional<consensus::StoredBlock>> block(
        std::uint64_t) const override {
        return std::optional<consensus::StoredBlock>{};
    }
    [[nodiscard]] std::optional<consensus::OperationPosition> find_operation(
        const Hash&) const override {
        return {};
    }
    [[nodiscard]] std::vector<consensus::StoredEvent> events_after(std::uint64_t, std::uint32_t,
                                                                   std::size_t) const override {
        return {};
    }
    [[nodiscard]] std::optional<std::string> blob(const Hash& hash) const override {
        const auto found = blobs_.find(hash);
        return found == blobs_.end() ? std::nullopt : std::optional(found->second);
    }

  private:
    TestChain& chain_;
    const std::map<Hash, std::string>& blobs_;
};

/// Proposals wait until make_block(), as they would for a sync.
class FakeNode final : public NodeServices {
  public:
    FakeNode() {
        const std::array domains{ledger::domain_rules(), coordinator::domain_rules(),
                                 miner::domain_rules()};
        rules_.emplace(domains, &ledger::take_nonce);
        manual.advance_ms(chain.now_ms - manual.now_unix_ms());
    }

    void make_block() {
        for (auto& [operation, done] : std::exchange(proposals_, {})) {
            storage::StateView view(chain.state());
            consensus::Context context = chain.next_context();
            context.principal = operation.principal;
            std::vector<Hash> brought;
            for (const auto& blob : operation.blobs) brought.push_back(crypto::blake2b_256(blob));
            context.blobs = brought;
            auto outcome = rules_->find(operation.kind)->apply(view, operation.body, context);
            if (!outcome.ok()) {
                done(outcome.error());
                continue;
            }
            chain.state().apply(view.take_writes());
            done(consensus::Applied{.operation = context.operation,
                                    .height = context.height,
                                    .block_time_unix_ms = context.block_time_unix_ms,
                                    .outcome = {0, "", Blob{outcome.value().response}, {}}});
        }
        listeners_.notify(chain.height);
    }
    void advance(std::int64_t ms) {
        chain.advance(ms);
        manual.advance_ms(ms);
    }
    [[nodiscard]] std::size_t proposals_waiting() const { return proposals_.size(); }

    [[nodiscard]] std::unique_ptr<consensus::ChainReader> reader() const override {
        return std::make_unique<FakeReader>(chain, blobs);
    }
    [[nodiscard]] const consensus::RuleSet& rules() const override { return *rules_; }
    void propose(NodeOperation operation, consensus::Submission::Done done) override {
        proposals_.emplace_back(std::move(operation), std::move(done));
    }
    void submit_signed(std::string, std::string_view, std::vector<std::string>, bool, std::int64_t,
                       consensus::Submission::Done done) override {
        done(Error{ErrorCode::unsupported, "The fake node takes no signed transactions.", "", ""});
    }
    [[nodiscard]] const Clock& clock() const override { return manual; }
    [[nodiscard]] Random& random() const override { return system_random(); }
    [[nodiscard]] consensus::BlockListeners& listeners() override { return listeners_; }
    [[nodiscard]] coordinator::LeaseDesk& leases() override { return *desk; }
    [[nodiscard]] miner::Sessions& sessions() override { return sessions_; }
    [[nodiscard]] miner::Liveness& liveness() override { return liveness_; }
    void miner_heard(const Address& address) override { heard.push_back(address); }

    mutable TestChain chain{};
    ManualClock manual{};
    std::map<Hash, std::string> blobs{};
    std::optional<coordinator::LeaseDesk> desk{};
    std::vector<Address> heard{};

  private:
    std::optional<consensus::RuleSet> rules_{};
    std::vector<std::pair<NodeOperation, consensus::Submission::Done>> proposals_{};
    consensus::BlockListeners listeners_{};
    miner::Sessions sessions_{manual, system_random()};
    miner::Liveness liveness_{manual};
};

/// An actor system whose messages and timers move only when the test lets them.
class StandingSystem {
  public:
    StandingSystem()
        : system_(config_.set("scheduler.policy", caf::atom("testing"))),
          scheduler_(dynamic_cast<caf::scheduler::test_coordinator&>(system_.scheduler())) {}
    caf::actor_system& system() { return system_; }
    void run() { scheduler_.run(); }
    void advance_ms(std::int64_t ms) {
        scheduler_.advance_time(std::chrono::milliseconds(ms));
        scheduler_.run();
    }

  private:
    caf::actor_system_config config_{};
    caf::actor_system system_;
    caf::scheduler::test_coordinator& scheduler_;
};

}  // namespace ait
