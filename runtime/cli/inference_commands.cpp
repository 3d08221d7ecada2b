// Asking a model through the node.

#include <array>

#include "runtime/cli/commands.hpp"

namespace ait::cli {
namespace {

constexpr std::uint32_t inference_ms_default = 600'000;  // a long answer on a CPU takes minutes
constexpr std::size_t texts_bytes_max = 1024 * 1024;

void allow_long(Session& session) {
    if (!session.options.timeout_ms) session.options.timeout_ms = inference_ms_default;
}

/// Shows text as it comes; machine formats get the lines themselves.
Result<Answer> stream(Session& session, const Request& request, const Json& input) {
    auto node = session.node();
    if (!node.ok()) return node.error();
    auto call = session.call_options(false);
    if (!call.ok()) return call.error();
    bool ends_line = true;
    const bool machine = session.is_machine_output();
    auto done = node.value()->lines(*request.operation, input, call.value(), [&](const Json& line) {
        if (machine) {
            session.console.out(dump_json(line) + "\n");
            return !flag_in(line, "done");
        }
        if (flag_in(line, "done")) return false;
        std::string text = text_in(line, "text");
        ends_line = text.empty() ? ends_line : text.back() == '\n';
        session.console.out(text);
        return true;
    });
    if (!machine && !ends_line) session.console.out("\n");
    if (!done.ok()) return done.error();
    return Answer{};
}

Result<Answer> infer(Session& session, const Request& request, const Json& input) {
    allow_long(session);
    if (flag_in(input, "stream")) return stream(session, request, input);
    auto value = call_node(session, *request.operation, input);
    if (!value.ok()) return value.error();
    Answer answer;
    answer.value = std::move(value).value();
    const bool wants_tokens = input.contains("logprobs");
    std::string text = text_in(answer.value, "text");
    if (!wants_tokens && !text.empty()) answer.plain = text.ends_with('\n') ? text : text + "\n";
    return answer;
}

Result<Answer> complete(Session& session, const Request& request) {
    return infer(session, request, request.input);
}

Result<Answer> chat(Session& session, const Request& request) {
    Json input = request.input;
    const std::string prompt = text_in(request.local, "prompt");
    const std::string system = text_in(request.local, "system");
    if (prompt.empty() == !input.contains("messages")) {
        return Error{ErrorCode::usage, "`aitbc inference chat` needs a message.",
                     "Give either --prompt or --messages.",
                     "aitbc inference chat --prompt \"Why is the sky blue?\""};
    }
    if (!prompt.empty()) {
        Json messages = Json::array();
        if (!system.empty()) messages.push_back({{"role", "system"}, {"content", system}});
        messages.push_back({{"role", "user"}, {"content", prompt}});
        input["messages"] = std::move(messages);
    }
    return infer(session, request, input);
}

Result<Json> texts_of(const Request& request) {
    if (request.input.contains("texts")) return request.input["texts"];
    const std::string file = text_in(request.local, "file");
    if (!file.empty()) {
        auto bytes = read_file(file, texts_bytes_max);
        if (!bytes.ok()) return bytes.error();
        return rows_of_file(file, bytes.value());
    }
    if (request.local.contains("text")) return Json::array({request.local["text"]});
    return Error{ErrorCode::usage, "`aitbc model tokenize` needs a text.", "Give --text or --file.",
                 "aitbc model tokenize --model llama3 --text \"Hello\""};
}

Result<Answer> tokenize(Session& session, const Request& request) {
    auto texts = texts_of(request);
    if (!texts.ok()) return texts.error();
    if (!texts.value().is_array()) {
        return Error{ErrorCode::invalid_argument, "The texts are not a JSON list.", "",
                     "Write them like [\"one\", \"two\"]."};
    }
    for (const auto& text : texts.value()) {
        if (!text.is_string())
            return Error{ErrorCode::invalid_argument, "The texts are not all strings.", "",
                         "Write them like [\"one\", \"two\"]."};
    }
    Json input = request.input;
    input["texts"] = std::move(texts).value();
    allow_long(session);
    auto value = call_node(session, *request.operation, input);
    if (!value.ok()) return value.error();
    return Answer{.value = std::move(value).value()};
}

constexpr std::array rows{
    CommandRow{"inference.complete", &complete},
    CommandRow{"inference.chat", &chat},
    CommandRow{"inference.tokenize", &tokenize},
};

}  // namespace

std::span<const CommandRow> inference_commands() {
    return rows;
}

}  // namespace ait::cli
