#pragma once

// The shell around one chain: takes operations, executes them while the block before is being
// synced, seals a block as soon as that one is durable (so that whatever came meanwhile shares one
// sync), publishes it and answers all of it in one go.

#include <atomic>
#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>
#include <functional>
#include <map>
#include <mutex>

#include "actors/consensus/chain_data.hpp"
#include "actors/consensus/messages.hpp"

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::consensus::Submit)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::consensus::Durable)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::consensus::Wake)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::consensus::Gathered)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::consensus::Drain)

namespace ait::consensus {

using ChainActor =
    caf::typed_actor<caf::reacts_to<Submit>, caf::reacts_to<Durable>, caf::reacts_to<Wake>,
                     caf::reacts_to<Gathered>, caf::reacts_to<Drain>>;

/// What every chain takes, whoever orders its blocks.
using ChainPort = caf::typed_actor<caf::reacts_to<Submit>, caf::reacts_to<Drain>>;

/// Tells listeners that a block was published. Any thread; a listener must be quick and not block.
class BlockListeners {
  public:
    using Listener = std::function<void(std::uint64_t height)>;
    std::uint64_t add(Listener listener);
    void remove(std::uint64_t id);
    void notify(std::uint64_t height) const;

  private:
    mutable std::mutex mutex_;
    std::uint64_t next_id_ = 1;
    std::map<std::uint64_t, Listener> listeners_;
};

/// Figures for /metrics; written by the chain actor, read by anybody.
struct ChainFigures {
    std::atomic<std::uint64_t> height{0};
    std::atomic<std::uint64_t> pool_operations{0};
    std::atomic<std::uint64_t> pool_bytes{0};
    std::atomic<std::uint64_t> applied_total{0};
    std::atomic<std::uint64_t> refused_total{0};
    std::atomic<std::uint64_t> overloaded_total{0};
    std::atomic<std::uint64_t> sync_us_total{0};
};

/// All that the actor works with; must outlive it.
struct ChainServices {
    ChainData& data;
    const crypto::SecretKey& node_key;  ///< of the chain's only validator (check_sole_validator)
    const Clock& clock;
    BlockListeners& listeners;
    ChainFigures& figures;
    /// Called when durability is lost (failed write or sync); must end the process.
    std::function<void(const Error&)> on_fatal;
    /// How long an idle chain waits for others to join the first operation's block.
    std::uint32_t block_wait_ms = 0;
};

/// Starts the chain and its log writer.
ChainActor spawn_chain(caf::actor_system& system, const ChainServices& services);

}  // namespace ait::consensus
