#pragma once

// Jobs as people and programs see them: status, result and the reasons behind. Pure; computed on
// read, never stored.

#include "actors/coordinator/job.hpp"
#include "actors/coordinator/messages.hpp"

namespace ait::coordinator {

/// What a view needs beside the job.
struct ViewMoment {
    std::int64_t now_ms = 0;  ///< block time
    std::uint64_t height = 0;
    std::uint32_t attempts_max = 0;
    bool with_queue_position = true;  ///< costs a walk of the queue; lists leave it out
};

JobView view_of(const storage::StateReader& reader, const Job& job, const ViewMoment& moment);
ReceiptRowView receipt_row_of(const Job& job);

/// Error with which a job that has no result answers: not_ready, or job_failed, cancelled, expired
/// with the reason.
Error no_result(const Job& job);
/// The result's bytes as an answer. The proof's block height is filled by the caller.
JobResultView result_of(const Job& job, std::string_view bytes);

}  // namespace ait::coordinator
