#include "actors/consensus/operation_desk.hpp"

#include <algorithm>
#include <set>

#include "actors/consensus/submissions.hpp"

namespace ait::consensus {
namespace {

/// Told operations are good for this long, and told again well before.
constexpr std::uint16_t good_for_ms = 2'000;
constexpr std::int64_t tell_again_ms = 1'000;
/// A told operation may have been on its way for a while, and a block too.
constexpr std::int64_t certainty_ms = 1'000;
constexpr std::int64_t foreign_kept_ms = 10'000;
/// A member that lies may have named a height that never comes.
constexpr std::int64_t doubt_ms_max = 2'000;

bool is_signed(const Submission& submission) {
    return std::holds_alternative<VerifiedTransaction>(submission.operation());
}

Error came_too_late() {
    return Error{ErrorCode::deadline_exceeded, "No block has taken the operation in time.",
                 "The members did not agree on one before its deadline; it may still happen.",
                 "Look at its effect, or ask again with the same idempotency key."};
}

}  // namespace

BlockBuilder::Parent OperationDesk::parent(const storage::StateReader& state) const {
    return {data_.genesis(), data_.genesis_id(), data_.tip(), state};
}

Result<Applied> OperationDesk::predict(const Submission& submission,
                                       const ChainReader& reader) const {
    const Status blobs = check_blobs(submission, reader);
    if (!blobs.ok()) return blobs.error();
    BlockBuilder builder(data_.rules(), parent(reader.state()), clock_.now_unix_ms());
    Applied applied;
    Admission admission = admit(builder, submission, applied);
    if (const auto* duplicate = std::get_if<Duplicate>(&admission))
        return repeated(submission, duplicate->operation, reader);
    applied.dry_run = true;
    if (auto* outcome = std::get_if<ItemOutcome>(&admission)) {
        applied.outcome = std::move(*outcome);
        return applied;
    }
    return *verdict(submission, std::move(admission), std::move(applied), reader);
}

std::optional<Result<Applied>> OperationDesk::verdict(const Submission& submission,
                                                      Admission admission, Applied applied,
                                                      const ChainReader& reader) const {
    if (auto* error = std::get_if<Error>(&admission)) return Result<Applied>(std::move(*error));
    if (auto* idle = std::get_if<NoEffect>(&admission)) {
        applied.outcome = std::move(idle->outcome);
        if (!submission.dry_run()) {
            applied.height = reader.height();
            applied.block_time_unix_ms = reader.block_time_unix_ms();
        }
        return Result<Applied>(std::move(applied));
    }
    return std::nullopt;
}

std::optional<Result<Applied>> OperationDesk::keep(const Doubtful& asked, WaitingOperations& told) {
    const auto put =
        pool_.put(operation_hash(*asked.submission), {.submission = asked.submission,
                                                      .is_own = true,
                                                      .good_until_ms = steady_ms() + good_for_ms,
                                                      .fate = {}});
    if (put == OperationPool::Put::full) {
        ++figures_.overloaded_total;
        return Result<Applied>(pool_is_full());
    }
    if (put == OperationPool::Put::added)
        told.operations.push_back(to_gossip(*asked.submission, good_for_ms));
    else  // the very same transaction, sent twice at once: the second is answered when the first is
        doubtful_.push_back(asked);
    return std::nullopt;
}

/// Another node told of this very operation, and may have given up on its answer: whoever asks here
/// is answered when it is done, and not by what this node alone thinks of it.
bool OperationDesk::adopt(const SubmissionPtr& submission) {
    const Hash hash = operation_hash(*submission);
    const auto* known = pool_.find(hash);
    if (known == nullptr || known->is_own) return false;
    static_cast<void>(pool_.put(hash, {.submission = submission,
                                       .is_own = true,
                                       .good_until_ms = steady_ms() + good_for_ms,
                                       .fate = {}}));
    return true;
}

bool OperationDesk::is_sure(Doubtful& asked, const Standing& standing) const {
    if (!asked.height_needed && standing.answered_question >= asked.question) {
        asked.height_needed = standing.answered_height;
        asked.answered_ms = steady_ms();
    }
    if (!asked.height_needed) return false;
    return data_.tip().height >= *asked.height_needed ||
           (standing.members_may_lie && steady_ms() > asked.answered_ms + doubt_ms_max);
}

bool OperationDesk::has_question_after(std::uint64_t answered) const {
    return std::any_of(doubtful_.begin(), doubtful_.end(), [answered](const Doubtful& each) {
        return !each.height_needed && each.question > answered;
    });
}

WaitingOperations OperationDesk::take(std::vector<SubmissionPtr> submissions,
                                      const Standing& standing) {
    std::vector<Doubtful> asked;
    asked.reserve(submissions.size());
    for (auto& submission : submissions)
        asked.push_back({.submission = std::move(submission),
                         .question = standing.next_question,
                         .height_needed = {}});
    return take(std::move(asked), standing);
}

WaitingOperations OperationDesk::think_over(const Standing& standing) {
    if (doubtful_.empty()) return {};
    return take(std::exchange(doubtful_, {}), standing);
}

WaitingOperations OperationDesk::take(std::vector<Doubtful> asked, const Standing& standing) {
    WaitingOperations told;
    Answers answers;
    std::stable_partition(asked.begin(), asked.end(),
                          [](const auto& each) { return is_signed(*each.submission); });
    {
        const auto reader = data_.reader();
        const StateAfter above(reader->state(), above_);
        const storage::StateOver expected(expected_, above.state());
        BlockBuilder builder(data_.rules(), parent(expected), clock_.now_unix_ms());
        for (auto& each : asked) {
            auto answer = take_one(each, standing, *reader, builder, told);
            if (answer) answers.emplace_back(each.submission, std::move(*answer));
        }
        for (const auto& [key, value] : builder.state().writes())
            expected_.insert_or_assign(key, value);
    }
    tell_figures();
    answer_all(std::move(answers));
    return told;
}

/// Nothing: it waits here, for a block or for a better state.
std::optional<Result<Applied>> OperationDesk::take_one(Doubtful& asked, const Standing& standing,
                                                       const ChainReader& reader,
                                                       BlockBuilder& builder,
                                                       WaitingOperations& told) {
    const Submission& submission = *asked.submission;
    if (submission.dry_run()) return predict(submission, reader);
    if (is_late(submission, clock_.now_unix_ms())) return Result<Applied>(came_too_late());
    if (doubtful_.size() >= limits::mempool_transactions_max) {
        ++figures_.overloaded_total;
        return Result<Applied>(pool_is_full());
    }
    if (adopt(asked.submission)) return std::nullopt;
    const Status blobs = check_blobs(submission, reader);
    if (!blobs.ok()) {
        ++figures_.refused_total;
        return Result<Applied>(blobs.error());
    }
    Applied applied;
    Admission admission = admit(builder, submission, applied);
    const bool has_others = builder.has_content() || !expected_.empty() || !above_.empty();
    if (std::holds_alternative<Error>(admission) && has_others) {
        // What waits may be in its way, and may come to nothing: then the members decide.
        BlockBuilder alone(data_.rules(), parent(reader.state()), clock_.now_unix_ms());
        Admission by_itself = admit(alone, submission, applied);
        if (!std::holds_alternative<Error>(by_itself)) admission = std::move(by_itself);
    }
    if (std::holds_alternative<ItemOutcome>(admission)) return keep(asked, told);
    if (const auto* duplicate = std::get_if<Duplicate>(&admission)) {
        if (reader.find_operation(duplicate->operation))
            return repeated(submission, duplicate->operation, reader);
        doubtful_.push_back(asked);
        return std::nullopt;
    }
    auto answer = verdict(submission, std::move(admission), std::move(applied), reader);
    if (!answer->ok() && !is_sure(asked, standing)) {
        doubtful_.push_back(asked);
        return std::nullopt;
    }
    if (!answer->ok()) ++figures_.refused_total;
    return answer;
}

void OperationDesk::answer_all(Answers answers) {
    for (auto& [submission, answer] : answers) submission->answer(std::move(answer));
}

void OperationDesk::tell_figures() {
    figures_.pool_operations = pool_.size();
    figures_.pool_bytes = pool_.bytes();
}

std::size_t OperationDesk::take_told(WaitingOperations&& told) {
    std::size_t lost = 0;
    const std::int64_t now_ms = steady_ms();
    const auto reader = data_.reader();
    for (auto& operation : told.operations) {
        // Whoever sends it may keep it alive, but not fill the pool for hours.
        const auto good_for = std::min<std::uint64_t>(operation.good_for_ms, 2 * good_for_ms);
        const std::int64_t good_until_ms = now_ms + static_cast<std::int64_t>(good_for);
        auto submission =
            from_gossip(std::move(operation), data_.genesis(), data_.genesis_id(), reader->state());
        if (!submission.ok()) {
            ++lost;
            continue;
        }
        const Hash hash = operation_hash(*submission.value());
        if (reader->find_operation(hash)) continue;  // told again before its origin knew
        const auto put = pool_.put(hash, {.submission = std::move(submission).value(),
                                          .is_own = false,
                                          .good_until_ms = good_until_ms,
                                          .fate = {}});
        if (put == OperationPool::Put::full) ++lost;
    }
    tell_figures();
    return lost;
}

void OperationDesk::fill(BlockBuilder& builder, const ChainReader& reader,
                         const UnfinalBlocks::Path& path, SealedBlock& sealed) {
    std::set<Hash> in_path;
    std::set<Hash> blobs_in_path;
    for (const auto* block : path) {
        for (const auto& place : block->block.operations) in_path.insert(place.operation);
        for (const auto& sidecar : block->sidecars) blobs_in_path.insert(sidecar.hash);
    }
    const std::int64_t now_ms = steady_ms();
    const auto is_in_path = [&](const Hash& hash) { return blobs_in_path.contains(hash); };
    std::size_t count = 0;
    std::size_t bytes = 0;
    std::size_t blobs = 0;
    for (const bool signed_turn : {true, false}) {
        pool_.each([&](const Hash& hash, const PooledOperation& waiting) {
            const Submission& submission = *waiting.submission;
            if (is_signed(submission) != signed_turn || waiting.fate || in_path.contains(hash) ||
                waiting.good_until_ms < now_ms || reader.find_operation(hash))
                return true;
            if (count == limits::block_transactions_max ||
                bytes + submission.bytes() > limits::block_bytes_max ||
                blobs + submission.blobs().size() > limits::block_blobs_max)
                return false;
            if (!check_blobs(submission, reader, is_in_path).ok()) return true;
            auto stored = stored_blobs(submission, reader, is_in_path);
            std::size_t stored_bytes = 0;
            for (const auto& blob : stored) stored_bytes += blob.bytes.size();
            if (submission.bytes() + stored_bytes > limits::block_bytes_max) {
                stored.clear();  // no block takes them all: only members that have them will vote
                stored_bytes = 0;
            }
            if (bytes + submission.bytes() + stored_bytes > limits::block_bytes_max) return false;
            Applied applied;
            if (!std::holds_alternative<ItemOutcome>(admit(builder, submission, applied)))
                return true;
            ++count;
            bytes += submission.bytes() + stored_bytes;
            blobs += submission.blobs().size() + stored.size();
            sealed.sidecars.insert(sealed.sidecars.end(), submission.blobs().begin(),
                                   submission.blobs().end());
            std::move(stored.begin(), stored.end(), std::back_inserter(sealed.sidecars));
            return true;
        });
    }
}

std::size_t OperationDesk::count_outside(const UnfinalBlocks::Path& path) const {
    std::size_t inside = 0;
    for (const auto* block : path) {
        for (const auto& place : block->block.operations) {
            if (pool_.find(place.operation) != nullptr) ++inside;
        }
    }
    return pool_.size() - std::min(inside, pool_.size());
}

void OperationDesk::on_published(const SealedBlock& published) {
    const auto& block = published.block;
    std::optional<std::uint32_t> decoded;
    TransactionOutcome outcome;
    for (const auto& place : block.operations) {
        auto waiting = pool_.take(place.operation);
        if (!waiting || !waiting->is_own) continue;
        if (decoded != place.transaction) {
            auto read = decode<TransactionOutcome>(block.outcomes.at(place.transaction));
            AIT_ASSERT(read.ok());
            outcome = std::move(read).value();
            decoded = place.transaction;
        }
        ItemOutcome& item = outcome.items.at(place.item);
        if (item.code != 0) {
            waiting->submission->answer(Error{static_cast<ErrorCode>(item.code), item.error,
                                              "The block that took it refused it.", ""});
            continue;
        }
        ++figures_.applied_total;
        waiting->submission->answer(Applied{.operation = place.operation,
                                            .height = block.header.height,
                                            .block_time_unix_ms = block.header.time_unix_ms,
                                            .outcome = std::move(item)});
    }
    tell_figures();
}

/// The state has moved on: what waits is tried again, so that a refusal is found without a block.
void OperationDesk::reconsider(UnfinalBlocks::KeptPath above) {
    expected_.clear();
    above_ = std::move(above);
    if (pool_.own_count() == 0) return;
    std::vector<Hash> taken;
    for (const auto& block : above_) {
        for (const auto& place : block->block.operations) taken.push_back(place.operation);
    }
    std::sort(taken.begin(), taken.end());
    std::vector<Hash> done;
    Answers answers;
    {
        const auto reader = data_.reader();
        const StateAfter after(reader->state(), above_);
        BlockBuilder builder(data_.rules(), parent(after.state()), clock_.now_unix_ms());
        for (const bool signed_turn : {true, false}) {
            pool_.each([&](const Hash& hash, PooledOperation& waiting) {
                const Submission& submission = *waiting.submission;
                if (!waiting.is_own || is_signed(submission) != signed_turn) return true;
                if (std::binary_search(taken.begin(), taken.end(), hash)) {
                    waiting.fate.reset();
                    return true;
                }
                Applied applied;
                Admission admission = admit(builder, submission, applied);
                if (std::holds_alternative<Error>(admission) && !above_.empty()) {
                    // A block above may come to nothing: only what is final refuses.
                    BlockBuilder alone(data_.rules(), parent(reader->state()),
                                       clock_.now_unix_ms());
                    admission = admit(alone, submission, applied);
                }
                const auto* duplicate = std::get_if<Duplicate>(&admission);
                if (duplicate != nullptr && reader->find_operation(duplicate->operation)) {
                    done.push_back(hash);
                    answers.emplace_back(waiting.submission,
                                         repeated(submission, duplicate->operation, *reader));
                    return true;
                }
                waiting.fate =
                    verdict(submission, std::move(admission), std::move(applied), *reader);
                return true;
            });
        }
        expected_ = builder.state().writes();
    }
    for (const auto& hash : done) static_cast<void>(pool_.take(hash));
    answer_all(std::move(answers));
    tell_figures();
}

WaitingOperations OperationDesk::look(const Standing& standing) {
    WaitingOperations told;
    std::vector<Hash> over;
    const std::int64_t now_ms = steady_ms();
    const std::int64_t now_unix_ms = clock_.now_unix_ms();
    pool_.each([&](const Hash& hash, PooledOperation& waiting) {
        if (!waiting.is_own) {
            if (now_ms > waiting.good_until_ms + foreign_kept_ms) over.push_back(hash);
            return true;
        }
        const bool is_certain = now_ms > waiting.good_until_ms + certainty_ms;
        if (is_late(*waiting.submission, now_unix_ms) ||
            (waiting.fate && is_certain && standing.hears_quorum)) {
            over.push_back(hash);
        } else if (!waiting.fate && waiting.good_until_ms - now_ms < tell_again_ms) {
            waiting.good_until_ms = now_ms + good_for_ms;
            told.operations.push_back(to_gossip(*waiting.submission, good_for_ms));
        }
        return true;
    });
    drop_late(over);
    auto again = think_over(standing);
    std::move(again.operations.begin(), again.operations.end(),
              std::back_inserter(told.operations));
    return told;
}

void OperationDesk::drop_late(std::vector<Hash>& over) {
    for (const auto& hash : over) {
        auto waiting = pool_.take(hash);
        if (!waiting->is_own) continue;
        if (!waiting->fate) {
            waiting->submission->answer(came_too_late());
            continue;
        }
        if (!waiting->fate->ok()) ++figures_.refused_total;
        waiting->submission->answer(std::move(*waiting->fate));
    }
}

void OperationDesk::let_go() {
    std::vector<Hash> own;
    pool_.each([&](const Hash& hash, const PooledOperation& waiting) {
        if (waiting.is_own) own.push_back(hash);
        return true;
    });
    for (const auto& hash : own) pool_.take(hash)->submission->answer(came_too_late());
    for (const auto& asked : std::exchange(doubtful_, {}))
        asked.submission->answer(node_is_stopping());
}

}  // namespace ait::consensus
