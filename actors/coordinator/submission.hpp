#pragma once

// From what people type or post to a job: the payload that miners get and the transaction that
// names it. Pure.

#include <string>
#include <vector>

#include "actors/coordinator/messages.hpp"
#include "runtime/base/codec/json.hpp"

namespace ait::coordinator {

struct Submission {
    SubmitJob job{};
    std::string payload{};  ///< compact JSON, the sidecar that job.payload names
};

/// Reads the row job.submit. `data` is laid over --model and --prompt. An inference needs a prompt
/// (text) or messages (list). Errors: invalid_argument, malformed, too_large.
Result<Submission> read_submission(const Json& input);
/// Reads the row job.batch_submit; errors name the job by its index.
Result<std::vector<Submission>> read_batch(const Json& input);

/// What a miner brings back without a signature, with the results' bytes.
struct Deliveries {
    DeliverResults tx{};
    std::vector<std::string> results{};
};

/// Reads the input of job.deliver: 1 to lease_jobs_max results. Errors: invalid_argument,
/// too_large.
Result<Deliveries> read_results(const Json& input);

}  // namespace ait::coordinator
