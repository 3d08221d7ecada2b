#pragma once

// One chain as a node hosts it: its log, state and votes in a folder of its own, the actors that
// work on it, its links to the other nodes that keep it, and the desks where its miners wait.
// Nothing of one chain is reachable through another.

#include <future>
#include <memory>
#include <optional>
#include <string>

#include "actors/coordinator/actor.hpp"
#include "actors/miner/actor.hpp"
#include "runtime/node/disk_watch.hpp"
#include "runtime/node/handlers.hpp"
#include "runtime/node/membership.hpp"
#include "runtime/node/metrics_text.hpp"
#include "runtime/node/peer_directory.hpp"
#include "runtime/node/probe.hpp"
#include "runtime/node/replicated_host.hpp"
#include "runtime/node/scrubber.hpp"

namespace ait::node {

/// What a node lends to each of its chains. All outlive the chains.
struct ChainHost {
    const config::NodeConfig& config;
    const crypto::SecretKey& key;
    const Clock& clock;
    DrainGate& drain_gate;
    DiskWatch& disk_watch;
    NodeParts& node;
    std::function<void(const Error&)> on_fatal;  ///< any thread; must end the process
    /// Any thread: a state lies ready that only a new start of the node takes.
    std::function<void()> on_joined;
};

/// What is a chain's own.
struct ChainHome {
    std::string folder{};  ///< holds log-NAME, state, votes-NAME, checkpoints-NAME and `fresh-key`
    consensus::Genesis genesis{};
    config::PeerSection peers{};
    bool is_default = true;
};

class HostedChain final : public NodeServices, public ChainParts {
  public:
    HostedChain(ChainHost host, ChainHome home);
    HostedChain(const HostedChain&) = delete;
    HostedChain& operator=(const HostedChain&) = delete;
    /// After stop(), when the actors have ended.
    ~HostedChain() override;

    /// Reads or makes what lies in the folder. Blocks for as long as replaying takes. Errors: those
    /// of open_chain_of_node, of VoteJournal and of check_sole_validator.
    Status open();
    /// After open(): the actors. `system` outlives the chain's part in it, see stop().
    void start(caf::actor_system& system);
    /// After start(): the links to the chain's other nodes. Errors: those of PeerNetwork::start.
    Status link();
    /// Takes nothing new; ready when what was taken is done. Once.
    std::future<void> drain();
    /// After drain(), where the node goes on without the chain: its peers lose it, its actors idle.
    void unlink() { replicated_.stop_links(); }
    /// Idempotent. Nobody may ask any more; the actors end soon, and the chain outlives them.
    void stop();

    [[nodiscard]] const std::string& name() const { return home_.genesis.chain; }
    [[nodiscard]] const consensus::ChainData& data() const { return *data_; }
    [[nodiscard]] const consensus::ChainFigures& figures() const { return figures_; }
    [[nodiscard]] const miner::Liveness& heard_miners() const { return liveness_; }
    [[nodiscard]] Scrubber::Figures scrub_figures() const { return scrubber_->figures(); }
    [[nodiscard]] ChainMetrics metrics() const;
    [[nodiscard]] std::optional<consensus::ReplicationState> replication() const {
        return replicated_.state();
    }
    [[nodiscard]] std::uint64_t height_at_start() const { return height_at_start_; }
    [[nodiscard]] Probe& probe() { return probe_; }
    /// Why it does not take work; empty when it does. Asks for a probe on the way.
    [[nodiscard]] std::string problem();

    // ---- NodeServices ----
    [[nodiscard]] std::unique_ptr<consensus::ChainReader> reader() const override {
        return data_->reader();
    }
    [[nodiscard]] const consensus::RuleSet& rules() const override { return rules_; }
    [[nodiscard]] const Clock& clock() const override { return host_.clock; }
    [[nodiscard]] Random& random() const override { return system_random(); }
    [[nodiscard]] consensus::BlockListeners& listeners() override { return listeners_; }
    [[nodiscard]] coordinator::LeaseDesk& leases() override { return *leases_; }
    [[nodiscard]] miner::Sessions& sessions() override { return sessions_; }
    [[nodiscard]] miner::Liveness& liveness() override { return liveness_; }
    void miner_heard(const Address& address) override;
    void propose(NodeOperation operation, consensus::Submission::Done done) override;
    void submit_signed(std::string wire, std::string_view kind, std::vector<std::string> blobs,
                       bool dry_run, std::int64_t deadline_unix_ms,
                       consensus::Submission::Done done) override;

    // ---- ChainParts ----
    void open_stream(std::shared_ptr<EventStream> stream) override;
    [[nodiscard]] HealthView health() override { return host_.node.health(*this); }
    [[nodiscard]] const PeerDirectory& peers() const override { return peers_; }
    [[nodiscard]] NodeParts& node() override { return host_.node; }

  private:
    void submit(consensus::Submission::Operation operation, std::vector<std::string> blobs,
                bool dry_run, std::int64_t deadline_unix_ms, consensus::Submission::Done done);
    consensus::ChainPort start_chain(caf::actor_system& system);

    const ChainHost host_;
    const ChainHome home_;
    const bool is_replicated_;
    const consensus::RuleSet rules_;
    std::unique_ptr<storage::Database> database_{};
    std::unique_ptr<consensus::ChainData> data_{};
    std::optional<Scrubber> scrubber_{};
    consensus::BlockListeners listeners_{};
    consensus::ChainFigures figures_{};
    miner::Sessions sessions_;
    miner::Liveness liveness_;
    std::optional<MembershipDuty> membership_{};
    ReplicatedHost replicated_{};
    LinkedPeers peers_;
    consensus::ChainPort chain_{};
    const std::shared_ptr<consensus::SubmissionInbox> inbox_ =
        std::make_shared<consensus::SubmissionInbox>();
    coordinator::CoordinatorActor coordinator_{};
    std::optional<coordinator::LeaseDesk> leases_{};
    miner::MinerActor watch_{};
    EventActor events_{};
    Probe probe_;
    std::uint64_t height_at_start_ = 0;
};

}  // namespace ait::node
