#pragma once

// A job as state keeps it, and the keys by which it is found. The coordinator's rules are in
// state.hpp; this is their storage.

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/consensus/rules.hpp"
#include "actors/coordinator/messages.hpp"

namespace ait::coordinator {

struct Lease {
    Address miner{};
    std::uint32_t attempt = 0;  ///< fencing token
    std::int64_t leased_at_ms = 0;
    std::int64_t expires_at_ms = 0;
    Amount price_per_hour{};
    static constexpr auto fields() {
        return std::tuple{field("miner", &Lease::miner, ""), field("attempt", &Lease::attempt, ""),
                          field("leased_at_ms", &Lease::leased_at_ms, ""),
                          field("expires_at_ms", &Lease::expires_at_ms, ""),
                          field("price_per_hour", &Lease::price_per_hour, "")};
    }
};

/// A lease that has ended, for explanations.
struct PastAttempt {
    Address miner{};
    std::int64_t leased_at_ms = 0;
    std::int64_t ended_at_ms = 0;
    AttemptEnd end = AttemptEnd::completed;
    std::string error_code{};
    static constexpr auto fields() {
        using T = PastAttempt;
        return std::tuple{field("miner", &T::miner, ""),
                          field("leased_at_ms", &T::leased_at_ms, ""),
                          field("ended_at_ms", &T::ended_at_ms, ""), field("end", &T::end, ""),
                          field("error_code", &T::error_code, "")};
    }
};

struct Payment {
    PaymentState state = PaymentState::unfunded;
    Amount amount{};  ///< what was locked: the most that the job may cost
    Amount paid_to_miner{};
    Amount fee{};
    Amount refunded{};
    std::int64_t funded_at_ms = 0;
    std::int64_t settled_at_ms = 0;
    Hash transaction{};
    static constexpr auto fields() {
        using T = Payment;
        return std::tuple{field("state", &T::state, ""),
                          field("amount", &T::amount, ""),
                          field("paid_to_miner", &T::paid_to_miner, ""),
                          field("fee", &T::fee, ""),
                          field("refunded", &T::refunded, ""),
                          field("funded_at_ms", &T::funded_at_ms, ""),
                          field("settled_at_ms", &T::settled_at_ms, ""),
                          field("transaction", &T::transaction, "")};
    }
};

/// What a miner delivered.
struct Delivery {
    Address miner{};
    PublicKey miner_key{};
    Amount price_per_hour{};
    Hash result{};
    std::uint32_t result_bytes = 0;
    std::string model_ran{};
    std::uint64_t prompt_tokens = 0;
    std::uint64_t completion_tokens = 0;
    std::uint64_t duration_ms = 0;       ///< as the miner reports it
    std::uint64_t paid_duration_ms = 0;  ///< as it counts for the price
    Hash transaction{};
    std::uint32_t item = 0;  ///< which of the transaction's results
    static constexpr auto fields() {
        using T = Delivery;
        return std::tuple{field("miner", &T::miner, ""),
                          field("miner_key", &T::miner_key, ""),
                          field("price_per_hour", &T::price_per_hour, ""),
                          field("result", &T::result, ""),
                          field("result_bytes", &T::result_bytes, ""),
                          field("model_ran", &T::model_ran, ""),
                          field("prompt_tokens", &T::prompt_tokens, ""),
                          field("completion_tokens", &T::completion_tokens, ""),
                          field("duration_ms", &T::duration_ms, ""),
                          field("paid_duration_ms", &T::paid_duration_ms, ""),
                          field("transaction", &T::transaction, ""),
                          field("item", &T::item, "")};
    }
};

struct JobError {
    std::string code{};
    std::string message{};
    static constexpr auto fields() {
        return std::tuple{field("code", &JobError::code, ""),
                          field("message", &JobError::message, "")};
    }
};

/// State record, version 1. Key: "job/record/" + id.
struct Job {
    std::string id{};
    Address owner{};  ///< also the payer: nobody pays for another's job
    std::string type{};
    std::string model{};
    Hash payload{};
    std::uint32_t payload_bytes = 0;
    Constraints constraints{};
    JobState state = JobState::pending;
    std::uint64_t sequence = 0;  ///< place in the queue's order; kept when it is queued again
    std::uint32_t attempts = 0;
    std::int64_t created_at_ms = 0;
    std::int64_t queued_at_ms = 0;  ///< 0 while it waits for funds
    std::int64_t started_at_ms = 0;
    std::int64_t completed_at_ms = 0;
    std::int64_t expires_at_ms = 0;
    Payment payment{};
    std::optional<Lease> lease{};
    std::optional<Delivery> delivery{};
    std::optional<JobError> error{};
    std::vector<PastAttempt> past_attempts{};
    static constexpr auto fields() {
        using T = Job;
        return std::tuple{field("id", &T::id, ""),
                          field("owner", &T::owner, ""),
                          field("type", &T::type, ""),
                          field("model", &T::model, ""),
                          field("payload", &T::payload, ""),
                          field("payload_bytes", &T::payload_bytes, ""),
                          field("constraints", &T::constraints, ""),
                          field("state", &T::state, ""),
                          field("sequence", &T::sequence, ""),
                          field("attempts", &T::attempts, ""),
                          field("created_at_ms", &T::created_at_ms, ""),
                          field("queued_at_ms", &T::queued_at_ms, ""),
                          field("started_at_ms", &T::started_at_ms, ""),
                          field("completed_at_ms", &T::completed_at_ms, ""),
                          field("expires_at_ms", &T::expires_at_ms, ""),
                          field("payment", &T::payment, ""),
                          field("lease", &T::lease, ""),
                          field("delivery", &T::delivery, ""),
                          field("error", &T::error, ""),
                          field("past_attempts", &T::past_attempts, "", attempts_kept_max)};
    }
};

constexpr bool is_terminal(JobState state) {
    return state == JobState::completed || state == JobState::failed ||
           state == JobState::cancelled || state == JobState::expired;
}

/// Figures over all jobs. Key: "job/counters".
struct Counters {
    std::uint64_t sequence_last = 0;
    std::uint64_t open = 0;  ///< jobs that are not terminal
    static constexpr auto fields() {
        return std::tuple{field("sequence_last", &Counters::sequence_last, ""),
                          field("open", &Counters::open, "")};
    }
};

std::optional<Job> find_job(const storage::StateReader& reader, std::string_view job_id);
bool has_job(const storage::StateReader& reader, std::string_view job_id);
/// By id or by a prefix that only one job has. Errors: not_found, ambiguous.
Result<Job> resolve_job(const storage::StateReader& reader, std::string_view text);
void store_job(storage::StateView& view, const Job& job);
Counters load_counters(const storage::StateReader& reader);
void store_counters(storage::StateView& view, const Counters& counters);

/// State keys that the chain keeps in memory whole: what waits, what is held, what is counted.
inline constexpr std::array<std::string_view, 3> resident_prefixes{"job/wait/", "job/held/",
                                                                   "job/counters"};

/// A new job into the owner's list, among those that can be paid; store_job writes the record.
void insert_job(storage::StateView& view, const Job& job);
/// All records behind this id, oldest first, until `visit` answers false.
void walk_records(const storage::StateReader& reader, std::string_view after,
                  const std::function<bool(const Job&)>& visit);
void erase_job(storage::StateView& view, const Job& job);

/// Jobs of an account that can still be paid.
std::uint64_t unpaid_count(const storage::StateReader& reader, const Address& owner);
void store_unpaid_count(storage::StateView& view, const Address& owner, std::uint64_t count);
/// It was paid, or nothing is owed for it any more.
void remove_unpaid(storage::StateView& view, const Job& job);

void add_held(storage::StateView& view, const Address& miner, std::string_view job_id);
void remove_held(storage::StateView& view, const Address& miner, std::string_view job_id);
/// Ids of the jobs that a miner holds, in the order of ids.
std::vector<std::string> held_by(const storage::StateReader& reader, const Address& miner);

/// Which jobs to walk.
struct JobWalk {
    std::optional<Address> owner{};  ///< newest first; without one by owner, each newest first
    std::string from{};              ///< position that a walk gave; empty = the beginning
};
struct WalkedJob {
    std::string_view position = {};
    std::string_view job_id = {};
    bool is_unpaid = false;  ///< its owner can pay it
};
/// Return false to stop there.
void walk_jobs(const storage::StateReader& reader, const JobWalk& walk,
               const std::function<bool(const WalkedJob&)>& visit);

}  // namespace ait::coordinator
