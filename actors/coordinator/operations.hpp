#pragma once

// The coordinator's operations as data, for both binaries: jobs from submission to receipt, as
// clients and miners see them.

#include <array>
#include <span>

#include "actors/coordinator/messages.hpp"
#include "runtime/base/codec/transaction_form.hpp"
#include "runtime/base/operation.hpp"

namespace ait {
struct Binding;
}

namespace ait::coordinator {

namespace rows {

inline constexpr Parameter wallet{.name = "wallet",
                                  .help = "Wallet to use instead of the active one.",
                                  .flags = "--wallet-name",
                                  .cli_only = true,
                                  .bytes_max = limits::name_bytes_max};
inline constexpr Parameter limit{.name = "limit",
                                 .kind = ValueKind::integer,
                                 .help = "Rows at most.",
                                 .default_text = "50",
                                 .flags = "-n"};
inline constexpr Parameter cursor{.name = "cursor",
                                  .help = "next_cursor of the page before.",
                                  .bytes_max = 512};
inline constexpr Parameter job_id{.name = "job_id",
                                  .presence = Presence::required,
                                  .help = "The job.",
                                  .flags = "--id,--job",
                                  .positional = true,
                                  .bytes_max = limits::id_bytes_max};
inline constexpr Parameter attempt{.name = "attempt",
                                   .kind = ValueKind::integer,
                                   .presence = Presence::required,
                                   .help = "Fencing token of the lease."};
inline constexpr Parameter miner{.name = "miner",
                                 .kind = ValueKind::address,
                                 .presence = Presence::required,
                                 .help = "Account of the miner."};
inline constexpr Parameter owner{.name = "owner",
                                 .kind = ValueKind::address,
                                 .help = "Whose; the caller's own if absent."};
inline constexpr Parameter wait{.name = "wait",
                                .kind = ValueKind::boolean,
                                .help = "Wait until the job has ended.",
                                .cli_only = true};
inline constexpr Parameter timeout{.name = "timeout",
                                   .kind = ValueKind::integer,
                                   .help = "Seconds to wait at most.",
                                   .default_text = "120",
                                   .cli_only = true};

inline constexpr std::array job_submit{
    Parameter{.name = "type",
              .help = "Kind of work.",
              .default_text = "inference",
              .bytes_max = limits::name_bytes_max},
    Parameter{.name = "model",
              .help = "Model or alias; any that a miner has if absent.",
              .flags = "-m",
              .bytes_max = limits::model_name_bytes_max},
    Parameter{.name = "data",
              .kind = ValueKind::json,
              .help = "Payload as a JSON object; @FILE reads a file, - standard input.",
              .flags = "--payload,-d",
              .bytes_max = limits::prompt_bytes_max},
    Parameter{.name = "prompt",
              .help = "Short for --data with a prompt; what --data says goes first.",
              .flags = "-p",
              .bytes_max = limits::prompt_bytes_max},
    Parameter{.name = "file", .help = "File with the payload, like --data @FILE.", .cli_only = true},
    Parameter{.name = "ttl",
              .kind = ValueKind::integer,
              .help = "Seconds until the job ends without a result; the chain's default if absent.",
              .flags = "--ttl-seconds"},
    Parameter{.name = "constraint",
              .help = "What the miner must have, KEY=VALUE: gpu, min_vram_gb, model, region, "
                      "price_max_per_hour.",
              .flags = "-c",
              .repeated = true,
              .bytes_max = 256},
    Parameter{.name = "constraints",
              .kind = ValueKind::json,
              .help = "The same as a JSON object.",
              .bytes_max = 4'096},
    Parameter{.name = "payment_amount",
              .kind = ValueKind::amount,
              .help = "Pay at once: the most that the job may cost.",
              .flags = "--payment,--pay",
              .cli_only = true},
    wait, timeout, wallet};
inline constexpr std::array job_batch_submit{
    Parameter{.name = "jobs",
              .kind = ValueKind::json,
              .presence = Presence::required,
              .help = "JSON list of objects with the fields of client submit; @FILE or - on the "
                      "command line.",
              .flags = "--file",
              .positional = true,
              .bytes_max = limits::http_body_bytes_max},
    wallet};
inline constexpr std::array job_get{
    job_id, wallet,
    Parameter{.name = "watch",
              .kind = ValueKind::boolean,
              .help = "Show again at every change until the job has ended.",
              .cli_only = true},
    Parameter{.name = "interval",
              .kind = ValueKind::integer,
              .help = "Seconds between looks when watching.",
              .default_text = "2",
              .cli_only = true}};
inline constexpr std::array job_result{job_id, wait, timeout, wallet,
                                       Parameter{.name = "output_file",
                                                 .help = "Write the result's text to this new file.",
                                                 .cli_only = true}};
inline constexpr std::array job_only{job_id, wallet};
inline constexpr std::array job_pay{job_id,
                                    Parameter{.name = "amount",
                                              .kind = ValueKind::amount,
                                              .presence = Presence::required,
                                              .help = "The most that the job may cost; the rest "
                                                      "comes back.",
                                              .positional = true},
                                    wallet};
inline constexpr std::array job_list{
    Parameter{.name = "status",
              .kind = ValueKind::choice,
              .help = "Only in this state.",
              .choices = "pending|queued|processing|completed|failed|cancelled|expired"},
    Parameter{.name = "type", .help = "Only this kind of work.", .bytes_max = limits::name_bytes_max},
    owner,
    Parameter{.name = "all", .kind = ValueKind::boolean, .help = "Of every account."},
    Parameter{.name = "unpaid", .kind = ValueKind::boolean, .help = "Only those that can be paid."},
    limit, cursor, wallet};
inline constexpr std::array job_receipts{
    Parameter{.name = "status",
              .kind = ValueKind::choice,
              .help = "Only with this payment.",
              .choices = "unfunded|funded|paid|refunded"},
    owner,
    Parameter{.name = "all", .kind = ValueKind::boolean, .help = "Of every account."},
    limit, cursor, wallet};
inline constexpr std::array job_receipt{
    job_id,
    Parameter{.name = "output_file", .help = "Write the receipt to this new file.", .cli_only = true}};
inline constexpr std::array job_lease{miner, Parameter{.name = "count_max",
                                                       .kind = ValueKind::integer,
                                                       .help = "Jobs at most.",
                                                       .default_text = "1"}};
inline constexpr std::array job_renew{miner, Parameter{.name = "job_ids",
                                                       .help = "Which; all if absent.",
                                                       .repeated = true,
                                                       .bytes_max = limits::id_bytes_max}};
inline constexpr std::array job_complete{
    job_id, attempt,
    Parameter{.name = "payload", .kind = ValueKind::hex, .presence = Presence::required, .help = "Hash of what was worked on."},
    Parameter{.name = "result", .kind = ValueKind::hex, .presence = Presence::required, .help = "Hash of the result."},
    Parameter{.name = "result_bytes", .kind = ValueKind::integer, .presence = Presence::required, .help = "Its size."},
    Parameter{.name = "model_ran", .presence = Presence::required, .help = "Model that really ran.", .bytes_max = limits::model_name_bytes_max},
    Parameter{.name = "prompt_tokens", .kind = ValueKind::integer, .presence = Presence::required, .help = "Tokens read."},
    Parameter{.name = "completion_tokens", .kind = ValueKind::integer, .presence = Presence::required, .help = "Tokens written."},
    Parameter{.name = "duration_ms", .kind = ValueKind::integer, .presence = Presence::required, .help = "Execution time."},
    Parameter{.name = "started_at", .kind = ValueKind::time, .presence = Presence::required, .help = "By the miner's clock."},
    Parameter{.name = "ended_at", .kind = ValueKind::time, .presence = Presence::required, .help = "By the miner's clock."},
    Parameter{.name = "price_per_hour", .kind = ValueKind::amount, .presence = Presence::required, .help = "The lease's price."}};
inline constexpr std::array job_fail{
    job_id, attempt,
    Parameter{.name = "error_code", .presence = Presence::required, .help = "Stable word.", .bytes_max = limits::name_bytes_max},
    Parameter{.name = "message", .presence = Presence::required, .help = "For people.", .bytes_max = limits::error_text_bytes_max},
    Parameter{.name = "retryable", .kind = ValueKind::boolean, .help = "Another miner may succeed.", .default_text = "true"}};
inline constexpr std::array job_explain{
    job_id, wallet,
    Parameter{.name = "limit", .kind = ValueKind::integer, .help = "Miners at most.", .default_text = "50", .flags = "-n"}};

}  // namespace rows

inline constexpr std::array operations{
    Operation{.name = "job.submit",
              .kind = OperationKind::command,
              .summary = "Submit one AI job.",
              .role = Role::member,
              .rate = RateClass::spend,
              .dry_run = true,
              .cli = "client submit",
              .cli_aliases = "job submit;ai submit",
              .rest = {"POST", "/api/v1/jobs"},
              .parameters = rows::job_submit,
              .response = &schema_of<SubmitAnswer>,
              .transaction = transaction_form<SubmitJob, SubmitAnswer>("job.submit", false),
              .mcp = true,
              .examples =
                  "aitbc client submit --type inference --model \"llama3\" --data "
                  "'{\"prompt\":\"Hello AITBC\"}'\n"
                  "aitbc client submit --prompt \"Why is the sky blue?\" --wait\n"
                  "aitbc client submit --data @job.json --payment-amount 10 -c min_vram_gb=24"},
    Operation{.name = "job.batch_submit",
              .kind = OperationKind::command,
              .summary = "Submit many jobs at once: all of them or none.",
              .role = Role::member,
              .rate = RateClass::heavy,
              .dry_run = true,
              .cli = "client batch-submit",
              .cli_aliases = "job batch-submit",
              .rest = {"POST", "/api/v1/jobs/batch"},
              .parameters = rows::job_batch_submit,
              .response = &schema_of<SubmitBatchAnswer>,
              .transaction = transaction_form<SubmitBatch, SubmitBatchAnswer>("job.batch_submit", false),
              .examples = "aitbc client batch-submit @jobs.json"},
    Operation{.name = "job.get",
              .summary = "Show where a job is: state, queue position, miner, timing and payment.",
              .cli = "client status",
              .cli_aliases = "job status;client payment-status;job get",
              .rest = {"GET", "/api/v1/jobs/{job_id}"},
              .parameters = rows::job_get,
              .response = &schema_of<JobView>,
              .mcp = true,
              .examples = "aitbc client status JOB\naitbc client status JOB --watch"},
    Operation{.name = "job.result",
              .summary = "Get a completed job's result and what proves it.",
              .cli = "client result",
              .cli_aliases = "job result",
              .rest = {"GET", "/api/v1/jobs/{job_id}/result"},
              .parameters = rows::job_result,
              .response = &schema_of<JobResultView>,
              .mcp = true,
              .examples = "aitbc client result JOB --wait --timeout 60"},
    Operation{.name = "job.cancel",
              .kind = OperationKind::command,
              .summary = "Cancel a job that has not ended; what was paid for it comes back.",
              .role = Role::member,
              .rate = RateClass::spend,
              .dry_run = true,
              .cli = "client cancel",
              .cli_aliases = "job cancel",
              .rest = {"POST", "/api/v1/jobs/{job_id}/cancel"},
              .parameters = rows::job_only,
              .response = &schema_of<CancelAnswer>,
              .transaction = transaction_form<CancelJob, CancelAnswer>("job.cancel", false),
              .mcp = true,
              .examples = "aitbc client cancel JOB"},
    Operation{.name = "job.pay",
              .kind = OperationKind::command,
              .summary = "Pay for a job: locks the amount as the most that it may cost.",
              .role = Role::member,
              .rate = RateClass::spend,
              .dry_run = true,
              .cli = "client pay",
              .cli_aliases = "job pay",
              .rest = {"POST", "/api/v1/jobs/{job_id}/pay"},
              .parameters = rows::job_pay,
              .response = &schema_of<PayAnswer>,
              .transaction = transaction_form<PayJob, PayAnswer>("job.pay", true),
              .examples = "aitbc client pay --amount 10\naitbc client pay JOB 10"},
    Operation{.name = "job.list",
              .summary = "List jobs, newest first.",
              .cli = "client list",
              .cli_aliases = "client history;job list;client jobs",
              .rest = {"GET", "/api/v1/jobs"},
              .parameters = rows::job_list,
              .response = &schema_of<JobView>,
              .list = true,
              .columns = "job_id,status,payment_state,type,model,created_at,duration_ms",
              .mcp = true,
              .examples = "aitbc client list --status completed --limit 10"},
    Operation{.name = "job.receipts",
              .summary = "List completed jobs with what they cost, newest first.",
              .cli = "client receipts",
              .rest = {"GET", "/api/v1/receipts"},
              .parameters = rows::job_receipts,
              .response = &schema_of<ReceiptRowView>,
              .list = true,
              .columns = "job_id,payment_state,miner_id,model_ran,duration_ms,paid_to_miner,completed_at",
              .mcp = true,
              .examples = "aitbc client receipts --limit 10"},
    Operation{.name = "job.receipt",
              .summary = "Get a job's receipt, which verifies without a node.",
              .cli = "client receipt",
              .cli_aliases = "client payment-receipt",
              .rest = {"GET", "/api/v1/jobs/{job_id}/receipt"},
              .parameters = rows::job_receipt,
              .mcp = true,
              .examples = "aitbc client receipt JOB --output-file receipt.json"},
    Operation{.name = "job.watch",
              .kind = OperationKind::stream,
              .summary = "Follow a job until it has ended.",
              .deadline = DeadlineClass::unlimited,
              .cli = "client watch",
              .cli_aliases = "job watch",
              .rest = {"GET", "/api/v1/jobs/{job_id}/events"},
              .parameters = rows::job_only,
              .response = &schema_of<JobView>,
              .examples = "aitbc client watch JOB"},
    Operation{.name = "job.explain",
              .summary = "Say why a job is where it is: every miner, every rule, every wait.",
              .cli = "explain job",
              .cli_aliases = "client explain;job explain",
              .rest = {"GET", "/api/v1/jobs/{job_id}/explain"},
              .parameters = rows::job_explain,
              .response = &schema_of<ExplainView>,
              .mcp = true,
              .examples = "aitbc explain job JOB"},
    Operation{.name = "job.lease",
              .kind = OperationKind::command,
              .summary = "Give a miner the first jobs of the queue that it can do.",
              .role = Role::member,
              .rate = RateClass::spend,
              .rest = {"POST", "/api/v1/leases"},
              .parameters = rows::job_lease,
              .response = &schema_of<LeaseAnswer>,
              .transaction = transaction_form<LeaseJobs, LeaseAnswer>("job.lease", false)},
    Operation{.name = "job.renew",
              .kind = OperationKind::command,
              .summary = "Renew a miner's leases while it works.",
              .role = Role::member,
              .rate = RateClass::spend,
              .rest = {"POST", "/api/v1/leases/renew"},
              .parameters = rows::job_renew,
              .response = &schema_of<RenewAnswer>,
              .transaction = transaction_form<RenewLeases, RenewAnswer>("job.renew", false)},
    Operation{.name = "job.complete",
              .kind = OperationKind::command,
              .summary = "Deliver a job's result, signed by the miner.",
              .role = Role::member,
              .rate = RateClass::spend,
              .rest = {"POST", "/api/v1/jobs/{job_id}/complete"},
              .parameters = rows::job_complete,
              .response = &schema_of<CompleteAnswer>,
              .transaction = transaction_form<CompleteJob, CompleteAnswer>("job.complete", true)},
    Operation{.name = "job.fail",
              .kind = OperationKind::command,
              .summary = "Report that a job could not be done, signed by the miner.",
              .role = Role::member,
              .rate = RateClass::spend,
              .rest = {"POST", "/api/v1/jobs/{job_id}/fail"},
              .parameters = rows::job_fail,
              .response = &schema_of<FailAnswer>,
              .transaction = transaction_form<FailJob, FailAnswer>("job.fail", true)},
};

/// Handlers of the rows that this domain answers (operations.cpp; only aitbcd links it). Not among
/// them: job.receipt and job.watch, which need consensus and streams.
std::span<const Binding> bindings();

}  // namespace ait::coordinator
