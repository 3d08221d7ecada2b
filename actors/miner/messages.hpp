#pragma once

// What the miner registry is asked and what it answers. Plain structs; the same description serves
// log, JSON and OpenAPI.

#include <string>
#include <tuple>
#include <vector>

#include "runtime/base/fields.hpp"
#include "runtime/base/limits.hpp"

namespace ait::miner {

enum class MinerStatus : std::uint8_t { active, draining, deregistered };

/// Who says so: the machine's driver or the miner's owner.
enum class FigureSource : std::uint8_t { detected, claimed };

}  // namespace ait::miner

namespace ait {
template <>
struct EnumNames<miner::MinerStatus> {
    static constexpr std::array<std::string_view, 3> names{"active", "draining", "deregistered"};
};
template <>
struct EnumNames<miner::FigureSource> {
    static constexpr std::array<std::string_view, 2> names{"detected", "claimed"};
};
}  // namespace ait

namespace ait::miner {

inline constexpr std::uint32_t gpu_count_max = 1'024;
inline constexpr std::uint32_t gpu_memory_mb_max = 16 * 1024 * 1024;
inline constexpr std::uint32_t concurrency_max = limits::lease_jobs_max;
inline constexpr std::uint32_t model_aliases_max = 16;
inline constexpr std::uint32_t job_types_max = 8;
/// A million an hour: far above any price, far below where pay could leave 64 bits.
inline constexpr Amount price_per_hour_max{1'000'000 * micro_per_unit};

struct GpuSpec {
    std::string model{};
    std::uint32_t count = 1;
    std::uint32_t memory_mb = 0;  ///< of each; 0 = unknown
    FigureSource source = FigureSource::claimed;
    static constexpr auto fields() {
        using T = GpuSpec;
        return std::tuple{
            field("model", &T::model, "For example RTX 4090.", limits::name_bytes_max),
            optional_field("count", &T::count, "How many of them."),
            optional_field("memory_mb", &T::memory_mb, "MiB of each; 0 = unknown."),
            optional_field("source", &T::source, "Who says so.")};
    }
};

struct ModelOffer {
    std::string name{};
    std::vector<std::string> aliases{};
    static constexpr auto fields() {
        using T = ModelOffer;
        return std::tuple{
            field("name", &T::name, "What really runs.", limits::model_name_bytes_max),
            optional_field("aliases", &T::aliases, "Other names it answers to.",
                           model_aliases_max)};
    }
};

// ---- transactions ---------------------------------------------------------------------------

/// "miner.register", signed by the miner's key: makes the record or replaces what it says.
struct RegisterMiner {
    std::vector<GpuSpec> gpus{};
    std::vector<ModelOffer> models{};  ///< empty = takes any model
    std::vector<std::string> types{};  ///< empty = inference
    Amount price_per_hour{};
    std::uint32_t concurrency = 1;
    std::string region{};
    static constexpr auto fields() {
        using T = RegisterMiner;
        return std::tuple{
            optional_field("gpus", &T::gpus, "What it runs on.", limits::miner_gpus_max),
            optional_field("models", &T::models, "What it runs; empty takes any model.",
                           limits::miner_models_max),
            optional_field("types", &T::types, "Kinds of work; empty = inference.", job_types_max),
            field("price_per_hour", &T::price_per_hour, "AIT for one hour of execution."),
            optional_field("concurrency", &T::concurrency, "Jobs at a time."),
            optional_field("region", &T::region, "Where it is.", limits::name_bytes_max)};
    }
};

/// "miner.drain", signed: finishes what it holds and gets nothing new until it registers again.
struct DrainMiner {
    std::string reason{};
    static constexpr auto fields() {
        return std::tuple{
            optional_field("reason", &DrainMiner::reason, "For people.", limits::memo_bytes_max)};
    }
};

/// "miner.deregister", signed.
struct DeregisterMiner {
    bool force = false;  ///< give back the jobs it holds; they are queued again
    static constexpr auto fields() {
        return std::tuple{
            optional_field("force", &DeregisterMiner::force, "Give back the jobs it holds.")};
    }
};

struct DeregisterAnswer {
    std::string miner_id{};
    MinerStatus status = MinerStatus::deregistered;
    std::vector<std::string> requeued{};
    static constexpr auto fields() {
        using T = DeregisterAnswer;
        return std::tuple{
            field("miner_id", &T::miner_id, "Which miner."),
            field("status", &T::status, "Afterwards."),
            field("requeued", &T::requeued, "Jobs that were given back.", concurrency_max)};
    }
};

// ---- answers --------------------------------------------------------------------------------

struct MinerView {
    std::string miner_id{};
    Address address{};
    PublicKey public_key{};
    MinerStatus status = MinerStatus::active;
    std::vector<GpuSpec> gpus{};
    std::vector<ModelOffer> models{};
    std::vector<std::string> types{};
    Amount price_per_hour{};
    std::uint32_t concurrency = 1;
    std::uint32_t jobs_running = 0;
    std::string region{};
    UnixMs registered_at{};
    UnixMs last_active_at{};  ///< last transaction; heartbeats do not reach the chain
    std::uint64_t jobs_completed = 0;
    std::uint64_t jobs_failed = 0;
    std::uint64_t jobs_expired = 0;
    std::uint64_t busy_ms = 0;
    Amount earned{};
    std::uint64_t failures_in_row = 0;
    UnixMs rests_until{};
    static constexpr auto fields() {
        using T = MinerView;
        return std::tuple{
            field("miner_id", &T::miner_id, "Its id, derived from its key."),
            field("address", &T::address, "Where its pay goes."),
            field("public_key", &T::public_key, "Ed25519."),
            field("status", &T::status, "Whether it takes jobs."),
            field("gpus", &T::gpus, "What it runs on."),
            field("models", &T::models, "What it runs; empty takes any model."),
            field("types", &T::types, "Kinds of work."),
            field("price_per_hour", &T::price_per_hour, "AIT for one hour of execution."),
            field("concurrency", &T::concurrency, "Jobs at a time."),
            field("jobs_running", &T::jobs_running, "Leases it holds."),
            field("region", &T::region, "Where it is."),
            field("registered_at", &T::registered_at, "First registration."),
            field("last_active_at", &T::last_active_at, "Last transaction of it."),
            field("jobs_completed", &T::jobs_completed, "Since registration."),
            field("jobs_failed", &T::jobs_failed, "Since registration."),
            field("jobs_expired", &T::jobs_expired, "Leases that it let run out."),
            field("busy_ms", &T::busy_ms, "Execution time that counted."),
            field("earned", &T::earned, "AIT paid to it for jobs."),
            optional_field("failures_in_row", &T::failures_in_row,
                           "Attempts without a result since its last result."),
            optional_field("rests_until", &T::rests_until,
                           "Gets no job before, because it failed again and again.")};
    }
};

struct MinerJobView {
    std::string job_id{};
    std::uint32_t attempt = 0;
    std::string type{};
    std::string model{};
    Amount price_per_hour{};
    UnixMs leased_at{};
    UnixMs lease_expires_at{};
    static constexpr auto fields() {
        using T = MinerJobView;
        return std::tuple{field("job_id", &T::job_id, "Which job."),
                          field("attempt", &T::attempt, "Fencing token."),
                          field("type", &T::type, "Kind of work."),
                          field("model", &T::model, "Model asked for."),
                          field("price_per_hour", &T::price_per_hour, "The agreed price."),
                          field("leased_at", &T::leased_at, "Since."),
                          field("lease_expires_at", &T::lease_expires_at, "Unless renewed.")};
    }
};

struct EarningView {
    UnixMs time{};
    std::string job_id{};
    Amount amount{};
    Hash transaction{};
    static constexpr auto fields() {
        using T = EarningView;
        return std::tuple{field("time", &T::time, "Block time."),
                          field("job_id", &T::job_id, "For which job."),
                          field("amount", &T::amount, "AIT."),
                          field("transaction", &T::transaction, "Which operation paid it.")};
    }
};

struct EarningsView {
    std::string miner_id{};
    Amount earned{};
    std::uint64_t jobs_completed = 0;
    std::uint64_t jobs_failed = 0;
    std::uint64_t jobs_expired = 0;
    std::uint64_t busy_ms = 0;
    Amount per_busy_hour{};
    std::vector<EarningView> recent{};
    static constexpr auto fields() {
        using T = EarningsView;
        return std::tuple{field("miner_id", &T::miner_id, "Which miner."),
                          field("earned", &T::earned, "AIT in all."),
                          field("jobs_completed", &T::jobs_completed, "Since registration."),
                          field("jobs_failed", &T::jobs_failed, "Since registration."),
                          field("jobs_expired", &T::jobs_expired, "Leases that it let run out."),
                          field("busy_ms", &T::busy_ms, "Execution time that counted."),
                          field("per_busy_hour", &T::per_busy_hour,
                                "AIT for an hour of that time, rounded down."),
                          field("recent", &T::recent, "The last payments, newest first.")};
    }
};

/// What miner.poll gives: a leased job with its payload.
struct PolledJobView {
    std::string job_id{};
    std::uint32_t attempt = 0;
    std::string type{};
    std::string model{};
    JsonText payload{};
    Hash payload_hash{};
    Amount price_per_hour{};
    UnixMs leased_at{};
    UnixMs lease_expires_at{};
    UnixMs expires_at{};
    static constexpr auto fields() {
        using T = PolledJobView;
        return std::tuple{field("job_id", &T::job_id, "Which job."),
                          field("attempt", &T::attempt, "Fencing token."),
                          field("type", &T::type, "Kind of work."),
                          field("model", &T::model, "Model asked for."),
                          field("payload", &T::payload, "What to do.", limits::blob_bytes_max),
                          field("payload_hash", &T::payload_hash, "To repeat in the result."),
                          field("price_per_hour", &T::price_per_hour, "To repeat in the result."),
                          field("leased_at", &T::leased_at, "Since."),
                          field("lease_expires_at", &T::lease_expires_at, "Unless renewed."),
                          field("expires_at", &T::expires_at, "When the job ends.")};
    }
};

struct SessionView {
    std::string token{};  ///< bearer token of the miner's further requests
    std::string miner_id{};
    UnixMs expires_at{};
    std::uint64_t heartbeat_ms = 10'000;
    static constexpr auto fields() {
        using T = SessionView;
        return std::tuple{
            field("token", &T::token, "Bearer token of further requests."),
            field("miner_id", &T::miner_id, "The miner's id."),
            field("expires_at", &T::expires_at, "Open a new one before."),
            field("heartbeat_ms", &T::heartbeat_ms, "Say that you are alive this often.")};
    }
};

struct HeartbeatView {
    std::vector<std::string> cancelled_jobs{};
    bool drain = false;
    static constexpr auto fields() {
        using T = HeartbeatView;
        return std::tuple{field("cancelled_jobs", &T::cancelled_jobs,
                                "Not held any more: stop working on these."),
                          field("drain", &T::drain, "Take nothing new.")};
    }
};

}  // namespace ait::miner
