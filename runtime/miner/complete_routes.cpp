// The routes to which the node's gateway forwards: completions with the scores of each token, token
// ids, and the list of models.

#include <algorithm>

#include "runtime/miner/generate_options.hpp"
#include "runtime/miner/routes.hpp"

namespace ait::miner_process {
namespace {

constexpr std::uint32_t tokenize_texts_max = 4'096;
constexpr std::uint32_t tokens_max_default = 256;

Json score_json(const gpu::TokenScore& score) {
    return Json{{"id", score.token},
                {"text", score.text},
                {"logit", score.logit},
                {"logprob", score.logprob}};
}

/// A token that was drawn from below the best has no score of its own.
Json step_json(const gpu::TokenStep& step) {
    Json json{{"id", step.token}, {"text", step.text}, {"logit", nullptr}, {"logprob", nullptr}};
    Json top = Json::array();
    for (const gpu::TokenScore& score : step.top) {
        if (score.token == step.token) {
            json["logit"] = score.logit;
            json["logprob"] = score.logprob;
        }
        top.push_back(score_json(score));
    }
    json["top"] = std::move(top);
    return json;
}

struct CompleteRequest {
    gpu::GenerateRequest generate{};
    std::string model{};
    Backend backend = Backend::automatic;
    bool is_stream = false;
};

Result<CompleteRequest> read_request(const RouteCall& call) {
    const auto input = parse_json(call.exchange->request().body);
    if (!input.ok()) return input.error();
    const auto inference = read_inference_request(input.value());
    if (!inference.ok()) return inference.error();
    CompleteRequest request{
        .generate = to_generate_request(inference.value(), tokens_max_default, *call.random),
        .model = inference.value().model};
    const auto find = [&](std::string_view name) -> const Json* {
        const auto found = input.value().find(name);
        return found == input.value().end() || found->is_null() ? nullptr : &*found;
    };
    if (const Json* logprobs = find("logprobs")) {
        const auto count = detail::value_from_json<std::uint32_t>(*logprobs, "logprobs", 0);
        if (!count.ok()) return count.error();
        request.generate.top_logprobs = count.value();
    }
    if (const Json* stream = find("stream")) {
        const auto wanted = detail::value_from_json<bool>(*stream, "stream", 0);
        if (!wanted.ok()) return wanted.error();
        request.is_stream = wanted.value();
    }
    if (const Json* backend = find("backend")) {
        if (*backend == "scalar") {
            request.backend = Backend::scalar;
        } else if (*backend != "auto") {
            return Error{ErrorCode::invalid_argument, "Field \"backend\" is not acceptable.",
                         "It must be one of: auto, scalar.", ""};
        }
    }
    return request;
}

Json outcome_json(const gpu::GenerateOutcome& outcome, const OpenModel& model,
                  const gpu::GenerateRequest& request) {
    constexpr std::int64_t us_per_ms = 1'000;
    Json json{{"model", model.name},
              {"text", outcome.text},
              {"finish_reason", std::string(finish_name(outcome.finish))},
              {"prompt_tokens", outcome.prompt_tokens},
              {"completion_tokens", outcome.completion_tokens},
              {"prompt_ms", outcome.prompt_us / us_per_ms},
              {"decode_ms", outcome.decode_us / us_per_ms},
              {"seed", request.sampling.seed},
              {"kernels", model.engine->facts().kernels}};
    if (request.top_logprobs == 0) return json;
    Json tokens = Json::array();
    for (const gpu::TokenStep& step : outcome.steps) tokens.push_back(step_json(step));
    json["tokens"] = std::move(tokens);
    return json;
}

Json with_done(Json json) {
    Json line{{"done", true}};
    for (auto& [key, value] : json.items()) line[key] = std::move(value);
    return line;
}

}  // namespace

void answer_complete(const RouteCall& call) {
    const auto refuse = [&call](const Error& error) {
        call.exchange->respond(own_error(error, call.exchange->request()));
    };
    const auto request = read_request(call);
    if (!request.ok()) return refuse(request.error());
    const auto model = call.host->acquire(request.value().model, request.value().backend);
    if (!model.ok()) return refuse(model.error());
    LineStream stream(*call.exchange, {{"aitbc-model", model.value().name}});
    const bool is_stream = request.value().is_stream;
    const auto outcome = model.value().engine->generate(
        request.value().generate,
        [&](const gpu::TokenStep& step) {
            if (!is_stream || step.text.empty()) return true;
            return stream.write(Json{{"text", step.text}, {"done", false}});
        },
        call.stop);
    if (!outcome.ok()) {
        if (!stream.is_begun()) return refuse(outcome.error());
        // Or the client is gone, and needs no line.
        static_cast<void>(stream.write(error_to_json(outcome.error(), "")));
        return stream.end();
    }
    // A cancelled stream is cut, so that nobody takes it for a whole answer.
    if (outcome.value().finish == gpu::FinishReason::cancelled) return;
    Json json = outcome_json(outcome.value(), model.value(), request.value().generate);
    if (!is_stream) return call.exchange->respond({.body = dump_json(json)});
    if (stream.write(with_done(std::move(json)))) stream.end();
}

void answer_tokenize(const RouteCall& call) {
    const auto refuse = [&call](const Error& error) {
        call.exchange->respond(own_error(error, call.exchange->request()));
    };
    const auto input = parse_json(call.exchange->request().body);
    if (!input.ok()) return refuse(input.error());
    const auto request = read_inference_request(input.value());
    if (!request.ok()) return refuse(request.error());
    const auto found = input.value().find("texts");
    const bool is_list = found != input.value().end() && found->is_array() &&
                         found->size() <= tokenize_texts_max &&
                         std::all_of(found->begin(), found->end(),
                                     [](const Json& text) { return text.is_string(); });
    if (!is_list) {
        return refuse(
            {ErrorCode::invalid_argument, "Field \"texts\" is not acceptable.",
             "It must be a list of at most " + std::to_string(tokenize_texts_max) + " texts.", ""});
    }
    const auto model = call.host->acquire(request.value().model, Backend::automatic);
    if (!model.ok()) return refuse(model.error());
    Json items = Json::array();
    for (const Json& text : *found) {
        if (call.stop.stop_requested()) return;
        const auto ids = model.value().engine->tokenize(text.get_ref<const std::string&>());
        if (!ids.ok()) return refuse(ids.error());
        items.push_back(Json{{"text", text}, {"ids", ids.value()}});
    }
    call.exchange->respond(
        {.body = dump_json(Json{{"model", model.value().name}, {"items", std::move(items)}})});
}

net::HttpResponse models_response(const EngineHost& host) {
    Json items = Json::array();
    for (const ModelRow& row : host.models()) {
        items.push_back(Json{{"name", row.name},
                             {"aliases", row.aliases},
                             {"quantisation", row.quantisation},
                             {"bytes", row.bytes},
                             {"loaded", row.is_loaded}});
    }
    return {.body = dump_json(Json{{"items", std::move(items)}, {"next_cursor", nullptr}})};
}

net::HttpResponse own_error(const Error& error, const net::HttpRequest& request) {
    const std::string* id = request.find_header("x-request-id");
    return {.status = error_code_row(error.code).http_status,
            .body = dump_json(error_to_json(error, id == nullptr ? std::string() : *id))};
}

}  // namespace ait::miner_process
