#include "runtime/node/probe.hpp"

#include <mutex>

#include "actors/coordinator/operations.hpp"
#include "runtime/registry/registry.hpp"

namespace ait::node {
namespace {

const Operation& submit_row() {
    const Operation* row = registry::find_operation("job.submit");
    AIT_ASSERT(row != nullptr);
    return *row;
}

CommandHandler submit_handler() {
    for (const auto& binding : coordinator::bindings()) {
        if (binding.name == "job.submit") return binding.command;
    }
    AIT_ASSERT(false);
}

/// A rule may refuse the probe job, which shows just as well that rules are asked.
bool is_answer_of_a_rule(const Result<consensus::Applied>& answer) {
    if (answer.ok()) return true;
    switch (answer.error().code) {
        case ErrorCode::internal:
        case ErrorCode::overloaded:
        case ErrorCode::unavailable:
        case ErrorCode::deadline_exceeded:
        case ErrorCode::storage_failed:
        case ErrorCode::corrupt_data:
            return false;
        default:
            return true;
    }
}

}  // namespace

struct Probe::Shared {
    mutable std::mutex mutex;
    std::int64_t asked_us = 0;  ///< 0: none is under way
    std::int64_t answered_us = 0;
    std::uint64_t round_trip_us = 0;
    std::string refusal = "No probe job has made the round trip yet.";
    std::uint64_t height = 0;
    std::int64_t moved_us = 0;  ///< when the height last moved, or nothing waited
};

Probe::Probe(NodeServices& services, const consensus::ChainFigures& figures)
    : services_(services), figures_(figures), shared_(std::make_shared<Shared>()) {}

void Probe::look() {
    const std::int64_t now_us = services_.clock().monotonic_us();
    {
        const std::scoped_lock lock(shared_->mutex);
        if (figures_.pool_operations == 0 || figures_.height != shared_->height)
            shared_->moved_us = now_us;
        shared_->height = figures_.height;
        const bool is_young = shared_->answered_us != 0 && shared_->refusal.empty() &&
                              now_us - shared_->answered_us < probe_interval_ms * 1'000;
        if (shared_->asked_us != 0 || is_young) return;
        shared_->asked_us = now_us;
    }
    const auto done = [shared = shared_,
                       &clock = services_.clock()](const Result<consensus::Applied>& answer) {
        const std::scoped_lock lock(shared->mutex);
        shared->answered_us = clock.monotonic_us();
        shared->round_trip_us = static_cast<std::uint64_t>(shared->answered_us - shared->asked_us);
        shared->asked_us = 0;
        shared->refusal = is_answer_of_a_rule(answer) ? "" : answer.error().what;
    };
    Result<Proposal> proposal = Error{};
    {
        const auto reader = services_.reader();
        const Principal nobody{.role = Role::member, .account = {}, .name = "probe"};
        const QueryContext context{*reader, nobody, services_.clock().now_unix_ms()};
        proposal = submit_handler()(
            context, Json{{"type", "inference"}, {"model", "probe"}, {"prompt", "probe"}});
    }
    if (!proposal.ok()) return done(proposal.error());
    services_.propose({.principal = {},
                       .kind = std::string(submit_row().transaction.kind),
                       .body = std::move(proposal.value().body),
                       .blobs = std::move(proposal.value().blobs),
                       .idempotency_key = "probe",
                       .dry_run = true,
                       .deadline_unix_ms = services_.clock().now_unix_ms() + probe_answer_ms_max},
                      done);
}

Probe::State Probe::state() const {
    const std::int64_t now_us = services_.clock().monotonic_us();
    const std::scoped_lock lock(shared_->mutex);
    State state{.problem = shared_->refusal, .round_trip_us = shared_->round_trip_us};
    if (shared_->answered_us != 0)
        state.age_ms = static_cast<std::uint64_t>((now_us - shared_->answered_us) / 1'000);
    if (shared_->asked_us != 0 && now_us - shared_->asked_us > probe_answer_ms_max * 1'000)
        state.problem = "The chain has not answered a probe job in time.";
    const bool is_stuck = figures_.pool_operations > 0 && figures_.height == shared_->height &&
                          now_us - shared_->moved_us > probe_answer_ms_max * 1'000;
    if (is_stuck) state.problem = "Operations wait, but no block comes.";
    return state;
}

}  // namespace ait::node
