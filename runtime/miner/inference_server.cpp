#include "runtime/miner/inference_server.hpp"

#include <array>

#include "runtime/base/version.hpp"
#include "runtime/miner/routes.hpp"

namespace ait::miner_process {
namespace {

using net::HttpExchange;
using net::HttpRequest;
using net::HttpResponse;

struct Route {
    std::string_view method;
    std::string_view path;
    void (*answer)(const RouteCall& call);               ///< on a thread of the queue
    HttpResponse (*answer_now)(const EngineHost& host);  ///< on the I/O thread
};

HttpResponse hello(const EngineHost& /*host*/) {
    return {.body = "Ollama is running", .content_type = "text/plain; charset=utf-8"};
}

HttpResponse version_response(const EngineHost& /*host*/) {
    return {.body = dump_json(Json{{"version", std::string(version)}})};
}

constexpr std::array routes{
    Route{"GET", "/", nullptr, &hello},
    Route{"GET", "/api/version", nullptr, &version_response},
    Route{"GET", "/api/tags", nullptr, &tags_response},
    Route{"POST", "/api/generate", &answer_generate, nullptr},
    Route{"POST", "/api/chat", &answer_chat, nullptr},
    Route{"GET", "/aitbc/v1/models", nullptr, &models_response},
    Route{"POST", "/aitbc/v1/complete", &answer_complete, nullptr},
    Route{"POST", "/aitbc/v1/chat", &answer_complete, nullptr},
    Route{"POST", "/aitbc/v1/tokenize", &answer_tokenize, nullptr},
};

const Route* find_route(std::string_view path) {
    for (const Route& route : routes) {
        if (route.path == path) return &route;
    }
    return nullptr;
}

HttpResponse refusal(const Error& error, const HttpRequest& request) {
    return request.path.starts_with("/aitbc/") ? own_error(error, request) : ollama_error(error);
}

/// A page of the web may not use this port through a visitor's browser.
bool is_foreign_origin(const HttpRequest& request) {
    const std::string* origin = request.find_header("origin");
    if (origin == nullptr) return false;
    for (const std::string_view own : {"http://localhost", "http://127.0.0.1", "http://[::1]"}) {
        const bool begins = origin->starts_with(own);
        if (begins && (origin->size() == own.size() || (*origin)[own.size()] == ':')) return false;
    }
    return true;
}

}  // namespace

InferenceServer::InferenceServer(EngineHost& host, const Clock& clock, Random& random,
                                 const Options& options)
    : host_(host),
      clock_(clock),
      random_(random),
      options_(options),
      queue_(std::make_unique<WorkQueue>(options.queue)) {}

InferenceServer::~InferenceServer() {
    server_.reset();  // first: nobody adds to the queue any more, and what runs hears of it
    queue_.reset();
}

Result<std::unique_ptr<InferenceServer>> InferenceServer::open(EngineHost& host, const Clock& clock,
                                                               Random& random,
                                                               const Options& options) {
    std::unique_ptr<InferenceServer> inference(new InferenceServer(host, clock, random, options));
    auto server =
        net::HttpServer::open({.tcp_host = options.host,
                               .tcp_port = options.port,
                               .tcp_port_may_move = options.port_may_move},
                              [self = inference.get()](std::shared_ptr<HttpExchange> exchange) {
                                  self->handle(exchange);
                              });
    if (!server.ok()) return server.error();
    inference->server_ = std::move(server).value();
    return inference;
}

std::string InferenceServer::url() const {
    return "http://" + options_.host + ":" + std::to_string(port());
}

void InferenceServer::handle(const std::shared_ptr<HttpExchange>& exchange) {
    const HttpRequest& request = exchange->request();
    const auto refuse = [&](const Error& error) { exchange->respond(refusal(error, request)); };
    if (is_foreign_origin(request)) {
        return refuse({ErrorCode::forbidden, "Pages of other origins may not use this port.", "",
                       "Use it from programs of this machine."});
    }
    const Route* route = find_route(request.path);
    if (route == nullptr) {
        return refuse({ErrorCode::not_found, "There is no such route.",
                       request.path.substr(0, 200) + ".", "See /api/tags and /aitbc/v1/models."});
    }
    const bool is_head = request.method == "HEAD" && route->method == "GET";
    if (request.method != route->method && !is_head) {
        HttpResponse response = refusal({ErrorCode::unsupported, "This route has another method.",
                                         "It takes " + std::string(route->method) + ".", ""},
                                        request);
        response.status = 405;
        response.headers.push_back({"allow", std::string(route->method)});
        return exchange->respond(std::move(response));
    }
    if (route->answer_now != nullptr) return exchange->respond(route->answer_now(host_));
    enqueue(exchange);
}

void InferenceServer::enqueue(const std::shared_ptr<HttpExchange>& exchange) {
    std::stop_source gone;
    exchange->on_close([gone]() mutable { gone.request_stop(); });
    const bool is_added =
        queue_->try_add([this, exchange, gone](const std::stop_token& closing) mutable {
            const std::stop_callback close(closing, [&gone] { gone.request_stop(); });
            if (gone.stop_requested()) return;
            const Route* route = find_route(exchange->request().path);
            route->answer({.exchange = exchange.get(),
                           .host = &host_,
                           .random = &random_,
                           .clock = &clock_,
                           .stop = gone.get_token()});
        });
    if (is_added) return;
    HttpResponse response =
        refusal({ErrorCode::overloaded, "Too many inference requests are under way.",
                 "At most " + std::to_string(options_.queue.threads + options_.queue.waiting_max) +
                     " are taken.",
                 "Try again in a moment."},
                exchange->request());
    response.headers.push_back({"retry-after", "1"});
    exchange->respond(std::move(response));
}

}  // namespace ait::miner_process
