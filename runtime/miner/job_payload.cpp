#include "runtime/miner/job_payload.hpp"

#include <cmath>
#include <limits>

namespace ait::miner_process {
namespace {

Error refused(std::string_view name, std::string why) {
    return Error{ErrorCode::invalid_argument,
                 "Field \"" + std::string(name) + "\" is not acceptable.", std::move(why), ""};
}

/// The field at the top or among the options, under the first of its names that is there; null when
/// there is none.
const Json* find_option(const Json& input, std::initializer_list<std::string_view> names) {
    for (const auto name : names) {
        const auto found = input.find(name);
        if (found != input.end() && !found->is_null()) return &*found;
    }
    const auto options = input.find("options");
    if (options == input.end() || !options->is_object()) return nullptr;
    for (const auto name : names) {
        const auto found = options->find(name);
        if (found != options->end() && !found->is_null()) return &*found;
    }
    return nullptr;
}

Status read_text(const Json& input, std::string_view name, std::uint32_t bytes_max,
                 std::string& out) {
    const auto found = input.find(name);
    if (found == input.end() || found->is_null()) return {};
    auto text = detail::value_from_json<std::string>(*found, std::string(name), bytes_max);
    if (!text.ok()) return text.error();
    out = std::move(text).value();
    return {};
}

Status read_number(const Json& input, std::initializer_list<std::string_view> names,
                   std::optional<double>& out) {
    const Json* found = find_option(input, names);
    if (found == nullptr) return {};
    if (!found->is_number()) return refused(*names.begin(), "It must be a number.");
    const auto number = found->get<double>();
    if (!std::isfinite(number)) return refused(*names.begin(), "It must be finite.");
    out = number;
    return {};
}

/// A whole number as a 64-bit signed one.
Result<std::int64_t> whole_number(const Json& json, std::string_view name) {
    if (json.is_number_float()) {
        // Clients in languages without integers send 40.0.
        const auto number = json.get<double>();
        if (std::trunc(number) == number && std::abs(number) < 9e15) {
            return static_cast<std::int64_t>(number);
        }
        return refused(name, "It must be an integer.");
    }
    return detail::value_from_json<std::int64_t>(json, std::string(name), 0);
}

Status read_limits(const Json& input, InferenceRequest& request) {
    if (const Json* found = find_option(input, {"max_tokens", "num_predict"})) {
        const auto tokens = whole_number(*found, "max_tokens");
        if (!tokens.ok()) return tokens.error();
        if (tokens.value() == 0) return refused("max_tokens", "Ask for at least one token.");
        // Ollama's -1 and -2 mean: until the model ends, or the context is full.
        request.tokens = tokens.value() < 0 || tokens.value() > tokens_max
                             ? tokens_max
                             : static_cast<std::uint32_t>(tokens.value());
    }
    if (const Json* found = find_option(input, {"top_k"})) {
        const auto top_k = whole_number(*found, "top_k");
        if (!top_k.ok()) return top_k.error();
        if (top_k.value() < 0 || top_k.value() > std::numeric_limits<std::int32_t>::max()) {
            return refused("top_k", "It is out of range.");
        }
        request.top_k = static_cast<std::uint32_t>(top_k.value());
    }
    if (const Json* found = find_option(input, {"seed"})) {
        if (found->is_number_unsigned()) {
            request.seed = found->get<std::uint64_t>();
            return {};
        }
        const auto seed = whole_number(*found, "seed");
        if (!seed.ok()) return seed.error();
        if (seed.value() >= 0) request.seed = static_cast<std::uint64_t>(seed.value());
    }
    return {};
}

Status read_stop(const Json& input, InferenceRequest& request) {
    const Json* found = find_option(input, {"stop"});
    if (found == nullptr) return {};
    if (found->is_string()) {
        request.stop.push_back(found->get<std::string>());
        return {};
    }
    constexpr std::uint32_t stops_max = 64;
    auto texts = detail::value_from_json<std::vector<std::string>>(*found, "stop", stops_max);
    if (!texts.ok()) return texts.error();
    request.stop = std::move(texts).value();
    return {};
}

Status read_messages(const Json& input, InferenceRequest& request) {
    const auto found = input.find("messages");
    if (found == input.end() || found->is_null()) return {};
    if (!found->is_array()) return refused("messages", "It must be a list of {role, content}.");
    if (found->size() > messages_max) {
        return refused("messages", "At most " + std::to_string(messages_max) + " are taken.");
    }
    for (const Json& message : *found) {
        ChatTurn turn;
        if (!message.is_object()) return refused("messages", "Each must be {role, content}.");
        const Status role = read_text(message, "role", limits::name_bytes_max, turn.role);
        if (!role.ok()) return role.error();
        const Status content =
            read_text(message, "content", limits::prompt_bytes_max, turn.content);
        if (!content.ok()) return content.error();
        if (turn.role.empty()) return refused("messages", "One has no role.");
        request.messages.push_back(std::move(turn));
    }
    return {};
}

}  // namespace

Result<InferenceRequest> read_inference_request(const Json& input) {
    if (!input.is_object()) {
        return Error{ErrorCode::malformed, "The request is not a JSON object.", "",
                     "Send an object."};
    }
    InferenceRequest request;
    if (const auto raw = input.find("raw"); raw != input.end() && !raw->is_null()) {
        if (!raw->is_boolean()) return refused("raw", "It must be true or false.");
        request.raw = raw->get<bool>();
    }
    for (const Status& status :
         {read_text(input, "model", limits::model_name_bytes_max, request.model),
          read_text(input, "prompt", limits::prompt_bytes_max, request.prompt),
          read_text(input, "system", limits::prompt_bytes_max, request.system),
          read_messages(input, request), read_limits(input, request), read_stop(input, request),
          read_number(input, {"temperature"}, request.temperature),
          read_number(input, {"top_p"}, request.top_p),
          read_number(input, {"min_p"}, request.min_p),
          read_number(input, {"repetition_penalty", "repeat_penalty"},
                      request.repetition_penalty)}) {
        if (!status.ok()) return status.error();
    }
    if (!request.prompt.empty() && !request.messages.empty()) {
        return refused("messages", "There is a prompt too; give one of them.");
    }
    return request;
}

Result<InferenceRequest> read_job_payload(std::string_view payload) {
    const auto json = parse_json(payload, limits::blob_bytes_max);
    if (!json.ok()) return json.error();
    auto request = read_inference_request(json.value());
    if (!request.ok()) return request;
    if (request.value().prompt.empty() && request.value().messages.empty()) {
        return Error{ErrorCode::invalid_argument, "The job has nothing to say to a model.",
                     "Its payload has neither \"prompt\" nor \"messages\".",
                     "Submit it with --prompt, or --data '{\"prompt\":...}'."};
    }
    return request;
}

}  // namespace ait::miner_process
