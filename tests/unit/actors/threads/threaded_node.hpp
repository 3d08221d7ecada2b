#pragma once

// What a node is made of between its gateway and its disk, on real threads: a chain over a log and
// a store, the coordinator and the miners' watch on CAF's scheduler. Callers come from threads of
// their own, as those of the gateway do.

#include <caf/all.hpp>
#include <future>

#include "../../storage/temporary_directory.hpp"
#include "../chain_fixture.hpp"
#include "actors/consensus/chain_actor.hpp"
#include "actors/coordinator/actor.hpp"
#include "actors/miner/actor.hpp"

namespace ait {

inline constexpr std::chrono::seconds patience{60};  // for a loaded machine; TSan is slow

/// An answer that comes from another thread: `put` there, `get` here.
template <class Value>
class Awaited {
  public:
    [[nodiscard]] std::function<void(Result<Value>)> put() const {
        return [promise = promise_](Result<Value> value) { promise->set_value(std::move(value)); };
    }
    Result<Value> get() {
        auto future = promise_->get_future();
        if (future.wait_for(patience) != std::future_status::ready)
            return Error{ErrorCode::deadline_exceeded, "No answer came.", "", ""};
        return future.get();
    }

  private:
    std::shared_ptr<std::promise<Result<Value>>> promise_ =
        std::make_shared<std::promise<Result<Value>>>();
};

inline crypto::SecretKey key_from(char letter) {
    auto key = crypto::SecretKey::from_seed(std::string(32, letter));
    AIT_ASSERT(key.ok());
    return std::move(key).value();
}

class ThreadedNode final : public NodeServices {
  public:
    ThreadedNode() {
        open_chain();
        actor_config_.set("scheduler.policy", caf::atom("sharing"));
        actor_config_.set("scheduler.max-threads", std::size_t{4});
        system_.emplace(actor_config_);
        chain_ = consensus::spawn_chain(*system_, {.data = *data_,
                                                   .node_key = validator_,
                                                   .clock = clock(),
                                                   .listeners = listeners_,
                                                   .figures = figures_,
                                                   .on_fatal = [](const Error&) { std::abort(); }});
        coordinator_ = coordinator::spawn_coordinator(*system_, *this);
        desk_.emplace(coordinator_);
        watch_ = miner::spawn_miner_watch(*system_, *this);
    }
    ThreadedNode(const ThreadedNode&) = delete;
    ThreadedNode& operator=(const ThreadedNode&) = delete;
    ~ThreadedNode() override {
        for (const auto& actor :
             {caf::actor_cast<caf::actor>(coordinator_), caf::actor_cast<caf::actor>(watch_),
              caf::actor_cast<caf::actor>(chain_)}) {
            caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
        }
        desk_.reset();
        coordinator_ = nullptr;
        watch_ = nullptr;
        chain_ = nullptr;
        system_->await_all_actors_done();
    }

    /// Signs one transaction of this account and waits for its outcome.
    template <Described Tx>
    Result<consensus::Applied> sign(const crypto::SecretKey& key, std::uint64_t nonce,
                                    std::string_view kind, const Tx& tx,
                                    std::vector<std::string> blobs = {}) {
        consensus::UnsignedTransaction content;
        content.chain = data_->genesis().chain;
        content.genesis = data_->genesis_id();
        content.signer = key.public_key();
        content.nonce = nonce;
        content.expiry_height = reader()->height() + 1'000;
        content.kind = std::string(kind);
        content.body.bytes = encode(tx);
        for (const auto& blob : blobs) content.blobs.push_back(crypto::blake2b_256(blob));
        Awaited<consensus::Applied> applied;
        submit_signed(sign_transaction(content, key), kind, std::move(blobs), false, 0,
                      applied.put());
        return applied.get();
    }
    /// Time to look who has fallen silent.
    void sweep() { caf::anon_send(watch_, miner::Sweep{}); }
    [[nodiscard]] const consensus::ChainFigures& figures() const { return figures_; }

    [[nodiscard]] std::unique_ptr<consensus::ChainReader> reader() const override {
        return data_->reader();
    }
    [[nodiscard]] const consensus::RuleSet& rules() const override { return rules_; }
    void propose(NodeOperation operation, consensus::Submission::Done done) override {
        consensus::BatchItem item{.principal = operation.principal,
                                  .idempotency_key = std::move(operation.idempotency_key),
                                  .kind = std::move(operation.kind),
                                  .body = Blob{std::move(operation.body)},
                                  .blobs = {},
                                  .salt = operation.salt};
        for (const auto& blob : operation.blobs) item.blobs.push_back(crypto::blake2b_256(blob));
        submit(std::move(item), std::move(operation.blobs), operation.dry_run, std::move(done));
    }
    void submit_signed(std::string wire, std::string_view, std::vector<std::string> blobs,
                       bool dry_run, std::int64_t, consensus::Submission::Done done) override {
        auto transaction =
            consensus::verify_transaction(wire, data_->genesis().chain, data_->genesis_id());
        if (!transaction.ok()) return done(transaction.error());
        submit(std::move(transaction).value(), std::move(blobs), dry_run, std::move(done));
    }
    [[nodiscard]] const Clock& clock() const override { return system_clock(); }
    [[nodiscard]] Random& random() const override { return system_random(); }
    [[nodiscard]] consensus::BlockListeners& listeners() override { return listeners_; }
    [[nodiscard]] coordinator::LeaseDesk& leases() override { return *desk_; }
    [[nodiscard]] miner::Sessions& sessions() override { return sessions_; }
    [[nodiscard]] miner::Liveness& liveness() override { return liveness_; }
    void miner_heard(const Address& address) override {
        caf::anon_send(watch_, miner::HeardFrom{address});
    }

  private:
    void submit(consensus::Submission::Operation operation, std::vector<std::string> blobs,
                bool dry_run, consensus::Submission::Done done) {
        auto submission = std::make_shared<consensus::Submission>(
            std::move(operation), std::move(blobs), dry_run, 0, std::move(done));
        if (inbox_->put(std::move(submission))) caf::anon_send(chain_, consensus::Submit{inbox_});
    }

    void open_chain() {
        consensus::Genesis genesis;
        genesis.chain = "threads";
        genesis.time = UnixMs{TestChain::start_ms};
        genesis.validators.push_back({"one", validator_.public_key(), 1});
        genesis.parameters = TestChain::development();
        auto database = storage::Database::open(folder_.path() + "/state");
        AIT_ASSERT(database.ok());
        database_ = std::move(database).value();
        auto data = consensus::ChainData::open({.files = storage::posix_file_system(),
                                                .log_directory = folder_.path() + "/log",
                                                .database = *database_,
                                                .genesis = genesis,
                                                .rules = rules_,
                                                .clock = clock()});
        AIT_ASSERT(data.ok());
        data_ = std::move(data).value();
    }

    storage::TemporaryDirectory folder_{};
    crypto::SecretKey validator_ = key_from('v');
    std::array<consensus::DomainRules, 3> domains_{
        ledger::domain_rules(), coordinator::domain_rules(), miner::domain_rules()};
    consensus::RuleSet rules_{domains_, &ledger::take_nonce};
    std::unique_ptr<storage::Database> database_{};
    std::unique_ptr<consensus::ChainData> data_{};
    consensus::BlockListeners listeners_{};
    consensus::ChainFigures figures_{};
    miner::Sessions sessions_{clock(), random()};
    miner::Liveness liveness_{clock()};
    std::shared_ptr<consensus::SubmissionInbox> inbox_ =
        std::make_shared<consensus::SubmissionInbox>();
    caf::actor_system_config actor_config_{};
    std::optional<caf::actor_system> system_{};
    consensus::ChainActor chain_{};
    coordinator::CoordinatorActor coordinator_{};
    std::optional<coordinator::LeaseDesk> desk_{};
    miner::MinerActor watch_{};
};

}  // namespace ait
