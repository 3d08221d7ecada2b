#include "runtime/miner/ollama_executor.hpp"

#include <algorithm>
#include <optional>

#include "runtime/miner/model_names.hpp"

namespace ait::miner_process {
namespace {

constexpr std::uint32_t tags_ms = 10'000;
constexpr std::size_t tags_bytes_max = 4U * 1024 * 1024;
constexpr std::size_t line_bytes_max = limits::blob_bytes_max;
constexpr std::size_t stream_bytes_max = 64U * 1024 * 1024;
/// Of the text alone: JSON escapes may make a result of it six times as long.
constexpr std::size_t text_bytes_max = limits::blob_bytes_max - 4'096;
constexpr std::size_t refusal_bytes_max = 64U * 1024;
constexpr std::size_t shown_models_max = 20;
/// Above any context: a server that says more does not count.
constexpr std::uint64_t tokens_counted_max = 1'000'000'000;

Error faulty(std::string why) {
    return Error{ErrorCode::unavailable, "The Ollama server's answer cannot be used.",
                 std::move(why), "Look at the server's log: journalctl -u ollama"};
}

/// The server's own words, from {"error": "..."}.
std::string error_text(std::string_view body) {
    const auto json = parse_json(body, refusal_bytes_max);
    if (!json.ok() || !json.value().is_object()) return "It gave no reason.";
    const auto text = json.value().find("error");
    if (text == json.value().end() || !text->is_string()) return "It gave no reason.";
    return text->get<std::string>().substr(0, limits::error_text_bytes_max / 2);
}

Error refusal(int status, std::string_view body) {
    const std::string why = "HTTP status " + std::to_string(status) + ": " + error_text(body);
    if (status == 404) {
        return Error{ErrorCode::not_found, "The Ollama server lacks the model.", why,
                     "Fetch it: ollama pull MODEL"};
    }
    // Only these speak of what was asked. A redirect, a password that is wanted, or a status that
    // nobody knows is the server's affair, and the next miner's server may be in order.
    if (status == 400 || status == 413 || status == 422) {
        return Error{ErrorCode::invalid_argument, "The Ollama server refused the request.", why,
                     ""};
    }
    return Error{ErrorCode::unavailable, "The Ollama server failed.", why,
                 "Look at the server's log: journalctl -u ollama"};
}

Json options_json(const InferenceRequest& request) {
    Json options{{"num_predict", request.tokens.value_or(tokens_default)}};
    if (request.temperature) options["temperature"] = *request.temperature;
    if (request.top_k) options["top_k"] = *request.top_k;
    if (request.top_p) options["top_p"] = *request.top_p;
    if (request.min_p) options["min_p"] = *request.min_p;
    if (request.seed) options["seed"] = *request.seed;
    if (request.repetition_penalty) options["repeat_penalty"] = *request.repetition_penalty;
    if (!request.stop.empty()) options["stop"] = request.stop;
    return options;
}

Json request_json(const InferenceRequest& request, const std::string& model) {
    Json body{{"model", model}, {"stream", true}, {"options", options_json(request)}};
    if (request.messages.empty()) {
        body["prompt"] = request.prompt;
        if (request.raw) body["raw"] = true;
        if (!request.system.empty()) body["system"] = request.system;
        return body;
    }
    Json messages = Json::array();
    if (!request.system.empty()) {
        messages.push_back(Json{{"role", "system"}, {"content", request.system}});
    }
    for (const ChatTurn& turn : request.messages) {
        messages.push_back(Json{{"role", turn.role}, {"content", turn.content}});
    }
    body["messages"] = std::move(messages);
    return body;
}

/// Reads the lines of an answer as they come.
class AnswerReader {
  public:
    struct Terms {
        std::string model{};  ///< that was asked for
        std::uint32_t idle_ms = 0;
        const Clock* clock = nullptr;
    };
    AnswerReader(const Progress& progress, Terms terms)
        : progress_(&progress), terms_(std::move(terms)) {}

    /// False when no more is wanted: it is whole, or faulty().
    bool take(std::string_view bytes) {
        const std::int64_t now_us = terms_.clock->monotonic_us();
        if (last_piece_us_ == 0) last_piece_us_ = now_us;
        const std::size_t lines_before = lines_;
        if (!take_bytes(bytes)) return false;
        if (lines_ != lines_before) last_piece_us_ = now_us;
        if (now_us - last_piece_us_ <= std::int64_t{terms_.idle_ms} * 1'000) return true;
        return give_up(Error{
            ErrorCode::deadline_exceeded, "The Ollama server's answer came to a standstill.",
            "Bytes drip, but no piece was whole within " + std::to_string(terms_.idle_ms) + " ms.",
            "Look at the server's log: journalctl -u ollama"});
    }

    /// The end of the stream: the last line may lack its end.
    void finish() {
        if (error_ || is_done_) return;
        if (!pending_.empty() && !take_line(pending_)) return;
        error_ = faulty("It broke off before its end.");
    }

    [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    [[nodiscard]] const Json& last() const noexcept { return last_; }

  private:
    bool take_bytes(std::string_view bytes) {
        bytes_ += bytes.size();
        if (bytes_ > stream_bytes_max) return give_up(faulty("It is endless."));
        pending_ += bytes;
        std::size_t begin = 0;
        for (std::size_t end = pending_.find('\n', begin); end != std::string::npos;
             end = pending_.find('\n', begin)) {
            const auto line = std::string_view(pending_).substr(begin, end - begin);
            begin = end + 1;
            if (!line.empty() && !take_line(line)) return false;
        }
        pending_.erase(0, begin);
        if (pending_.size() > line_bytes_max) return give_up(faulty("A line has no end."));
        return true;
    }

    bool give_up(Error error) {
        error_ = std::move(error);
        return false;
    }

    bool take_line(std::string_view line) {
        auto json = parse_json(line, line_bytes_max);
        if (!json.ok() || !json.value().is_object()) return give_up(faulty("It is not JSON."));
        const Json& object = json.value();
        if (object.contains("error")) return give_up(faulty(error_text(line)));
        ++lines_;
        const auto model = object.find("model");
        if (model != object.end() &&
            !(model->is_string() &&
              is_same_model(model->get_ref<const std::string&>(), terms_.model))) {
            return give_up(faulty("It is for another model than " + terms_.model + "."));
        }
        append(object);
        if (text_.size() > text_bytes_max) {
            return give_up(Error{ErrorCode::too_large, "The result is larger than a result may be.",
                                 "At most " + std::to_string(text_bytes_max) + " bytes.",
                                 "Ask for fewer tokens."});
        }
        const auto done = object.find("done");
        is_done_ = done != object.end() && done->is_boolean() && done->get<bool>();
        if (!is_done_) return true;
        for (const char* name : {"prompt_eval_count", "eval_count"}) {
            const auto count = object.find(name);
            const bool is_count =
                count == object.end() ||
                (count->is_number_unsigned() && count->get<std::uint64_t>() <= tokens_counted_max);
            if (!is_count) return give_up(faulty("Its " + std::string(name) + " is no count."));
        }
        last_ = std::move(json).value();
        return false;
    }

    void append(const Json& object) {
        const Json* piece = nullptr;
        if (const auto found = object.find("response"); found != object.end()) piece = &*found;
        const auto message = object.find("message");
        if (message != object.end() && message->is_object()) {
            if (const auto found = message->find("content"); found != message->end()) {
                piece = &*found;
            }
        }
        if (piece == nullptr || !piece->is_string() || piece->empty()) return;
        const auto& text = piece->get_ref<const std::string&>();
        if (text.empty()) return;
        text_ += text;
        (*progress_)(++pieces_);
    }

    const Progress* progress_;
    Terms terms_;
    std::string pending_{};
    std::string text_{};
    Json last_ = Json::object();
    std::optional<Error> error_{};
    std::uint64_t bytes_ = 0;
    std::uint64_t pieces_ = 0;
    std::size_t lines_ = 0;
    std::int64_t last_piece_us_ = 0;
    bool is_done_ = false;
};

std::uint64_t count_in(const Json& object, std::string_view name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

/// What ran: a server of our kind says it apart, where the name was an alias.
std::string model_that_ran(const Json& last, const std::string& asked) {
    const auto found = last.find("model_ran");
    const bool is_name =
        found != last.end() && found->is_string() &&
        !found->get_ref<const std::string&>().empty() &&
        found->get_ref<const std::string&>().size() <= limits::model_name_bytes_max;
    return is_name ? found->get<std::string>() : asked;
}

Execution to_execution(const AnswerReader& reader, const std::string& model,
                       std::uint64_t duration_ms) {
    const Json& last = reader.last();
    Execution execution{.model_ran = model_that_ran(last, model),
                        .prompt_tokens = count_in(last, "prompt_eval_count"),
                        .completion_tokens = count_in(last, "eval_count"),
                        .duration_ms = duration_ms};
    Json result{{"response", reader.text()},
                {"model", execution.model_ran},
                {"provider", "ollama"},
                {"prompt_eval_count", execution.prompt_tokens},
                {"eval_count", execution.completion_tokens}};
    for (const char* name :
         {"total_duration", "load_duration", "prompt_eval_duration", "eval_duration"}) {
        if (last.contains(name)) result[name] = count_in(last, name);
    }
    if (last.contains("done_reason") && last["done_reason"].is_string()) {
        result["done_reason"] = last["done_reason"];
    }
    execution.result = dump_json(result);
    return execution;
}

}  // namespace

Result<std::vector<std::string>> OllamaExecutor::models(std::stop_token stop) const {
    net::HttpClient client(options_.endpoint, {.connect_ms = options_.deadlines.connect_ms,
                                               .response_bytes_max = tags_bytes_max,
                                               .unavailable_next = "Start Ollama: ollama serve"});
    const auto answer = client.request(
        {.target = "/api/tags",
         .deadline_ms =
             std::min({tags_ms, options_.deadlines.first_byte_ms, options_.deadlines.total_ms})},
        std::move(stop));
    if (!answer.ok()) {
        const ErrorCode code = answer.error().code;
        if (code == ErrorCode::malformed || code == ErrorCode::too_large) {
            return faulty(answer.error().why);
        }
        return answer.error();
    }
    if (answer.value().status != 200) return refusal(answer.value().status, answer.value().body);
    const auto json = parse_json(answer.value().body, tags_bytes_max);
    if (!json.ok() || !json.value().is_object()) return faulty("Its list of models is not JSON.");
    const auto rows = json.value().find("models");
    if (rows == json.value().end() || !rows->is_array()) {
        return faulty("It has no list of models.");
    }
    std::vector<std::string> names;
    for (const Json& row : *rows) {
        for (const char* key : {"name", "model"}) {
            if (!row.is_object() || !row.contains(key) || !row[key].is_string()) continue;
            names.push_back(row[key].get<std::string>());
            break;
        }
    }
    return names;
}

Result<std::string> OllamaExecutor::resolve(const std::string& model, std::stop_token stop) const {
    const auto names = models(std::move(stop));
    if (!names.ok()) return names.error();
    for (const std::string& name : names.value()) {
        if (is_same_model(name, model)) return name;
    }
    std::string list;
    for (std::size_t i = 0; i < std::min(names.value().size(), shown_models_max); ++i) {
        list += (i == 0 ? "" : ", ") + names.value()[i];
    }
    return Error{ErrorCode::not_found,
                 "The Ollama server has no model \"" + model.substr(0, 128) + "\".",
                 names.value().empty() ? "It has none at all." : "It has: " + list + ".",
                 "Fetch it: ollama pull " + model.substr(0, 128) + ", or name one that is there."};
}

Status OllamaExecutor::probe(std::stop_token stop) {
    const auto model = resolve(options_.model, std::move(stop));
    return model.ok() ? Status{} : Status{model.error()};
}

Result<Execution> OllamaExecutor::run(const miner::PolledJobView& job, const Progress& progress,
                                      std::stop_token stop) {
    const auto request = read_job_payload(job.payload.text);
    if (!request.ok()) return request.error();
    const auto model = resolve(job.model.empty() ? options_.model : job.model, stop);
    if (!model.ok()) return model.error();

    net::HttpClient client(options_.endpoint, {.connect_ms = options_.deadlines.connect_ms,
                                               .unavailable_next = "Start Ollama: ollama serve"});
    const bool is_chat = !request.value().messages.empty();
    AnswerReader reader(
        progress,
        {.model = model.value(), .idle_ms = options_.deadlines.idle_ms, .clock = options_.clock});
    int status = 0;
    std::string refused;
    const std::int64_t begin_us = options_.clock->monotonic_us();
    const auto head = client.stream(
        {.method = "POST",
         .target = is_chat ? "/api/chat" : "/api/generate",
         .headers = {{"content-type", "application/json"}},
         .body = dump_json(request_json(request.value(), model.value())),
         .deadline_ms = options_.deadlines.total_ms,
         .first_byte_ms = options_.deadlines.first_byte_ms,
         .idle_ms = options_.deadlines.idle_ms},
        [&](const net::HttpResponse& answer) {
            status = answer.status;
            return true;
        },
        [&](std::string_view bytes) {
            if (status == 200) return reader.take(bytes);
            refused += bytes.substr(0, refusal_bytes_max - refused.size());
            return refused.size() < refusal_bytes_max;
        },
        std::move(stop));
    if (!head.ok()) {
        const ErrorCode code = head.error().code;
        // Bad HTTP is the server's fault, not the job's.
        if (code == ErrorCode::malformed || code == ErrorCode::too_large) {
            return faulty(head.error().why);
        }
        return head.error();
    }
    if (status != 200) return refusal(status, refused);
    reader.finish();
    if (reader.error()) return *reader.error();
    const std::int64_t took_us = options_.clock->monotonic_us() - begin_us;
    return to_execution(reader, model.value(), static_cast<std::uint64_t>(took_us / 1'000));
}

}  // namespace ait::miner_process
