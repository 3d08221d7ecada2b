#include "actors/consensus/chain_actor.hpp"

#include <algorithm>
#include <caf/all.hpp>
#include <deque>

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

/// One operation of the block in flight, with what to answer when it is durable.
struct Waiting {
    SubmissionPtr submission{};
    Applied applied{};
};

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

    void on_submit(const SubmissionPtr& submission) {
        if (drained_) {
            return submission->answer(node_is_stopping());
        }
        if (submission->dry_run()) return predict(submission);
        if (pool_.size() >= limits::mempool_transactions_max ||
            pool_bytes_ + submission->bytes() > limits::mempool_bytes_max) {
            ++services_.figures.overloaded_total;
            return submission->answer(pool_is_full());
        }
        pool_bytes_ += submission->bytes();
        pool_.push_back(submission);
        services_.figures.pool_operations = pool_.size();
        gather();
    }

    void on_durable(std::uint64_t height) {
        AIT_ASSERT(in_flight_ != nullptr);
        AIT_ASSERT(in_flight_->block.header.height == height);
        is_durable_ = true;
        publish();
    }

    void on_wake() {
        armed_until_unix_ms_ = 0;
        if (is_durable_) return publish();
        seal();
        arm_timer();
    }

    void on_gathered() {
        is_gathering_ = false;
        expected_ = 1;
        seal();
    }

    void on_drain(std::function<void()> drained) {
        drained_ = std::move(drained);
        seal();
        finish_drain();
    }

  private:
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

    /// Larger blocks share one sync. Those that the last block answered are likely to come again,
    /// so a block is worth waiting for until as many are there, but only for a moment; nobody waits
    /// on a chain where one client works alone.
    void gather() {
        if (in_flight_) return;
        if (services_.block_wait_ms == 0 || pool_.size() >= expected_) return seal();
        if (is_gathering_) return;
        is_gathering_ = true;
        self_->delayed_send(self_, std::chrono::milliseconds(services_.block_wait_ms), Gathered{});
    }

    /// Builds a block of what waits and has it written; one block is in flight at a time.
    void seal() {
        if (in_flight_) return;
        const auto reader = services_.data.reader();
        BlockBuilder builder(services_.data.rules(), parent(*reader),
                             services_.clock.now_unix_ms());
        auto sealed = std::make_shared<SealedBlock>();
        take_operations(builder, *reader, *sealed);
        if (!builder.has_content()) return;
        sealed->block = std::move(builder).seal(services_.node_key);
        sealed->finish(
            certify_alone(sealed->block, services_.data.genesis_id(), services_.node_key));
        in_flight_ = std::move(sealed);
        self_->send(writer_, WriteBlock{in_flight_});
    }

    /// Signed transactions first, then batch items (BlockBuilder's order).
    void take_operations(BlockBuilder& builder, const ChainReader& reader, SealedBlock& sealed) {
        std::deque<SubmissionPtr> taken;
        std::size_t bytes = 0;
        std::size_t blobs = 0;
        while (!pool_.empty() && taken.size() < limits::block_transactions_max &&
               bytes + pool_.front()->bytes() <= limits::block_bytes_max &&
               blobs + pool_.front()->blobs().size() <= limits::block_blobs_max) {
            bytes += pool_.front()->bytes();
            blobs += pool_.front()->blobs().size();
            pool_bytes_ -= pool_.front()->bytes();
            taken.push_back(std::move(pool_.front()));
            pool_.pop_front();
        }
        for (const bool signed_turn : {true, false}) {
            for (const auto& submission : taken) {
                if (std::holds_alternative<VerifiedTransaction>(submission->operation()) !=
                    signed_turn)
                    continue;
                take_operation(builder, reader, submission, sealed);
            }
        }
        services_.figures.pool_operations = pool_.size();
        services_.figures.pool_bytes = pool_bytes_;
    }

    void take_operation(BlockBuilder& builder, const ChainReader& reader,
                        const SubmissionPtr& submission, SealedBlock& sealed) {
        if (is_late(*submission, services_.clock.now_unix_ms())) {
            return refuse(submission,
                          Error{ErrorCode::deadline_exceeded, "The operation waited too long.",
                                "Its deadline passed before a block took it; nothing was done.",
                                "Try again."});
        }
        const Status blobs = check_blobs(*submission, reader);
        if (!blobs.ok()) return refuse(submission, blobs.error());
        Waiting waiting{.submission = submission, .applied = {}};
        Admission admission = admit(builder, *submission, waiting.applied);
        if (const auto* error = std::get_if<Error>(&admission)) return refuse(submission, *error);
        if (const auto* duplicate = std::get_if<Duplicate>(&admission)) {
            if (reader.find_operation(duplicate->operation)) {
                return submission->answer(repeated(*submission, duplicate->operation, reader));
            }
            return repeats_.push_back(submission);
        }
        if (auto* idle = std::get_if<NoEffect>(&admission)) {
            waiting.applied.outcome = std::move(idle->outcome);
            waiting.applied.height = reader.height();
            waiting.applied.block_time_unix_ms = reader.block_time_unix_ms();
            return submission->answer(std::move(waiting.applied));
        }
        waiting.applied.outcome = std::get<ItemOutcome>(std::move(admission));
        sealed.sidecars.insert(sealed.sidecars.end(), submission->blobs().begin(),
                               submission->blobs().end());
        waiting_.push_back(std::move(waiting));
    }

    void refuse(const SubmissionPtr& submission, const Error& error) {
        ++services_.figures.refused_total;
        submission->answer(error);
    }

    void publish() {
        const Status published = services_.data.publish(*in_flight_);
        if (!published.ok() && published.error().code == ErrorCode::overloaded) {
            return self_->delayed_send(self_, store_retry,
                                       Wake{});  // the store is behind; its bound holds us
        }
        if (!published.ok()) return services_.on_fatal(published.error());
        const std::uint64_t height = in_flight_->block.header.height;
        in_flight_.reset();
        is_durable_ = false;
        services_.figures.height = height;
        const std::size_t answered = waiting_.size();
        services_.figures.applied_total += answered;
        for (auto& waiting : std::exchange(waiting_, {}))
            waiting.submission->answer(std::move(waiting.applied));
        services_.listeners.notify(height);
        return_repeats();
        expected_ = std::min<std::size_t>(answered, limits::block_transactions_max);
        gather();
        arm_timer();
        finish_drain();
    }

    void return_repeats() {
        for (auto& submission : std::exchange(repeats_, {})) {
            pool_bytes_ += submission->bytes();
            pool_.push_front(std::move(submission));
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
        if (!drained_ || in_flight_ || !pool_.empty()) return;
        if (!std::exchange(is_drained_, true)) drained_();
    }

    Self* self_;
    ChainServices services_;
    LogWriter writer_{};
    std::deque<SubmissionPtr> pool_{};
    std::size_t pool_bytes_ = 0;
    std::vector<Waiting> waiting_{};        ///< operations of the block in flight
    std::vector<SubmissionPtr> repeats_{};  ///< repeat an operation of the block in flight
    std::shared_ptr<SealedBlock> in_flight_{};
    bool is_durable_ = false;
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
        [chain](const Submit& message) {
            for (const auto& submission : message.inbox->take()) chain->on_submit(submission);
        },
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
