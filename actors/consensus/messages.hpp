#pragma once

// What others send to a chain and what comes back. All of it stays inside one node, so messages
// carry shared pointers to immutable content and a function for the answer.

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "actors/consensus/block.hpp"
#include "actors/consensus/transaction.hpp"

namespace ait::consensus {

/// A final operation (or, for a dry run, what would have happened).
struct Applied {
    Hash operation{};  ///< names the operation: transaction or batch item hash
    std::uint64_t height = 0;
    std::int64_t block_time_unix_ms = 0;
    ItemOutcome outcome{};
    bool repeated = false;  ///< the idempotency key was known: this is the stored outcome
    bool dry_run = false;
};

/// One operation on its way into a block. `done` is called exactly once, from any thread; when the
/// submission is dropped unanswered (the node stops), it is called with `unavailable`.
class Submission {
  public:
    using Operation = std::variant<VerifiedTransaction, EncodedItem>;
    using Done = std::function<void(Result<Applied>)>;

    Submission(Operation operation, std::vector<std::string> blobs, bool dry_run,
               std::int64_t deadline_unix_ms, Done done);
    Submission(const Submission&) = delete;
    Submission& operator=(const Submission&) = delete;
    ~Submission();

    [[nodiscard]] const Operation& operation() const { return operation_; }
    [[nodiscard]] const std::vector<Sidecar>& blobs() const { return blobs_; }
    [[nodiscard]] const std::vector<Hash>& blob_hashes() const;  ///< that the operation names
    [[nodiscard]] bool dry_run() const { return dry_run_; }
    [[nodiscard]] std::int64_t deadline_unix_ms() const { return deadline_unix_ms_; }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }
    void answer(Result<Applied> result);

  private:
    Operation operation_;
    std::vector<Sidecar> blobs_;
    bool dry_run_;
    std::int64_t deadline_unix_ms_;
    std::size_t bytes_;
    Done done_;
};

using SubmissionPtr = std::shared_ptr<Submission>;

/// Operations on their way to the chain: many that come at once cost one message. Any thread.
class SubmissionInbox {
  public:
    /// True: the chain does not know yet that something is here.
    [[nodiscard]] bool put(SubmissionPtr submission);
    [[nodiscard]] std::vector<SubmissionPtr> take();

  private:
    std::mutex mutex_{};
    std::vector<SubmissionPtr> waiting_{};
};

/// Put what is in the inbox into a block.
struct Submit {
    std::shared_ptr<SubmissionInbox> inbox{};
};
/// The log writer's word: the block is durable.
struct Durable {
    std::uint64_t height = 0;
};
/// A stored time has come, or the store has room again.
struct Wake {};
/// The moment that an idle chain gives others to join a block is over.
struct Gathered {};
/// Take nothing new, finish what is there, then answer.
struct Drain {
    std::function<void()> drained{};
};

}  // namespace ait::consensus
