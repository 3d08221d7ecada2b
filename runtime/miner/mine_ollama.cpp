#include "runtime/miner/mine_ollama.hpp"

#include <cstdio>

#include "runtime/miner/mining_loop.hpp"
#include "runtime/miner/registration.hpp"
#include "runtime/miner/stage_log.hpp"

namespace ait::miner_process {
namespace {

constexpr std::int64_t registration_ms = 60'000;

int fail(const Error& error) {
    std::fputs(render_error(error).c_str(), stderr);
    return error_code_row(error.code).exit_status;
}

void print(const std::string& line) {
    std::fputs((line + "\n").c_str(), stdout);
    std::fflush(stdout);  // people watch this through pipes
}

}  // namespace

Status ensure_offered(NodeSession& session, const std::string& model, const SubmitLimits& limits) {
    const auto existing = session.registration(limits.stop);
    if (!existing.ok()) return existing.error();
    const auto offer = offer_with_model(existing.value(), model);
    if (!offer) return {};
    return session.register_miner(*offer, limits);
}

Status wait_for_node(NodeSession& session, MiningObserver& observer, const std::stop_token& stop,
                     Pause& pause, Random& random) {
    Backoff backoff(random, {.first_ms = 100, .max_ms = 5'000});
    while (true) {
        Status opened = session.open(stop);
        if (opened.ok()) return opened;
        if (!error_code_row(opened.error().code).retryable) return opened;
        const std::int64_t retry_ms = backoff.next_ms();
        observer.troubled("session", opened.error(), retry_ms);
        if (!pause.wait_ms(retry_ms, stop)) {
            return Error{ErrorCode::cancelled, "The miner was stopped before it reached a node.",
                         opened.error().what, ""};
        }
    }
}

int run_mine_ollama(const MineOllamaOptions& options, crypto::SecretKey key,
                    const StopSignals& signals) {
    auto endpoint = net::parse_http_endpoint(options.ollama_url);
    if (!endpoint.ok()) return fail(endpoint.error());
    OllamaExecutor executor(
        {.endpoint = endpoint.value(), .model = options.model, .deadlines = options.deadlines});
    const auto model = executor.resolve(options.model, signals.drain());
    if (!model.ok()) return fail(model.error());

    StageLog observer(system_clock(), model.value(), &print);
    NodeSession session(options.node, std::move(key), {.chain = options.chain});
    // A person who names a wrong address wants to hear of it; a service waits for its node.
    const Status opened = options.continuous ? wait_for_node(session, observer, signals.drain(),
                                                             system_pause(), system_random())
                                             : session.open(signals.drain());
    if (!opened.ok()) return signals.drain().stop_requested() ? 0 : fail(opened.error());
    const Status offered =
        ensure_offered(session, options.model,
                       {.deadline_unix_ms = system_clock().now_unix_ms() + registration_ms,
                        .stop = signals.drain()});
    if (!offered.ok()) return signals.drain().stop_requested() ? 0 : fail(offered.error());

    MiningLoop loop({.session = &session, .executor = &executor, .observer = &observer},
                    {.wait_s = options.wait_s,
                     .jobs_max = options.continuous ? std::nullopt : std::optional(options.jobs),
                     .heartbeat_ms = static_cast<std::int64_t>(session.heartbeat_ms()),
                     .drain_ms = options.drain_ms,
                     .models = {model.value()}});
    const Status mined = loop.run(signals.drain(), signals.cancel());
    if (!mined.ok()) return fail(mined.error());
    const bool none_done = loop.jobs_completed() == 0 && loop.jobs_failed() > 0;
    return none_done && !options.continuous ? error_code_row(ErrorCode::job_failed).exit_status : 0;
}

}  // namespace ait::miner_process
