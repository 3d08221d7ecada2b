#pragma once

// What others include of the coordinator: what queries on jobs give (status, result, receipts,
// explanations; plain structs, never stored), and with it the transactions and their answers.

#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "actors/coordinator/transaction_messages.hpp"

namespace ait::coordinator {

struct JobMinerView {
    std::string miner_id{};
    Address address{};
    std::string region{};
    std::string gpu{};
    Amount price_per_hour{};
    static constexpr auto fields() {
        using T = JobMinerView;
        return std::tuple{field("miner_id", &T::miner_id, "Its id."),
                          field("address", &T::address, "Its account."),
                          field("region", &T::region, "Where it is."),
                          field("gpu", &T::gpu, "What it runs on."),
                          field("price_per_hour", &T::price_per_hour, "The agreed price.")};
    }
};

struct JobPaymentView {
    PaymentState state = PaymentState::unfunded;
    Address payer{};
    Amount amount{};
    Amount escrow{};
    Amount paid_to_miner{};
    Amount fee{};
    Amount refunded{};
    std::uint64_t paid_duration_ms = 0;
    Hash transaction{};
    UnixMs funded_at{};
    UnixMs settled_at{};
    static constexpr auto fields() {
        using T = JobPaymentView;
        return std::tuple{
            field("state", &T::state, "Whether it is paid."),
            field("payer", &T::payer, "Who paid."),
            field("amount", &T::amount, "The most that it may cost."),
            field("escrow", &T::escrow, "Still locked."),
            field("paid_to_miner", &T::paid_to_miner, "The miner's pay."),
            field("fee", &T::fee, "The network's fee."),
            field("refunded", &T::refunded, "Back to the payer."),
            field("paid_duration_ms", &T::paid_duration_ms, "Time that counts for the price."),
            field("transaction", &T::transaction, "The payment."),
            field("funded_at", &T::funded_at, "When it was funded."),
            field("settled_at", &T::settled_at, "When it was paid or refunded.")};
    }
};

struct JobErrorView {
    std::string code{};
    std::string message{};
    static constexpr auto fields() {
        return std::tuple{field("code", &JobErrorView::code, "Stable word."),
                          field("message", &JobErrorView::message, "For people.")};
    }
};

struct JobView {
    std::string job_id{};
    JobState status = JobState::pending;
    PaymentState payment_state = PaymentState::unfunded;
    std::string type{};
    std::string model{};
    std::string model_ran{};
    Address owner{};
    std::optional<std::uint64_t> queue_position{};  ///< 1 = next; null when not in the queue
    std::uint32_t attempts = 0;
    std::uint32_t attempts_max = 0;
    UnixMs created_at{};
    UnixMs queued_at{};
    UnixMs started_at{};
    UnixMs completed_at{};
    UnixMs expires_at{};
    std::uint64_t queued_ms = 0;
    std::uint64_t duration_ms = 0;
    std::uint64_t prompt_tokens = 0;
    std::uint64_t completion_tokens = 0;
    std::optional<JobMinerView> miner{};
    std::optional<JobPaymentView> payment{};
    std::optional<JobErrorView> error{};
    Constraints constraints{};
    Hash payload{};
    Hash result{};
    Hash result_transaction{};
    std::uint64_t height = 0;
    static constexpr auto fields() {
        using T = JobView;
        return std::tuple{
            field("job_id", &T::job_id, "Its id."),
            field("status", &T::status, "Where it is."),
            field("payment_state", &T::payment_state, "Whether it is paid."),
            field("type", &T::type, "Kind of work."),
            field("model", &T::model, "Model asked for."),
            field("model_ran", &T::model_ran, "Model that really ran."),
            field("owner", &T::owner, "Whose job."),
            field("queue_position", &T::queue_position, "1 = next; null when not in the queue."),
            field("attempts", &T::attempts, "Leases so far."),
            field("attempts_max", &T::attempts_max, "Leases before it fails."),
            field("created_at", &T::created_at, "When it was submitted."),
            field("queued_at", &T::queued_at, "When it last entered the queue."),
            field("started_at", &T::started_at, "When a miner last took it."),
            field("completed_at", &T::completed_at, "When it ended, in whatever way."),
            field("expires_at", &T::expires_at, "When it ends without a result."),
            field("queued_ms", &T::queued_ms, "Waiting before a miner took it, so far."),
            field("duration_ms", &T::duration_ms, "Execution time; so far, while it runs."),
            field("prompt_tokens", &T::prompt_tokens, "Tokens read."),
            field("completion_tokens", &T::completion_tokens, "Tokens written."),
            field("miner", &T::miner, "Who has or had it."),
            field("payment", &T::payment, "Money."),
            field("error", &T::error, "Why it failed."),
            field("constraints", &T::constraints, "What the miner must have."),
            field("payload", &T::payload, "Hash of the payload."),
            field("result", &T::result, "Hash of the result."),
            field("result_transaction", &T::result_transaction, "The miner's signed result."),
            field("height", &T::height, "Block that this shows.")};
    }
};

struct ProofView {
    Hash tx_hash{};
    std::uint64_t block_height = 0;
    std::string miner_id{};
    PublicKey miner_key{};
    Hash input_hash{};
    Hash output_hash{};
    bool output_matches = false;  ///< the bytes shown have the hash that the miner signed
    static constexpr auto fields() {
        using T = ProofView;
        return std::tuple{field("tx_hash", &T::tx_hash, "The miner's signed result."),
                          field("block_height", &T::block_height, "Where it is."),
                          field("miner_id", &T::miner_id, "Who signed."),
                          field("miner_key", &T::miner_key, "Ed25519."),
                          field("input_hash", &T::input_hash, "Of the payload."),
                          field("output_hash", &T::output_hash, "Of the result."),
                          field("output_matches", &T::output_matches,
                                "The result shown has the hash that the miner signed.")};
    }
};

struct JobResultView {
    std::string job_id{};
    JobState status = JobState::completed;
    PaymentState payment_state = PaymentState::unfunded;
    std::string model{};
    std::string text{};  ///< what the model wrote, where the result has such a part
    JsonText result{};   ///< the whole result
    std::uint64_t prompt_tokens = 0;
    std::uint64_t completion_tokens = 0;
    std::uint64_t duration_ms = 0;
    UnixMs completed_at{};
    ProofView proof{};
    static constexpr auto fields() {
        using T = JobResultView;
        return std::tuple{field("job_id", &T::job_id, "Which job."),
                          field("status", &T::status, "Where it is."),
                          field("payment_state", &T::payment_state, "Whether it is paid."),
                          field("model", &T::model, "Model that really ran."),
                          field("text", &T::text, "What the model wrote."),
                          field("result", &T::result, "The whole result."),
                          field("prompt_tokens", &T::prompt_tokens, "Tokens read."),
                          field("completion_tokens", &T::completion_tokens, "Tokens written."),
                          field("duration_ms", &T::duration_ms, "Execution time."),
                          field("completed_at", &T::completed_at, "When it was done."),
                          field("proof", &T::proof, "What stands behind it.")};
    }
};

/// One line of `client receipts`; the receipt itself is job.receipt.
struct ReceiptRowView {
    std::string job_id{};
    PaymentState payment_state = PaymentState::unfunded;
    std::string miner_id{};
    std::string model_ran{};
    std::uint64_t duration_ms = 0;
    Amount paid_to_miner{};
    Amount fee{};
    UnixMs completed_at{};
    Hash transaction{};
    static constexpr auto fields() {
        using T = ReceiptRowView;
        return std::tuple{field("job_id", &T::job_id, "Which job."),
                          field("payment_state", &T::payment_state, "Whether it is paid."),
                          field("miner_id", &T::miner_id, "Who did it."),
                          field("model_ran", &T::model_ran, "Model that really ran."),
                          field("duration_ms", &T::duration_ms, "Execution time."),
                          field("paid_to_miner", &T::paid_to_miner, "The miner's pay."),
                          field("fee", &T::fee, "The network's fee."),
                          field("completed_at", &T::completed_at, "When it was done."),
                          field("transaction", &T::transaction, "The miner's signed result.")};
    }
};

struct RuleView {
    MatchRule rule = MatchRule::status;
    Verdict verdict = Verdict::unknown;
    std::string why{};     ///< with the values that decided
    std::string remedy{};  ///< what would make it match; empty when passed
    static constexpr auto fields() {
        using T = RuleView;
        return std::tuple{field("rule", &T::rule, "Which rule."),
                          field("verdict", &T::verdict, "What it says."),
                          field("why", &T::why, "With the values that decided."),
                          field("remedy", &T::remedy, "What would make it match.")};
    }
};

struct CandidateView {
    std::string miner_id{};
    bool eligible = false;
    std::vector<RuleView> rules{};
    static constexpr auto fields() {
        using T = CandidateView;
        return std::tuple{field("miner_id", &T::miner_id, "Which miner."),
                          field("eligible", &T::eligible, "No rule speaks against it."),
                          field("rules", &T::rules, "Every rule.")};
    }
};

struct StageView {
    std::string stage{};
    UnixMs from{};
    UnixMs until{};  ///< null while it lasts
    std::uint64_t ms = 0;
    std::string note{};
    static constexpr auto fields() {
        using T = StageView;
        return std::tuple{field("stage", &T::stage, "What it was doing."),
                          field("from", &T::from, "Block time."),
                          field("until", &T::until, "Block time; null while it lasts."),
                          field("ms", &T::ms, "How long."), field("note", &T::note, "More.")};
    }
};

struct ExplainView {
    std::string job_id{};
    JobState status = JobState::pending;
    PaymentState payment_state = PaymentState::unfunded;
    std::string summary{};  ///< why it is where it is
    std::string next{};     ///< what happens or can be done next
    std::string held_by{};  ///< miner id, while processing
    std::optional<std::uint64_t> queue_position{};
    UnixMs next_change_at{};  ///< lease or job expiry, whichever comes first
    std::vector<StageView> stages{};
    std::uint64_t miners_known = 0;
    std::uint64_t miners_eligible = 0;
    std::vector<CandidateView> miners{};
    std::uint64_t height = 0;
    static constexpr auto fields() {
        using T = ExplainView;
        return std::tuple{
            field("job_id", &T::job_id, "Which job."),
            field("status", &T::status, "Where it is."),
            field("payment_state", &T::payment_state, "Whether it is paid."),
            field("summary", &T::summary, "Why it is where it is."),
            field("next", &T::next, "What happens or can be done next."),
            field("held_by", &T::held_by, "The miner that works on it."),
            field("queue_position", &T::queue_position, "1 = next."),
            field("next_change_at", &T::next_change_at, "Latest time of the next change."),
            field("stages", &T::stages, "How long each state took."),
            field("miners_known", &T::miners_known, "Miners on the chain."),
            field("miners_eligible", &T::miners_eligible, "Those that could take it."),
            field("miners", &T::miners, "Every miner and every rule."),
            field("height", &T::height, "Block that this shows.")};
    }
};

}  // namespace ait::coordinator
