#pragma once

// The operations of the node itself and of the command line: what belongs to no domain. Their
// handlers stand in runtime (status, streams, inference) or in the command line (kind client).

#include <array>

#include "actors/consensus/genesis.hpp"
#include "runtime/base/limits.hpp"
#include "runtime/base/operation.hpp"
#include "runtime/registry/health_messages.hpp"
#include "runtime/registry/node_messages.hpp"

namespace ait::node {

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
    Operation{.name = "node.health",
              .summary = "Show the figures by which a node's health is judged.",
              .cli = "node health",
              .rest = {"GET", "/api/v1/health"},
              .response = &schema_of<HealthView>,
              .mcp = true,
              .examples = "aitbc node health -o json"},
    Operation{.name = "config.reload",
              .kind = OperationKind::local,
              .summary = "Let the node read its configuration again; say what applied.",
              .role = Role::admin,
              .cli = "config reload",
              .rest = {"POST", "/api/v1/config/reload"},
              .response = &schema_of<ReloadView>,
              .examples = "aitbc config reload"},
    Operation{.name = "node.drain",
              .kind = OperationKind::local,
              .summary = "Let the node finish what is under way and take nothing new.",
              .role = Role::admin,
              .cli = "admin drain",
              .cli_aliases = "node drain",
              .rest = {"POST", "/api/v1/admin/drain"},
              .response = &schema_of<DrainView>,
              .examples = "aitbc admin drain"},
    Operation{.name = "node.resume",
              .kind = OperationKind::local,
              .summary = "Let a node that was drained take new work again.",
              .role = Role::admin,
              .cli = "admin resume",
              .cli_aliases = "node resume",
              .rest = {"POST", "/api/v1/admin/resume"},
              .response = &schema_of<DrainView>,
              .examples = "aitbc admin resume"},
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
};

}  // namespace ait::node
