#pragma once

// Where miners wait for work. A poll is answered at once when a job matches, else it waits here
// until a block brings one or its time is up. The pick itself happens inside `apply` (job.lease),
// so two miners can never get one job; what is looked up beforehand only spares useless blocks.

#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>
#include <functional>
#include <memory>

#include "actors/services.hpp"

namespace ait::coordinator {

inline constexpr std::size_t polls_waiting_max = 10'000;

/// One miner's wish for jobs.
struct Poll {
    Address miner{};
    std::uint32_t count_max = 1;
    std::int64_t deadline_unix_ms = 0;
    Respond respond{};
    std::function<bool()> is_gone{};  ///< the miner hung up: give the job to nobody
};

struct PollJobs {
    std::shared_ptr<Poll> poll{};
};
/// A block was published.
struct LookAgain {};
/// A proposed lease came back.
struct LeaseDecided {
    std::shared_ptr<Poll> poll{};
    std::shared_ptr<const Result<consensus::Applied>> applied{};
};
/// Some poll's time may be up.
struct PollTimer {};

}  // namespace ait::coordinator

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::coordinator::PollJobs)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::coordinator::LookAgain)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::coordinator::LeaseDecided)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::coordinator::PollTimer)

namespace ait::coordinator {

using CoordinatorActor = caf::typed_actor<caf::reacts_to<PollJobs>, caf::reacts_to<LookAgain>,
                                          caf::reacts_to<LeaseDecided>, caf::reacts_to<PollTimer>>;

/// The door to the actor for threads outside.
class LeaseDesk {
  public:
    explicit LeaseDesk(CoordinatorActor actor) : actor_(std::move(actor)) {}
    /// Any thread. `poll.respond` is called once, with {"jobs":[...],"height"}.
    void poll(Poll poll);

  private:
    CoordinatorActor actor_;
};

/// Listens to the node's blocks for its whole life. `services` outlives the actor.
CoordinatorActor spawn_coordinator(caf::actor_system& system, NodeServices& services);

/// Handlers that need the desk or streams; the rest is in operations.cpp.
std::span<const Binding> edge_bindings();

}  // namespace ait::coordinator
