#include "runtime/node/node.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <caf/all.hpp>
#include <csignal>
#include <thread>

#include "actors/coordinator/job.hpp"
#include "runtime/base/logging.hpp"
#include "runtime/base/process_limits.hpp"
#include "runtime/base/version.hpp"
#include "runtime/node/bindings.hpp"
#include "runtime/node/gateway.hpp"
#include "runtime/node/health.hpp"
#include "runtime/node/hosted_chains.hpp"
#include "runtime/node/identity.hpp"
#include "runtime/node/metrics_text.hpp"
#include "runtime/node/stop_signals.hpp"
#include "runtime/registry/openapi.hpp"
#include "runtime/registry/registry.hpp"
#include "runtime/supervise/sd_notify.hpp"
#include "storage/data_directory.hpp"

namespace ait::node {
namespace {

constexpr std::chrono::seconds drain_timeout{10};
constexpr std::size_t inference_threads = 8;
constexpr std::size_t inference_waiting_max = 256;

/// What is on disk is unknown after this: nothing may be acknowledged any more.
[[noreturn]] void stop_for_storage(const Error& error) {
    std::fputs(render_error(error).c_str(), stderr);
    spdlog::critical("storage_failed what=\"{}\" why=\"{}\"", error.what, error.why);
    spdlog::shutdown();
    std::_Exit(error_code_row(error.code).exit_status);
}

class Node final : public NodeParts {
  public:
    /// `reopens`: asked where a state lies ready that only a new start can take. Outlives the node.
    Node(const config::LoadedConfig& loaded, const config::Sources& sources, Wish& reopens)
        : config_(loaded.values),
          reopens_(reopens),
          clock_(system_clock()),
          live_config_(loaded, sources, clock_) {}
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;
    /// A node that could not open stops here what it had started.
    ~Node() override {
        if (inference_) inference_->stop();
        server_.reset();
        stop_actors();
    }

    Status open() {
        const Status tables = registry::self_check();
        if (!tables.ok()) return tables;
        auto bindings = all_bindings();
        if (!bindings.ok()) return bindings.error();
        bindings_ = std::move(bindings).value();
        const Status chain = open_chain();
        if (!chain.ok()) return chain;
        const Status started = start_actors();
        return started.ok() ? open_gateway() : started;
    }

    void serve() {
        data_bytes_at_start_ = bytes_below(facts_.data_dir);
        facts_.is_ready = true;
        main().probe().look();
        const std::uint64_t height = main().height_at_start();
        static_cast<void>(supervise::sd_notify("READY=1\nSTATUS=height " + std::to_string(height)));
        spdlog::info("node_ready chain={} height={} socket={} tcp_port={} version={}",
                     main().name(), height, config_.gateway.unix_socket, server_->tcp_port(),
                     version);
    }

    /// Takes nothing new, finishes what was taken, then lets go.
    void drain() {
        static_cast<void>(supervise::sd_notify("STOPPING=1"));
        drain_gate_.begin(clock_.now_unix_ms());
        facts_.is_ready = false;
        server_->stop_accepting();
        inference_->stop();
        chains_->stop_hosting();
        if (!chains_->drain(drain_timeout))
            stop_for_storage(Error{ErrorCode::storage_failed, "The chain did not drain in time.",
                                   "The disk does not answer.", ""});
        server_->drain(std::chrono::milliseconds(500));
        gateway_->stop();
        server_.reset();
        stop_actors();
        spdlog::info("node_stopped height={}", main().data().tip().height);
    }

    // ---- NodeParts ----
    [[nodiscard]] const NodeFacts& facts() const override { return facts_; }
    [[nodiscard]] InferenceForward& inference() override { return *inference_; }
    [[nodiscard]] HealthView health(HostedChain& chain) override {
        return health_of({.services = chain,
                          .figures = chain.figures(),
                          .recovery = chain.data().recovery(),
                          .gateway = gateway_->figures(),
                          .config = live_config_,
                          .probe = chain.probe(),
                          .liveness = chain.heard_miners(),
                          .data_dir = facts_.data_dir,
                          .problem = problem_of(chain),
                          .height_at_start = chain.height_at_start(),
                          .data_bytes_at_start = data_bytes_at_start_,
                          .started_us = started_us_});
    }
    Result<ReloadView> reload_config() override { return live_config_.reload(); }
    [[nodiscard]] DrainGate& drain_gate() override { return drain_gate_; }
    [[nodiscard]] HostedChains& chains() override { return *chains_; }

  private:
    Status open_chain() {
        auto directory = storage::DataDirectory::open(config_.node.data_dir);
        if (!directory.ok()) return directory.error();
        directory_.emplace(std::move(directory).value());
        facts_.data_dir = directory_->path();
        auto key = load_node_key(config::layout_of(config_.node.data_dir).node_key);
        if (!key.ok()) return key.error();
        key_.emplace(std::move(key).value());
        auto genesis = load_genesis(config_.node.genesis_file, config_.node.chain);
        if (!genesis.ok()) return genesis.error();
        disk_watch_.emplace([path = facts_.data_dir] { return storage::disk_space(path); }, clock_);
        chains_.emplace(ChainHost{.config = config_,
                                  .key = *key_,
                                  .clock = clock_,
                                  .drain_gate = drain_gate_,
                                  .disk_watch = *disk_watch_,
                                  .node = *this,
                                  .on_fatal = &stop_for_storage,
                                  .on_joined = [this] { reopens_.ask(); }},
                        directory_->path());
        return chains_->open({.folder = directory_->path(),
                              .genesis = std::move(genesis).value(),
                              .peers = config_.peer});
    }

    Status start_actors() {
        actor_config_.set("scheduler.policy",
                          caf::atom("sharing"));  // the better tail for sparse requests (measured)
        actor_config_.set("scheduler.max-threads",
                          std::max<std::size_t>(2, std::thread::hardware_concurrency()));
        system_.emplace(actor_config_);
        inference_.emplace(inference_threads, inference_waiting_max);
        return chains_->start(*system_);
    }

    /// Idempotent. Nobody may ask the actors any more.
    void stop_actors() {
        if (!system_) return;
        chains_->stop();
        system_->await_all_actors_done();
    }

    Status open_gateway() {
        access_.emplace(static_cast<std::uint32_t>(::geteuid()));
        auto tokens = resolve_tokens(config_.gateway.tokens, live_config_.environment());
        if (!tokens.ok()) return tokens.error();
        const auto taken = take_tokens(tokens.value());
        if (!taken.ok()) return taken.error();
        gateway_.emplace(
            Gateway::Parts{.services = main(),
                           .access = *access_,
                           .bindings = bindings_,
                           .in_flight_max = config_.gateway.requests_in_flight_max,
                           .find_chain = [this](std::string_view name) -> Result<NodeServices*> {
                               auto chain = chains_->find(name);
                               if (!chain.ok()) return chain.error();
                               return chain.value();
                           }});
        add_plain_routes();
        live_config_.set_appliers(
            {.tokens = [this](const auto& given) { return take_tokens(given); },
             .log_level =
                 [](const std::string& level) {
                     spdlog::set_level(spdlog::level::from_str(level));
                 },
             .requests_in_flight_max =
                 [this](std::uint32_t count) { gateway_->set_in_flight_max(count); }});
        auto server = net::HttpServer::open(
            {.unix_socket_path = config_.gateway.unix_socket,
             .tcp_host = config_.gateway.tcp_host,
             .tcp_port = config_.gateway.tcp_port,
             .tcp_enabled = config_.gateway.tcp_enabled,
             .tcp_port_may_move = true,
             .connections_max =
                 connections_that_fit(config_.gateway.connections_max, raise_descriptor_limit())},
            [this](std::shared_ptr<net::HttpExchange> exchange) { gateway_->handle(exchange); });
        if (!server.ok()) return server.error();
        server_ = std::move(server).value();
        if (server_->tcp_port() != 0) {
            facts_.url =
                "http://" + config_.gateway.tcp_host + ":" + std::to_string(server_->tcp_port());
        }
        return {};
    }

    /// The owner's token and the configured ones, all or none; true when they differ from before.
    Result<bool> take_tokens(const std::vector<RoleToken>& configured) {
        auto own = load_or_make_token(directory_->subpath("api.token"), system_random());
        if (!own.ok()) return own.error();
        Access next(static_cast<std::uint32_t>(::geteuid()));
        if (const Status added = next.add_token(own.value(), Role::admin); !added.ok())
            return added.error();
        for (const auto& each : configured) {
            if (const Status added = next.add_token(each.token.view(), each.role); !added.ok())
                return added.error();
        }
        return access_->take_tokens(next);
    }

    void add_plain_routes() {
        gateway_->add_plain("/healthz", [](const net::HttpRequest&) {
            return net::HttpResponse{.status = 200, .headers = {}, .body = "{\"status\":\"ok\"}\n"};
        });
        gateway_->add_plain("/readyz",
                            [this](const net::HttpRequest& request) { return readiness(request); });
        gateway_->add_plain("/metrics", [this](const net::HttpRequest& request) {
            if (!facts_.is_ready) return readiness(request);  // server_ is not in place
            const Status allowed = check_metrics_reader(request);
            if (!allowed.ok()) return refusal_of(allowed.error());
            return metrics();
        });
        gateway_->add_plain(
            "/openapi.json",
            [document = dump_json(registry::openapi_document(version))](const net::HttpRequest&) {
                return net::HttpResponse{.status = 200, .headers = {}, .body = document + "\n"};
            });
    }

    /// On this machine anybody may read figures; where other machines reach us, a token is needed.
    [[nodiscard]] Status check_metrics_reader(const net::HttpRequest& request) const {
        if (!config_.gateway.unsafe_public_bind || request.local_socket) return {};
        const auto principal = access_->identify(request, main().sessions());
        if (!principal.ok()) return principal.error();
        return check_role(principal.value(), Role::viewer, request.local_socket);
    }

    static net::HttpResponse refusal_of(const Error& error) {
        return {
            error_code_row(error.code).http_status, {}, dump_json(error_to_json(error, "")) + "\n"};
    }

    /// Why the node does not serve this chain; empty when it does.
    [[nodiscard]] std::string problem_of(HostedChain& chain) {
        if (!facts_.is_ready) return "The node is starting or stopping.";
        if (drain_gate_.since_unix_ms() != 0) {
            return "It is being drained since " + to_rfc3339(drain_gate_.since_unix_ms()) +
                   ": it takes nothing new.";
        }
        if (const auto refusal = disk_watch_->refusal()) return refusal->what + " " + refusal->why;
        return chain.problem();
    }

    net::HttpResponse metrics() {
        std::vector<ChainMetrics> chains;
        for (auto* chain : chains_->all()) chains.push_back(chain->metrics());
        return {
            .status = 200,
            .headers = {},
            .body = metrics_text(
                {.chains = chains,
                 .gateway = gateway_->figures(),
                 .http = server_->counters(),
                 .uptime_seconds = static_cast<double>(clock_.monotonic_us() - started_us_) / 1e6}),
            .content_type = "text/plain; version=0.0.4; charset=utf-8"};
    }

    /// Of the chain that is named, or the default one: others that are not ready do not keep work
    /// from it.
    net::HttpResponse readiness(const net::HttpRequest& request) {
        const auto* name = request.find_query("chain");
        const auto found = chains_->find(name == nullptr ? std::string_view() : *name);
        if (!found.ok()) return refusal_of(found.error());
        HostedChain& chain = *found.value();
        const std::string problem = problem_of(chain);
        Json body{{"ready", problem.empty()}};
        if (request.find_query("verbose") != nullptr) {
            Json chains = Json::array();
            for (const auto& each : chains_->views()) {
                chains.push_back(Json{{"chain", each.chain},
                                      {"height", each.height},
                                      {"height_known", each.height_known},
                                      {"sync", std::string(name_of(each.sync))}});
            }
            body["problem"] = problem;
            body["checks"] = Json{{"serving", facts_.is_ready.load()},
                                  {"draining", drain_gate_.since_unix_ms() != 0},
                                  {"probe_us", chain.probe().state().round_trip_us},
                                  {"chain_height", chain.figures().height.load()},
                                  {"pool_operations", chain.figures().pool_operations.load()},
                                  {"chains", std::move(chains)}};
        }
        return {
            .status = problem.empty() ? 200 : 503, .headers = {}, .body = dump_json(body) + "\n"};
    }

    [[nodiscard]] HostedChain& main() const { return chains_->main(); }

    const config::NodeConfig config_;
    Wish& reopens_;
    const Clock& clock_;
    const std::int64_t started_us_ = clock_.monotonic_us();
    NodeFacts facts_{};
    DrainGate drain_gate_{};
    std::vector<Binding> bindings_{};
    std::optional<storage::DataDirectory> directory_{};
    std::optional<crypto::SecretKey> key_{};
    std::optional<DiskWatch> disk_watch_{};
    std::optional<HostedChains> chains_{};
    caf::actor_system_config actor_config_{};
    std::optional<caf::actor_system> system_{};
    std::optional<InferenceForward> inference_{};
    std::optional<Access> access_{};
    std::optional<Gateway> gateway_{};
    std::unique_ptr<net::HttpServer> server_{};
    LiveConfig live_config_;
    std::uint64_t data_bytes_at_start_ = 0;
};

}  // namespace

int run_node(const config::LoadedConfig& config, const config::Sources& sources) {
    const int signals = block_signals();
    set_up_logging("node", config.values.node.log_level,
                   log_form_from_name(config.values.node.log_format));
    Wish reopens;
    int status = 0;
    while (true) {
        Node node(config, sources, reopens);
        const Status opened = node.open();
        if (!opened.ok()) {
            std::fputs(render_error(opened.error()).c_str(), stderr);
            status = error_code_row(opened.error().code).exit_status;
            break;
        }
        node.serve();
        // A refusal is logged there; the old configuration stays.
        const bool is_over =
            wait_for_end(signals, reopens, [&node] { static_cast<void>(node.reload_config()); });
        node.drain();
        if (is_over) break;
        spdlog::info("node_opens_again note=\"a state came as a snapshot\"");
    }
    ::close(signals);
    return status;
}

}  // namespace ait::node
