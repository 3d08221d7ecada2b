#pragma once

// What the operations of the node itself answer. Plain structs; the same description serves JSON
// and OpenAPI.

#include <string>
#include <tuple>
#include <vector>

#include "runtime/base/fields.hpp"

namespace ait::node {

struct StatusView {
    std::uint64_t pid = 0;
    std::string data_dir{};
    std::string chain{};
    std::uint64_t height = 0;
    std::uint64_t peers = 0;
    std::string version{};
    bool ready = false;
    std::uint64_t miners = 0;
    std::uint64_t jobs_open = 0;
    std::string inference_url{};
    std::string url{};
    static constexpr auto fields() {
        using T = StatusView;
        return std::tuple{
            field("pid", &T::pid, "Process id."),
            field("data_dir", &T::data_dir, "Where its data lie."),
            field("chain", &T::chain, "Name of the chain."),
            field("height", &T::height, "Last applied block."),
            field("peers", &T::peers, "Nodes it is connected to."),
            field("version", &T::version, "Of the program."),
            field("ready", &T::ready, "Whether it serves."),
            field("miners", &T::miners, "Miners with a live session."),
            field("jobs_open", &T::jobs_open, "Jobs that have not ended."),
            optional_field("inference_url", &T::inference_url,
                           "Where models answer; empty without a miner."),
            optional_field("url", &T::url, "The REST address; empty where TCP is off.")};
    }
};

struct EventStreamView {
    std::string id{};
    std::uint64_t height = 0;
    std::uint32_t index = 0;
    UnixMs time{};
    std::string kind{};
    std::string subject{};
    JsonText attributes{};
    static constexpr auto fields() {
        using T = EventStreamView;
        return std::tuple{
            field("id", &T::id, "Position height.index: Last-Event-ID resumes after it."),
            field("height", &T::height, "Block."),
            field("index", &T::index, "Order in the block."),
            field("time", &T::time, "Block time."),
            field("kind", &T::kind, "What happened."),
            field("subject", &T::subject, "To what: an id or address."),
            field("attributes", &T::attributes, "With which values.")};
    }
};

struct CompletionView {
    std::string model{};
    std::string text{};
    std::string finish_reason{};
    std::uint64_t prompt_tokens = 0;
    std::uint64_t completion_tokens = 0;
    std::uint64_t prompt_ms = 0;
    std::uint64_t decode_ms = 0;
    JsonText tokens{};
    static constexpr auto fields() {
        using T = CompletionView;
        return std::tuple{
            field("model", &T::model, "Model that really ran."),
            field("text", &T::text, "What it wrote."),
            field("finish_reason", &T::finish_reason, "Why it ended."),
            field("prompt_tokens", &T::prompt_tokens, "Tokens read."),
            field("completion_tokens", &T::completion_tokens, "Tokens written."),
            field("prompt_ms", &T::prompt_ms, "Time to read."),
            field("decode_ms", &T::decode_ms, "Time to write."),
            optional_field("tokens", &T::tokens, "Token by token, when logprobs were asked for.")};
    }
};

struct TokenizedText {
    std::string text{};
    std::vector<std::uint32_t> ids{};
    static constexpr auto fields() {
        return std::tuple{field("text", &TokenizedText::text, "As given."),
                          field("ids", &TokenizedText::ids, "Token ids, in order.")};
    }
};

struct TokenizeView {
    std::string model{};
    std::vector<TokenizedText> items{};
    static constexpr auto fields() {
        return std::tuple{field("model", &TokenizeView::model, "Whose tokenizer."),
                          field("items", &TokenizeView::items, "One per text.")};
    }
};

struct ModelView {
    std::string name{};
    static constexpr auto fields() {
        return std::tuple{field("name", &ModelView::name, "Name to ask for.")};
    }
};

}  // namespace ait::node
