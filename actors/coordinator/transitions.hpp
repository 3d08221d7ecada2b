#pragma once

// The moves of a job between its states, each with everything that hangs on it: queue, leases, due
// entries, counters, money. Rules decide which move; the move is made here.
//
// Invariants (see also ledger/book.hpp and miner/registry.hpp):
//  1. A job is in the queue exactly when it is queued, or pending on a chain that accepts unfunded
//     jobs.
//  2. A job is processing exactly when it has a lease; the lease has one due entry, and the miner's
//     list of held jobs names it.
//  3. A job that is not terminal has one due entry for its expiry.
//  4. A job is among its owner's unpaid ones exactly when it is unfunded and may still be paid.
//  5. An escrow exists exactly while the payment is funded; a terminal job is never funded.
// Pure. The caller has checked that the move is allowed (asserted here).

#include <string>
#include <vector>

#include "actors/coordinator/job.hpp"
#include "actors/coordinator/patience.hpp"
#include "actors/miner/registry.hpp"

namespace ait::coordinator {

using Events = std::vector<consensus::Event>;

inline constexpr std::string_view lease_due = "job.lease_expired";
inline constexpr std::string_view expiry_due = "job.expired";
inline constexpr std::string_view forget_due = "job.forgotten";
inline constexpr std::string_view retry_due = "job.retry";
/// Terminal jobs leave the state after this; the log keeps what they did.
inline constexpr std::int64_t job_kept_ms = 30LL * 24 * 3'600'000;
/// How often those that are over are looked for, and how many records one block looks at.
inline constexpr std::int64_t forget_interval_ms = 24LL * 3'600'000;
inline constexpr std::size_t forget_records_max = 2'048;

/// pending or queued, as its payment says.
JobState waiting_state(const Job& job);
/// A new job into the state, and into the queue where its chain and payment allow. The caller
/// counts it.
void admit(storage::StateView& view, Job& job, const consensus::Context& context, Events& events);
/// Into the miners' queue, in its old order if it was there before; stores the job.
void enqueue(storage::StateView& view, Job& job, const consensus::Context& context, Events& events);

/// After the escrow was locked: settles a completed job, moves a waiting one to queued, leaves one
/// that is being worked on; stores the job.
void fund(storage::StateView& view, Job& job, const consensus::Context& context, Events& events);

/// Gives a waiting job to the miner; stores the job, and counts in `miner`, which the caller
/// stores.
void start_lease(storage::StateView& view, Job& job, miner::MinerRecord& miner,
                 const consensus::Context& context, Events& events);
/// Moves the end of the lease.
void renew_lease(storage::StateView& view, Job& job, std::int64_t expires_at_ms);
/// Takes a processing job from its miner. The job has no state until the caller moves it on.
struct LeaseEnd {
    AttemptEnd end = AttemptEnd::completed;
    Fault fault = Fault::of_miner;
    std::uint64_t busy_ms = 0;  ///< counts for the miner
};
void end_lease(storage::StateView& view, Job& job, const LeaseEnd& lease_end,
               const consensus::Context& context);
/// Takes back a lease that never reached its miner: the job waits again and no attempt is used up,
/// though its number is.
void withdraw_lease(storage::StateView& view, Job& job, const consensus::Context& context,
                    Events& events);

/// After a lease without a result: back into the queue if an attempt is left, else failed.
/// Answers whether it was queued again.
bool retry_or_fail(storage::StateView& view, Job& job, const JobError& error,
                   const consensus::Context& context, Events& events);
/// Into a terminal state: money settled, indexes cleared; stores the job.
void finish(storage::StateView& view, Job& job, JobState state, const consensus::Context& context,
            Events& events);

/// Gives back all that the miner holds, for its deregistration. Answers the ids. Other attempts
/// follow as after a lost lease.
std::vector<std::string> release_leases_of(storage::StateView& view, const Address& miner,
                                           const consensus::Context& context, Events& events);

/// Due functions, by lease_due, expiry_due, forget_due, retry_due. The last one changes nothing: a
/// block at the end of a pause makes waiting polls look again.
Events lease_expired(storage::StateView& view, std::string_view job_id,
                     const consensus::Context& context);
Events job_expired(storage::StateView& view, std::string_view job_id,
                   const consensus::Context& context);
Events forget_jobs(storage::StateView& view, std::string_view after,
                   const consensus::Context& context);
Events look_again(storage::StateView& view, std::string_view job_id,
                  const consensus::Context& context);

}  // namespace ait::coordinator
