#pragma once

// Whether a miner still holds what it brings back. The fencing token of a lease is its attempt: a
// result of attempt k is refused once attempt k+1 is leased.

#include "actors/consensus/rules.hpp"
#include "actors/coordinator/job.hpp"

namespace ait::coordinator {

/// The job, if the principal holds exactly this attempt of it. Errors: not_found, lease_lost. Pure.
Result<Job> held_job(const storage::StateView& view, std::string_view job_id, std::uint32_t attempt,
                     const consensus::Context& context);

}  // namespace ait::coordinator
