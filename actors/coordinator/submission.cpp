#include "actors/coordinator/submission.hpp"

#include <charconv>

#include "runtime/base/crypto/hash.hpp"

namespace ait::coordinator {
namespace {

constexpr std::uint64_t ttl_seconds_max = 10ULL * 366 * 24 * 3'600;

Error refuse(std::string why, std::string next) {
    return Error{ErrorCode::invalid_argument, "The job was not submitted.", std::move(why),
                 std::move(next)};
}

Result<std::string> text_in(const Json& input, std::string_view name, std::uint32_t bytes_max) {
    const auto found = input.find(name);
    if (found == input.end() || found->is_null()) return std::string{};
    return detail::value_from_json<std::string>(*found, std::string(name), bytes_max);
}

Status set_constraint(Constraints& wants, std::string_view key, const std::string& value) {
    if (key == "gpu") {
        wants.gpu = value;
    } else if (key == "region") {
        wants.region = value;
    } else if (key == "model" || key == "models") {
        wants.models.push_back(value);
    } else if (key == "min_vram_gb" || key == "vram") {
        const auto [end, code] =
            std::from_chars(value.data(), value.data() + value.size(), wants.min_vram_gb);
        if (code != std::errc{} || end != value.data() + value.size()) {
            return refuse("\"" + value + "\" is not a number of GB.", "Use min_vram_gb=24.");
        }
    } else if (key == "price_max_per_hour" || key == "max_price") {
        const auto price = parse_amount(value);
        if (!price.ok()) return price.error();
        wants.price_max_per_hour = price.value();
    } else {
        return refuse("\"" + std::string(key) + "\" is not a constraint.",
                      "Use gpu, min_vram_gb, model, region or price_max_per_hour.");
    }
    return {};
}

Result<Constraints> constraints_in(const Json& input) {
    Constraints wants;
    if (const auto found = input.find("constraints"); found != input.end() && !found->is_null()) {
        auto read = detail::value_from_json<Constraints>(*found, "constraints", 0);
        if (!read.ok()) return read.error();
        wants = std::move(read).value();
    }
    const auto found = input.find("constraint");
    if (found == input.end() || !found->is_array()) return wants;
    for (const auto& element : *found) {
        const std::string text = element.is_string() ? element.get<std::string>() : "";
        const std::size_t equals = text.find('=');
        if (equals == std::string::npos) {
            return refuse("\"" + text + "\" is not KEY=VALUE.", "Use for example min_vram_gb=24.");
        }
        const Status set = set_constraint(wants, std::string_view(text).substr(0, equals),
                                          text.substr(equals + 1));
        if (!set.ok()) return set.error();
    }
    if (wants.models.size() > constraint_models_max) {
        return refuse("There are too many models among the constraints.",
                      "Use at most " + std::to_string(constraint_models_max) + ".");
    }
    return wants;
}

/// An inference without anything to say to the model would fail on every miner.
Status check_inference(const Json& payload) {
    const auto prompt = payload.find("prompt");
    const auto messages = payload.find("messages");
    const bool has_prompt = prompt != payload.end() && prompt->is_string() && !prompt->empty() &&
                            !prompt->get_ref<const std::string&>().empty();
    const bool has_messages =
        messages != payload.end() && messages->is_array() && !messages->empty();
    if (has_prompt || has_messages) return {};
    return refuse("An inference needs a prompt (text) or messages (list).",
                  "Give --prompt TEXT, or --data '{\"prompt\":\"...\"}'.");
}

Result<std::uint64_t> ttl_ms_in(const Json& input) {
    const auto found = input.find("ttl");
    if (found == input.end() || found->is_null()) return std::uint64_t{0};
    const auto seconds = detail::value_from_json<std::uint64_t>(*found, "ttl", 0);
    if (!seconds.ok()) return seconds.error();
    if (seconds.value() == 0 || seconds.value() > ttl_seconds_max) {
        return refuse("A life of " + std::to_string(seconds.value()) + " seconds is not possible.",
                      "Use a positive number that the chain allows: aitbc chain info.");
    }
    return seconds.value() * 1'000;
}

}  // namespace

Result<Submission> read_submission(const Json& input) {
    if (!input.is_object())
        return refuse("A job is a JSON object.", "See aitbc client submit --help.");
    auto type = text_in(input, "type", limits::name_bytes_max);
    if (!type.ok()) return type.error();
    auto model = text_in(input, "model", limits::model_name_bytes_max);
    if (!model.ok()) return model.error();
    auto prompt = text_in(input, "prompt", limits::prompt_bytes_max);
    if (!prompt.ok()) return prompt.error();
    auto constraints = constraints_in(input);
    if (!constraints.ok()) return constraints.error();
    const auto ttl_ms = ttl_ms_in(input);
    if (!ttl_ms.ok()) return ttl_ms.error();

    Json payload = Json::object();
    if (!prompt.value().empty()) payload["prompt"] = prompt.value();
    if (const auto over = input.find("data"); over != input.end() && !over->is_null()) {
        if (!over->is_object())
            return refuse("The payload is not a JSON object.", "Use --data '{...}'.");
        payload.update(*over);
    }
    if (const auto named = payload.find("model"); named != payload.end()) {
        auto text = detail::value_from_json<std::string>(*named, "data.model",
                                                         limits::model_name_bytes_max);
        if (!text.ok()) return text.error();
        model = std::move(text).value();
        payload.erase("model");  // the transaction names it; two places could differ
    }
    Submission submission{.job = {.model = std::move(model).value(),
                                  .constraints = std::move(constraints).value(),
                                  .ttl_ms = ttl_ms.value()}};
    if (!type.value().empty()) submission.job.type = std::move(type).value();
    if (submission.job.type == "inference") {
        const Status valid = check_inference(payload);
        if (!valid.ok()) return valid.error();
    }
    submission.payload = dump_json(payload);
    if (submission.payload.size() > limits::prompt_bytes_max) {
        return Error{ErrorCode::too_large, "The job was not submitted.",
                     "Its payload has " + std::to_string(submission.payload.size()) + " bytes.",
                     "Use at most " + std::to_string(limits::prompt_bytes_max) + "."};
    }
    submission.job.payload = crypto::blake2b_256(submission.payload);
    submission.job.payload_bytes = static_cast<std::uint32_t>(submission.payload.size());
    return submission;
}

Result<std::vector<Submission>> read_batch(const Json& input) {
    const auto jobs = input.find("jobs");
    if (jobs == input.end() || !jobs->is_array() || jobs->empty()) {
        return refuse("A batch is a JSON list of jobs.", "See aitbc client batch-submit --help.");
    }
    if (jobs->size() > limits::batch_jobs_max) {
        return Error{ErrorCode::too_large, "None of the batch was submitted.",
                     "It has " + std::to_string(jobs->size()) + " jobs.",
                     "Use at most " + std::to_string(limits::batch_jobs_max) + " at a time."};
    }
    std::vector<Submission> submissions;
    for (std::size_t i = 0; i < jobs->size(); ++i) {
        auto submission = read_submission((*jobs)[i]);
        if (!submission.ok()) {
            Error error = submission.error();
            error.what = "None of the batch was submitted.";
            error.why = "Job " + std::to_string(i) + ": " + error.why;
            return error;
        }
        submissions.push_back(std::move(submission).value());
    }
    return submissions;
}

namespace {

Error no_result(std::string why) {
    return Error{ErrorCode::invalid_argument, "None of the results was taken.", std::move(why),
                 "See job.deliver in /openapi.json."};
}

template <class T>
Status read_into(T& value, const Json& object, std::string_view name, std::uint32_t bytes_max) {
    const auto found = object.find(name);
    if (found == object.end()) return no_result("A result has no \"" + std::string(name) + "\".");
    auto read = detail::value_from_json<T>(*found, std::string(name), bytes_max);
    if (!read.ok()) return read.error();
    value = std::move(read).value();
    return {};
}

Status read_result(const Json& object, Deliveries& into) {
    if (!object.is_object()) return no_result("A result is not an object.");
    DeliveredResult result;
    std::size_t fields = 1;
    for (const Status& status :
         {read_into(result.job_id, object, "job_id", limits::id_bytes_max),
          read_into(result.attempt, object, "attempt", 0),
          read_into(result.model_ran, object, "model_ran", limits::model_name_bytes_max),
          read_into(result.prompt_tokens, object, "prompt_tokens", 0),
          read_into(result.completion_tokens, object, "completion_tokens", 0),
          read_into(result.duration_ms, object, "duration_ms", 0)}) {
        if (!status.ok()) return status;
        ++fields;
    }
    const auto content = object.find("result");
    if (content == object.end() || content->is_null()) return no_result("It is empty.");
    if (object.size() != fields) return no_result("A result has an unknown field.");
    std::string bytes = dump_json(*content);
    if (bytes.size() > limits::blob_bytes_max) {
        return Error{ErrorCode::too_large, "None of the results was taken.",
                     "One has " + std::to_string(bytes.size()) + " bytes.",
                     "Use at most " + std::to_string(limits::blob_bytes_max) + "."};
    }
    result.result = crypto::blake2b_256(bytes);
    result.result_bytes = static_cast<std::uint32_t>(bytes.size());
    into.tx.results.push_back(std::move(result));
    into.results.push_back(std::move(bytes));
    return {};
}

}  // namespace

Result<Deliveries> read_results(const Json& input) {
    const auto list = input.find("results");
    if (list == input.end() || !list->is_array() || list->empty())
        return no_result("There is no list of results.");
    if (list->size() > limits::lease_jobs_max) {
        return Error{ErrorCode::too_large, "None of the results was taken.",
                     std::to_string(list->size()) + " came.",
                     "Use at most " + std::to_string(limits::lease_jobs_max) + " at a time."};
    }
    Deliveries deliveries;
    for (const auto& object : *list) {
        const Status read = read_result(object, deliveries);
        if (!read.ok()) return read.error();
    }
    return deliveries;
}

}  // namespace ait::coordinator
