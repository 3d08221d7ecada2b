#include "runtime/node/gateway.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <mutex>

#include "runtime/base/crypto/hash.hpp"
#include "runtime/node/height_waits.hpp"
#include "runtime/registry/input.hpp"
#include "runtime/registry/registry.hpp"

namespace ait::node {
namespace {

using net::HttpExchange;
using net::HttpRequest;
using net::HttpResponse;

constexpr std::int64_t min_height_wait_ms_max = 10'000;

HttpResponse error_response(const Error& error, const std::string& trace) {
    const auto& row = error_code_row(error.code);
    HttpResponse response{.status = row.http_status,
                          .headers = {{"x-request-id", trace}},
                          .body = dump_json(error_to_json(error, trace)) + "\n"};
    if (row.retryable) response.headers.push_back({"retry-after", "1"});
    return response;
}

/// Numbers that nobody can guess, without asking the kernel for each. Any thread.
class Salts {
  public:
    explicit Salts(Random& random) : key_(random.bytes(32)) {}
    std::uint64_t next() {
        const Hash hash = crypto::blake2b_256(key_ + big_endian(count_.fetch_add(1)));
        return from_big_endian(hash.view().substr(0, 8));
    }

  private:
    const std::string key_;
    std::atomic<std::uint64_t> count_{0};
};

std::string trace_of(const HttpRequest& request, Salts& salts) {
    const auto* given = request.find_header("x-request-id");
    if (given == nullptr || given->empty() || given->size() > limits::id_bytes_max)
        return to_base32(big_endian(salts.next()));
    for (const char c : *given) {
        const bool good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                          (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
        if (!good) return to_base32(big_endian(salts.next()));
    }
    return *given;
}

const Parameter* find_parameter(const Operation& operation, std::string_view name) {
    for (const auto& parameter : operation.parameters) {
        if (parameter.name == name) return &parameter;
    }
    return nullptr;
}

bool is_control_query(std::string_view name) {
    return name == "dry_run" || name == "min_height" || name == "stream" || name == "chain";
}

/// Path and query parameters come as text; the row says what they are.
Status add_text(const Operation& operation, std::string_view name, std::string_view text,
                Json& input) {
    const Parameter* parameter = find_parameter(operation, name);
    if (parameter == nullptr || parameter->cli_only) {
        return Error{ErrorCode::invalid_argument,
                     "Field \"" + std::string(name.substr(0, 64)) + "\" is not acceptable.",
                     "It is not a known field of " + std::string(operation.name) + ".", ""};
    }
    auto value = registry::value_from_text(*parameter, text);
    if (!value.ok()) return value.error();
    if (parameter->repeated && input.contains(name) && input[std::string(name)].is_array() &&
        value.value().is_array()) {
        for (auto& element : value.value()) input[std::string(name)].push_back(std::move(element));
    } else {
        input[std::string(name)] = std::move(value).value();
    }
    return {};
}

Result<Json> collect_input(const Operation& operation, const HttpRequest& request,
                           const std::vector<std::pair<std::string, std::string>>& path_values) {
    Json input = Json::object();
    if (!request.body.empty()) {
        auto body = parse_json(request.body);
        if (!body.ok()) return body.error();
        if (!body.value().is_object()) {
            return Error{ErrorCode::malformed, "The body is not a JSON object.", "",
                         "Send an object."};
        }
        input = std::move(body).value();
    }
    for (const auto& [name, text] : request.query) {
        if (is_control_query(name)) continue;
        const Status added = add_text(operation, name, text, input);
        if (!added.ok()) return added.error();
    }
    for (const auto& [name, text] : path_values) {
        const Status added = add_text(operation, name, text, input);
        if (!added.ok()) return added.error();
    }
    return input;
}

/// The body of an account-signed command.
struct SignedBody {
    Blob transaction{};
    std::vector<Blob> blobs{};
    static constexpr auto fields() {
        return std::tuple{
            field("transaction", &SignedBody::transaction, "", limits::transaction_bytes_max),
            optional_field("blobs", &SignedBody::blobs, "", limits::batch_jobs_max)};
    }
};

Result<SignedBody> read_signed_body(const HttpRequest& request) {
    auto json = parse_json(request.body);
    if (!json.ok()) return json.error();
    if (!json.value().is_object() || !json.value().contains("transaction") ||
        !json.value()["transaction"].is_string()) {
        return Error{ErrorCode::invalid_argument, "This needs a transaction signed by the account.",
                     "The body must be {\"transaction\":BASE64,\"blobs\":[BASE64...]}.",
                     "Sign it with `aitbc`, which holds the wallet."};
    }
    SignedBody body;
    auto wire = from_base64(json.value()["transaction"].get<std::string>());
    if (!wire.ok()) return wire.error();
    body.transaction.bytes = std::move(wire).value();
    const Json blobs = json.value().value("blobs", Json::array());
    if (!blobs.is_array() || blobs.size() > limits::batch_jobs_max || json.value().size() > 2) {
        return Error{ErrorCode::invalid_argument, "The body is not acceptable.",
                     "It must be {\"transaction\":BASE64,\"blobs\":[BASE64...]}.", ""};
    }
    for (const auto& blob : blobs) {
        if (!blob.is_string())
            return Error{ErrorCode::invalid_argument, "A blob is not a base64 string.", "", ""};
        auto bytes = from_base64(blob.get<std::string>());
        if (!bytes.ok()) return bytes.error();
        body.blobs.push_back(Blob{std::move(bytes).value()});
    }
    return body;
}

std::int64_t deadline_of(const HttpRequest& request, const Clock& clock) {
    std::int64_t timeout_ms = limits::request_timeout_ms_default;
    if (const auto* header = request.find_header("aitbc-timeout-ms")) {
        const std::int64_t asked = std::strtoll(header->c_str(), nullptr, 10);
        if (asked > 0) timeout_ms = std::min<std::int64_t>(asked, 3'600'000);
    }
    return clock.now_unix_ms() + timeout_ms;
}

}  // namespace

struct Gateway::Implementation {
    explicit Implementation(const Parts& given) : parts(given), pool(given.threads) {
        for (const auto& binding : given.bindings) bindings.emplace(binding.name, binding);
    }

    /// One admitted request: counts itself out when it is answered.
    struct Ticket {
        Ticket(GatewayFigures& owner, NodeServices& default_chain, std::shared_ptr<HttpExchange> to,
               std::string id)
            : figures(owner),
              services(&default_chain),
              exchange(std::move(to)),
              trace(std::move(id)) {
            ++figures.in_flight;
        }
        ~Ticket() { --figures.in_flight; }
        Ticket(const Ticket&) = delete;
        Ticket& operator=(const Ticket&) = delete;

        void answer(Result<Json> result) const {
            if (!result.ok()) {
                ++figures.errors_total;
                return exchange->respond(error_response(result.error(), trace));
            }
            if (result.value().is_null()) return;  // a stream has ended the exchange itself
            answer_text(dump_json(result.value()));
        }
        void answer_text(std::string json) const {
            json += '\n';
            exchange->respond(
                {.status = 200, .headers = {{"x-request-id", trace}}, .body = std::move(json)});
        }
        GatewayFigures& figures;
        NodeServices* services;  ///< of the chain that it is about
        std::shared_ptr<HttpExchange> exchange;
        std::string trace;
    };
    using TicketPtr = std::shared_ptr<Ticket>;

    void dispatch(const TicketPtr& ticket) {
        const HttpRequest& request = ticket->exchange->request();
        const std::string method = request.method == "HEAD" ? "GET" : request.method;
        auto route = registry::find_route(method, request.path);
        if (route.operation == nullptr) return answer_no_route(ticket, request, route.allow);
        auto chain = chain_of(request);
        if (!chain.ok()) return ticket->answer(chain.error());
        ticket->services = chain.value();
        auto principal = parts.access.identify(request, ticket->services->sessions());
        if (!principal.ok()) return answer_stranger(ticket, principal.error());
        const auto wait_s =
            rates.take(request, principal.value(), rate_cost(route.operation->rate));
        if (wait_s) return answer_too_often(ticket, *wait_s);
        const Status allowed =
            check_role(principal.value(), route.operation->role, request.local_socket);
        if (!allowed.ok()) return ticket->answer(allowed.error());
        const auto binding = bindings.find(route.operation->name);
        if (binding == bindings.end()) {
            return ticket->answer(
                Error{ErrorCode::unsupported, "This is not done by a node.",
                      std::string(route.operation->name) + " is a command of `aitbc`.", ""});
        }
        Call call{.operation = route.operation,
                  .input = Json::object(),
                  .principal = std::move(principal).value(),
                  .idempotency_key = {},
                  .dry_run = false,
                  .deadline_unix_ms = deadline_of(request, parts.services.clock()),
                  .trace = ticket->trace,
                  .exchange = ticket->exchange};
        if (const auto* key = request.find_header("idempotency-key")) {
            if (key->size() > limits::idempotency_key_bytes_max) {
                return ticket->answer(Error{
                    ErrorCode::invalid_argument, "The idempotency key is too long.",
                    "At most " + std::to_string(limits::idempotency_key_bytes_max) + " bytes.",
                    ""});
            }
            call.idempotency_key = *key;
        }
        const auto* dry_run = request.find_query("dry_run");
        call.dry_run = dry_run != nullptr && *dry_run == "true";
        if (request.find_query("min_height") != nullptr)
            return run_at_height(ticket, binding->second, std::move(call), route.parameters);
        run(ticket, binding->second, std::move(call), route.parameters);
    }

    /// The chain that a request names, or the default one.
    Result<NodeServices*> chain_of(const HttpRequest& request) const {
        const auto* name = request.find_query("chain");
        if (name == nullptr) return &parts.services;
        if (name->empty()) {
            return Error{ErrorCode::invalid_argument, "The name of the chain is empty.",
                         "The query has chain=.", "Name one, or leave it out."};
        }
        if (parts.find_chain) return parts.find_chain(*name);
        return Error{ErrorCode::not_found, "This node has one chain only.", "", "Name none."};
    }

    HeightWaits& waits_of(NodeServices& services) {
        const std::lock_guard lock(waits_mutex);
        auto& found = waits[&services];
        if (!found) found = std::make_unique<HeightWaits>(services.listeners(), pool);
        if (is_stopped) found->stop();
        return *found;
    }

    void stop_waits() {
        const std::lock_guard lock(waits_mutex);
        is_stopped = true;
        for (auto& [services, each] : waits) each->stop();
    }

    /// The asker has seen a block that this node may lack yet: it waits for it.
    void run_at_height(const TicketPtr& ticket, const Binding& binding, Call call,
                       const std::vector<std::pair<std::string, std::string>>& path_values) {
        const std::string& text = *ticket->exchange->request().find_query("min_height");
        const bool is_number = !text.empty() && text.size() <= 18 &&
                               text.find_first_not_of("0123456789") == std::string::npos;
        if (!is_number) {
            return ticket->answer(Error{
                ErrorCode::invalid_argument, "The minimum height cannot be read.",
                "min_height is \"" + text.substr(0, 32) + "\".", "Give the height of a block."});
        }
        const std::uint64_t wanted = std::stoull(text);
        NodeServices& services = *ticket->services;
        HeightWaits& waits_here = waits_of(services);  // from here on no block is missed
        if (services.reader()->height() >= wanted)
            return run(ticket, binding, std::move(call), path_values);
        const auto at_most = std::chrono::milliseconds(
            std::clamp<std::int64_t>(call.deadline_unix_ms - parts.services.clock().now_unix_ms(),
                                     0, min_height_wait_ms_max));
        waits_here.wait(wanted, at_most,
                        [this, ticket, binding, call = std::move(call), path_values,
                         wanted](bool is_reached) mutable {
                            if (is_reached)
                                return run(ticket, binding, std::move(call), path_values);
                            const auto height = ticket->services->reader()->height();
                            ticket->answer(Error{ErrorCode::unavailable,
                                                 "This node has not reached that height yet.",
                                                 "It is at " + std::to_string(height) + "; " +
                                                     std::to_string(wanted) + " is wanted.",
                                                 "Ask again in a moment, or another node."});
                        });
    }

    /// Whoever tries token after token is told to wait, and no longer whether each is wrong.
    void answer_stranger(const TicketPtr& ticket, const Error& error) {
        if (error.code != ErrorCode::unauthenticated) return ticket->answer(error);
        const auto wait_s = rates.wrong_token(ticket->exchange->request());
        return wait_s ? answer_too_often(ticket, *wait_s) : ticket->answer(error);
    }

    void answer_too_often(const TicketPtr& ticket, std::uint32_t wait_s) {
        ++figures.rate_limited_total;
        const std::string seconds = std::to_string(wait_s);
        HttpResponse response = error_response(
            Error{ErrorCode::limit_reached, "This is asked too often.",
                  "The allowance of this token or address is used up.",
                  "Ask again in " + seconds + " s; over the node's unix socket there is no limit."},
            ticket->trace);
        for (auto& header : response.headers) {
            if (header.name == "retry-after") header.value = seconds;
        }
        ticket->exchange->respond(std::move(response));
    }

    void answer_no_route(const TicketPtr& ticket, const HttpRequest& request,
                         const std::string& allow) {
        if (request.method == "OPTIONS") {
            return ticket->exchange->respond(
                {.status = 204,
                 .headers = {{"allow", "GET, HEAD, POST, DELETE, OPTIONS"}},
                 .body = {}});
        }
        ++figures.errors_total;
        if (allow.empty()) {
            return ticket->exchange->respond(
                error_response(Error{ErrorCode::not_found, "There is no such route.",
                                     request.method + " " + request.path.substr(0, 200) + ".",
                                     "See /openapi.json."},
                               ticket->trace));
        }
        HttpResponse response =
            error_response(Error{ErrorCode::unsupported, "This route has other methods.",
                                 "It takes " + allow + ".", ""},
                           ticket->trace);
        response.status = 405;
        response.headers.push_back({"allow", allow});
        ticket->exchange->respond(std::move(response));
    }

    void run(const TicketPtr& ticket, const Binding& binding, Call call,
             const std::vector<std::pair<std::string, std::string>>& path_values) {
        const HttpRequest& request = ticket->exchange->request();
        if (call.operation->transaction.account_signed) {
            boost::asio::post(
                pool, [this, ticket, call = std::move(call)] { submit_signed(ticket, call); });
            return;
        }
        auto raw = collect_input(*call.operation, request, path_values);
        if (!raw.ok()) return ticket->answer(raw.error());
        auto input = registry::check_input(*call.operation, std::move(raw).value());
        if (!input.ok()) return ticket->answer(input.error());
        call.input = std::move(input).value();
        if (binding.async != nullptr) {
            return binding.async(
                *ticket->services, std::move(call),
                Respond([ticket](Result<Json> result) { ticket->answer(std::move(result)); },
                        [ticket](std::string json) { ticket->answer_text(std::move(json)); }));
        }
        if (call.operation->rate == RateClass::heavy) {
            boost::asio::post(pool, [this, ticket, binding, call = std::move(call)] {
                run_plain(ticket, binding, call);
            });
            return;
        }
        run_plain(ticket, binding, call);
    }

    void run_plain(const TicketPtr& ticket, const Binding& binding, const Call& call) {
        Result<Proposal> proposal = Error{};
        {
            const auto reader = ticket->services->reader();
            const QueryContext context{*reader, call.principal,
                                       parts.services.clock().now_unix_ms()};
            if (binding.query != nullptr) return ticket->answer(binding.query(context, call.input));
            AIT_ASSERT(binding.command != nullptr);
            proposal = binding.command(context, call.input);
        }
        if (!proposal.ok()) return ticket->answer(proposal.error());
        NodeOperation operation{.principal = call.principal.account,
                                .kind = std::string(call.operation->transaction.kind),
                                .body = std::move(proposal.value().body),
                                .blobs = std::move(proposal.value().blobs),
                                .idempotency_key = call.idempotency_key,
                                .salt = 0,
                                .dry_run = call.dry_run,
                                .deadline_unix_ms = call.deadline_unix_ms};
        // Ids derive from the operation's bytes: without a key of the caller's, a salt of our own
        // tells two equal requests apart.
        if (operation.idempotency_key.empty()) operation.salt = salts.next();
        ticket->services->propose(std::move(operation), done(ticket, call.operation));
    }

    static consensus::Submission::Done done(const TicketPtr& ticket, const Operation* operation) {
        return [ticket, operation](Result<consensus::Applied> applied) {
            if (!applied.ok()) return ticket->answer(applied.error());
            auto text = applied_to_text(applied.value(), operation->transaction);
            if (!text.ok()) return ticket->answer(text.error());
            ticket->answer_text(std::move(text).value());
        };
    }

    void submit_signed(const TicketPtr& ticket, const Call& call) {
        auto body = read_signed_body(ticket->exchange->request());
        if (!body.ok()) return ticket->answer(body.error());
        std::vector<std::string> blobs;
        for (auto& blob : body.value().blobs) blobs.push_back(std::move(blob.bytes));
        ticket->services->submit_signed(
            std::move(body.value().transaction.bytes), call.operation->transaction.kind,
            std::move(blobs), call.dry_run, call.deadline_unix_ms, done(ticket, call.operation));
    }

    const Parts parts;
    std::atomic<std::uint32_t> in_flight_max{parts.in_flight_max};
    std::map<std::string_view, Binding> bindings;
    std::map<std::string, PlainHandler, std::less<>> plain;
    GatewayFigures figures;
    RateLimits rates{parts.services.clock(), parts.rate_rules};
    Salts salts{parts.services.random()};
    boost::asio::thread_pool pool;
    std::mutex waits_mutex{};
    bool is_stopped = false;
    std::map<NodeServices*, std::unique_ptr<HeightWaits>> waits{};  ///< by chain
};

Gateway::Gateway(const Parts& parts) : implementation_(std::make_unique<Implementation>(parts)) {}

Gateway::~Gateway() = default;

void Gateway::add_plain(std::string path, PlainHandler handler) {
    implementation_->plain.emplace(std::move(path), std::move(handler));
}

void Gateway::handle(const std::shared_ptr<HttpExchange>& exchange) {
    const HttpRequest& request = exchange->request();
    if (const auto found = implementation_->plain.find(request.path);
        found != implementation_->plain.end()) {
        return exchange->respond(found->second(request));
    }
    ++implementation_->figures.calls_total;
    std::string trace = trace_of(request, implementation_->salts);
    if (implementation_->figures.in_flight >= implementation_->in_flight_max) {
        ++implementation_->figures.overloaded_total;
        return exchange->respond(
            error_response(Error{ErrorCode::overloaded, "The node has too many requests under way.",
                                 "At most " + std::to_string(implementation_->in_flight_max) + ".",
                                 "Try again in a second."},
                           trace));
    }
    implementation_->dispatch(std::make_shared<Implementation::Ticket>(
        implementation_->figures, implementation_->parts.services, exchange, std::move(trace)));
}

const GatewayFigures& Gateway::figures() const {
    return implementation_->figures;
}

void Gateway::set_in_flight_max(std::uint32_t count) {
    implementation_->in_flight_max = count;
}

void Gateway::stop() {
    implementation_->stop_waits();
    implementation_->pool.join();
}

}  // namespace ait::node
