#pragma once

// The miner registry's operations as data, for both binaries, and the commands by which a miner
// process is started and polls.

#include <array>
#include <span>

#include "actors/miner/messages.hpp"
#include "runtime/base/codec/transaction_form.hpp"
#include "runtime/base/operation.hpp"
#include "runtime/base/shared_parameters.hpp"

namespace ait {
struct Binding;
}

namespace ait::miner {

namespace rows {

using shared_parameters::cursor;
using shared_parameters::limit;
using shared_parameters::wallet;
inline constexpr Parameter miner_id{
    .name = "miner_id",
    .help = "Id or account of the miner; the caller's own if absent.",
    .flags = "--miner,--id",
    .positional = true,
    .bytes_max = limits::id_bytes_max};
inline constexpr Parameter gpus{
    .name = "gpus",
    .help = "What it runs on, for example \"1x RTX 4090, 2x A100 80GB\".",
    .flags = "--gpu",
    .bytes_max = 1'024};
inline constexpr Parameter memory{.name = "memory",
                                  .kind = ValueKind::integer,
                                  .help = "GB of each GPU, where the name does not say it.",
                                  .flags = "--vram,--memory-gb"};
inline constexpr Parameter price{.name = "price_per_hour",
                                 .kind = ValueKind::amount,
                                 .help = "AIT for one hour of execution.",
                                 .default_text = "0",
                                 .flags = "--price"};
inline constexpr Parameter region{
    .name = "region", .help = "Where it is.", .bytes_max = limits::name_bytes_max};
inline constexpr Parameter models{.name = "models",
                                  .help = "Models that it runs, NAME or NAME=ALIAS; any if absent.",
                                  .repeated = true,
                                  .bytes_max = 1'024};
inline constexpr Parameter types{.name = "types",
                                 .help = "Kinds of work that it does; inference if absent.",
                                 .flags = "--type",
                                 .repeated = true,
                                 .bytes_max = limits::name_bytes_max};
inline constexpr Parameter concurrency{.name = "concurrency",
                                       .kind = ValueKind::integer,
                                       .help = "Jobs at a time.",
                                       .default_text = "1"};
inline constexpr Parameter detect{.name = "detect",
                                  .kind = ValueKind::boolean,
                                  .help = "Ask the machine's driver what GPUs are there.",
                                  .cli_only = true};
inline constexpr Parameter ollama_url{.name = "ollama_url",
                                      .help = "Address of the Ollama server.",
                                      .default_text = "http://127.0.0.1:11434",
                                      .cli_only = true,
                                      .bytes_max = 512};

inline constexpr std::array register_miner{gpus,  memory,      price,  region, models,
                                           types, concurrency, detect, wallet};
inline constexpr std::array drain{
    Parameter{.name = "reason", .help = "For people.", .bytes_max = limits::memo_bytes_max},
    wallet};
inline constexpr std::array deregister{
    Parameter{.name = "force",
              .kind = ValueKind::boolean,
              .help = "Give back the jobs it holds; they are queued again.",
              .flags = "-f"},
    wallet};
inline constexpr std::array get{miner_id, wallet};
inline constexpr std::array list{Parameter{.name = "status",
                                           .kind = ValueKind::choice,
                                           .help = "Only in this state.",
                                           .choices = "active|draining|deregistered"},
                                 Parameter{.name = "model",
                                           .help = "Only those that run this model.",
                                           .bytes_max = limits::model_name_bytes_max},
                                 limit, cursor};
inline constexpr std::array jobs{miner_id, limit, cursor, wallet};
inline constexpr std::array earnings{miner_id,
                                     Parameter{.name = "limit",
                                               .kind = ValueKind::integer,
                                               .help = "Payments at most.",
                                               .default_text = "20",
                                               .flags = "-n"},
                                     wallet};
inline constexpr std::array poll{
    Parameter{.name = "wait",
              .kind = ValueKind::integer,
              .help = "Seconds to wait for a job.",
              .default_text = "5"},
    Parameter{
        .name = "max", .kind = ValueKind::integer, .help = "Jobs at most.", .default_text = "1"},
    wallet};
inline constexpr std::array session{
    Parameter{.name = "address",
              .kind = ValueKind::address,
              .presence = Presence::required,
              .help = "The miner's account."},
    Parameter{.name = "public_key",
              .kind = ValueKind::hex,
              .presence = Presence::required,
              .help = "Its key."},
    Parameter{.name = "time_unix_ms",
              .kind = ValueKind::integer,
              .presence = Presence::required,
              .help = "The miner's clock; at most a minute off."},
    Parameter{.name = "signature",
              .kind = ValueKind::hex,
              .presence = Presence::required,
              .help = "Over chain|genesis|address|time_unix_ms under the domain session/1."}};
inline constexpr std::array heartbeat{
    Parameter{.name = "jobs",
              .kind = ValueKind::json,
              .help = "Leases held now: [{\"job_id\",\"attempt\"}]; they are renewed."},
    Parameter{
        .name = "models", .kind = ValueKind::json, .help = "Names of the models that are loaded."},
    Parameter{
        .name = "inference_url", .help = "Where this miner serves inference.", .bytes_max = 256},
    Parameter{.name = "metrics", .kind = ValueKind::json, .help = "Measured figures."}};
inline constexpr std::array start{
    Parameter{.name = "foreground",
              .kind = ValueKind::boolean,
              .help = "Stay in this terminal instead of the background.",
              .cli_only = true},
    Parameter{.name = "engine",
              .kind = ValueKind::choice,
              .help = "What carries out the jobs.",
              .default_text = "builtin",
              .choices = "builtin|ollama|openai",
              .cli_only = true},
    Parameter{.name = "engine_url",
              .help = "Address of the ollama or openai engine.",
              .cli_only = true,
              .bytes_max = 512},
    Parameter{
        .name = "model", .help = "Model file or name to serve.", .flags = "-m", .cli_only = true},
    Parameter{.name = "concurrency",
              .kind = ValueKind::integer,
              .help = "Jobs at a time.",
              .default_text = "1",
              .cli_only = true},
    Parameter{.name = "price_per_hour",
              .kind = ValueKind::amount,
              .help = "AIT for one hour of execution.",
              .flags = "--price",
              .cli_only = true},
    Parameter{.name = "region",
              .help = "Where it is.",
              .cli_only = true,
              .bytes_max = limits::name_bytes_max},
    Parameter{.name = "node",
              .help = "Address of the node; the current context's if absent.",
              .flags = "--node-url",
              .cli_only = true,
              .bytes_max = 512},
    wallet};
inline constexpr std::array mine_ollama{
    Parameter{.name = "model",
              .presence = Presence::required,
              .help = "Model of the Ollama server to mine with.",
              .flags = "-m",
              .cli_only = true,
              .bytes_max = limits::model_name_bytes_max},
    Parameter{.name = "continuous",
              .kind = ValueKind::boolean,
              .help = "Go on until stopped.",
              .cli_only = true},
    Parameter{.name = "jobs",
              .kind = ValueKind::integer,
              .help = "Stop after this many jobs.",
              .default_text = "1",
              .cli_only = true},
    ollama_url,
    Parameter{.name = "wait",
              .kind = ValueKind::integer,
              .help = "Seconds of one poll.",
              .default_text = "15",
              .cli_only = true},
    wallet};

}  // namespace rows

inline constexpr std::array operations{
    Operation{.name = "miner.register",
              .kind = OperationKind::command,
              .summary = "Register this machine as a miner, or change what it offers.",
              .role = Role::member,
              .rate = RateClass::spend,
              .dry_run = true,
              .cli = "miner register",
              .cli_aliases = "miner update-capabilities;miner update",
              .rest = {"POST", "/api/v1/miners"},
              .parameters = rows::register_miner,
              .response = &schema_of<MinerView>,
              .transaction = transaction_form<RegisterMiner, MinerView>("miner.register", true),
              .examples = "aitbc miner register --gpus \"1x RTX 4090\" --price-per-hour 0.5\n"
                          "aitbc miner register --detect --models llama3 --concurrency 4"},
    Operation{.name = "miner.drain",
              .kind = OperationKind::command,
              .summary = "Finish what the miner holds and take nothing new.",
              .role = Role::member,
              .rate = RateClass::spend,
              .dry_run = true,
              .cli = "miner drain",
              .rest = {"POST", "/api/v1/miners/drain"},
              .parameters = rows::drain,
              .response = &schema_of<MinerView>,
              .transaction = transaction_form<DrainMiner, MinerView>("miner.drain", true),
              .examples = "aitbc miner drain"},
    Operation{.name = "miner.deregister",
              .kind = OperationKind::command,
              .summary = "Stop being a miner.",
              .role = Role::member,
              .rate = RateClass::spend,
              .dry_run = true,
              .cli = "miner deregister",
              .rest = {"POST", "/api/v1/miners/deregister"},
              .parameters = rows::deregister,
              .response = &schema_of<DeregisterAnswer>,
              .transaction =
                  transaction_form<DeregisterMiner, DeregisterAnswer>("miner.deregister", true),
              .examples = "aitbc miner deregister --force"},
    Operation{.name = "miner.get",
              .summary = "Show a miner: what it offers, what it runs, what it has done.",
              .cli = "miner status",
              .cli_aliases = "miner get;miner show",
              .rest = {"GET", "/api/v1/miners/{miner_id}"},
              .parameters = rows::get,
              .response = &schema_of<MinerView>,
              .mcp = true,
              .examples = "aitbc miner status"},
    Operation{
        .name = "miner.list",
        .summary = "List the chain's miners.",
        .cli = "miner list",
        .rest = {"GET", "/api/v1/miners"},
        .parameters = rows::list,
        .response = &schema_of<MinerView>,
        .list = true,
        .columns = "miner_id,status,price_per_hour,jobs_running,concurrency,jobs_completed,region",
        .mcp = true,
        .examples = "aitbc miner list --status active"},
    Operation{.name = "miner.jobs",
              .summary = "List the jobs that a miner works on.",
              .cli = "miner jobs",
              .rest = {"GET", "/api/v1/miners/{miner_id}/jobs"},
              .parameters = rows::jobs,
              .response = &schema_of<MinerJobView>,
              .list = true,
              .columns = "job_id,attempt,type,model,leased_at,lease_expires_at",
              .mcp = true,
              .examples = "aitbc miner jobs"},
    Operation{.name = "miner.earnings",
              .summary = "Show what a miner has earned, in all and lately.",
              .cli = "miner earnings",
              .rest = {"GET", "/api/v1/miners/{miner_id}/earnings"},
              .parameters = rows::earnings,
              .response = &schema_of<EarningsView>,
              .mcp = true,
              .examples = "aitbc miner earnings"},
    Operation{.name = "miner.poll",
              .kind = OperationKind::stream,
              .summary = "Take the next job that this miner can do, waiting for one if need be.",
              .role = Role::member,
              .rate = RateClass::spend,
              .deadline = DeadlineClass::long_poll,
              .cli = "miner poll",
              .rest = {"POST", "/api/v1/miners/poll"},
              .parameters = rows::poll,
              .response = &schema_of<PolledJobView>,
              .examples = "aitbc miner poll\naitbc miner poll --wait 30 --max 4"},
    Operation{.name = "miner.session",
              .kind = OperationKind::local,
              .summary = "Open a session that is bound to a miner's key.",
              .role = Role::anyone,
              .rest = {"POST", "/api/v1/miners/sessions"},
              .parameters = rows::session,
              .response = &schema_of<SessionView>},
    Operation{.name = "miner.heartbeat",
              .kind = OperationKind::local,
              .summary = "Say that a miner is alive and renew the leases that it holds.",
              .role = Role::member,
              .rest = {"POST", "/api/v1/miners/heartbeat"},
              .parameters = rows::heartbeat,
              .response = &schema_of<HeartbeatView>},
    Operation{.name = "miner.start",
              .kind = OperationKind::client,
              .summary = "Start a miner process on this machine.",
              .role = Role::member,
              .cli = "miner start",
              .cli_aliases = "miner mine",
              .parameters = rows::start,
              .examples = "aitbc miner start --foreground"},
    Operation{.name = "miner.mine_ollama",
              .kind = OperationKind::client,
              .summary = "Mine with a local Ollama server: poll, run, submit, repeat.",
              .role = Role::member,
              .deadline = DeadlineClass::unlimited,
              .cli = "miner mine-ollama",
              .parameters = rows::mine_ollama,
              .examples = "aitbc miner mine-ollama --model llama3 --continuous"},
};

/// Handlers of the rows that this domain answers (operations.cpp; only aitbcd links it). Not among
/// them: miner.poll, miner.session and miner.heartbeat, which live at the edge (actor.hpp).
std::span<const Binding> bindings();

}  // namespace ait::miner
