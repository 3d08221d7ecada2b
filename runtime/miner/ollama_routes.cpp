// Ollama's routes. Names, units and forms are those of its API description: durations in
// nanoseconds, streams of JSON lines, errors as {"error": text}.

#include <algorithm>

#include "runtime/miner/generate_options.hpp"
#include "runtime/miner/model_names.hpp"
#include "runtime/miner/routes.hpp"

namespace ait::miner_process {
namespace {

/// Ollama writes until the model ends. A small model may never do so, and the thread is shared.
constexpr std::uint32_t tokens_max_default = 2'048;
constexpr std::int64_t ns_per_us = 1'000;

enum class Form : std::uint8_t { generate, chat };

bool is_given(const Json& input, std::string_view name) {
    const auto found = input.find(name);
    if (found == input.end() || found->is_null()) return false;
    return !(found->is_string() && found->get_ref<const std::string&>().empty()) &&
           !((found->is_array() || found->is_object()) && found->empty());
}

/// What would change the answer and is not done here is refused rather than ignored.
Status check_supported(const Json& input) {
    for (const char* name : {"images", "format", "suffix", "template", "context", "tools"}) {
        if (!is_given(input, name)) continue;
        return Error{ErrorCode::unsupported,
                     "Field \"" + std::string(name) + "\" is not supported here.", "",
                     "Leave it out, or use a full Ollama server."};
    }
    return {};
}

/// What is known of one request while it runs.
struct Answer {
    Form form = Form::generate;
    std::string asked{};  ///< the name to answer with
    const RouteCall* call = nullptr;
    std::int64_t begin_us = 0;
    OpenModel model{};

    [[nodiscard]] Json line(const std::string& text, bool is_done) const {
        Json json{{"model", asked}, {"created_at", to_rfc3339(call->clock->now_unix_ms())}};
        if (form == Form::chat) {
            json["message"] = Json{{"role", "assistant"}, {"content", text}};
        } else {
            json["response"] = text;
        }
        json["done"] = is_done;
        return json;
    }

    [[nodiscard]] Json last(const gpu::GenerateOutcome& outcome, const std::string& text) const {
        Json json = line(text, true);
        json["done_reason"] = std::string(finish_name(outcome.finish));
        json["model_ran"] = model.name;
        const std::int64_t total_us = call->clock->monotonic_us() - begin_us;
        json["total_duration"] = total_us * ns_per_us;
        json["load_duration"] = model.load_us * ns_per_us;
        json["prompt_eval_count"] = outcome.prompt_tokens;
        json["prompt_eval_duration"] = outcome.prompt_us * ns_per_us;
        json["eval_count"] = outcome.completion_tokens;
        json["eval_duration"] = outcome.decode_us * ns_per_us;
        return json;
    }

    [[nodiscard]] std::vector<net::HttpHeader> headers() const {
        return {{"aitbc-model", model.name}};
    }

    void respond(const Json& json) const {
        call->exchange->respond({.headers = headers(), .body = dump_json(json)});
    }
};

/// An empty prompt only loads the model.
void answer_load(const Answer& answer) {
    Json json = answer.line("", true);
    json["done_reason"] = "load";
    json["model_ran"] = answer.model.name;
    answer.respond(json);
}

void answer_whole(const Answer& answer, const gpu::GenerateRequest& request) {
    const auto outcome = answer.model.engine->generate(request, nullptr, answer.call->stop);
    if (!outcome.ok()) return answer.call->exchange->respond(ollama_error(outcome.error()));
    answer.respond(answer.last(outcome.value(), outcome.value().text));
}

void answer_stream(const Answer& answer, const gpu::GenerateRequest& request) {
    LineStream stream(*answer.call->exchange, answer.headers());
    const auto outcome = answer.model.engine->generate(
        request,
        [&](const gpu::TokenStep& step) {
            return step.text.empty() || stream.write(answer.line(step.text, false));
        },
        answer.call->stop);
    if (!outcome.ok()) {
        if (!stream.is_begun()) {
            return answer.call->exchange->respond(ollama_error(outcome.error()));
        }
        static_cast<void>(stream.write(Json{{"error", outcome.error().what}}));  // or it is gone
        return stream.end();
    }
    // A cancelled stream is cut, so that nobody takes it for a whole answer.
    if (outcome.value().finish == gpu::FinishReason::cancelled) return;
    if (stream.write(answer.last(outcome.value(), ""))) stream.end();
}

void answer_ollama(const RouteCall& call, Form form) {
    const auto refuse = [&call](const Error& error) {
        call.exchange->respond(ollama_error(error));
    };
    Answer answer{.form = form, .call = &call, .begin_us = call.clock->monotonic_us()};
    auto input = parse_json(call.exchange->request().body);
    if (!input.ok()) return refuse(input.error());
    if (!input.value().is_object()) {
        return refuse({ErrorCode::malformed, "The request is not a JSON object.", "", ""});
    }
    // Both names of the field are in use among its clients.
    if (!input.value().contains("model") && input.value().contains("name")) {
        input.value()["model"] = input.value()["name"];
    }
    const auto request = read_inference_request(input.value());
    if (!request.ok()) return refuse(request.error());
    const Status supported = check_supported(input.value());
    if (!supported.ok()) return refuse(supported.error());
    if (request.value().model.empty()) {
        return refuse({ErrorCode::malformed, "The field \"model\" is missing.", "", "Name one."});
    }
    answer.asked = request.value().model;
    auto model = call.host->acquire(answer.asked, Backend::automatic);
    if (!model.ok()) return refuse(model.error());
    answer.model = std::move(model).value();
    if (request.value().prompt.empty() && request.value().messages.empty()) {
        return answer_load(answer);
    }
    const auto generate = to_generate_request(request.value(), tokens_max_default, *call.random);
    const auto stream = input.value().find("stream");
    const bool is_whole =
        stream != input.value().end() && stream->is_boolean() && !stream->get<bool>();
    return is_whole ? answer_whole(answer, generate) : answer_stream(answer, generate);
}

std::string upper_case(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    return text;
}

Json tag_row(const std::string& name, const ModelRow& row) {
    const bool has_tag = name.find(':') != std::string::npos;
    const std::string tagged = has_tag ? name : name + ":latest";
    return Json{{"name", tagged},
                {"model", tagged},
                {"size", row.bytes},
                {"details",
                 {{"format", "gguf"},
                  {"family", "llama"},
                  {"parent_model", is_same_model(name, row.name) ? "" : row.name},
                  {"quantization_level", upper_case(row.quantisation)}}}};
}

}  // namespace

void answer_generate(const RouteCall& call) {
    answer_ollama(call, Form::generate);
}

void answer_chat(const RouteCall& call) {
    answer_ollama(call, Form::chat);
}

net::HttpResponse tags_response(const EngineHost& host) {
    Json rows = Json::array();
    for (const ModelRow& row : host.models()) {
        rows.push_back(tag_row(row.name, row));
        for (const std::string& alias : row.aliases) rows.push_back(tag_row(alias, row));
    }
    return {.body = dump_json(Json{{"models", std::move(rows)}})};
}

net::HttpResponse ollama_error(const Error& error) {
    std::string text = error.what;
    for (const std::string* part : {&error.why, &error.next}) {
        if (!part->empty()) text += " " + *part;
    }
    return {.status = error_code_row(error.code).http_status,
            .body = dump_json(Json{{"error", text}})};
}

}  // namespace ait::miner_process
