#pragma once

// Waiting for a job: the node's event stream wakes, the job's own state decides, and between two
// looks nothing is done. Ends with the state, the deadline or the user.

#include <functional>

#include "runtime/cli/session.hpp"

namespace ait::cli {

struct JobWait {
    std::string job_id{};
    std::string state{};  ///< a job or payment state; empty = any end
    std::uint32_t timeout_ms = 120'000;
    std::uint32_t look_ms = 1'000;  ///< without an event it is looked at this often
    std::function<void(const Json& job)>
        on_change{};  ///< at every new look that differs; may be null
};

/// The job as it is when the wait is over. Errors: deadline_exceeded and cancelled, both of which
/// say that the work goes on and how to come back; conflict when the job ended in another state.
Result<Json> wait_for_job(Session& session, const JobWait& wait);

/// completed, failed, cancelled or expired.
bool has_ended(const Json& job);

}  // namespace ait::cli
