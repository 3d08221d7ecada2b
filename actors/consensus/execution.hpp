#pragma once

// Execution of blocks on an overlay, the same code for the leader that builds one and for everybody
// who replays it. Pure: the parent's tip and state in, an executed block out.
//
// Invariants:
//  1. A refused operation leaves no trace in the overlay.
//  2. An operation with an idempotency key is applied at most once while its key is kept.
//  3. A block's time is never before its parent's.
//  4. Replaying a block's record on the parent's state gives its header, byte for byte.

#include <map>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "actors/consensus/block.hpp"
#include "actors/consensus/rules.hpp"
#include "actors/consensus/transaction.hpp"

namespace ait::consensus {

/// Checks and advances an account's nonce; the ledger's.
using NonceFunction = Status (*)(storage::StateView& view, const Address& address,
                                 std::uint64_t nonce);

/// All rules of a node, found by kind. Immutable after construction; any thread.
class RuleSet {
  public:
    RuleSet(std::span<const DomainRules> domains, NonceFunction nonce_function);

    [[nodiscard]] const Rule* find(std::string_view kind) const;
    [[nodiscard]] const DueRule* find_due(std::string_view kind) const;
    [[nodiscard]] Status write_genesis(storage::StateView& view, const Genesis& genesis) const;
    [[nodiscard]] NonceFunction take_nonce() const { return take_nonce_; }
    /// What the store keeps in memory whole: the due index and what the domains name.
    [[nodiscard]] const std::vector<std::string>& resident_prefixes() const {
        return resident_prefixes_;
    }

  private:
    std::map<std::string, Rule, std::less<>> rules_;
    std::map<std::string, DueRule, std::less<>> due_rules_;
    std::vector<GenesisFunction> genesis_;
    std::vector<std::string> resident_prefixes_;
    NonceFunction take_nonce_;
};

/// Where a chain stands: everything that the next block builds on, apart from the state.
struct Tip {
    std::uint64_t height = 0;
    std::uint64_t view = 0;
    Hash hash{};  ///< of the header; the genesis hash at height 0
    Hash state_commitment{};
    std::int64_t time_unix_ms = 0;
    static constexpr auto fields() {
        return std::tuple{field("height", &Tip::height, ""), field("view", &Tip::view, ""),
                          field("hash", &Tip::hash, ""),
                          field("state_commitment", &Tip::state_commitment, ""),
                          field("time_unix_ms", &Tip::time_unix_ms, "")};
    }
};

/// Height 0: the tip and the writes that make its state.
struct GenesisState {
    Tip tip{};
    storage::WriteSet writes{};
};
Result<GenesisState> execute_genesis(const RuleSet& rules, const Genesis& genesis);

/// Where an operation stands in its block; `item` counts inside a batch, else 0.
struct OperationPlace {
    Hash operation{};
    std::uint32_t transaction = 0;
    std::uint32_t item = 0;
};

struct ExecutedBlock {
    BlockHeader header{};
    std::string encoded_header{};
    Hash hash{};
    std::vector<std::string> transactions{};  ///< wire bytes
    /// Encoded TransactionOutcome: one a transaction, then one for due entries.
    std::vector<std::string> outcomes{};
    std::vector<OperationPlace> operations{};  ///< of transactions and batch items, in order
    std::vector<Hash> blobs{};                 ///< that operations name, in order
    storage::WriteSet writes{};
    /// It changed the members: the last block of its epoch.
    bool ends_epoch = false;
    [[nodiscard]] Tip tip() const;
};

/// The event, last in a block's due outcome, by which its header commits to the members that follow
/// it: subject their epoch, attribute "members" the hash of their set.
inline constexpr std::string_view epoch_event_kind = "chain.epoch";

/// An operation was applied before under the same idempotency key; `operation` finds its outcome.
struct Duplicate {
    Hash operation{};
};
/// The item would change nothing, so no block needs it: this is its answer now.
struct NoEffect {
    ItemOutcome outcome{};
};
using Admission = std::variant<ItemOutcome, Duplicate, NoEffect, Error>;

/// Whether a replay checks the signatures inside a block. `trusted` is for blocks whose certificate
/// the caller has checked: a quorum has verified what the transactions root covers.
enum class Signatures : std::uint8_t { verify, trusted };

/// Whether the idempotency keys of a block of that time are still kept in one of a later time.
bool are_keys_kept(std::int64_t of_time_unix_ms, std::int64_t at_time_unix_ms);

/// Builds one block on a parent. Not thread-safe; lives while `base` lives.
class BlockBuilder {
  public:
    struct Parent {
        const Genesis& genesis;
        const Hash& genesis_hash;
        const Tip& tip;
        const storage::StateReader& state;
        /// The block's; that which follows the parent if absent. An earlier one is for an empty
        /// block that only serves to make its parent, the last of that epoch, final.
        std::optional<std::uint64_t> epoch{};
    };
    /// Applies what is due at `now` (never before the parent's time) first.
    BlockBuilder(const RuleSet& rules, const Parent& parent, std::int64_t now_unix_ms);

    /// Signed transactions come before batch items in a block: add them first (asserted).
    Admission add_transaction(const VerifiedTransaction& transaction);
    Admission add_item(const EncodedItem& item);

    /// True when due entries or operations changed anything: an empty block is not worth a sync.
    [[nodiscard]] bool has_content() const;
    [[nodiscard]] std::size_t bytes() const { return bytes_; }
    /// Time, height and so on of the block, for dry runs.
    [[nodiscard]] std::uint64_t height() const { return parent_.tip.height + 1; }
    [[nodiscard]] std::int64_t time_unix_ms() const { return time_unix_ms_; }
    [[nodiscard]] const storage::StateView& state() const { return view_; }

    /// Signs the batch with the node's key and closes the block, in a view after the parent's.
    ExecutedBlock seal(const crypto::SecretKey& node_key, std::uint64_t view) &&;
    /// In the view that follows the parent's.
    ExecutedBlock seal(const crypto::SecretKey& node_key) && {
        return std::move(*this).seal(node_key, parent_.tip.view + 1);
    }

  private:
    friend Result<ExecutedBlock> execute_block(const RuleSet&, const Parent&, const BlockRecord&,
                                               Signatures);
    /// A context without principal: for what is due.
    [[nodiscard]] Context node_context(const Hash& operation) const;
    [[nodiscard]] Context context_of(const BatchItem& item, const Hash& hash) const;
    [[nodiscard]] Context context_of(const VerifiedTransaction& transaction) const;
    Admission apply(const Rule* rule, std::string_view kind, std::string_view body,
                    const Context& context, std::string_view idempotency_key,
                    std::optional<std::uint64_t> nonce);
    void place(const Hash& operation, std::size_t transaction, std::size_t item,
               std::span<const Hash> blobs);
    Status replay_batch(const VerifiedTransaction& transaction, const OperationBatch& batch);
    void apply_due();
    void drop_old_keys();
    bool change_members();
    ExecutedBlock close(const PublicKey& leader, std::uint64_t view) &&;

    const RuleSet& rules_;
    const Parent parent_;
    std::int64_t time_unix_ms_;
    const ValidatorSet validators_;  ///< in force after the parent
    storage::StateView view_;
    std::vector<std::string> transactions_{};
    std::vector<std::string> outcomes_{};
    std::vector<OperationPlace> operations_{};
    std::vector<Hash> blobs_{};
    // Of the batch: items and outcomes as they will stand in it.
    std::size_t batch_size_ = 0;
    std::string batch_items_{};
    std::string batch_outcomes_{};
    TransactionOutcome due_outcome_{};
    std::string swept_{};      ///< new first bucket of idempotency keys; empty: unchanged
    bool had_effect_ = false;  ///< the last operation that was applied
    std::size_t bytes_ = 0;
};

/// Replays a logged or received block on its parent. Errors: check_failed when anything differs
/// from its header, malformed when it cannot be read. The certificate is checked by the caller.
Result<ExecutedBlock> execute_block(const RuleSet& rules, const BlockBuilder::Parent& parent,
                                    const BlockRecord& record,
                                    Signatures signatures = Signatures::verify);

}  // namespace ait::consensus
