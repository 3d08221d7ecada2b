#pragma once

// What the coordinator is asked and what it answers: bodies of transactions on jobs and their
// outcomes (what queries give is in messages.hpp, which includes this). Plain structs; the same
// description serves log, JSON and OpenAPI.

#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "runtime/base/fields.hpp"
#include "runtime/base/limits.hpp"

namespace ait::coordinator {

/// `pending` is an unfunded job: in the miners' queue where the chain accepts those, else waiting
/// for funds. `queued` is a funded one. The last four are terminal.
enum class JobState : std::uint8_t {
    pending,
    queued,
    processing,
    completed,
    failed,
    cancelled,
    expired,
};

enum class PaymentState : std::uint8_t { unfunded, funded, paid, refunded };

/// How one lease of a job ended.
enum class AttemptEnd : std::uint8_t {
    running,
    completed,
    failed,         ///< the miner said so
    lease_expired,  ///< the miner went silent
    released,       ///< the miner left the chain
    cancelled,      ///< by the owner
    job_expired,
};

/// What the matcher says of one rule for one pair of job and miner.
enum class Verdict : std::uint8_t { passed, failed, unknown };

enum class MatchRule : std::uint8_t {
    status,
    type,
    model,
    gpu,
    memory,
    price,
    region,
    alive,
    capacity,
    rested,
};

}  // namespace ait::coordinator

namespace ait {
template <>
struct EnumNames<coordinator::JobState> {
    static constexpr std::array<std::string_view, 7> names{
        "pending", "queued", "processing", "completed", "failed", "cancelled", "expired"};
};
template <>
struct EnumNames<coordinator::PaymentState> {
    static constexpr std::array<std::string_view, 4> names{"unfunded", "funded", "paid",
                                                           "refunded"};
};
template <>
struct EnumNames<coordinator::AttemptEnd> {
    static constexpr std::array<std::string_view, 7> names{
        "running", "completed", "failed", "lease_expired", "released", "cancelled", "job_expired"};
};
template <>
struct EnumNames<coordinator::Verdict> {
    static constexpr std::array<std::string_view, 3> names{"passed", "failed", "unknown"};
};
template <>
struct EnumNames<coordinator::MatchRule> {
    static constexpr std::array<std::string_view, 10> names{"status",   "type",  "model",  "gpu",
                                                            "memory",   "price", "region", "alive",
                                                            "capacity", "rested"};
};
}  // namespace ait

namespace ait::coordinator {

inline constexpr std::uint32_t constraint_models_max = 8;
inline constexpr std::uint32_t attempts_kept_max = 100;  ///< genesis allows no more

/// What a miner must have to get the job; empty or zero means that anything goes.
struct Constraints {
    std::string gpu{};
    std::uint32_t min_vram_gb = 0;
    std::vector<std::string> models{};
    std::string region{};
    std::optional<Amount> price_max_per_hour{};
    static constexpr auto fields() {
        using T = Constraints;
        return std::tuple{
            optional_field("gpu", &T::gpu, "Name of a GPU, for example RTX 4090.",
                           limits::name_bytes_max),
            optional_field("min_vram_gb", &T::min_vram_gb, "GPU memory of at least this many GB."),
            optional_field("models", &T::models, "Models that the miner must all offer.",
                           constraint_models_max),
            optional_field("region", &T::region, "Region of the miner.", limits::name_bytes_max),
            optional_field("price_max_per_hour", &T::price_max_per_hour,
                           "Highest price per hour.")};
    }
};

/// "job.submit", by a node for the owner; the payload is a sidecar.
struct SubmitJob {
    std::string type = "inference";
    std::string model{};
    Hash payload{};
    std::uint32_t payload_bytes = 0;
    Constraints constraints{};
    std::uint64_t ttl_ms = 0;  ///< 0 = the chain's default
    static constexpr auto fields() {
        using T = SubmitJob;
        return std::tuple{
            field("type", &T::type, "Kind of work.", limits::name_bytes_max),
            field("model", &T::model, "Model asked for; empty takes any.",
                  limits::model_name_bytes_max),
            field("payload", &T::payload, "Hash of the payload."),
            field("payload_bytes", &T::payload_bytes, "Its size."),
            optional_field("constraints", &T::constraints, "What the miner must have."),
            optional_field("ttl_ms", &T::ttl_ms, "Life of the job; 0 takes the chain's default.")};
    }
};

struct SubmitAnswer {
    std::string job_id{};
    JobState status = JobState::pending;
    PaymentState payment_state = PaymentState::unfunded;
    std::string type{};
    std::string model{};
    UnixMs expires_at{};
    static constexpr auto fields() {
        using T = SubmitAnswer;
        return std::tuple{field("job_id", &T::job_id, "Its id."),
                          field("status", &T::status, "Where it is."),
                          field("payment_state", &T::payment_state, "Whether it is paid."),
                          field("type", &T::type, "Kind of work."),
                          field("model", &T::model, "Model asked for."),
                          field("expires_at", &T::expires_at, "When it ends without a result.")};
    }
};

/// "job.batch_submit", by a node for the owner: all of them or none.
struct SubmitBatch {
    std::vector<SubmitJob> jobs{};
    static constexpr auto fields() {
        return std::tuple{field("jobs", &SubmitBatch::jobs, "In order.", limits::batch_jobs_max)};
    }
};

struct SubmitBatchAnswer {
    std::vector<SubmitAnswer> jobs{};
    static constexpr auto fields() {
        return std::tuple{field("jobs", &SubmitBatchAnswer::jobs, "In the order of the request.",
                                limits::batch_jobs_max)};
    }
};

/// "job.cancel", by a node for the owner.
struct CancelJob {
    std::string job_id{};
    static constexpr auto fields() {
        return std::tuple{field("job_id", &CancelJob::job_id, "Which job.", limits::id_bytes_max)};
    }
};

struct CancelAnswer {
    std::string job_id{};
    JobState status = JobState::cancelled;
    PaymentState payment_state = PaymentState::unfunded;
    Amount refunded{};
    static constexpr auto fields() {
        using T = CancelAnswer;
        return std::tuple{field("job_id", &T::job_id, "Which job."),
                          field("status", &T::status, "Where it is."),
                          field("payment_state", &T::payment_state, "Whether it is paid."),
                          field("refunded", &T::refunded, "Back to the payer.")};
    }
};

/// "job.pay", signed by the owner: locks `amount` as the most that the job may cost.
struct PayJob {
    std::string job_id{};
    Amount amount{};
    static constexpr auto fields() {
        return std::tuple{field("job_id", &PayJob::job_id, "Which job.", limits::id_bytes_max),
                          field("amount", &PayJob::amount, "The most that it may cost.")};
    }
};

struct PayAnswer {
    std::string job_id{};
    JobState status = JobState::pending;
    PaymentState payment_state = PaymentState::funded;
    std::vector<PaymentState> payment_states{};  ///< all that it went through now, in order
    Address payer{};
    Amount amount{};
    Amount escrow{};  ///< still locked
    Amount paid_to_miner{};
    Amount fee{};
    Amount refunded{};
    static constexpr auto fields() {
        using T = PayAnswer;
        return std::tuple{
            field("job_id", &T::job_id, "Which job."),
            field("status", &T::status, "Where it is."),
            field("payment_state", &T::payment_state, "Whether it is paid."),
            field("payment_states", &T::payment_states, "What it went through now, in order.", 4),
            field("payer", &T::payer, "Who paid."),
            field("amount", &T::amount, "Authorised now."),
            field("escrow", &T::escrow, "Still locked."),
            field("paid_to_miner", &T::paid_to_miner, "The miner's pay, if settled."),
            field("fee", &T::fee, "The network's fee, if settled."),
            field("refunded", &T::refunded, "Back to the payer, if settled.")};
    }
};

/// "job.lease", by a node for the miner: the queue's first jobs that match it.
struct LeaseJobs {
    Address miner{};
    std::uint32_t count_max = 1;
    static constexpr auto fields() {
        using T = LeaseJobs;
        return std::tuple{field("miner", &T::miner, "Account of the miner."),
                          field("count_max", &T::count_max, "Jobs at most.")};
    }
};

struct LeasedJob {
    std::string job_id{};
    std::uint32_t attempt = 0;
    std::string type{};
    std::string model{};
    Hash payload{};
    std::uint32_t payload_bytes = 0;
    Constraints constraints{};
    PaymentState payment_state = PaymentState::unfunded;
    Amount price_per_hour{};
    UnixMs leased_at{};
    UnixMs lease_expires_at{};
    UnixMs expires_at{};
    static constexpr auto fields() {
        using T = LeasedJob;
        return std::tuple{field("job_id", &T::job_id, "Which job."),
                          field("attempt", &T::attempt, "Fencing token of this lease."),
                          field("type", &T::type, "Kind of work."),
                          field("model", &T::model, "Model asked for."),
                          field("payload", &T::payload, "Hash of the payload."),
                          field("payload_bytes", &T::payload_bytes, "Its size."),
                          field("constraints", &T::constraints, "What was asked of the miner."),
                          field("payment_state", &T::payment_state, "Whether it is paid."),
                          field("price_per_hour", &T::price_per_hour, "The agreed price."),
                          field("leased_at", &T::leased_at, "Block time of the lease."),
                          field("lease_expires_at", &T::lease_expires_at, "Renew before."),
                          field("expires_at", &T::expires_at, "When the job ends.")};
    }
};

struct LeaseAnswer {
    std::vector<LeasedJob> jobs{};
    static constexpr auto fields() {
        return std::tuple{
            field("jobs", &LeaseAnswer::jobs, "May be empty.", limits::lease_jobs_max)};
    }
};

/// "job.renew", by a node for the miner. No ids = all that it holds.
struct RenewLeases {
    Address miner{};
    std::vector<std::string> job_ids{};
    static constexpr auto fields() {
        using T = RenewLeases;
        return std::tuple{
            field("miner", &T::miner, "Account of the miner."),
            optional_field("job_ids", &T::job_ids, "Which; all if empty.", limits::lease_jobs_max)};
    }
};

struct RenewAnswer {
    std::vector<std::string> renewed{};
    std::vector<std::string> lost{};  ///< stop working on these
    UnixMs lease_expires_at{};
    static constexpr auto fields() {
        using T = RenewAnswer;
        return std::tuple{
            field("renewed", &T::renewed, "Still held."),
            field("lost", &T::lost, "Not held any more: stop working on them."),
            field("lease_expires_at", &T::lease_expires_at, "Of those that are held.")};
    }
};

struct ReleasedLease {
    std::string job_id{};
    std::uint32_t attempt = 0;
    static constexpr auto fields() {
        using T = ReleasedLease;
        return std::tuple{field("job_id", &T::job_id, "Which job.", limits::id_bytes_max),
                          field("attempt", &T::attempt, "Which lease of it.")};
    }
};

/// "job.release", by a node for the miner: leases that never reached it. The jobs wait again as if
/// nobody had had them; what is not held as named is left alone.
struct ReleaseLeases {
    Address miner{};
    std::vector<ReleasedLease> jobs{};
    static constexpr auto fields() {
        using T = ReleaseLeases;
        return std::tuple{field("miner", &T::miner, "Account of the miner."),
                          field("jobs", &T::jobs, "Which.", limits::lease_jobs_max)};
    }
};

struct ReleaseAnswer {
    std::vector<std::string> released{};
    static constexpr auto fields() {
        return std::tuple{
            field("released", &ReleaseAnswer::released, "Waiting again.", limits::lease_jobs_max)};
    }
};

/// "job.complete", signed by the miner; the result is a sidecar. `payload` and `price_per_hour`
/// repeat the lease, so that the signed bytes alone say what was worked on and for how much.
struct CompleteJob {
    std::string job_id{};
    std::uint32_t attempt = 0;
    Hash payload{};
    Hash result{};
    std::uint32_t result_bytes = 0;
    std::string model_ran{};
    std::uint64_t prompt_tokens = 0;
    std::uint64_t completion_tokens = 0;
    std::uint64_t duration_ms = 0;  ///< of the execution alone
    UnixMs started_at{};            ///< by the miner's clock
    UnixMs ended_at{};
    Amount price_per_hour{};
    static constexpr auto fields() {
        using T = CompleteJob;
        return std::tuple{field("job_id", &T::job_id, "Which job.", limits::id_bytes_max),
                          field("attempt", &T::attempt, "Fencing token of the lease."),
                          field("payload", &T::payload, "Hash of what was worked on."),
                          field("result", &T::result, "Hash of the result."),
                          field("result_bytes", &T::result_bytes, "Its size."),
                          field("model_ran", &T::model_ran, "Model that really ran.",
                                limits::model_name_bytes_max),
                          field("prompt_tokens", &T::prompt_tokens, "Tokens read."),
                          field("completion_tokens", &T::completion_tokens, "Tokens written."),
                          field("duration_ms", &T::duration_ms, "Execution time."),
                          field("started_at", &T::started_at, "By the miner's clock."),
                          field("ended_at", &T::ended_at, "By the miner's clock."),
                          field("price_per_hour", &T::price_per_hour, "The lease's price.")};
    }
};

struct CompleteAnswer {
    std::string job_id{};
    JobState status = JobState::completed;
    PaymentState payment_state = PaymentState::unfunded;
    std::uint64_t paid_duration_ms = 0;
    Amount paid_to_miner{};
    Amount fee{};
    Amount refunded{};
    static constexpr auto fields() {
        using T = CompleteAnswer;
        return std::tuple{field("job_id", &T::job_id, "Which job."),
                          field("status", &T::status, "Where it is."),
                          field("payment_state", &T::payment_state, "Whether it is paid."),
                          field("paid_duration_ms", &T::paid_duration_ms, "Time that counts."),
                          field("paid_to_miner", &T::paid_to_miner, "The miner's pay, if settled."),
                          field("fee", &T::fee, "The network's fee, if settled."),
                          field("refunded", &T::refunded, "Back to the payer, if settled.")};
    }
};

/// "job.complete_batch", signed by the miner: many results under one signature.
struct CompleteJobs {
    std::vector<CompleteJob> results{};
    static constexpr auto fields() {
        return std::tuple{
            field("results", &CompleteJobs::results, "Each for itself.", limits::lease_jobs_max)};
    }
};

struct DeliveredResult {
    std::string job_id{};
    std::uint32_t attempt = 0;
    Hash result{};
    std::uint32_t result_bytes = 0;
    std::string model_ran{};
    std::uint64_t prompt_tokens = 0;
    std::uint64_t completion_tokens = 0;
    std::uint64_t duration_ms = 0;
    static constexpr auto fields() {
        using T = DeliveredResult;
        return std::tuple{field("job_id", &T::job_id, "Which job.", limits::id_bytes_max),
                          field("attempt", &T::attempt, "Fencing token of the lease."),
                          field("result", &T::result, "Hash of the result."),
                          field("result_bytes", &T::result_bytes, "Its size."),
                          field("model_ran", &T::model_ran, "Model that really ran.",
                                limits::model_name_bytes_max),
                          field("prompt_tokens", &T::prompt_tokens, "Tokens read."),
                          field("completion_tokens", &T::completion_tokens, "Tokens written."),
                          field("duration_ms", &T::duration_ms, "Execution time.")};
    }
};

/// "job.deliver", by a node for a signed-in miner: results of jobs that carry no money. They have
/// no receipt, since nothing of them is signed by the miner.
struct DeliverResults {
    std::vector<DeliveredResult> results{};
    static constexpr auto fields() {
        return std::tuple{
            field("results", &DeliverResults::results, "Each for itself.", limits::lease_jobs_max)};
    }
};

struct ResultAnswer {
    std::string job_id{};
    bool taken = false;
    JobState status = JobState::pending;
    PaymentState payment_state = PaymentState::unfunded;
    std::uint64_t paid_duration_ms = 0;
    Amount paid_to_miner{};
    Amount fee{};
    Amount refunded{};
    std::string error{};
    std::string why{};
    static constexpr auto fields() {
        using T = ResultAnswer;
        return std::tuple{
            field("job_id", &T::job_id, "Which job."),
            field("taken", &T::taken, "False: see error; drop the work on it."),
            field("status", &T::status, "Where the job is; of those that were taken."),
            field("payment_state", &T::payment_state, "Whether it is paid."),
            field("paid_duration_ms", &T::paid_duration_ms, "Time that counts."),
            field("paid_to_miner", &T::paid_to_miner, "The miner's pay, if settled."),
            field("fee", &T::fee, "The network's fee, if settled."),
            field("refunded", &T::refunded, "Back to the payer, if settled."),
            field("error", &T::error, "Error code of one that was not taken.", 64),
            field("why", &T::why, "Why it was not.", limits::error_text_bytes_max)};
    }
};

struct ResultsAnswer {
    std::vector<ResultAnswer> results{};
    static constexpr auto fields() {
        return std::tuple{
            field("results", &ResultsAnswer::results, "In order.", limits::lease_jobs_max)};
    }
};

/// "job.fail", signed by the miner.
struct FailJob {
    std::string job_id{};
    std::uint32_t attempt = 0;
    std::string error_code{};
    std::string message{};
    bool retryable = true;  ///< another miner may succeed
    static constexpr auto fields() {
        using T = FailJob;
        return std::tuple{
            field("job_id", &T::job_id, "Which job.", limits::id_bytes_max),
            field("attempt", &T::attempt, "Fencing token of the lease."),
            field("error_code", &T::error_code, "Stable word.", limits::name_bytes_max),
            field("message", &T::message, "For people.", limits::error_text_bytes_max),
            optional_field("retryable", &T::retryable, "Another miner may succeed.")};
    }
};

struct FailAnswer {
    std::string job_id{};
    JobState status = JobState::failed;
    PaymentState payment_state = PaymentState::unfunded;
    bool requeued = false;
    std::uint32_t attempts = 0;
    Amount refunded{};
    static constexpr auto fields() {
        using T = FailAnswer;
        return std::tuple{field("job_id", &T::job_id, "Which job."),
                          field("status", &T::status, "Where it is."),
                          field("payment_state", &T::payment_state, "Whether it is paid."),
                          field("requeued", &T::requeued, "Another miner will try."),
                          field("attempts", &T::attempts, "Leases so far."),
                          field("refunded", &T::refunded, "Back to the payer.")};
    }
};

}  // namespace ait::coordinator
