#include "runtime/node/inference_forward.hpp"

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <stop_token>

#include "actors/miner/sessions.hpp"
#include "net/http_client.hpp"
#include "net/http_server.hpp"

namespace ait::node {
namespace {

constexpr std::uint32_t first_byte_ms = 300'000;
constexpr std::uint32_t idle_ms = 120'000;

Error no_miner() {
    return Error{ErrorCode::unavailable, "No model is served here.",
                 "No miner process with an engine is connected.", "Start one: aitbc miner start"};
}

}  // namespace

struct InferenceForward::Implementation {
    Implementation(std::size_t threads, std::size_t waiting)
        : running_max(threads + waiting), pool(threads) {}

    void run(NodeServices& services, const std::string& method, const std::string& target,
             const Call& call, const Respond& respond) {
        const auto lost_ms =
            static_cast<std::int64_t>(services.reader()->genesis().parameters.miner_lost_ms);
        const std::string url = services.liveness().inference_url(lost_ms);
        if (url.empty()) return respond(no_miner());
        auto endpoint = net::parse_http_endpoint(url);
        if (!endpoint.ok()) return respond(endpoint.error());
        std::stop_source stop;
        call.exchange->on_close([stop]() mutable { stop.request_stop(); });
        const std::stop_callback on_shutdown(shutdown.get_token(),
                                             [stop]() mutable { stop.request_stop(); });
        net::HttpClient client(endpoint.value(),
                               {.unavailable_next = "Start a miner: aitbc miner start"});
        net::HttpCall request{
            .method = method,
            .target = target,
            .headers = {{"content-type", "application/json"}, {"x-request-id", call.trace}},
            .body = method == "POST" ? dump_json(call.input) : std::string(),
            .deadline_ms = 0,
            .first_byte_ms = first_byte_ms,
            .idle_ms = idle_ms};
        if (input_flag(call.input, "stream"))
            return pipe(client, request, call, respond, stop.get_token());
        auto response = client.request(request, stop.get_token());
        if (!response.ok()) return respond(response.error());
        auto json = parse_json(response.value().body, 64U * 1024 * 1024);
        if (!json.ok()) return respond(json.error());
        if (response.value().status >= 400) return respond(error_from_json(json.value()));
        respond(std::move(json).value());
    }

    static void pipe(net::HttpClient& client, const net::HttpCall& request, const Call& call,
                     const Respond& respond, std::stop_token stop) {
        bool is_begun = false;
        std::string refusal;
        int status = 200;
        auto head = client.stream(
            request,
            [&](const net::HttpResponse& answer) {
                status = answer.status;
                if (status < 400)
                    is_begun = call.exchange->begin_stream(status, {{"x-request-id", call.trace}},
                                                           "application/x-ndjson");
                return status >= 400 || is_begun;
            },
            [&](std::string_view chunk) {
                if (status < 400)
                    return call.exchange->write(
                        std::string(chunk));  // false: gone, or far too slow
                refusal.append(chunk.substr(
                    0, 64U * 1024 - std::min<std::size_t>(refusal.size(), 64U * 1024)));
                return true;
            },
            std::move(stop));
        if (is_begun) {
            if (!head.ok())
                static_cast<void>(call.exchange->write(
                    dump_json(error_to_json(head.error(), call.trace)) + "\n"));
            call.exchange->end();
            return respond(Json(nullptr));
        }
        if (!head.ok()) return respond(head.error());
        auto json = parse_json(refusal);
        respond(json.ok() ? error_from_json(json.value()) : json.error());
    }

    const std::size_t running_max;
    std::atomic<std::size_t> running{0};
    std::stop_source shutdown;
    boost::asio::thread_pool pool;
};

InferenceForward::InferenceForward(std::size_t threads, std::size_t waiting_max)
    : implementation_(std::make_unique<Implementation>(threads, waiting_max)) {}

InferenceForward::~InferenceForward() = default;

void InferenceForward::forward(NodeServices& services, std::string method, std::string target,
                               Call call, Respond respond) {
    auto* inner = implementation_.get();
    if (inner->running >= inner->running_max) {
        return respond(Error{ErrorCode::overloaded, "Too many inference requests wait.",
                             "At most " + std::to_string(inner->running_max) + " may.",
                             "Try again in a moment."});
    }
    ++inner->running;
    boost::asio::post(inner->pool,
                      [inner, &services, method = std::move(method), target = std::move(target),
                       call = std::move(call), respond = std::move(respond)] {
                          inner->run(services, method, target, call, respond);
                          --inner->running;
                      });
}

void InferenceForward::stop() {
    implementation_->shutdown.request_stop();
    implementation_->pool.join();
}

}  // namespace ait::node
