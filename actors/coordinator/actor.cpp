#include "actors/coordinator/actor.hpp"

#include <caf/all.hpp>
#include <deque>

#include "actors/coordinator/messages.hpp"
#include "actors/coordinator/queue.hpp"
#include "actors/miner/messages.hpp"
#include "actors/supervision.hpp"
#include "net/http_server.hpp"
#include "runtime/base/codec/json_text.hpp"

namespace ait::coordinator {
namespace {

constexpr std::string_view lease_kind = "job.lease";

NodeOperation operation_of(const Poll& poll, std::string_view kind, std::string body) {
    return {.principal = poll.miner,
            .kind = std::string(kind),
            .body = std::move(body),
            .blobs = {},
            .idempotency_key = {},
            .salt = 0,
            .dry_run = false,
            .deadline_unix_ms = 0};
}

/// What miner.poll answers for one lease: the job with its payload.
miner::PolledJobView polled_job(const LeasedJob& job, const consensus::ChainReader& reader) {
    miner::PolledJobView view{.job_id = job.job_id,
                              .attempt = job.attempt,
                              .type = job.type,
                              .model = job.model,
                              .payload = {},
                              .payload_hash = job.payload,
                              .price_per_hour = job.price_per_hour,
                              .leased_at = job.leased_at,
                              .lease_expires_at = job.lease_expires_at,
                              .expires_at = job.expires_at};
    if (auto payload = reader.blob(job.payload)) view.payload.text = std::move(*payload);
    return view;
}

/// Gives the miner its jobs; one that hung up meanwhile has not got them, so they go back at once
/// instead of waiting for the lease to run out.
void answer_jobs(const Poll& poll, const LeaseAnswer& leased, std::uint64_t height,
                 NodeServices& services) {
    if (poll.is_gone && poll.is_gone()) {
        ReleaseLeases back{.miner = poll.miner, .jobs = {}};
        for (const auto& job : leased.jobs) back.jobs.push_back({job.job_id, job.attempt});
        NodeOperation operation = operation_of(poll, "job.release", encode(back));
        return services.propose(std::move(operation), [](const Result<consensus::Applied>&) {});
    }
    std::string text = R"({"jobs":[)";
    const auto reader = services.reader();
    for (const auto& job : leased.jobs) {
        if (text.back() == '}') text += ',';
        append_json(text, polled_job(job, *reader));
    }
    text += R"(],"height":)";
    detail::append_json_number(text, height);
    text += '}';
    poll.respond.with_text(std::move(text));
}

NodeOperation lease_operation(const Poll& poll) {
    return operation_of(poll, lease_kind, encode(LeaseJobs{poll.miner, poll.count_max}));
}

using Self = CoordinatorActor::pointer;

class Shell {
  public:
    Shell(Self self, NodeServices& services) : self_(self), services_(services) {}

    void on_poll(std::shared_ptr<Poll> poll) {
        if (waiting_.size() >= polls_waiting_max) {
            return poll->respond(Error{ErrorCode::overloaded, "Too many miners wait here.",
                                       "At most " + std::to_string(polls_waiting_max) + " may.",
                                       "Use another node."});
        }
        if (has_match(*poll)) return lease(std::move(poll));
        wait(std::move(poll));
    }

    /// First come, first served: who has waited longest is tried first.
    void on_block() {
        if (waiting_.empty() || is_queue_empty(services_.reader()->state())) return;
        for (std::size_t count = waiting_.size(); count > 0; --count) {
            auto poll = std::move(waiting_.front());
            waiting_.pop_front();
            if (!is_over(*poll)) {
                if (has_match(*poll))
                    lease(std::move(poll));
                else
                    waiting_.push_back(std::move(poll));
            }
        }
    }

    void on_decided(std::shared_ptr<Poll> poll, const Result<consensus::Applied>& applied) {
        if (!applied.ok()) return poll->respond(applied.error());
        auto answer = decode<LeaseAnswer>(applied.value().outcome.response.bytes);
        AIT_ASSERT(answer.ok());
        if (answer.value().jobs.empty()) return wait(std::move(poll));  // another miner was first
        answer_jobs(*poll, answer.value(), applied.value().height, services_);
    }

    void on_timer() {
        for (std::size_t count = waiting_.size(); count > 0; --count) {
            auto poll = std::move(waiting_.front());
            waiting_.pop_front();
            if (!is_over(*poll)) waiting_.push_back(std::move(poll));
        }
    }

  private:
    /// Tries the rule on a copy of the state: a useless lease would cost a block.
    bool has_match(const Poll& poll) const {
        const auto reader = services_.reader();
        const consensus::Rule* rule = services_.rules().find(lease_kind);
        AIT_ASSERT(rule != nullptr);
        storage::StateView view(reader->state());
        const consensus::Context context{
            .genesis = reader->genesis(),
            .height = reader->height() + 1,
            .block_time_unix_ms =
                std::max(services_.clock().now_unix_ms(), reader->block_time_unix_ms()),
            .authority = consensus::Authority::node,
            .principal = poll.miner,
            .signer = {},
            .operation = {},
            .blobs = {}};
        auto outcome = rule->apply(view, encode(LeaseJobs{poll.miner, poll.count_max}), context);
        if (!outcome.ok()) return true;  // the proposal will tell the miner why
        auto answer = decode<LeaseAnswer>(outcome.value().response);
        AIT_ASSERT(answer.ok());
        return !answer.value().jobs.empty();
    }

    void lease(std::shared_ptr<Poll> poll) {
        services_.propose(lease_operation(*poll), [self = CoordinatorActor(self_),
                                                   poll](Result<consensus::Applied> applied) {
            caf::anon_send(self,
                           LeaseDecided{poll, std::make_shared<const Result<consensus::Applied>>(
                                                  std::move(applied))});
        });
    }

    void wait(std::shared_ptr<Poll> poll) {
        if (is_over(*poll)) return;
        const std::int64_t left_ms = poll->deadline_unix_ms - services_.clock().now_unix_ms();
        self_->delayed_send(self_, std::chrono::milliseconds(std::max<std::int64_t>(left_ms, 1)),
                            PollTimer{});
        waiting_.push_back(std::move(poll));
    }

    /// Answers a poll whose time is up and forgets one whose miner hung up.
    bool is_over(const Poll& poll) const {
        if (poll.is_gone && poll.is_gone()) return true;
        if (poll.deadline_unix_ms > services_.clock().now_unix_ms()) return false;
        poll.respond(Json{{"jobs", Json::array()}, {"height", services_.reader()->height()}});
        return true;
    }

    Self self_;
    NodeServices& services_;
    std::deque<std::shared_ptr<Poll>> waiting_{};
};

struct ShellState {
    ShellState() = default;
    ~ShellState() {
        if (services != nullptr) services->listeners().remove(listener);
    }
    ShellState(const ShellState&) = delete;
    ShellState& operator=(const ShellState&) = delete;
    std::unique_ptr<Shell> shell{};
    NodeServices* services = nullptr;
    std::uint64_t listener = 0;
};

CoordinatorActor::behavior_type behave(CoordinatorActor::stateful_pointer<ShellState> self,
                                       NodeServices* services) {
    abort_on_exception(self);
    self->state.shell = std::make_unique<Shell>(self, *services);
    self->state.services = services;
    self->state.listener = services->listeners().add(
        [actor = caf::actor_cast<caf::weak_actor_ptr>(self)](std::uint64_t) {
            if (const auto strong = actor.lock())
                caf::anon_send(caf::actor_cast<CoordinatorActor>(strong), LookAgain{});
        });
    Shell* shell = self->state.shell.get();
    return {
        [shell](const PollJobs& message) { shell->on_poll(message.poll); },
        [shell](const LookAgain&) { shell->on_block(); },
        [shell](const LeaseDecided& message) { shell->on_decided(message.poll, *message.applied); },
        [shell](const PollTimer&) { shell->on_timer(); },
    };
}

void poll_jobs(NodeServices& services, Call call, Respond respond) {
    if (call.principal.account.is_zero()) {
        return respond(Error{ErrorCode::unauthenticated, "The poll names no miner.", "",
                             "Open a miner session, or name the account with Aitbc-Account."});
    }
    const std::int64_t wait_ms = std::clamp<std::int64_t>(input_integer(call.input, "wait", 0), 0,
                                                          limits::long_poll_ms_max / 1000) *
                                 1000;
    auto poll = std::make_shared<Poll>(
        Poll{.miner = call.principal.account,
             .count_max = static_cast<std::uint32_t>(std::clamp<std::int64_t>(
                 input_integer(call.input, "max", 1), 1, limits::lease_jobs_max)),
             .deadline_unix_ms = services.clock().now_unix_ms() + wait_ms,
             .respond = std::move(respond),
             .is_gone = [exchange = call.exchange] {
                 return exchange != nullptr && exchange->is_closed();
             }});
    // The shortest way first: straight to the chain. Only who gets nothing waits at the desk.
    services.propose(lease_operation(*poll), [&services, poll](Result<consensus::Applied> applied) {
        if (!applied.ok()) return poll->respond(applied.error());
        const auto leased = decode<LeaseAnswer>(applied.value().outcome.response.bytes);
        AIT_ASSERT(leased.ok());
        if (leased.value().jobs.empty()) return services.leases().poll(*poll);
        answer_jobs(*poll, leased.value(), applied.value().height, services);
    });
}

constexpr std::array edge{
    Binding{.name = "miner.poll", .query = nullptr, .command = nullptr, .async = &poll_jobs}};

}  // namespace

void LeaseDesk::poll(Poll poll) {
    caf::anon_send(actor_, PollJobs{std::make_shared<Poll>(std::move(poll))});
}

CoordinatorActor spawn_coordinator(caf::actor_system& system, NodeServices& services) {
    return system.spawn(behave, &services);
}

std::span<const Binding> edge_bindings() {
    return edge;
}

}  // namespace ait::coordinator
