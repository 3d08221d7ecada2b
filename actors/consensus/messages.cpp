#include "actors/consensus/messages.hpp"

namespace ait::consensus {

Submission::Submission(Operation operation, std::vector<std::string> blobs, bool dry_run,
                       std::int64_t deadline_unix_ms, Done done)
    : operation_(std::move(operation)),
      blobs_(std::move(blobs)),
      dry_run_(dry_run),
      deadline_unix_ms_(deadline_unix_ms),
      bytes_(0),
      done_(std::move(done)) {
    AIT_ASSERT(done_ != nullptr);
    if (const auto* transaction = std::get_if<VerifiedTransaction>(&operation_))
        bytes_ = transaction->wire.size();
    else
        bytes_ = std::get<BatchItem>(operation_).body.bytes.size() + 128;
    for (const auto& blob : blobs_) bytes_ += blob.size();
}

Submission::~Submission() {
    if (done_) {
        answer(Error{ErrorCode::unavailable, "The node is stopping.",
                     "The operation was not taken.", "Try again when the node is back."});
    }
}

const std::vector<Hash>& Submission::blob_hashes() const {
    if (const auto* transaction = std::get_if<VerifiedTransaction>(&operation_))
        return transaction->content.blobs;
    return std::get<BatchItem>(operation_).blobs;
}

void Submission::answer(Result<Applied> result) {
    AIT_ASSERT(done_ != nullptr);
    const Done done = std::move(done_);
    done_ = nullptr;
    done(std::move(result));
}

}  // namespace ait::consensus
