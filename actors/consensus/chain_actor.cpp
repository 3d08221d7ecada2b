#include "actors/consensus/chain_actor.hpp"

#include <algorithm>
#include <caf/all.hpp>
#include <deque>
#include <iterator>

#include "actors/consensus/open_block.hpp"
#include "actors/consensus/sole_validator.hpp"
#include "actors/consensus/submissions.hpp"
#include "actors/supervision.hpp"

namespace ait::consensus {

std::uint64_t BlockListeners::add(Listener listener) {
    const std::lock_guard lock(mutex_);
    listeners_.emplace(next_id_, std::move(listener));
    return next_id_++;
}

void BlockListeners::remove(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    listeners_.erase(id);
}

void BlockListeners::notify(std::uint64_t height) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, listener] : listeners_) listener(height);
}

namespace {

constexpr std::chrono::milliseconds store_retry{5};
constexpr std::chrono::milliseconds space_retry{200};

/// A block for the log writer, with where to say that it is durable.
struct WriteBlock {
    std::shared_ptr<const SealedBlock> sealed{};
};

}  // namespace
}  // namespace ait::consensus

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::consensus::WriteBlock)

namespace ait::consensus {
namespace {

using LogWriter = caf::typed_actor<caf::reacts_to<WriteBlock>>;

/// Detached: it waits for the disk. A failed write or sync ends the node: what is on disk is
/// unknown from then on, and nothing may be acknowledged.
LogWriter::behavior_type log_writer(LogWriter::pointer self,
                                    const std::shared_ptr<const ChainServices>& services,
                                    const ChainActor& chain) {
    return {
        [self, services, chain](const WriteBlock& message) {
            const std::int64_t started_us = services->clock.monotonic_us();
            const Status written = services->data.write(*message.sealed);
            // No space for the log's next file: nothing of the block was written, so it may wait.
            if (!written.ok() && written.error().code == ErrorCode::limit_reached)
                return self->delayed_send(self, space_retry, message);
            if (!written.ok()) return services->on_fatal(written.error());
            services->figures.sync_us_total +=
                static_cast<std::uint64_t>(services->clock.monotonic_us() - started_us);
            caf::anon_send(chain, Durable{message.sealed->block.header.height});
            const Status pruned = services->data.prune_log();
            if (!pruned.ok()) services->on_fatal(pruned.error());
        },
    };
}

/// A block at the log writer, or durable and not yet published.
struct BlockInFlight {
    std::shared_ptr<SealedBlock> sealed{};
    std::vector<PendingAnswer> answers{};
    bool is_durable = false;
};

/// Beyond these the store is behind, and operations wait unexecuted.
constexpr std::size_t blocks_in_flight_max = 2;

using Self = caf::typed_event_based_actor<caf::reacts_to<Submit>, caf::reacts_to<Durable>,
                                          caf::reacts_to<Wake>, caf::reacts_to<Gathered>,
                                          caf::reacts_to<Drain>>;

class Chain {
  public:
    Chain(Self* self, ChainServices services) : self_(self), services_(std::move(services)) {
        services_.figures.height = services_.data.tip().height;
    }
    void start(LogWriter writer) {
        writer_ = std::move(writer);
        arm_timer();
    }

    void on_submit(const std::vector<SubmissionPtr>& submissions) {
        for (const auto& submission : submissions) take_in(submission);
        services_.figures.pool_operations = pool_size();
        services_.figures.pool_bytes = pool_bytes_;
        advance();
    }

    void on_durable(std::uint64_t height) {
        for (auto& block : in_flight_) {
            if (block.sealed->block.header.height == height) block.is_durable = true;
        }
        publish();
    }

    void on_wake() {
        armed_until_unix_ms_ = 0;
        publish();
        if (in_flight_.empty()) seal();
        arm_timer();
    }

    void on_gathered() {
        is_gathering_ = false;
        expected_ = 1;
        if (in_flight_.empty()) seal();
    }

    void on_drain(std::function<void()> drained) {
        drained_ = std::move(drained);
        if (in_flight_.empty()) seal();
        finish_drain();
    }

  private:
    void take_in(const SubmissionPtr& submission) {
        if (drained_) return submission->answer(node_is_stopping());
        if (submission->dry_run()) return predict(submission);
        if (pool_size() >= limits::mempool_transactions_max ||
            pool_bytes_ + submission->bytes() > limits::mempool_bytes_max) {
            ++services_.figures.overloaded_total;
            return submission->answer(pool_is_full());
        }
        pool_of(*submission).push_back(submission);
        pool_bytes_ += submission->bytes();
    }

    [[nodiscard]] std::deque<SubmissionPtr>& pool_of(const Submission& submission) {
        return std::holds_alternative<VerifiedTransaction>(submission.operation()) ? signed_
                                                                                   : items_;
    }
    [[nodiscard]] std::size_t pool_size() const { return signed_.size() + items_.size(); }

    /// Tries an operation on the present state and forgets it.
    void predict(const SubmissionPtr& submission) {
        const auto reader = services_.data.reader();
        const Status blobs = check_blobs(*submission, *reader);
        if (!blobs.ok()) return submission->answer(blobs.error());
        BlockBuilder builder(services_.data.rules(), parent(*reader),
                             services_.clock.now_unix_ms());
        Applied applied;
        Admission admission = admit(builder, *submission, applied);
        if (const auto* error = std::get_if<Error>(&admission)) return submission->answer(*error);
        if (const auto* duplicate = std::get_if<Duplicate>(&admission)) {
            return submission->answer(repeated(*submission, duplicate->operation, *reader));
        }
        auto* idle = std::get_if<NoEffect>(&admission);
        applied.outcome = idle ? std::move(idle->outcome) : std::get<ItemOutcome>(admission);
        applied.dry_run = true;
        submission->answer(std::move(applied));
    }

    [[nodiscard]] BlockBuilder::Parent parent(const ChainReader& reader) const {
        return {services_.data.genesis(), services_.data.genesis_id(), services_.data.tip(),
                reader.state()};
    }

    /// While the disk is busy with a block, the next one is executed as its operations come. An
    /// idle chain waits a moment: those that the last block answered are likely to come again, and
    /// larger blocks share one sync; nobody waits on a chain where one client works alone.
    void advance() {
        if (!in_flight_.empty()) return run_ahead();
        if (services_.block_wait_ms == 0 || pool_size() >= expected_) return seal();
        if (is_gathering_) return;
        is_gathering_ = true;
        self_->delayed_send(self_, std::chrono::milliseconds(services_.block_wait_ms), Gathered{});
    }

    void run_ahead() {
        if (in_flight_.size() == blocks_in_flight_max || pool_size() == 0) return;
        const auto reader = services_.data.reader();
        execute(*reader);
    }

    /// Closes the open block and has it written. At most one block may be before it, durable.
    void seal() {
        AIT_ASSERT(in_flight_.empty() ||
                   (in_flight_.size() < blocks_in_flight_max && in_flight_.back().is_durable));
        // Whoever votes after such a block, it is not this node alone.
        if (!in_flight_.empty() && in_flight_.back().sealed->block.ends_epoch) return;
        {
            const auto reader = services_.data.reader();
            execute(*reader);
        }
        const std::unique_ptr<OpenBlock> open = std::move(open_);
        auto answers = open->take_answers();
        if (!open->builder().has_content()) {
            if (in_flight_.empty()) return answer(std::move(answers));
            auto& before = in_flight_.back().answers;
            std::move(answers.begin(), answers.end(), std::back_inserter(before));
            return;
        }
        auto sealed = std::make_shared<SealedBlock>();
        sealed->sidecars = std::move(open->sidecars());
        sealed->block = open->close(services_.node_key);
        sealed->finish(
            certify_alone(sealed->block, services_.data.genesis_id(), services_.node_key));
        in_flight_.push_back(
            {.sealed = sealed, .answers = std::move(answers), .is_durable = false});
        self_->send(writer_, WriteBlock{std::move(sealed)});
    }

    /// Puts what waits into the open block, as far as there is room. What is signed and came after
    /// a batch item is in time for the next one, where it goes first.
    void execute(const ChainReader& reader) {
        const SealedBlock* before = in_flight_.empty() ? nullptr : in_flight_.back().sealed.get();
        const storage::WriteSet* unpublished = before ? &before->block.writes : nullptr;
        if (!open_) {
            open_ = std::make_unique<OpenBlock>(
                OpenBlock::Parent{services_.data.rules(), services_.data.genesis(),
                                  services_.data.genesis_id(),
                                  before ? before->block.tip() : services_.data.tip()},
                reader.state(), unpublished, services_.clock.now_unix_ms());
        }
        open_->stand_on(reader.state(), unpublished);
        // Neither kind keeps the other out.
        if (open_->takes_signed()) execute(signed_, items_.empty() ? 1 : 2, reader);
        execute(items_, 1, reader);
        services_.figures.pool_operations = pool_size();
        services_.figures.pool_bytes = pool_bytes_;
    }

    void execute(std::deque<SubmissionPtr>& from, std::size_t divided_by,
                 const ChainReader& reader) {
        while (!from.empty() && open_->has_room_for(*from.front(), divided_by)) {
            const SubmissionPtr submission = std::move(from.front());
            from.pop_front();
            pool_bytes_ -= submission->bytes();
            execute(submission, reader);
        }
    }

    void execute(const SubmissionPtr& submission, const ChainReader& reader) {
        if (is_late(*submission, services_.clock.now_unix_ms())) {
            return refuse(submission,
                          Error{ErrorCode::deadline_exceeded, "The operation waited too long.",
                                "Its deadline passed before a block took it; nothing was done.",
                                "Try again."});
        }
        const Status blobs = check_blobs(*submission, reader,
                                         [this](const Hash& hash) { return is_under_way(hash); });
        if (!blobs.ok()) return refuse(submission, blobs.error());
        Applied applied;
        Admission admission = open_->add(*submission, applied);
        if (const auto* error = std::get_if<Error>(&admission)) {
            ++services_.figures.refused_total;
            return settle(submission, *error);
        }
        if (const auto* duplicate = std::get_if<Duplicate>(&admission)) {
            if (reader.find_operation(duplicate->operation)) {
                return submission->answer(repeated(*submission, duplicate->operation, reader));
            }
            return repeats_.push_back(submission);
        }
        if (auto* idle = std::get_if<NoEffect>(&admission)) {
            applied.outcome = std::move(idle->outcome);
            return settle(submission, std::move(applied));
        }
        applied.outcome = std::get<ItemOutcome>(std::move(admission));
        open_->keep({submission, std::move(applied), true});
    }

    /// Answers what needs no block. Where it rests on a state that is not durable yet, a crash
    /// could take that state back, so the answer waits.
    void settle(const SubmissionPtr& submission, Result<Applied> result) {
        PendingAnswer pending{submission, std::move(result), false};
        if (!in_flight_.empty() || open_->builder().has_content())
            return open_->keep(std::move(pending));
        answer(pending);
    }

    /// A blob of a block that is not published yet.
    [[nodiscard]] bool is_under_way(const Hash& hash) const {
        const auto is_it = [&](const Sidecar& sidecar) { return sidecar.hash == hash; };
        const auto holds = [&](const std::vector<Sidecar>& sidecars) {
            return std::any_of(sidecars.begin(), sidecars.end(), is_it);
        };
        return holds(open_->sidecars()) ||
               std::any_of(in_flight_.begin(), in_flight_.end(),
                           [&](const auto& block) { return holds(block.sealed->sidecars); });
    }

    void refuse(const SubmissionPtr& submission, const Error& error) {
        ++services_.figures.refused_total;
        submission->answer(error);
    }

    void answer(PendingAnswer& pending) {
        if (!pending.is_in_block && pending.answer.ok()) {
            pending.answer.value().height = services_.data.tip().height;
            pending.answer.value().block_time_unix_ms = services_.data.tip().time_unix_ms;
        }
        pending.submission->answer(std::move(pending.answer));
    }
    void answer(std::vector<PendingAnswer> answers) {
        for (auto& pending : answers) answer(pending);
    }

    void publish() {
        while (!in_flight_.empty() && in_flight_.front().is_durable) {
            // First of all, so that the disk works while this block is published and answered.
            if (in_flight_.size() == 1 && (open_ || pool_size() > 0)) seal();
            const Status published = services_.data.publish(*in_flight_.front().sealed);
            if (!published.ok() && published.error().code == ErrorCode::overloaded) {
                // The store is behind; its bound holds us.
                return self_->delayed_send(self_, store_retry, Wake{});
            }
            if (!published.ok()) return services_.on_fatal(published.error());
            finish(in_flight_.front());
        }
        advance();
        arm_timer();
        finish_drain();
    }

    /// The front of those in flight is published.
    void finish(BlockInFlight& front) {
        const std::uint64_t height = front.sealed->block.header.height;
        auto answers = std::move(front.answers);
        const bool ends_epoch = front.sealed->block.ends_epoch;
        in_flight_.pop_front();
        services_.figures.height = height;
        const auto answered = std::count_if(answers.begin(), answers.end(),
                                            [](const auto& each) { return each.is_in_block; });
        services_.figures.applied_total += static_cast<std::uint64_t>(answered);
        answer(std::move(answers));
        services_.listeners.notify(height);
        if (ends_epoch) {
            services_.on_fatal(
                Error{ErrorCode::check_failed, "This node does not keep the chain alone any more.",
                      "Block " + std::to_string(height) + " changed who votes.",
                      "List the other validators under [peer.nodes], and start it again."});
        }
        return_repeats();
        expected_ = std::min(static_cast<std::size_t>(answered),
                             std::size_t{limits::block_transactions_max});
    }

    void return_repeats() {
        for (auto& submission : std::exchange(repeats_, {})) {
            pool_bytes_ += submission->bytes();
            pool_of(*submission).push_front(std::move(submission));
        }
    }

    /// Due entries license an otherwise empty block: wake when the earliest comes.
    void arm_timer() {
        const auto at = next_due(services_.data.reader()->state());
        if (!at) return;
        const std::int64_t now = services_.clock.now_unix_ms();
        const std::int64_t at_unix_ms = std::max(*at, now + 1);
        if (armed_until_unix_ms_ > now && armed_until_unix_ms_ <= at_unix_ms) return;
        constexpr std::int64_t wait_ms_max = 60'000;  // looks again, should the clock have jumped
        const std::int64_t wait_ms = std::min(at_unix_ms - now, wait_ms_max);
        armed_until_unix_ms_ = now + wait_ms;
        self_->delayed_send(self_, std::chrono::milliseconds(wait_ms), Wake{});
    }

    void finish_drain() {
        if (!drained_ || !in_flight_.empty() || pool_size() > 0) return;
        if (!std::exchange(is_drained_, true)) drained_();
    }

    Self* self_;
    ChainServices services_;
    LogWriter writer_{};
    // Operations that wait to be executed.
    std::deque<SubmissionPtr> signed_{};
    std::deque<SubmissionPtr> items_{};
    std::size_t pool_bytes_ = 0;
    std::unique_ptr<OpenBlock> open_{};  ///< kept only while a block is in flight
    std::deque<BlockInFlight> in_flight_{};
    std::vector<SubmissionPtr> repeats_{};  ///< repeat an operation that is not published yet
    bool is_gathering_ = false;
    std::size_t expected_ = 1;  ///< operations that the next block waits for
    std::int64_t armed_until_unix_ms_ = 0;
    std::function<void()> drained_{};
    bool is_drained_ = false;
};

struct ChainShell {
    ChainShell() = default;
    std::shared_ptr<Chain> chain{};
    std::shared_ptr<ChainServices> services{};
};

ChainActor::behavior_type chain_behavior(ChainActor::stateful_pointer<ChainShell> self,
                                         const ChainServices& services) {
    abort_on_exception(self);
    self->state.services = std::make_shared<ChainServices>(services);
    self->state.chain = std::make_shared<Chain>(self, services);
    auto writer = self->spawn<caf::detached + caf::linked>(
        log_writer, std::shared_ptr<const ChainServices>(self->state.services), ChainActor(self));
    self->state.chain->start(std::move(writer));
    Chain* chain = self->state.chain.get();
    return {
        [chain](const Submit& message) { chain->on_submit(message.inbox->take()); },
        [chain](const Durable& message) { chain->on_durable(message.height); },
        [chain](const Wake&) { chain->on_wake(); },
        [chain](const Gathered&) { chain->on_gathered(); },
        [chain](const Drain& message) { chain->on_drain(message.drained); },
    };
}

}  // namespace

ChainActor spawn_chain(caf::actor_system& system, const ChainServices& services) {
    return system.spawn(chain_behavior, services);
}

}  // namespace ait::consensus
