#include "runtime/miner/miner_process.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>

#include "runtime/base/version.hpp"
#include "runtime/miner/detect_gpus.hpp"
#include "runtime/miner/engine_executor.hpp"
#include "runtime/miner/inference_server.hpp"
#include "runtime/miner/log.hpp"
#include "runtime/miner/mine_ollama.hpp"
#include "runtime/miner/mining_loop.hpp"
#include "runtime/miner/registration.hpp"

namespace ait::miner_process {
namespace {

constexpr std::int64_t registration_ms = 120'000;
constexpr std::uint32_t detection_ms = 5'000;

int fail(const Error& error) {
    spdlog::error("miner_failed code={} what='{}' why='{}' next='{}'",
                  error_code_row(error.code).name, log_text(error.what), log_text(error.why),
                  log_text(error.next));
    return error_code_row(error.code).exit_status;
}

Result<std::unique_ptr<EngineHost>> open_engine(const config::NodeConfig& config) {
    auto host =
        EngineHost::create({.model = config.miner.model,
                            .models_dir = config.miner.models_dir,
                            .aliases = {config.models.aliases.begin(), config.models.aliases.end()},
                            .threads = config.miner.threads,
                            .gguf_check = check_by_this_program()});
    if (!host.ok()) return host;
    // Now, not with the first job: a model that cannot run here must not be offered.
    const auto model = host.value()->acquire("", Backend::automatic);
    if (!model.ok()) return model.error();
    const gpu::ModelFacts& facts = model.value().engine->facts();
    spdlog::info(
        "model_opened model={} architecture={} quantisation={} parameters={} kernels={} threads={} "
        "context_tokens={} took_ms={}",
        log_text(model.value().name), log_text(facts.architecture), facts.quantisation,
        facts.parameters, facts.kernels, facts.threads, facts.context_tokens,
        model.value().load_us / 1'000);
    return host;
}

/// The machine's own word, or none: nothing is claimed that was not seen.
std::vector<miner::GpuSpec> gpus_here() {
    auto gpus = detect_gpus({.deadline_ms = detection_ms});
    if (gpus.ok()) return std::move(gpus).value();
    spdlog::info("no_gpu_detected why='{}'", log_text(gpus.error().why));
    return {};
}

Status register_here(NodeSession& session, const miner::RegisterMiner& offer,
                     const std::stop_token& stop) {
    const auto existing = session.registration(stop);
    if (!existing.ok()) return existing.error();
    if (is_registered_as(existing.value(), offer)) {
        spdlog::info("miner_known miner={} address={}", session.miner_id(), session.address());
        return {};
    }
    const Status done = session.register_miner(
        offer, {.deadline_unix_ms = system_clock().now_unix_ms() + registration_ms, .stop = stop});
    if (!done.ok()) return done;
    spdlog::info("miner_registered miner={} address={} price_per_hour={} concurrency={}",
                 session.miner_id(), session.address(), to_text(offer.price_per_hour),
                 offer.concurrency);
    return {};
}

/// At least one request is served beside the jobs.
WorkQueue::Options queue_options(const config::MinerSection& config) {
    return {.threads = std::clamp<std::size_t>(config.concurrency, 2, 8), .waiting_max = 32};
}

}  // namespace

miner::RegisterMiner offer_of(const config::MinerSection& config, const EngineHost& host,
                              std::vector<miner::GpuSpec> gpus) {
    miner::ModelOffer model{.name = host.primary()};
    const auto add = [&model](const std::string& alias) {
        const bool is_known =
            alias == model.name ||
            std::find(model.aliases.begin(), model.aliases.end(), alias) != model.aliases.end();
        if (!is_known && model.aliases.size() < miner::model_aliases_max) {
            model.aliases.push_back(alias);
        }
    };
    for (const std::string& alias : host.primary_aliases()) add(alias);
    return {.gpus = std::move(gpus),
            .models = {std::move(model)},
            .types = {"inference"},
            .price_per_hour = config.price_per_hour,
            .concurrency = std::clamp<std::uint32_t>(config.concurrency, 1, miner::concurrency_max),
            .region = config.region};
}

int run_miner(const MinerProcessOptions& options, crypto::SecretKey key,
              const StopSignals& signals) {
    const config::MinerSection& config = options.config.miner;
    auto host = open_engine(options.config);
    if (!host.ok()) return fail(host.error());
    auto server =
        InferenceServer::open(*host.value(), system_clock(), system_random(),
                              {.port = config.inference_port, .queue = queue_options(config)});
    if (!server.ok()) return fail(server.error());
    spdlog::info("inference_port_opened url={}", server.value()->url());

    NodeSession session(options.node, std::move(key), {.chain = options.chain});
    LogObserver observer;
    const Status opened =
        wait_for_node(session, observer, signals.drain(), system_pause(), system_random());
    if (!opened.ok()) return signals.drain().stop_requested() ? 0 : fail(opened.error());
    const miner::RegisterMiner offer = offer_of(config, *host.value(), gpus_here());
    const Status registered = register_here(session, offer, signals.drain());
    if (!registered.ok()) return signals.drain().stop_requested() ? 0 : fail(registered.error());

    EngineExecutor executor(*host.value(), system_clock(), system_random());
    MiningLoop loop({.session = &session, .executor = &executor, .observer = &observer},
                    {.concurrency = offer.concurrency,
                     .heartbeat_ms = static_cast<std::int64_t>(session.heartbeat_ms()),
                     .drain_ms = options.drain_ms,
                     .models = {host.value()->primary()},
                     .inference_url = server.value()->url()});
    spdlog::info("miner_ready miner={} model={} version={}", session.miner_id(),
                 host.value()->primary(), version);
    const Status mined = loop.run(signals.drain(), signals.cancel());
    spdlog::info("miner_stopped jobs_completed={} jobs_failed={}", loop.jobs_completed(),
                 loop.jobs_failed());
    return mined.ok() ? 0 : fail(mined.error());
}

}  // namespace ait::miner_process
