#include "runtime/node/node.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <caf/all.hpp>
#include <csignal>
#include <future>

#include "actors/consensus/sole_validator.hpp"
#include "actors/coordinator/actor.hpp"
#include "actors/coordinator/job.hpp"
#include "actors/coordinator/state.hpp"
#include "actors/ledger/book.hpp"
#include "actors/ledger/state.hpp"
#include "actors/miner/actor.hpp"
#include "actors/miner/state.hpp"
#include "runtime/base/crypto/hash.hpp"
#include "runtime/base/logging.hpp"
#include "runtime/base/process_limits.hpp"
#include "runtime/base/version.hpp"
#include "runtime/node/bindings.hpp"
#include "runtime/node/chain_place.hpp"
#include "runtime/node/disk_watch.hpp"
#include "runtime/node/gateway.hpp"
#include "runtime/node/handlers.hpp"
#include "runtime/node/health.hpp"
#include "runtime/node/identity.hpp"
#include "runtime/node/metrics_text.hpp"
#include "runtime/node/peer_directory.hpp"
#include "runtime/node/replicated_host.hpp"
#include "runtime/node/scrubber.hpp"
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

class Node final : public NodeServices, public NodeParts {
  public:
    /// `reopens`: asked where a state lies ready that only a new start can take. Outlives the node.
    Node(const config::LoadedConfig& loaded, const config::Sources& sources, Wish& reopens)
        : config_(loaded.values),
          reopens_(reopens),
          clock_(system_clock()),
          live_config_(loaded, sources, clock_),
          probe_(*this, figures_) {}
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
        watch_disk();
        start_actors();
        const Status linked =
            is_replicated_ ? replicated_.link(config_.peer, *data_, *key_) : Status{};
        return linked.ok() ? open_gateway() : linked;
    }

    void serve() {
        height_at_start_ = data_->tip().height;
        data_bytes_at_start_ = bytes_below(facts_.data_dir);
        facts_.is_ready = true;
        probe_.look();
        static_cast<void>(
            supervise::sd_notify("READY=1\nSTATUS=height " + std::to_string(data_->tip().height)));
        spdlog::info("node_ready chain={} height={} socket={} tcp_port={} version={}",
                     data_->genesis().chain, data_->tip().height, config_.gateway.unix_socket,
                     server_->tcp_port(), version);
    }

    /// Takes nothing new, finishes what was taken, then lets go.
    void drain() {
        static_cast<void>(supervise::sd_notify("STOPPING=1"));
        drain_gate_.begin(clock_.now_unix_ms());
        facts_.is_ready = false;
        server_->stop_accepting();
        inference_->stop();
        std::promise<void> drained;
        auto future = drained.get_future();
        caf::anon_send(chain_, consensus::Drain{[&drained] { drained.set_value(); }});
        const bool is_drained = future.wait_for(drain_timeout) == std::future_status::ready;
        if (!is_drained)
            stop_for_storage(Error{ErrorCode::storage_failed, "The chain did not drain in time.",
                                   "The disk does not answer.", ""});
        server_->drain(std::chrono::milliseconds(500));
        gateway_->stop();
        server_.reset();
        stop_actors();
        scrubber_.reset();
        spdlog::info("node_stopped height={}", data_->tip().height);
    }

    // ---- NodeServices ----
    [[nodiscard]] std::unique_ptr<consensus::ChainReader> reader() const override {
        return data_->reader();
    }
    [[nodiscard]] const consensus::RuleSet& rules() const override { return *rules_; }
    [[nodiscard]] const Clock& clock() const override { return clock_; }
    [[nodiscard]] Random& random() const override { return system_random(); }
    [[nodiscard]] consensus::BlockListeners& listeners() override { return listeners_; }
    [[nodiscard]] coordinator::LeaseDesk& leases() override { return *leases_; }
    [[nodiscard]] miner::Sessions& sessions() override { return *sessions_; }
    [[nodiscard]] miner::Liveness& liveness() override { return *liveness_; }
    void miner_heard(const Address& address) override {
        caf::anon_send(watch_, miner::HeardFrom{address});
    }

    void propose(NodeOperation operation, consensus::Submission::Done done) override {
        const Status admitted = drain_gate_.admit(operation.kind);
        if (!admitted.ok()) return done(admitted.error());
        consensus::BatchItem item{.principal = operation.principal,
                                  .idempotency_key = operation.idempotency_key,
                                  .kind = std::move(operation.kind),
                                  .body = Blob{std::move(operation.body)},
                                  .blobs = {},
                                  .salt = salt_for(operation.salt, operation.idempotency_key)};
        for (const auto& blob : operation.blobs) item.blobs.push_back(crypto::blake2b_256(blob));
        submit(std::move(item), std::move(operation.blobs), operation.dry_run,
               operation.deadline_unix_ms, std::move(done));
    }

    void submit_signed(std::string wire, std::string_view kind, std::vector<std::string> blobs,
                       bool dry_run, std::int64_t deadline_unix_ms,
                       consensus::Submission::Done done) override {
        const Status admitted = drain_gate_.admit(kind);
        if (!admitted.ok()) return done(admitted.error());
        auto transaction =
            consensus::verify_transaction(wire, data_->genesis().chain, data_->genesis_id());
        if (!transaction.ok()) return done(transaction.error());
        if (transaction.value().content.kind != kind) {
            return done(Error{ErrorCode::invalid_argument, "The transaction is of another kind.",
                              "It is " + transaction.value().content.kind + "; this route takes " +
                                  std::string(kind) + ".",
                              "Send it to its own route."});
        }
        submit(std::move(transaction).value(), std::move(blobs), dry_run, deadline_unix_ms,
               std::move(done));
    }

    // ---- NodeParts ----
    [[nodiscard]] const NodeFacts& facts() const override { return facts_; }
    [[nodiscard]] InferenceForward& inference() override { return *inference_; }
    void open_stream(std::shared_ptr<EventStream> stream) override {
        caf::anon_send(events_, OpenStream{std::move(stream)});
    }
    [[nodiscard]] HealthView health() override {
        return health_of({.services = *this,
                          .figures = figures_,
                          .recovery = data_->recovery(),
                          .gateway = gateway_->figures(),
                          .config = live_config_,
                          .probe = probe_,
                          .liveness = *liveness_,
                          .data_dir = facts_.data_dir,
                          .problem = problem_now(),
                          .height_at_start = height_at_start_,
                          .data_bytes_at_start = data_bytes_at_start_,
                          .started_us = started_us_});
    }
    Result<ReloadView> reload_config() override { return live_config_.reload(); }
    [[nodiscard]] DrainGate& drain_gate() override { return drain_gate_; }
    [[nodiscard]] const PeerDirectory& peers() const override { return *peers_; }

  private:
    void submit(consensus::Submission::Operation operation, std::vector<std::string> blobs,
                bool dry_run, std::int64_t deadline_unix_ms, consensus::Submission::Done done) {
        if (!dry_run) {
            if (auto refusal = disk_watch_->refusal()) return done(std::move(*refusal));
        }
        auto submission = std::make_shared<consensus::Submission>(
            std::move(operation), std::move(blobs), dry_run, deadline_unix_ms, std::move(done));
        if (inbox_->put(std::move(submission))) caf::anon_send(chain_, consensus::Submit{inbox_});
    }

    Status open_chain() {
        auto directory = storage::DataDirectory::open(config_.node.data_dir);
        if (!directory.ok()) return directory.error();
        directory_.emplace(std::move(directory).value());
        facts_.data_dir = directory_->path();
        auto key = load_node_key(config::layout_of(config_.node.data_dir).node_key);
        if (!key.ok()) return key.error();
        key_.emplace(std::move(key).value());
        peers_.emplace(config_.peer, replicated_.network(), *key_);
        auto genesis = load_genesis(config_.node.genesis_file, config_.node.chain);
        if (!genesis.ok()) return genesis.error();
        // A chain of one validator without peers needs nobody's agreement.
        is_replicated_ = genesis.value().validators.size() > 1 || !config_.peer.nodes.empty();
        if (!is_replicated_) {
            const auto sole = consensus::check_sole_validator(genesis.value(), key_->public_key());
            if (!sole.ok()) return sole.error();
        }
        const std::array domains{ledger::domain_rules(), coordinator::domain_rules(),
                                 miner::domain_rules()};
        rules_.emplace(domains, &ledger::take_nonce);
        auto chain = open_chain_of_node({.directory = *directory_,
                                         .storage = config_.storage,
                                         .genesis = genesis.value(),
                                         .rules = *rules_,
                                         .clock = clock_,
                                         .on_fatal = &stop_for_storage});
        if (!chain.ok()) return chain.error();
        database_ = std::move(chain.value().database);
        data_ = std::move(chain.value().data);
        return is_replicated_ ? replicated_.open_journal(*directory_, *data_, *key_) : Status{};
    }

    consensus::ChainPort start_chain() {
        if (is_replicated_) {
            return replicated_.spawn(
                *system_, {.data = *data_,
                           .key = *key_,
                           .clock = clock_,
                           .listeners = listeners_,
                           .figures = figures_,
                           .on_fatal = &stop_for_storage,
                           .block_wait_ms = config_.chain.block_wait_ms,
                           .snapshots = snapshot_place(*directory_, config_, &stop_for_storage,
                                                       [this] { reopens_.ask(); })});
        }
        return consensus::spawn_chain(*system_, {.data = *data_,
                                                 .node_key = *key_,
                                                 .clock = clock_,
                                                 .listeners = listeners_,
                                                 .figures = figures_,
                                                 .on_fatal = &stop_for_storage,
                                                 .block_wait_ms = config_.chain.block_wait_ms});
    }

    void watch_disk() {
        disk_watch_.emplace([path = facts_.data_dir] { return storage::disk_space(path); }, clock_);
        scrubber_.emplace(
            Scrubber::Parts{.files = storage::posix_file_system(),
                            .log_directory = directory_->subpath("log-" + data_->genesis().chain),
                            .database = *database_,
                            // Published is durable: a block is synced before it is shown.
                            .height_durable = [this] { return reader()->height(); },
                            .clock = clock_,
                            .interval_ms = std::uint64_t{config_.storage.scrub_interval_s} * 1000,
                            .bytes_per_second = config_.storage.scrub_bytes_per_second});
    }

    void start_actors() {
        actor_config_.set("scheduler.policy",
                          caf::atom("sharing"));  // the better tail for sparse requests (measured)
        actor_config_.set("scheduler.max-threads",
                          std::max<std::size_t>(2, std::thread::hardware_concurrency()));
        system_.emplace(actor_config_);
        sessions_.emplace(clock_, system_random());
        liveness_.emplace(clock_);
        chain_ = start_chain();
        coordinator_ = coordinator::spawn_coordinator(*system_, *this);
        leases_.emplace(coordinator_);
        watch_ = miner::spawn_miner_watch(*system_, *this);
        events_ = spawn_event_streams(*system_, *this);
        inference_.emplace(*this, inference_threads, inference_waiting_max);
    }

    /// Idempotent. Nobody may ask the actors any more.
    void stop_actors() {
        if (!system_) return;
        replicated_.stop_links();
        for (const auto& actor :
             {caf::actor_cast<caf::actor>(events_), caf::actor_cast<caf::actor>(coordinator_),
              caf::actor_cast<caf::actor>(watch_), caf::actor_cast<caf::actor>(chain_)}) {
            if (actor) caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
        }
        events_ = nullptr;
        leases_.reset();
        coordinator_ = nullptr;
        watch_ = nullptr;
        chain_ = nullptr;
        replicated_.stop_writer();
        system_->await_all_actors_done();
    }

    Status open_gateway() {
        access_.emplace(static_cast<std::uint32_t>(::geteuid()), *sessions_);
        auto tokens = resolve_tokens(config_.gateway.tokens, live_config_.environment());
        if (!tokens.ok()) return tokens.error();
        const auto taken = take_tokens(tokens.value());
        if (!taken.ok()) return taken.error();
        gateway_.emplace(Gateway::Parts{.services = *this,
                                        .access = *access_,
                                        .bindings = bindings_,
                                        .in_flight_max = config_.gateway.requests_in_flight_max});
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
        Access next(static_cast<std::uint32_t>(::geteuid()), *sessions_);
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
            const auto lost_ms =
                static_cast<std::int64_t>(data_->genesis().parameters.miner_lost_ms);
            return net::HttpResponse{
                .status = 200,
                .headers = {},
                .body = metrics_text(
                    {.chain = figures_,
                     .gateway = gateway_->figures(),
                     .http = server_->counters(),
                     .miners_alive = liveness_->alive_count(lost_ms),
                     .jobs_open = coordinator::load_counters(reader()->state()).open,
                     .scrub = scrubber_->figures(),
                     .replication = replicated_.state(),
                     .uptime_seconds =
                         static_cast<double>(clock_.monotonic_us() - started_us_) / 1e6}),
                .content_type = "text/plain; version=0.0.4; charset=utf-8"};
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
        const auto principal = access_->identify(request);
        if (!principal.ok()) return principal.error();
        return check_role(principal.value(), Role::viewer, request.local_socket);
    }

    static net::HttpResponse refusal_of(const Error& error) {
        return {
            error_code_row(error.code).http_status, {}, dump_json(error_to_json(error, "")) + "\n"};
    }

    /// Why the node does not serve; empty when it does.
    [[nodiscard]] std::string problem_now() {
        if (!facts_.is_ready) return "The node is starting or stopping.";
        if (drain_gate_.since_unix_ms() != 0) {
            return "It is being drained since " + to_rfc3339(drain_gate_.since_unix_ms()) +
                   ": it takes nothing new.";
        }
        probe_.look();
        if (auto apart = replicated_.problem(); !apart.empty()) return apart;
        if (const auto refusal = disk_watch_->refusal()) return refusal->what + " " + refusal->why;
        if (const auto rot = scrubber_->figures().first_damage) return rot->what + " " + rot->why;
        return probe_.state().problem;
    }

    net::HttpResponse readiness(const net::HttpRequest& request) {
        const std::string problem = problem_now();
        Json body{{"ready", problem.empty()}};
        if (request.find_query("verbose") != nullptr) {
            body["problem"] = problem;
            body["checks"] = Json{{"serving", facts_.is_ready.load()},
                                  {"draining", drain_gate_.since_unix_ms() != 0},
                                  {"probe_us", probe_.state().round_trip_us},
                                  {"chain_height", figures_.height.load()},
                                  {"pool_operations", figures_.pool_operations.load()}};
        }
        return {
            .status = problem.empty() ? 200 : 503, .headers = {}, .body = dump_json(body) + "\n"};
    }

    const config::NodeConfig config_;
    Wish& reopens_;
    const Clock& clock_;
    const std::int64_t started_us_ = clock_.monotonic_us();
    NodeFacts facts_{};
    DrainGate drain_gate_{};
    std::vector<Binding> bindings_{};
    std::optional<storage::DataDirectory> directory_{};
    std::optional<crypto::SecretKey> key_{};
    std::optional<consensus::RuleSet> rules_{};
    std::unique_ptr<storage::Database> database_{};
    std::unique_ptr<consensus::ChainData> data_{};
    std::optional<DiskWatch> disk_watch_{};
    std::optional<Scrubber> scrubber_{};
    consensus::BlockListeners listeners_{};
    consensus::ChainFigures figures_{};
    std::optional<miner::Sessions> sessions_{};
    std::optional<miner::Liveness> liveness_{};
    caf::actor_system_config actor_config_{};
    std::optional<caf::actor_system> system_{};
    bool is_replicated_ = false;
    ReplicatedHost replicated_{};
    std::optional<LinkedPeers> peers_{};
    consensus::ChainPort chain_{};
    const std::shared_ptr<consensus::SubmissionInbox> inbox_ =
        std::make_shared<consensus::SubmissionInbox>();
    coordinator::CoordinatorActor coordinator_{};
    std::optional<coordinator::LeaseDesk> leases_{};
    miner::MinerActor watch_{};
    EventActor events_{};
    std::optional<InferenceForward> inference_{};
    std::optional<Access> access_{};
    std::optional<Gateway> gateway_{};
    std::unique_ptr<net::HttpServer> server_{};
    LiveConfig live_config_;
    Probe probe_;
    std::uint64_t height_at_start_ = 0;
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
