#pragma once

// The shell around miners that are connected to this node: opens sessions, takes heartbeats, renews
// the leases that a heartbeat names, and tells when a miner falls silent or comes back.

#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>
#include <span>

#include "actors/miner/sessions.hpp"
#include "actors/services.hpp"

namespace ait::miner {

inline constexpr std::int64_t sweep_ms = 5'000;

/// A miner was heard of. Sent by the heartbeat handler.
struct HeardFrom {
    Address address{};
};
/// Time to look who has fallen silent.
struct Sweep {};

}  // namespace ait::miner

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::miner::HeardFrom)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::miner::Sweep)

namespace ait::miner {

using MinerActor = caf::typed_actor<caf::reacts_to<HeardFrom>, caf::reacts_to<Sweep>>;

/// `services` outlives the actor.
MinerActor spawn_miner_watch(caf::actor_system& system, NodeServices& services);

/// Handlers of miner.session and miner.heartbeat.
std::span<const Binding> edge_bindings();

}  // namespace ait::miner
