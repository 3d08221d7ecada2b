#include "actors/consensus/replicated_chain.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <caf/all.hpp>
#include <deque>
#include <set>

#include "actors/consensus/chain_writer.hpp"
#include "actors/consensus/epoch_seat.hpp"
#include "actors/consensus/evidence_desk.hpp"
#include "actors/consensus/gathering.hpp"
#include "actors/consensus/operation_desk.hpp"
#include "actors/consensus/proposals.hpp"
#include "actors/consensus/submissions.hpp"
#include "actors/consensus/tip_inquiry.hpp"
#include "actors/supervision.hpp"

namespace ait::consensus {

namespace {

constexpr std::chrono::milliseconds look_interval{100};
constexpr std::chrono::milliseconds store_retry{5};
/// What a block of one node has to wait for at most, so many times: agreeing takes longer.
constexpr std::size_t told_bytes_max = 2U * 1024 * 1024;  // so that no link is blocked for long

using Self = ReplicatedChainActor::base;

class Replica {
  public:
    Replica(Self* self, ReplicatedChainServices services)
        : self_(self),
          services_(std::move(services)),
          desk_(services_.data, services_.clock, services_.figures),
          seat_(services_.config, std::move(services_.restored), services_.node_key),
          evidence_(seat_.config()),
          snapshots_({services_.data, services_.links, services_.node_key, services_.clock,
                      seat_.config(), std::move(services_.snapshots),
                      [chain = ReplicatedChainActor(self)](std::function<void()> what) {
                          caf::anon_send(chain, Perform{std::move(what)});
                      }}),
          inquiry_(seat_.config(), seat_.config().incarnation),
          log_writer_({services_.data, services_.journal, services_.writer, services_.on_fatal}),
          times_(services_.clock),
          gathering_(services_.block_wait_ms) {
        services_.figures.height = services_.data.tip().height;
        count_reachable();
    }

    void start() {
        feed(simplex::Start{});
        tell_figures();
        look();
    }

    void on_submit(SubmissionInbox& inbox) {
        auto submissions = inbox.take();
        if (drained_) {
            for (const auto& submission : submissions) submission->answer(node_is_stopping());
            return;
        }
        tell(desk_.take(std::move(submissions), standing()));
        inquire();
        if (desk_.has_waiting()) feed(simplex::WorkWaiting{true});
    }

    void on_deliveries(const std::vector<PeerDelivery>& deliveries) {
        for (const auto& delivery : deliveries) {
            if (delivery.kind == PeerMessage::operations) {
                take_told(delivery.bytes);
                continue;
            }
            if (delivery.kind == PeerMessage::tip) {
                on_tip(delivery);
                continue;
            }
            if (delivery.kind == PeerMessage::snapshot) {
                state_.refused_messages += snapshots_.on_message(delivery.peer, delivery.bytes);
                continue;
            }
            feed(simplex::Received{seat_.peers().number_of(delivery.peer), delivery.bytes});
        }
    }

    void on_link(const PublicKey& key, bool is_up) {
        const simplex::Peer peer = seat_.peers().number_of(key);
        if (is_up)
            linked_.insert(key);
        else
            linked_.erase(key);
        count_reachable();
        snapshots_.on_link(key, is_up);
        if (is_up)
            feed(simplex::PeerConnected{peer});
        else
            feed(simplex::PeerGone{peer});
        tell_figures();
    }

    void on_journal(std::uint64_t epoch, std::uint64_t sequence) {
        if (epoch != seat_.config().epoch) return;  // of a core that is gone
        times_.end(BlockStage::journal, sequence);
        feed(simplex::Persisted{sequence});
        log_writer_.on_records_durable(sequence);
    }

    void on_durable(std::uint64_t height) {
        times_.end(BlockStage::log, height);
        log_writer_.on_block_durable(height);
        publish();
    }

    void on_gathering_over(std::uint64_t view) {
        if (gathering_.over(view)) feed(simplex::WorkWaiting{has_work()});
    }

    void on_deadline() {
        armed_ms_.reset();
        feed(simplex::Tick{});
    }

    void on_look() {
        tell(desk_.look(standing()));
        if (auto lies = evidence_.to_submit(now().steady_ms); !lies.empty())
            tell(desk_.take(std::move(lies), standing()));
        if (services_.duties && seat_.core().blocks_behind() == 0 && standing().hears_quorum) {
            if (auto duties = services_.duties(); !duties.empty())
                tell(desk_.take(std::move(duties), standing()));
        }
        inquire();
        if (has_work()) feed(simplex::WorkWaiting{true});
        tell_figures();
        finish_drain();
        look_at_snapshots();
        look();
    }

    void on_wake() { publish(); }

    void on_drain(std::function<void()> drained) {
        drained_ = std::move(drained);
        drain_until_ms_ = now().steady_ms + drain_ms;
        finish_drain();
    }

  private:
    static constexpr std::int64_t drain_ms = 3'000;

    [[nodiscard]] simplex::Now now() const {
        return {services_.clock.monotonic_us() / 1'000, services_.clock.now_unix_ms()};
    }
    [[nodiscard]] Standing standing() const {
        return {.next_question = inquiry_.next(),
                .answered_question = inquiry_.answered(),
                .answered_height = inquiry_.height(),
                .hears_quorum = state_.reachable_weight >= state_.quorum_weight,
                .members_may_lie = seat_.config().fault_model == FaultModel::byzantine};
    }
    /// Of any block that this node knows of, final or not.
    [[nodiscard]] std::uint64_t height_known() const {
        return std::max(seat_.core().position().final_height_known, blocks_.highest());
    }
    [[nodiscard]] bool has_work() const { return desk_.has_waiting() || is_due(); }
    [[nodiscard]] bool is_due() const {
        const auto due = next_due(services_.data.reader()->state());
        return due && *due <= services_.clock.now_unix_ms();
    }

    void look_at_snapshots() {
        snapshots_.look(seat_.core().position());
        if (snapshots_.holds() == holds_catch_up_) return;
        holds_catch_up_ = snapshots_.holds();
        feed(simplex::HoldCatchUp{holds_catch_up_});
    }

    void look() { self_->delayed_send(self_, look_interval, LookAround{}); }

    void tell(WaitingOperations told) {
        for (const auto& message : in_messages(std::move(told), told_bytes_max)) {
            services_.links.broadcast(seat_.peers().members(), PeerMessage::operations,
                                      std::make_shared<const std::string>(encode(message)));
        }
    }

    /// One question at a time vouches for all that came before it was asked.
    void inquire() {
        if (!desk_.has_question_after(inquiry_.answered())) return;
        const std::int64_t now_ms = now().steady_ms;
        if (inquiry_.is_asking() && now_ms < asked_ms_ + 3 * seat_.config().delta_ms) return;
        asked_ms_ = now_ms;
        const TipWord question{.question = inquiry_.ask(height_known()), .height = {}};
        if (!inquiry_.is_asking()) return tell(desk_.think_over(standing()));
        services_.links.broadcast(seat_.peers().members(), PeerMessage::tip,
                                  std::make_shared<const std::string>(encode(question)));
    }

    void on_tip(const PeerDelivery& delivery) {
        const auto word = decode<TipWord>(delivery.bytes);
        if (!word.ok()) {
            ++state_.refused_messages;
            return;
        }
        if (word.value().height) {
            if (!inquiry_.on_answer(seat_.peers().number_of(delivery.peer), word.value())) return;
            tell(desk_.think_over(standing()));
            return inquire();
        }
        // Who has just started may not know again what it voted for.
        if (!seat_.core().position().may_vote) return;
        const TipWord answer{.question = word.value().question, .height = height_known()};
        services_.links.send(delivery.peer, PeerMessage::tip,
                             std::make_shared<const std::string>(encode(answer)));
    }

    void take_told(std::string_view bytes) {
        auto told = decode<WaitingOperations>(bytes);
        if (!told.ok()) {
            ++state_.refused_messages;
            return;
        }
        state_.refused_messages += desk_.take_told(std::move(told).value());
        if (desk_.has_waiting()) feed(simplex::WorkWaiting{true});
    }

    /// What the core asks for may give it its next input at once; they take turns here.
    void feed(simplex::Input input) {
        inputs_.push_back(std::move(input));
        if (is_feeding_) return;
        is_feeding_ = true;
        while (!inputs_.empty()) {
            simplex::Input next = std::move(inputs_.front());
            inputs_.pop_front();
            auto outputs = seat_.core().step(std::move(next), now());
            for (auto& output : outputs) std::visit([this](auto& each) { perform(each); }, output);
        }
        is_feeding_ = false;
        arm();
        // At once: the core begins to fetch blocks a moment after it learns that it lacks them.
        if (seat_.core().blocks_behind() >= join_gap_blocks_min && !holds_catch_up_)
            look_at_snapshots();
    }

    void arm() {
        const auto at = seat_.core().next_deadline_ms();
        if (!at || (armed_ms_ && *armed_ms_ <= *at)) return;
        armed_ms_ = *at;
        const std::int64_t wait_ms = std::max<std::int64_t>(*at - now().steady_ms, 0);
        self_->delayed_send(self_, std::chrono::milliseconds(wait_ms), Deadline{});
    }

    void count_reachable() {
        state_.epoch = seat_.config().epoch;
        state_.quorum_weight = simplex::quorum_weight(seat_.config());
        state_.reachable_weight = seat_.weight_of(linked_);
    }

    /// The last block of the epoch is published, and the next epoch begins on it.
    void begin_epoch() {
        AIT_ASSERT(!is_feeding_);
        AIT_ASSERT(final_.empty());  // nothing follows the end of an epoch in that epoch
        ending_height_.reset();
        const ValidatorSet members = services_.data.validators();
        services_.links.set_validators(
            seat_.begin_epoch(services_.data.genesis(), members, services_.data.tip()));
        const std::vector<PublicKey> linked(linked_.begin(), linked_.end());
        inquiry_.begin_epoch(seat_.config());
        snapshots_.begin_epoch(members, linked);
        holds_catch_up_ = false;
        armed_ms_.reset();
        count_reachable();
        spdlog::info("epoch_began epoch={} validators={} votes={}", members.epoch,
                     members.members.size(), seat_.config().self.has_value());
        feed(simplex::Start{});
        look_at_snapshots();
        for (const auto& peer : linked) feed(simplex::PeerConnected{seat_.peers().number_of(peer)});
        tell_figures();
    }

    /// A copy for readers of other threads: at each look and change of links, not at each input.
    void tell_figures() {
        const bool was_voting = state_.position.may_vote;
        state_.position = seat_.core().position();
        if (state_.position.may_vote != was_voting) {
            spdlog::info("consensus_standing voting={} view={} height={}", state_.position.may_vote,
                         state_.position.view, state_.position.final_height);
        }
        state_.counters = seat_.core().counters();
        state_.stages = times_.times();
        state_.snapshot = snapshots_.state();
        services_.replication.set(state_);
    }

    // ---- what the core asks for ----

    [[nodiscard]] bool shall_wait(const simplex::Build& request) {
        if (request.empty) return false;
        const auto path = blocks_.path_to(request.parent, services_.data.tip().hash);
        if (!path) return false;
        Gathering::Waiting waiting{.view = request.view};
        for (const auto* block : *path) waiting.under_way += block->block.operations.size();
        waiting.fresh = desk_.count_outside(*path);
        waiting.is_due = waiting.fresh == 0 && is_due();
        const auto answer = gathering_.ask(waiting);
        if (answer.wait_ms > 0) {
            self_->delayed_send(self_, std::chrono::milliseconds(answer.wait_ms),
                                GatheringOver{request.view});
        }
        return !answer.builds;
    }

    void perform(const simplex::Build& request) {
        if (shall_wait(request)) return inputs_.push_back(simplex::NothingToBuild{request.view});
        times_.begin(BlockStage::build, request.view);
        auto built = build_proposal(services_.data, blocks_, desk_, request, services_.node_key,
                                    services_.clock.now_unix_ms(), seat_.config().epoch);
        if (!built) return inputs_.push_back(simplex::NothingToBuild{request.view});
        times_.end(BlockStage::build, request.view);
        times_.begin(BlockStage::agree, request.view);
        blocks_.add(built->sealed);
        inputs_.push_back(
            simplex::Built{request.view, std::move(built->block), built->sealed->block.ends_epoch});
    }

    void perform(const simplex::Execute& request) {
        times_.begin(BlockStage::execute, request.height);
        inputs_.push_back(
            execute_for_core(services_.data, blocks_, request,
                             [this](const Hash& hash) { return desk_.is_verified(hash); }));
        times_.end(BlockStage::execute, request.height);
    }

    void perform(simplex::Persist& request) {
        times_.begin(BlockStage::journal, request.sequence);
        const std::uint64_t sequence = request.sequence;
        log_writer_.put_records(std::move(request), [chain = ReplicatedChainActor(self_),
                                                     epoch = seat_.config().epoch, sequence] {
            caf::anon_send(chain, JournalDurable{epoch, sequence});
        });
    }

    void perform(simplex::Send& request) {
        send_out(services_.links, seat_.peers(), std::move(request));
    }

    void perform(simplex::Finalized& request) {
        auto sealed = blocks_.find(request.hash);
        AIT_ASSERT(sealed != nullptr);  // final blocks were executed here first
        sealed->finish(std::move(request.proof.certificate), std::move(request.proof.links));
        final_.push_back(request.hash);
        times_.end(BlockStage::agree, request.view);
        times_.begin(BlockStage::log, request.height);
        log_writer_.put_block(sealed,
                              [chain = ReplicatedChainActor(self_), height = request.height] {
                                  caf::anon_send(chain, Durable{height});
                              });
    }

    void perform(const simplex::Abandoned& request) { blocks_.erase(request.hash); }

    void perform(const simplex::ReadFinal& request) {
        inputs_.push_back(
            simplex::FinalRead{request.peer, request.from_height,
                               read_final(services_.data, request.from_height, request.count,
                                          seat_.config().final_bytes_per_answer_max)});
    }

    void perform(const simplex::Evidence& request) {
        ++state_.evidence_total;
        // The first of each member alone, or a liar fills the log; on_look() takes it to the chain.
        if (evidence_.take(request)) note_alarm(tell_of_lie(services_.data.validators(), request));
    }

    void note_alarm(const std::string& text) {
        add_alarm(state_, text);
        spdlog::warn("consensus_alarm detail=\"{}\"", text);
    }

    void perform(const simplex::Alarm& request) {
        note_alarm(request.text);
        if (request.kind == simplex::AlarmKind::state_diverged ||
            request.kind == simplex::AlarmKind::final_block_conflict)
            services_.on_fatal(members_disagree(request.text));
    }

    void perform(const simplex::EpochEnded& request) { ending_height_ = request.height; }

    // ---- final blocks ----

    /// Shows what is final and durable, in order.
    void publish() {
        bool has_published = false;
        times_.begin(BlockStage::publish, log_writer_.durable_height());
        while (!final_.empty()) {
            auto sealed = blocks_.find(final_.front());
            const std::uint64_t height = sealed->block.header.height;
            if (height > log_writer_.durable_height()) break;
            const bool makes_image = snapshots_.makes_image_at(height);
            const Status published = services_.data.publish(*sealed, makes_image);
            if (!published.ok() && published.error().code == ErrorCode::overloaded) {
                // The store is behind; its bound holds us.
                self_->delayed_send(self_, store_retry, Wake{});
                break;
            }
            if (!published.ok()) return services_.on_fatal(published.error());
            has_published = true;
            services_.figures.height = height;
            if (makes_image) snapshots_.on_published(height);
            blocks_.erase(final_.front());
            final_.pop_front();
            desk_.on_published(*sealed);
            gathering_.on_published(sealed->block.operations.size(), desk_.waiting());
            services_.listeners.notify(sealed->block.header.height);
        }
        if (!has_published) return;
        if (ending_height_ == services_.data.tip().height) begin_epoch();
        desk_.reconsider(blocks_.longest_from(services_.data.tip().hash));
        times_.end(BlockStage::publish, log_writer_.durable_height());
        tell(desk_.think_over(standing()));
        feed(simplex::WorkWaiting{has_work()});
        finish_drain();
    }

    void finish_drain() {
        if (!drained_ || is_drained_) return;
        if (desk_.has_own() && now().steady_ms < drain_until_ms_) return;
        desk_.let_go();
        is_drained_ = true;
        drained_();
    }

    Self* self_;
    ReplicatedChainServices services_;
    OperationDesk desk_;
    EpochSeat seat_;
    EvidenceDesk evidence_;
    std::optional<std::uint64_t> ending_height_{};  ///< of the block that ends this epoch
    SnapshotDesk snapshots_;
    bool holds_catch_up_ = false;
    TipInquiry inquiry_;
    std::int64_t asked_ms_ = 0;  ///< steady; the question that is under way
    ChainWriter log_writer_;
    BlockTimes times_;
    Gathering gathering_;
    UnfinalBlocks blocks_{};
    std::deque<Hash> final_{};  ///< not published yet, by height
    std::deque<simplex::Input> inputs_{};
    bool is_feeding_ = false;
    std::optional<std::int64_t> armed_ms_{};
    std::set<PublicKey> linked_{};
    ReplicationState state_{};
    std::function<void()> drained_{};
    std::int64_t drain_until_ms_ = 0;
    bool is_drained_ = false;
};

struct ReplicaShell {
    ReplicaShell() = default;
    std::shared_ptr<Replica> replica{};
};

ReplicatedChainActor::behavior_type replica_behavior(
    ReplicatedChainActor::stateful_pointer<ReplicaShell> self,
    const std::shared_ptr<ReplicatedChainServices>& services) {
    abort_on_exception(self);
    self->state.replica = std::make_shared<Replica>(self, std::move(*services));
    Replica* replica = self->state.replica.get();
    replica->start();
    return {
        [replica](const Submit& message) { replica->on_submit(*message.inbox); },
        [replica](const Drain& message) { replica->on_drain(message.drained); },
        [replica](const FromPeers& message) { replica->on_deliveries(message.deliveries); },
        [replica](const PeerLinked& message) { replica->on_link(message.peer, message.is_up); },
        [replica](const JournalDurable& message) {
            replica->on_journal(message.epoch, message.sequence);
        },
        [replica](const Durable& message) { replica->on_durable(message.height); },
        [replica](const Deadline&) { replica->on_deadline(); },
        [replica](const LookAround&) { replica->on_look(); },
        [replica](const Wake&) { replica->on_wake(); },
        [replica](const GatheringOver& message) { replica->on_gathering_over(message.view); },
        [](const Perform& message) { message.what(); },
    };
}

}  // namespace

ReplicatedChainActor spawn_replicated_chain(caf::actor_system& system,
                                            ReplicatedChainServices services) {
    return system.spawn(replica_behavior,
                        std::make_shared<ReplicatedChainServices>(std::move(services)));
}

}  // namespace ait::consensus
