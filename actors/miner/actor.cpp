#include "actors/miner/actor.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <caf/all.hpp>
#include <map>

#include "actors/coordinator/messages.hpp"
#include "actors/miner/registry.hpp"
#include "actors/supervision.hpp"

namespace ait::miner {
namespace {

constexpr std::uint64_t heartbeat_ms_min = 100;
constexpr std::size_t metrics_bytes_max = 4'096;

struct WatchState {
    WatchState() = default;
    std::map<Address, bool> is_lost{};
};

MinerActor::behavior_type watch(MinerActor::stateful_pointer<WatchState> self,
                                NodeServices* services) {
    abort_on_exception(self);
    self->delayed_send(self, std::chrono::milliseconds(sweep_ms), Sweep{});
    return {
        [self](const HeardFrom& message) {
            const auto [entry, is_new] = self->state.is_lost.try_emplace(message.address, false);
            if (is_new)
                spdlog::info("miner_connected miner={}", miner_id_of(message.address));
            else if (entry->second)
                spdlog::info("miner_returned miner={}", miner_id_of(message.address));
            entry->second = false;
        },
        [self, services](const Sweep&) {
            const auto lost_ms =
                static_cast<std::int64_t>(services->reader()->genesis().parameters.miner_lost_ms);
            const std::int64_t now = services->clock().now_unix_ms();
            for (auto& [address, is_lost] : self->state.is_lost) {
                const auto heard = services->liveness().find(address);
                if (is_lost || (heard && now - heard->last_heartbeat_unix_ms <= lost_ms)) continue;
                is_lost = true;
                spdlog::warn("miner_lost miner={} silent_ms={}", miner_id_of(address),
                             heard ? now - heard->last_heartbeat_unix_ms : 0);
            }
            self->delayed_send(self, std::chrono::milliseconds(sweep_ms), Sweep{});
        },
    };
}

void open_session(NodeServices& services, Call call, Respond respond) {
    auto request = from_json_value<SessionRequest>(call.input);
    if (!request.ok()) return respond(request.error());
    const auto reader = services.reader();
    auto session = services.sessions().open(request.value(), reader->genesis().chain,
                                            consensus::genesis_hash(reader->genesis()),
                                            miner_id_of(request.value().address));
    if (!session.ok()) return respond(session.error());
    // Three chances before a lease runs out, whatever the chain calls a lease.
    const std::uint64_t lease_ms = reader->genesis().parameters.lease_ms;
    session.value().heartbeat_ms =
        std::clamp<std::uint64_t>(lease_ms / 3, heartbeat_ms_min, session.value().heartbeat_ms);
    respond(to_json_value(session.value()));
}

Result<std::vector<std::string>> held_jobs(const Json& input) {
    std::vector<std::string> ids;
    const auto found = input.find("jobs");
    if (found == input.end() || found->is_null()) return ids;
    const Error refused{ErrorCode::invalid_argument, "Field \"jobs\" is not acceptable.",
                        "It must be a list of {\"job_id\",\"attempt\"}, at most " +
                            std::to_string(limits::lease_jobs_max) + ".",
                        ""};
    if (!found->is_array() || found->size() > limits::lease_jobs_max) return refused;
    for (const auto& job : *found) {
        if (!job.is_object() || !job.contains("job_id") || !job["job_id"].is_string())
            return refused;
        ids.push_back(job["job_id"].get<std::string>());
    }
    return ids;
}

bool is_draining(NodeServices& services, const Address& address) {
    const auto record = find_miner(services.reader()->state(), address);
    return record.has_value() && record->status != MinerStatus::active;
}

/// What a heartbeat leaves behind in this process is bounded: one short entry for each miner that
/// is on the chain.
Result<Json> metrics_of(NodeServices& services, const Json& input, const Address& address) {
    if (!find_miner(services.reader()->state(), address)) {
        return Error{ErrorCode::not_found, "This account is not a miner.",
                     miner_id_of(address) + " is not registered.",
                     "Register first: aitbc miner register."};
    }
    Json metrics = input.value("metrics", Json::object());
    if (!metrics.is_object() || dump_json(metrics).size() > metrics_bytes_max) {
        return Error{ErrorCode::invalid_argument, "Field \"metrics\" is not acceptable.",
                     "It must be an object of at most " + std::to_string(metrics_bytes_max) +
                         " bytes as text.",
                     ""};
    }
    return metrics;
}

void heartbeat(NodeServices& services, Call call, Respond respond) {
    const Address address = call.principal.account;
    if (address.is_zero()) {
        return respond(Error{ErrorCode::unauthenticated, "The heartbeat names no miner.", "",
                             "Open a miner session."});
    }
    auto held = held_jobs(call.input);
    if (!held.ok()) return respond(held.error());
    auto metrics = metrics_of(services, call.input, address);
    if (!metrics.ok()) return respond(metrics.error());
    services.liveness().heard(address, input_text(call.input, "inference_url"),
                              std::move(metrics).value());
    services.miner_heard(address);
    if (held.value().empty()) {
        return respond(to_json_value(
            HeartbeatView{.cancelled_jobs = {}, .drain = is_draining(services, address)}));
    }
    NodeOperation renew{.principal = address,
                        .kind = "job.renew",
                        .body = encode(coordinator::RenewLeases{address, std::move(held).value()}),
                        .blobs = {},
                        .idempotency_key = {},
                        .dry_run = false,
                        .deadline_unix_ms = call.deadline_unix_ms};
    services.propose(
        std::move(renew), [&services, address, respond](Result<consensus::Applied> applied) {
            if (!applied.ok()) return respond(applied.error());
            auto answer = decode<coordinator::RenewAnswer>(applied.value().outcome.response.bytes);
            AIT_ASSERT(answer.ok());
            respond(to_json_value(HeartbeatView{.cancelled_jobs = std::move(answer.value().lost),
                                                .drain = is_draining(services, address)}));
        });
}

constexpr std::array edge{
    Binding{.name = "miner.session", .query = nullptr, .command = nullptr, .async = &open_session},
    Binding{.name = "miner.heartbeat", .query = nullptr, .command = nullptr, .async = &heartbeat},
};

}  // namespace

MinerActor spawn_miner_watch(caf::actor_system& system, NodeServices& services) {
    return system.spawn(watch, &services);
}

std::span<const Binding> edge_bindings() {
    return edge;
}

}  // namespace ait::miner
