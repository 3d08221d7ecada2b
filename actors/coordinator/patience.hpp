#pragma once

// What follows when a miner does not bring a job to its end: the same miner waits before it gets
// that job again, while any other may have it at once; and one that fails again and again rests
// before it gets anything, longer each time. One result ends the row. No reputation: what is
// counted is the row of failures that goes on now. Pure.

#include <cstdint>

#include "actors/coordinator/job.hpp"
#include "actors/miner/registry.hpp"

namespace ait::coordinator {

/// Whose fault a failed attempt was, as far as the miner says.
enum class Fault : std::uint8_t {
    of_miner,
    of_job,  ///< another miner would fail too; counts, but does not make a rest longer
};

/// A sixteenth of a lease, doubled with each failure after the first, at most a lease; 0 for none.
std::int64_t pause_ms(std::int64_t lease_ms, std::uint64_t failures);

/// When this miner may have the job again; 0 when it has not failed it.
std::int64_t retry_at_ms(const Job& job, const Address& miner, std::int64_t lease_ms);

/// Counts how a lease ended: a result ends the row, a failure or a silence makes it longer and,
/// from the second on, begins a rest.
void note_end(miner::MinerRecord& miner, AttemptEnd end, Fault fault,
              const consensus::Context& context);

}  // namespace ait::coordinator
