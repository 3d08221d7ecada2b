#include "actors/consensus/messages.hpp"

#include "runtime/base/crypto/hash.hpp"

namespace ait::consensus {

Submission::Submission(Operation operation, std::vector<std::string> blobs, bool dry_run,
                       std::int64_t deadline_unix_ms, Done done)
    : operation_(std::move(operation)),
      dry_run_(dry_run),
      deadline_unix_ms_(deadline_unix_ms),
      bytes_(0),
      done_(std::move(done)) {
    AIT_ASSERT(done_ != nullptr);
    if (const auto* transaction = std::get_if<VerifiedTransaction>(&operation_))
        bytes_ = transaction->wire.size();
    else
        bytes_ = std::get<EncodedItem>(operation_).bytes.size();
    blobs_.reserve(blobs.size());
    for (auto& blob : blobs) {
        bytes_ += blob.size();
        const Hash hash = crypto::blake2b_256(blob);
        blobs_.push_back({hash, std::move(blob)});
    }
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
    return std::get<EncodedItem>(operation_).content.blobs;
}

bool SubmissionInbox::put(SubmissionPtr submission) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(submission));
    return waiting_.size() == 1;
}

std::vector<SubmissionPtr> SubmissionInbox::take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(waiting_, {});
}

void Submission::answer(Result<Applied> result) {
    AIT_ASSERT(done_ != nullptr);
    const Done done = std::move(done_);
    done_ = nullptr;
    done(std::move(result));
}

}  // namespace ait::consensus
