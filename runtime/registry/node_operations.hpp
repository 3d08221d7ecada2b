#pragma once

// The operations of the node itself and of the command line: what belongs to no domain. Their
// handlers stand in runtime (status, streams, inference) or in the command line (kind client).

#include <array>
#include <string>
#include <tuple>
#include <vector>

#include "actors/consensus/genesis.hpp"
#include "runtime/base/fields.hpp"
#include "runtime/base/limits.hpp"
#include "runtime/base/operation.hpp"

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
        return std::tuple{field("pid", &T::pid, "Process id."),
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
    UnixMs time{};
    std::string kind{};
    std::string subject{};
    JsonText attributes{};
    static constexpr auto fields() {
        using T = EventStreamView;
        return std::tuple{
            field("id", &T::id, "Position height.index: Last-Event-ID resumes after it."),
            field("time", &T::time, "Block time."), field("kind", &T::kind, "What happened."),
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

namespace rows {

inline constexpr std::array events_stream{
    Parameter{.name = "kind",
              .help = "Only this kind, or all that begin with it and a dot.",
              .bytes_max = 64},
    Parameter{.name = "subject", .help = "Only about this id or address.", .bytes_max = 128},
    Parameter{.name = "follow",
              .kind = ValueKind::boolean,
              .help = "Go on as things happen.",
              .flags = "-f",
              .cli_only = true},
    Parameter{.name = "limit",
              .kind = ValueKind::integer,
              .help = "Rows at most, without --follow.",
              .default_text = "50",
              .flags = "-n",
              .cli_only = true}};

inline constexpr Parameter model{.name = "model",
                                 .help = "Model or alias.",
                                 .flags = "-m",
                                 .bytes_max = limits::model_name_bytes_max};
inline constexpr Parameter temperature{.name = "temperature",
                                       .kind = ValueKind::number,
                                       .help = "0 takes the likeliest token each time."};
inline constexpr Parameter top_k{
    .name = "top_k", .kind = ValueKind::integer, .help = "Choose among so many tokens."};
inline constexpr Parameter top_p{
    .name = "top_p", .kind = ValueKind::number, .help = "Choose among tokens of this mass."};
inline constexpr Parameter min_p{.name = "min_p",
                                 .kind = ValueKind::number,
                                 .help = "Leave out tokens below this share of the best."};
inline constexpr Parameter seed{
    .name = "seed", .kind = ValueKind::integer, .help = "Makes sampling repeatable."};
inline constexpr Parameter penalty{
    .name = "repetition_penalty", .kind = ValueKind::number, .help = "Above 1 avoids repeats."};
inline constexpr Parameter max_tokens{.name = "max_tokens",
                                      .kind = ValueKind::integer,
                                      .help = "Tokens to write at most.",
                                      .flags = "--num-predict"};
inline constexpr Parameter stop{
    .name = "stop", .kind = ValueKind::json, .help = "JSON list of texts that end the answer."};
inline constexpr Parameter logprobs{.name = "logprobs",
                                    .kind = ValueKind::integer,
                                    .help = "Show each token with so many alternatives."};
inline constexpr Parameter stream{
    .name = "stream", .kind = ValueKind::boolean, .help = "Show the text as it is written."};
inline constexpr Parameter backend{
    .name = "backend",
    .kind = ValueKind::choice,
    .help = "auto, or scalar: the reference that defines correctness.",
    .choices = "auto|scalar"};

inline constexpr std::array inference_complete{
    model,
    Parameter{.name = "prompt",
              .presence = Presence::required,
              .help = "Text to go on from; @FILE reads a file, - standard input.",
              .flags = "-p",
              .positional = true,
              .bytes_max = limits::prompt_bytes_max},
    Parameter{.name = "raw",
              .kind = ValueKind::boolean,
              .help = "Do not put the prompt into the model's template."},
    temperature,
    top_k,
    top_p,
    min_p,
    seed,
    penalty,
    max_tokens,
    stop,
    logprobs,
    stream,
    backend};
inline constexpr std::array inference_chat{
    model,
    Parameter{.name = "messages",
              .kind = ValueKind::json,
              .help = "JSON list of {role, content}; @FILE or -.",
              .bytes_max = limits::prompt_bytes_max},
    Parameter{.name = "prompt",
              .help = "Short for one message of the user.",
              .flags = "-p",
              .positional = true,
              .cli_only = true,
              .bytes_max = limits::prompt_bytes_max},
    Parameter{.name = "system",
              .help = "Message of the system before it.",
              .cli_only = true,
              .bytes_max = limits::prompt_bytes_max},
    temperature,
    top_k,
    top_p,
    min_p,
    seed,
    penalty,
    max_tokens,
    stop,
    logprobs,
    stream,
    backend};
inline constexpr std::array model_tokenize{
    model,
    Parameter{.name = "texts",
              .kind = ValueKind::json,
              .help = "JSON list of texts.",
              .bytes_max = limits::blob_bytes_max},
    Parameter{.name = "text",
              .help = "One text.",
              .positional = true,
              .cli_only = true,
              .bytes_max = limits::prompt_bytes_max},
    Parameter{.name = "file", .help = "File with a JSON list of texts.", .cli_only = true}};

inline constexpr std::array chain_genesis{Parameter{
    .name = "output_file", .help = "Write the document to this new file.", .cli_only = true}};

inline constexpr std::array up{Parameter{.name = "no_miner",
                                         .kind = ValueKind::boolean,
                                         .help = "Start no miner process.",
                                         .cli_only = true},
                               Parameter{.name = "model",
                                         .help = "Model file or name that the miner serves.",
                                         .flags = "-m",
                                         .cli_only = true}};
inline constexpr std::array down{Parameter{.name = "force",
                                           .kind = ValueKind::boolean,
                                           .help = "Kill what has not ended in time.",
                                           .flags = "-f",
                                           .cli_only = true}};
inline constexpr std::array wait{
    Parameter{.name = "what",
              .kind = ValueKind::choice,
              .help = "What to wait for.",
              .default_text = "node",
              .choices = "node|job|height",
              .positional = true,
              .cli_only = true},
    Parameter{.name = "id",
              .help = "The job, or the height.",
              .flags = "--job-id,--height",
              .positional = true,
              .cli_only = true,
              .bytes_max = limits::id_bytes_max},
    Parameter{.name = "state",
              .help = "State of the job to wait for; its end if absent.",
              .cli_only = true,
              .bytes_max = 32}};
inline constexpr std::array config_file{
    Parameter{.name = "file",
              .help = "Configuration file; the usual one if absent.",
              .flags = "--config-file",
              .positional = true,
              .cli_only = true}};
inline constexpr std::array config_init{config_file[0],
                                        Parameter{.name = "force",
                                                  .kind = ValueKind::boolean,
                                                  .help = "Write over a file that is there.",
                                                  .cli_only = true}};
inline constexpr std::array config_show{config_file[0],
                                        Parameter{.name = "origin",
                                                  .kind = ValueKind::boolean,
                                                  .help = "Say where each value comes from.",
                                                  .cli_only = true}};
inline constexpr std::array config_explain{Parameter{.name = "key",
                                                     .presence = Presence::required,
                                                     .help = "For example gateway.tcp_port.",
                                                     .positional = true,
                                                     .cli_only = true}};
inline constexpr std::array verify_receipt{
    Parameter{.name = "file",
              .presence = Presence::required,
              .help = "Receipt, as `client receipt --output-file` writes it.",
              .positional = true,
              .cli_only = true},
    Parameter{.name = "genesis",
              .presence = Presence::required,
              .help = "Genesis document of the chain: what is trusted.",
              .cli_only = true}};
inline constexpr std::array explain{Parameter{.name = "term",
                                              .presence = Presence::required,
                                              .help = "Error code or configuration key.",
                                              .flags = "--code,--key",
                                              .positional = true,
                                              .cli_only = true}};
inline constexpr std::array help_command{Parameter{.name = "command",
                                                   .help = "Words of a command.",
                                                   .positional = true,
                                                   .repeated = true,
                                                   .cli_only = true}};
inline constexpr std::array completion{Parameter{.name = "shell",
                                                 .kind = ValueKind::choice,
                                                 .presence = Presence::required,
                                                 .help = "Which shell.",
                                                 .choices = "bash|zsh|fish",
                                                 .positional = true,
                                                 .cli_only = true}};
inline constexpr std::array man{Parameter{.name = "command",
                                          .help = "Words of a command; all if absent.",
                                          .positional = true,
                                          .repeated = true,
                                          .cli_only = true}};

}  // namespace rows

inline constexpr std::array operations{
    Operation{.name = "node.status",
              .summary = "Show the node: chain, height, peers, miners, whether it is ready.",
              .cli = "status",
              .cli_aliases = "node status",
              .rest = {"GET", "/api/v1/status"},
              .response = &schema_of<StatusView>,
              .mcp = true,
              .examples = "aitbc status\naitbc status -o json"},
    Operation{.name = "events.stream",
              .kind = OperationKind::stream,
              .summary = "Show what happens on the chain.",
              .deadline = DeadlineClass::unlimited,
              .cli = "events",
              .rest = {"GET", "/api/v1/events/stream"},
              .parameters = rows::events_stream,
              .response = &schema_of<EventStreamView>,
              .examples = "aitbc events\naitbc events --follow --kind job"},
    Operation{.name = "chain.genesis",
              .summary = "Get the chain's genesis document, against which receipts are verified.",
              .role = Role::anyone,
              .cli = "chain genesis",
              .rest = {"GET", "/api/v1/genesis"},
              .parameters = rows::chain_genesis,
              .response = &schema_of<consensus::Genesis>,
              .examples = "aitbc chain genesis --output-file genesis.json"},
    Operation{.name = "inference.complete",
              .kind = OperationKind::stream,
              .summary = "Let a model go on from a text.",
              .role = Role::member,
              .rate = RateClass::heavy,
              .deadline = DeadlineClass::unlimited,
              .cli = "inference complete",
              .rest = {"POST", "/api/v1/inference/complete"},
              .parameters = rows::inference_complete,
              .response = &schema_of<CompletionView>,
              .mcp = true,
              .examples = "aitbc inference complete --model llama3 --prompt \"The sky is\" --raw "
                          "--temperature 0 --max-tokens 16 --logprobs 5\n"
                          "aitbc inference complete --model llama3 --prompt @prompt.txt --stream"},
    Operation{.name = "inference.chat",
              .kind = OperationKind::stream,
              .summary = "Talk to a model.",
              .role = Role::member,
              .rate = RateClass::heavy,
              .deadline = DeadlineClass::unlimited,
              .cli = "inference chat",
              .cli_aliases = "chat",
              .rest = {"POST", "/api/v1/inference/chat"},
              .parameters = rows::inference_chat,
              .response = &schema_of<CompletionView>,
              .mcp = true,
              .examples = "aitbc inference chat --model llama3 --prompt \"Why is the sky blue?\""},
    Operation{.name = "inference.tokenize",
              .kind = OperationKind::stream,
              .summary = "Show the token ids of texts.",
              .cli = "model tokenize",
              .rest = {"POST", "/api/v1/inference/tokenize"},
              .parameters = rows::model_tokenize,
              .response = &schema_of<TokenizeView>,
              .examples = "aitbc model tokenize --model llama3 --text \"Hello AITBC\"\n"
                          "aitbc model tokenize --model llama3 --file strings.json"},
    Operation{.name = "model.list",
              .kind = OperationKind::stream,
              .summary = "List the models that answer here.",
              .cli = "model list",
              .rest = {"GET", "/api/v1/models"},
              .response = &schema_of<ModelView>,
              .list = true,
              .mcp = true,
              .examples = "aitbc model list"},
    Operation{.name = "node.up",
              .kind = OperationKind::client,
              .summary = "Start a local development node and a miner in the background.",
              .role = Role::anyone,
              .cli = "up",
              .parameters = rows::up,
              .examples = "aitbc up\naitbc up --no-miner"},
    Operation{.name = "node.down",
              .kind = OperationKind::client,
              .summary = "Stop the local node and its miner.",
              .role = Role::anyone,
              .cli = "down",
              .parameters = rows::down,
              .examples = "aitbc down"},
    Operation{.name = "miner.stop",
              .kind = OperationKind::client,
              .summary = "Stop the miner process that miner start made.",
              .role = Role::member,
              .cli = "miner stop",
              .parameters = rows::down,
              .examples = "aitbc miner stop"},
    Operation{
        .name = "node.wait",
        .kind = OperationKind::client,
        .summary = "Wait until the node is ready, a job has ended, or a height is there.",
        .role = Role::anyone,
        .cli = "wait",
        .parameters = rows::wait,
        .examples =
            "aitbc wait --timeout 30\naitbc wait job @last --timeout 2m\naitbc wait height 100"},
    Operation{.name = "config.init",
              .kind = OperationKind::client,
              .summary = "Write a commented configuration file.",
              .role = Role::anyone,
              .cli = "config init",
              .parameters = rows::config_init,
              .examples = "aitbc config init"},
    Operation{.name = "config.validate",
              .kind = OperationKind::client,
              .summary = "Check the configuration and report all that is wrong.",
              .role = Role::anyone,
              .cli = "config validate",
              .parameters = rows::config_file,
              .examples = "aitbc config validate"},
    Operation{.name = "config.show",
              .kind = OperationKind::client,
              .summary = "Show the configuration in effect.",
              .role = Role::anyone,
              .cli = "config show",
              .cli_aliases = "config-show",
              .parameters = rows::config_show,
              .list = true,
              .columns = "key,value,origin",
              .examples = "aitbc config show --origin"},
    Operation{.name = "config.explain",
              .kind = OperationKind::client,
              .summary = "Explain one configuration key.",
              .role = Role::anyone,
              .cli = "config explain",
              .parameters = rows::config_explain,
              .examples = "aitbc config explain gateway.tcp_port"},
    Operation{.name = "receipt.verify",
              .kind = OperationKind::client,
              .summary = "Verify a receipt without a node.",
              .role = Role::anyone,
              .cli = "verify receipt",
              .cli_aliases = "receipt verify",
              .parameters = rows::verify_receipt,
              .examples = "aitbc verify receipt receipt.json --genesis genesis.json"},
    Operation{.name = "cli.explain",
              .kind = OperationKind::client,
              .summary = "Explain an error code or a configuration key.",
              .role = Role::anyone,
              .cli = "explain",
              .parameters = rows::explain,
              .examples = "aitbc explain insufficient_funds\naitbc explain gateway.tcp_port"},
    Operation{.name = "cli.version",
              .kind = OperationKind::client,
              .summary = "Show the version of this program.",
              .role = Role::anyone,
              .cli = "version",
              .examples = "aitbc version -o json"},
    Operation{.name = "cli.help",
              .kind = OperationKind::client,
              .summary = "Show help for a command.",
              .role = Role::anyone,
              .cli = "help",
              .parameters = rows::help_command,
              .examples = "aitbc help client submit"},
    Operation{.name = "cli.exit_codes",
              .kind = OperationKind::client,
              .summary = "List exit codes and error codes.",
              .role = Role::anyone,
              .cli = "help exit-codes",
              .list = true,
              .columns = "exit,code,retryable,meaning",
              .examples = "aitbc help exit-codes"},
    Operation{.name = "cli.completion",
              .kind = OperationKind::client,
              .summary = "Print a completion script for a shell.",
              .role = Role::anyone,
              .cli = "completion",
              .parameters = rows::completion,
              .examples = "source <(aitbc completion bash)"},
    Operation{.name = "cli.man",
              .kind = OperationKind::client,
              .summary = "Print a manual page.",
              .role = Role::anyone,
              .cli = "man",
              .parameters = rows::man,
              .examples = "aitbc man | man -l -\naitbc man client submit | man -l -"},
};

}  // namespace ait::node
