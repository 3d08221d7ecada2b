#pragma once

// The shell of a chain that several nodes keep: feeds a Simplex core with what peers, clocks, disk
// and clients bring, and does what it asks for. Any member or follower takes operations; they are
// told to all members, the leader of the moment puts them into a block, and whoever took one
// answers it once its block is final, durable and published here.

#include <atomic>
#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>
#include <memory>
#include <mutex>
#include <vector>

#include "actors/consensus/block_times.hpp"
#include "actors/consensus/chain_actor.hpp"
#include "actors/consensus/durable_writer.hpp"
#include "actors/consensus/peer_links.hpp"
#include "actors/consensus/simplex/core.hpp"
#include "actors/consensus/snapshot_desk.hpp"
#include "actors/consensus/vote_journal.hpp"

namespace ait::consensus {

/// Messages of peers, in the order of each.
struct FromPeers {
    std::vector<PeerDelivery> deliveries{};
};
/// A link to a peer came up or went down.
struct PeerLinked {
    PublicKey peer{};
    bool is_up = false;
};
/// The journal holds what the core of this epoch asked for, up to here.
struct JournalDurable {
    std::uint64_t epoch = 0;
    std::uint64_t sequence = 0;
};
/// What a thread of the chain's brings back.
struct Perform {
    std::function<void()> what{};
};
/// The core's deadline, or time to look after what waits.
struct Deadline {};
struct LookAround {};
/// The moment that a leader gives operations to join its block is over.
struct GatheringOver {
    std::uint64_t view = 0;
};

}  // namespace ait::consensus

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::consensus::FromPeers)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::consensus::PeerLinked)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::consensus::JournalDurable)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::consensus::Perform)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::consensus::Deadline)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::consensus::LookAround)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::consensus::GatheringOver)

namespace ait::consensus {

using ReplicatedChainActor =
    caf::typed_actor<caf::reacts_to<Submit>, caf::reacts_to<Drain>, caf::reacts_to<FromPeers>,
                     caf::reacts_to<PeerLinked>, caf::reacts_to<JournalDurable>,
                     caf::reacts_to<Durable>, caf::reacts_to<Deadline>, caf::reacts_to<LookAround>,
                     caf::reacts_to<Wake>, caf::reacts_to<GatheringOver>, caf::reacts_to<Perform>>;

/// Where this node's part in agreeing stood lately; written by the chain, read by anybody.
struct ReplicationState {
    simplex::Position position{};
    std::uint64_t epoch = 0;
    simplex::Counters counters{};
    std::vector<std::string> alarms{};  ///< the last few, oldest first
    std::uint64_t evidence_total = 0;
    /// Of the members that this one has links to, itself included, and what a quorum needs. Without
    /// it nothing can become final here.
    std::uint64_t reachable_weight = 0;
    std::uint64_t quorum_weight = 0;
    SnapshotState snapshot{};
    std::uint64_t refused_messages = 0;  ///< of peers: malformed, or of another chain
    StageTimes stages{};                 ///< of blocks
};
/// Keeps it among the last few.
void add_alarm(ReplicationState& state, const std::string& text);
/// What ends a node whose state is not that of the others.
Error members_disagree(const std::string& how);

class ReplicationFigures {
  public:
    void set(ReplicationState state);
    [[nodiscard]] ReplicationState get() const;

  private:
    mutable std::mutex mutex_{};
    ReplicationState state_{};
};

/// All that the actor works with; must outlive it.
struct ReplicatedChainServices {
    ChainData& data;
    VoteJournal& journal;
    DurableWriter& writer;
    PeerLinks& links;
    const crypto::SecretKey& node_key;
    const Clock& clock;
    BlockListeners& listeners;
    ChainFigures& figures;
    ReplicationFigures& replication;
    std::function<void(const Error&)> on_fatal;
    simplex::Config config;
    simplex::Restored restored;
    std::uint32_t block_wait_ms = 0;  ///< a leader's wait for a larger block while others go on
    SnapshotPlace snapshots{};
    /// What this node has to tell the chain on nobody's behalf; asked for now and then while it is
    /// in step with the others. By the actor.
    std::function<std::vector<SubmissionPtr>()> duties{};
};

/// The epoch's configuration for this node; a node whose key is no member's follows.
simplex::Config simplex_config(const Genesis& genesis, const ValidatorSet& members,
                               const PublicKey& self, std::uint64_t incarnation);

/// Starts the chain. Peers' messages and links are sent to it; it sends through `links`.
ReplicatedChainActor spawn_replicated_chain(caf::actor_system& system,
                                            ReplicatedChainServices services);

}  // namespace ait::consensus
