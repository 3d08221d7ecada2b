#pragma once

// What a node needs to keep a chain together with others: the journal of its votes, the writer, the
// links, and the actor that they serve.

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "actors/consensus/replicated_chain.hpp"
#include "runtime/node/peer_network.hpp"

namespace ait::node {

/// An operation is done once, and without a key or a salt of its caller's two equal ones would be
/// one: then a random salt tells them apart.
std::uint64_t salt_for(std::uint64_t given, std::string_view idempotency_key);

class ReplicatedHost {
  public:
    /// All outlive it.
    struct Parts {
        consensus::ChainData& data;
        const crypto::SecretKey& key;
        const Clock& clock;
        consensus::BlockListeners& listeners;
        consensus::ChainFigures& figures;
        std::function<void(const Error&)> on_fatal;
        std::uint32_t block_wait_ms = 0;
        consensus::SnapshotPlace snapshots{};
        std::function<std::vector<consensus::SubmissionPtr>()> duties{};
    };
    ReplicatedHost() = default;
    ReplicatedHost(const ReplicatedHost&) = delete;
    ReplicatedHost& operator=(const ReplicatedHost&) = delete;

    /// Reads what this key promised. Without it a validator listens before it votes: it may have
    /// voted and forgotten. Whoever makes the key leaves a note that it never voted. Errors: those
    /// of VoteJournal.
    Status open_journal(const std::string& folder, const consensus::ChainData& data,
                        const crypto::SecretKey& key);
    /// After open_journal().
    consensus::ChainPort spawn(caf::actor_system& system, const Parts& parts);
    /// After spawn(): connects to the other nodes. Errors: those of PeerNetwork::start.
    Status link(const config::PeerSection& section, const consensus::ChainData& data,
                const crypto::SecretKey& key);

    void stop_links() { network_.stop(); }
    /// Writes what it was given; the actor that it would tell may be gone.
    void stop_writer();

    [[nodiscard]] const PeerNetwork& network() const { return network_; }
    /// Nothing where the chain is kept by this node alone.
    [[nodiscard]] std::optional<consensus::ReplicationState> state() const;
    /// As the chain's validators last said; without those that said nothing.
    [[nodiscard]] std::map<PublicKey, std::uint64_t> peer_heights() const;
    /// Why nothing can become final here; empty when it can, or when the chain needs nobody else.
    [[nodiscard]] std::string problem() const;

  private:
    std::unique_ptr<consensus::VoteJournal> journal_{};
    consensus::simplex::Config config_{};
    consensus::simplex::Restored restored_{};
    consensus::ReplicationFigures replication_{};
    std::optional<consensus::DurableWriter> writer_{};
    PeerNetwork network_{};
    consensus::ReplicatedChainActor chain_{};
};

}  // namespace ait::node
