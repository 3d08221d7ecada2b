#include "runtime/node/handlers.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include "actors/consensus/receipt.hpp"
#include "actors/coordinator/job.hpp"
#include "actors/coordinator/operations.hpp"
#include "actors/miner/registry.hpp"
#include "actors/miner/sessions.hpp"
#include "actors/node/views.hpp"
#include "runtime/base/version.hpp"
#include "runtime/node/hosted_chains.hpp"
#include "runtime/registry/node_operations.hpp"
#include "runtime/registry/registry.hpp"

namespace ait::node {
namespace {

/// That the running jobs of a drain are added up over.
constexpr std::uint64_t drain_miners_counted_max = 10'000;

/// The gateway hands every handler the chain that was named, which is both.
ChainParts& parts_of(NodeServices& services) {
    auto* parts = dynamic_cast<ChainParts*>(&services);
    AIT_ASSERT(parts != nullptr);
    return *parts;
}
NodeParts& node_of(NodeServices& services) {
    return parts_of(services).node();
}

void node_status(NodeServices& services, Call /*call*/, Respond respond) {
    const auto reader = services.reader();
    const auto lost_ms = static_cast<std::int64_t>(reader->genesis().parameters.miner_lost_ms);
    const auto& facts = node_of(services).facts();
    respond(to_json_value(StatusView{.pid = static_cast<std::uint64_t>(::getpid()),
                                     .data_dir = facts.data_dir,
                                     .chain = reader->genesis().chain,
                                     .height = reader->height(),
                                     .peers = connected_count(parts_of(services).peers()),
                                     .version = std::string(version),
                                     .ready = facts.is_ready,
                                     .miners = services.liveness().alive_count(lost_ms),
                                     .jobs_open = coordinator::load_counters(reader->state()).open,
                                     .inference_url = services.liveness().inference_url(lost_ms),
                                     .url = facts.is_ready ? facts.url : ""}));
}

void node_health(NodeServices& services, Call /*call*/, Respond respond) {
    respond(to_json_value(parts_of(services).health()));
}

void config_reload(NodeServices& services, Call /*call*/, Respond respond) {
    const auto report = node_of(services).reload_config();
    if (!report.ok()) return respond(report.error());
    respond(to_json_value(report.value()));
}

void respond_drain(NodeServices& services, const Respond& respond) {
    DrainView view{.draining = node_of(services).drain_gate().since_unix_ms() != 0,
                   .since = UnixMs{node_of(services).drain_gate().since_unix_ms()}};
    const auto reader = services.reader();
    miner::for_each_miner(reader->state(), Address{}, [&](const miner::MinerRecord& miner) {
        view.jobs_running += miner.jobs_running;
        return ++view.miners < drain_miners_counted_max;
    });
    respond(to_json_value(view));
}

void node_drain(NodeServices& services, Call /*call*/, Respond respond) {
    node_of(services).drain_gate().begin(services.clock().now_unix_ms());
    spdlog::info("node_draining");
    respond_drain(services, respond);
}

void node_resume(NodeServices& services, Call /*call*/, Respond respond) {
    node_of(services).drain_gate().end();
    spdlog::info("node_resumed");
    respond_drain(services, respond);
}

void node_identity(NodeServices& services, Call call, Respond respond) {
    auto& node = node_of(services);
    const auto view =
        identity_of(node.chains().main().peers(), node.chains().views(),
                    {.ready = node.facts().is_ready, .now_unix_ms = services.clock().now_unix_ms()},
                    input_text(call.input, "challenge"));
    if (!view.ok()) return respond(view.error());
    respond(to_json_value(view.value()));
}

void node_peers(NodeServices& services, Call /*call*/, Respond respond) {
    respond(list_of(parts_of(services).peers().peers()));
}

void chain_list(NodeServices& services, Call /*call*/, Respond respond) {
    respond(list_of(node_of(services).chains().views()));
}

template <bool is_new>
void chain_host(NodeServices& services, Call call, Respond respond) {
    ChainWish wish{.genesis = call.input["genesis"],
                   .is_new = is_new,
                   .listen = input_text(call.input, "listen"),
                   .peers = {},
                   .dry_run = call.dry_run};
    if (const auto peers = call.input.find("peers"); peers != call.input.end())
        wish.peers = peers->get<std::vector<std::string>>();
    node_of(services).chains().host(std::move(wish),
                                    [respond = std::move(respond),
                                     dry_run = call.dry_run](const Result<HostedChainView>& view) {
                                        if (!view.ok()) return respond(view.error());
                                        Json answer = to_json_value(view.value());
                                        if (dry_run) answer["dry_run"] = true;
                                        respond(std::move(answer));
                                    });
}

void chain_leave(NodeServices& services, Call call, Respond respond) {
    node_of(services).chains().leave(
        input_text(call.input, "name"),
        [respond = std::move(respond)](const Result<LeftChainView>& view) {
            if (!view.ok()) return respond(view.error());
            respond(to_json_value(view.value()));
        });
}

void chain_validators(NodeServices& services, Call call, Respond respond) {
    std::optional<std::uint64_t> epoch;
    if (const std::int64_t given = input_integer(call.input, "epoch", -1); given >= 0)
        epoch = static_cast<std::uint64_t>(given);
    const auto views = validators_of(parts_of(services).peers(), *services.reader(), epoch);
    if (!views.ok()) return respond(views.error());
    respond(list_of(views.value()));
}

Result<Json> chain_genesis(const QueryContext& context, const Json& /*input*/) {
    return to_json_value(context.chain.genesis());
}

void events_stream(NodeServices& services, Call call, Respond respond) {
    auto stream = std::make_shared<EventStream>();
    stream->exchange = call.exchange;
    stream->trace = call.trace;
    stream->kind = input_text(call.input, "kind");
    stream->subject = input_text(call.input, "subject");
    stream->height = services.reader()->height();
    stream->index = std::numeric_limits<std::uint32_t>::max();
    if (const auto* id = call.exchange->request().find_header("last-event-id")) {
        auto after = parse_event_id(*id);
        if (!after.ok()) return respond(after.error());
        std::tie(stream->height, stream->index) = after.value();
    }
    parts_of(services).open_stream(std::move(stream));
    respond(Json(nullptr));
}

const Binding& job_get() {
    for (const auto& binding : coordinator::bindings()) {
        if (binding.name == "job.get") return binding;
    }
    AIT_ASSERT(false);
}

bool is_terminal(const std::string& state) {
    return state == "completed" || state == "failed" || state == "cancelled" || state == "expired";
}

void job_watch(NodeServices& services, Call call, Respond respond) {
    const Json input{{"job_id", input_text(call.input, "job_id")}};
    const auto look = [principal = call.principal, input, &services](
                          const consensus::ChainReader& reader) -> Result<EventStream::Snapshot> {
        const QueryContext context{reader, principal, services.clock().now_unix_ms()};
        auto view = job_get().query(context, input);
        if (!view.ok()) return view.error();
        return EventStream::Snapshot{dump_json(view.value()),
                                     is_terminal(view.value().value("status", std::string()))};
    };
    auto stream = std::make_shared<EventStream>();
    {
        const auto reader = services.reader();
        const auto first = look(*reader);
        if (!first.ok()) return respond(first.error());  // an unknown job is an error, not a stream
        stream->height = reader->height();
        stream->index = std::numeric_limits<std::uint32_t>::max();
    }
    stream->exchange = call.exchange;
    stream->trace = call.trace;
    stream->subject = input_text(call.input, "job_id");
    stream->snapshot = look;
    parts_of(services).open_stream(std::move(stream));
    respond(Json(nullptr));
}

Result<Json> receipt_of(const std::vector<consensus::OperationProof>& proofs,
                        const consensus::ChainReader& chain) {
    auto text = consensus::receipt_text(proofs, chain.genesis(), &form_of);
    if (!text.ok()) return text.error();
    return parse_json(text.value());
}

Result<Json> tx_receipt(const QueryContext& context, const Json& input) {
    const auto hash = fixed_from_hex<Hash>(input_text(input, "hash"));
    if (!hash.ok()) return hash.error();
    const auto position = context.chain.find_operation(hash.value());
    if (!position) {
        return Error{ErrorCode::not_found, "There is no such transaction here.",
                     "No block of this chain up to height " +
                         std::to_string(context.chain.height()) + " has " +
                         to_hex(hash.value().view()) + ".",
                     "If it was just sent, wait for the next block."};
    }
    auto proof = consensus::prove_operation(context.chain, *position);
    if (!proof.ok()) return proof.error();
    auto receipt = receipt_of({std::move(proof).value()}, context.chain);
    if (!receipt.ok() || !receipt.value().contains("job_id")) return receipt;
    // A job's receipt begins with its result; one of a payment alone would be taken for it.
    const std::string job = receipt.value()["job_id"].get<std::string>();
    return Error{ErrorCode::unsupported, "The transaction has no receipt of its own.",
                 "It is about job " + job + ", and stands in that job's receipt.",
                 "Ask for it: aitbc client receipt " + job};
}

Result<Json> job_receipt(const QueryContext& context, const Json& input) {
    const std::string id = input_text(input, "job_id");
    const auto job = coordinator::find_job(context.chain.state(), id);
    if (!job) {
        return Error{ErrorCode::not_found, "There is no job " + id + ".", "",
                     "List yours: aitbc client list"};
    }
    if (!job->delivery) {
        return Error{ErrorCode::not_ready, "The job has no receipt.",
                     "It is " + std::string(name_of(job->state)) +
                         "; a receipt is made of a delivered result.",
                     "Wait for it: aitbc client result " + id + " --wait"};
    }
    if (job->delivery->miner_key.is_zero()) {
        return Error{ErrorCode::unsupported, "The job has no receipt.",
                     "Its result was delivered without the miner's signature, as results of jobs "
                     "without money may be.",
                     "Fund a job before it is done to get one."};
    }
    std::vector<consensus::OperationProof> proofs;
    for (const Hash& hash : {job->delivery->transaction, job->payment.transaction}) {
        if (hash.is_zero()) continue;
        auto position = context.chain.find_operation(hash);
        if (position && hash == job->delivery->transaction) position->item = job->delivery->item;
        if (!position) {
            return Error{ErrorCode::not_found, "The block of the receipt is not kept any more.",
                         "Operation " + to_hex(hash.view()) + ".",
                         "Ask a node that keeps the archive."};
        }
        auto proof = consensus::prove_operation(context.chain, *position);
        if (!proof.ok()) return proof.error();
        proofs.push_back(std::move(proof).value());
    }
    return receipt_of(proofs, context.chain);
}

template <std::size_t N>
struct Target {
    char text[N];
    constexpr Target(const char (&literal)[N]) { std::copy_n(literal, N, text); }  // NOLINT
};

template <Target method, Target target>
void forward(NodeServices& services, Call call, Respond respond) {
    node_of(services).inference().forward(services, method.text, target.text, std::move(call),
                                          std::move(respond));
}

constexpr std::array bindings_table{
    Binding{.name = "node.status", .query = nullptr, .command = nullptr, .async = &node_status},
    Binding{.name = "node.health", .query = nullptr, .command = nullptr, .async = &node_health},
    Binding{.name = "config.reload", .query = nullptr, .command = nullptr, .async = &config_reload},
    Binding{.name = "node.drain", .query = nullptr, .command = nullptr, .async = &node_drain},
    Binding{.name = "node.resume", .query = nullptr, .command = nullptr, .async = &node_resume},
    Binding{.name = "node.identity", .query = nullptr, .command = nullptr, .async = &node_identity},
    Binding{.name = "node.peers", .query = nullptr, .command = nullptr, .async = &node_peers},
    Binding{.name = "chain.list", .query = nullptr, .command = nullptr, .async = &chain_list},
    Binding{
        .name = "chain.create", .query = nullptr, .command = nullptr, .async = &chain_host<true>},
    Binding{
        .name = "chain.join", .query = nullptr, .command = nullptr, .async = &chain_host<false>},
    Binding{.name = "chain.leave", .query = nullptr, .command = nullptr, .async = &chain_leave},
    Binding{.name = "chain.validators",
            .query = nullptr,
            .command = nullptr,
            .async = &chain_validators},
    Binding{.name = "chain.genesis", .query = &chain_genesis, .command = nullptr, .async = nullptr},
    Binding{.name = "events.stream", .query = nullptr, .command = nullptr, .async = &events_stream},
    Binding{.name = "job.watch", .query = nullptr, .command = nullptr, .async = &job_watch},
    Binding{.name = "job.receipt", .query = &job_receipt, .command = nullptr, .async = nullptr},
    Binding{.name = "tx.receipt", .query = &tx_receipt, .command = nullptr, .async = nullptr},
    Binding{.name = "inference.complete",
            .query = nullptr,
            .command = nullptr,
            .async = &forward<"POST", "/aitbc/v1/complete">},
    Binding{.name = "inference.chat",
            .query = nullptr,
            .command = nullptr,
            .async = &forward<"POST", "/aitbc/v1/chat">},
    Binding{.name = "inference.tokenize",
            .query = nullptr,
            .command = nullptr,
            .async = &forward<"POST", "/aitbc/v1/tokenize">},
    Binding{.name = "model.list",
            .query = nullptr,
            .command = nullptr,
            .async = &forward<"GET", "/aitbc/v1/models">},
};

}  // namespace

const TransactionForm* form_of(std::string_view kind) {
    for (const Operation* operation : registry::all_operations()) {
        if (!kind.empty() && operation->transaction.kind == kind) return &operation->transaction;
    }
    return nullptr;
}

std::span<const Binding> node_bindings() {
    return bindings_table;
}

}  // namespace ait::node
