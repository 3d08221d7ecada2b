#pragma once

// The reference: the rules of ledger, coordinator and miner registry a second time, as plainly as
// they can be said: ordered maps, no overlay, no indexes, no records. Written from the
// specification and the rooms' READMEs; nothing of the production rules is called. What is derived
// (unpaid jobs, jobs held by a miner, locked money) is counted anew from the jobs each time.
// One chain, one thread.

#include <array>
#include <deque>
#include <map>
#include <optional>
#include <set>

#include "tests/unit/actors/differential/request.hpp"

namespace ait::differential {

struct Purse {
    std::uint64_t available = 0;
    std::uint64_t locked = 0;
    std::uint64_t staked = 0;
    std::uint64_t unbonding = 0;
    bool operator==(const Purse&) const = default;
};

struct Holder {
    std::uint64_t nonce = 0;
    std::array<Purse, ledger::asset_count> purses{};
    std::deque<ledger::HistoryView> history{};  ///< oldest first; the hash of what was due is zero
    std::uint64_t movements = 0;                ///< ever; the history keeps the last 1,000
};

struct Debt {  ///< money set aside: an escrow or what is on its way out of a stake
    Address owner{};
    std::uint64_t amount = 0;
    bool operator==(const Debt&) const = default;
};

struct JobLease {
    Address miner{};
    std::uint32_t attempt = 0;
    std::int64_t from_ms = 0;
    std::int64_t until_ms = 0;
    Amount price{};
};

struct JobAttempt {
    Address miner{};
    std::int64_t from_ms = 0;
    std::int64_t until_ms = 0;
    coordinator::AttemptEnd end{};
    std::string error_code{};
};

struct JobDelivery {
    coordinator::CompleteJob said{};
    Address miner{};
    PublicKey key{};
    std::uint64_t counted_ms = 0;
    Hash operation{};
    std::uint32_t item = 0;
};

struct JobMoney {
    coordinator::PaymentState state = coordinator::PaymentState::unfunded;
    Amount amount{};
    Amount to_miner{};
    Amount fee{};
    Amount refunded{};
    std::int64_t funded_at_ms = 0;
    std::int64_t settled_at_ms = 0;
    Hash operation{};
};

struct ReferenceJob {
    std::string id{};
    Address owner{};
    coordinator::SubmitJob asked{};
    std::uint64_t place = 0;  ///< order of submission
    coordinator::JobState state = coordinator::JobState::pending;
    std::uint32_t attempts = 0;
    std::int64_t created_at_ms = 0;
    std::int64_t queued_at_ms = 0;
    std::int64_t started_at_ms = 0;
    std::int64_t ended_at_ms = 0;
    std::int64_t expires_at_ms = 0;
    JobMoney money{};
    std::optional<JobLease> lease{};
    std::optional<JobDelivery> delivery{};
    std::string error_code{};
    std::vector<JobAttempt> past{};
    [[nodiscard]] bool has_ended() const;
    /// It can still be paid: unfunded, and its result is there or may come.
    [[nodiscard]] bool is_unpaid() const;
};

struct ReferenceMiner {
    PublicKey key{};
    miner::MinerStatus status = miner::MinerStatus::active;
    miner::RegisterMiner offer{};
    std::int64_t registered_at_ms = 0;
    std::int64_t last_active_ms = 0;
    std::uint64_t completed = 0;
    std::uint64_t failed = 0;
    std::uint64_t expired = 0;
    std::uint64_t busy_ms = 0;
    Amount earned{};
    Address served_owner{};
    std::uint64_t failures_in_row = 0;
    std::int64_t rests_until_ms = 0;
};

struct UsedKey {
    std::string content{};
    Hash operation{};
};

/// A waiting time: when, and "kind/id"; in the order in which they come.
using DueTime = std::pair<std::int64_t, std::string>;
/// (six-hour bucket, account, key)
using KeyPlace = std::tuple<std::uint64_t, Address, std::string>;

/// All that a chain knows.
struct Books {
    std::uint64_t height = 0;
    std::int64_t now_ms = 0;
    std::array<std::uint64_t, ledger::asset_count> minted{};
    std::map<Address, Holder> holders{};
    std::map<std::string, Debt> escrows{};
    std::map<std::string, Debt> unbondings{};
    std::map<std::string, ReferenceJob> jobs{};
    std::map<std::uint64_t, std::string> queue{};  ///< place -> job
    std::map<Address, ReferenceMiner> miners{};
    std::set<DueTime> due{};
    std::map<KeyPlace, UsedKey> keys{};
    std::uint64_t places = 0;
    std::set<std::string> touched{};  ///< jobs changed in this block
};

class Reference {
  public:
    explicit Reference(const consensus::Genesis& genesis);

    /// The next block: what is due happens, old idempotency keys go.
    void begin_block(std::int64_t now_ms);
    Verdict transaction(const Caller& caller, std::uint64_t nonce, std::uint64_t expiry_height,
                        const Body& body);
    Verdict item(const Caller& caller, const Body& body);

    [[nodiscard]] const Books& books() const { return books_; }
    [[nodiscard]] const ReferenceJob* find_job(const std::string& id) const;
    [[nodiscard]] const Purse& purse(const Address& who,
                                     ledger::Asset asset = ledger::Asset::ait) const;
    [[nodiscard]] std::uint64_t nonce_of(const Address& who) const;
    [[nodiscard]] std::uint64_t unpaid_of(const Address& owner) const;
    [[nodiscard]] std::uint64_t open_jobs() const;
    [[nodiscard]] std::vector<std::string> held_by(const Address& miner) const;

  private:
    Verdict admit(const Caller& caller, std::optional<std::uint64_t> nonce, const Body& body);
    const UsedKey* find_key(const Caller& caller) const;

    // reference_money.cpp
    std::string apply(const ledger::Transfer& tx, const Caller& caller);
    std::string apply(const ledger::Stake& tx, const Caller& caller);
    std::string apply(const ledger::Unstake& tx, const Caller& caller);
    std::string apply(const ledger::FaucetRequest& tx, const Caller& caller);
    std::string apply(const RawBody& tx, const Caller& caller);
    // reference_jobs.cpp
    std::string apply(const coordinator::SubmitJob& tx, const Caller& caller);
    std::string apply(const coordinator::SubmitBatch& tx, const Caller& caller);
    std::string apply(const coordinator::CancelJob& tx, const Caller& caller);
    std::string apply(const coordinator::PayJob& tx, const Caller& caller);
    // reference_leases.cpp
    std::string apply(const coordinator::LeaseJobs& tx, const Caller& caller);
    std::string apply(const coordinator::RenewLeases& tx, const Caller& caller);
    std::string apply(const coordinator::ReleaseLeases& tx, const Caller& caller);
    std::string apply(const coordinator::CompleteJob& tx, const Caller& caller);
    std::string apply(const coordinator::CompleteJobs& tx, const Caller& caller);
    std::string apply(const coordinator::DeliverResults& tx, const Caller& caller);
    std::string apply(const coordinator::FailJob& tx, const Caller& caller);
    // reference_miners.cpp
    std::string apply(const miner::RegisterMiner& tx, const Caller& caller);
    std::string apply(const miner::DrainMiner& tx, const Caller& caller);
    std::string apply(const miner::DeregisterMiner& tx, const Caller& caller);
    [[nodiscard]] miner::MinerView view_of(const Address& address) const;

    void note(const Address& who, ledger::HistoryView row);
    void mint(const Address& to, ledger::Asset asset, Amount amount);
    void move(const ledger::Transfer& order, const Address& from, const Hash& operation,
              ledger::MovementKind kind);
    void unbond(const std::string& id);
    void settle(ReferenceJob& job, const Hash& operation);

    ReferenceJob& edit(const std::string& id);
    [[nodiscard]] std::string job_id(const Hash& operation, std::uint32_t index) const;
    void check_submission(const coordinator::SubmitJob& tx, const Caller& caller) const;
    void check_room(std::uint64_t count, const Caller& caller) const;
    coordinator::SubmitAnswer submit(const coordinator::SubmitJob& tx, const Caller& caller,
                                     const std::string& id);
    void wait(ReferenceJob& job);
    coordinator::LeasedJob lease(ReferenceJob& job, const Address& miner);
    ReferenceJob& held(const std::string& id, std::uint32_t attempt, const Caller& caller);
    [[nodiscard]] bool holds(const Address& who, const std::string& id,
                             std::uint32_t attempt) const;
    void check_result(const coordinator::CompleteJob& said, bool is_repeated, const Caller& caller);
    ReferenceJob& complete(const coordinator::CompleteJob& said, std::uint32_t item,
                           const Caller& caller);
    std::string complete_each(const std::vector<coordinator::CompleteJob>& results,
                              bool is_repeated, const Caller& caller);
    void forget(const std::string& after);
    void end_lease(ReferenceJob& job, coordinator::AttemptEnd end, bool is_fault_of_job = false);
    [[nodiscard]] std::int64_t pause_ms(std::uint64_t failures) const;
    [[nodiscard]] std::int64_t retry_at_ms(const ReferenceJob& job, const Address& miner) const;
    bool retry(ReferenceJob& job, const std::string& error_code, const Hash& operation);
    void finish(ReferenceJob& job, coordinator::JobState state, const Hash& operation);
    void happen(const std::string& kind, const std::string& id);
    [[nodiscard]] bool matches(const ReferenceJob& job, const ReferenceMiner& miner) const;
    [[nodiscard]] std::vector<std::string> lease_order(const Address& miner,
                                                       std::size_t wanted) const;

    const consensus::Genesis& genesis_;
    Books books_{};
    bool is_in_vain_ = false;  ///< the operation changed nothing: then it comes into no block
};

/// Thrown by a rule before it has written anything; caught where operations are admitted.
struct Refused {
    ErrorCode code{};
};
inline void refuse_if(bool wrong, ErrorCode code) {
    if (wrong) throw Refused{code};
}
/// No amount above the largest can be read.
inline void refuse_unreadable(Amount amount) {
    refuse_if(amount > amount_max, ErrorCode::malformed);
}

}  // namespace ait::differential
