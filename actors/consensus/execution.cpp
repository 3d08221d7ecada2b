#include "actors/consensus/execution.hpp"

#include <algorithm>

#include "runtime/base/crypto/hash.hpp"
#include "runtime/base/crypto/merkle.hpp"

namespace ait::consensus {
namespace {

// Idempotency keys live in buckets of six hours and are dropped bucket by bucket: a key is kept for
// at least six and at most twelve hours of block time, at one state key each.
constexpr std::int64_t key_bucket_ms = 6 * 3'600'000;
constexpr std::string_view key_prefix = "idempotency/";
/// The first bucket of which keys may be left; saves each block a look for older ones.
constexpr std::string_view swept_key = "idempotency-swept";
constexpr std::size_t hashed_bytes_least = 16 * 1024;

struct IdempotencyRecord {
    Hash content{};  ///< of kind and body: the same key with another content is a conflict
    Hash operation{};
    static constexpr auto fields() {
        using R = IdempotencyRecord;
        return std::tuple{field("content", &R::content, ""), field("operation", &R::operation, "")};
    }
};

std::uint64_t key_bucket(std::int64_t time_unix_ms) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(time_unix_ms, 0) / key_bucket_ms);
}

std::string key_in_bucket(std::uint64_t bucket, const Address& principal, std::string_view key) {
    return std::string(key_prefix) + big_endian(bucket) + std::string(principal.view()) +
           std::string(key);
}

Hash content_hash(std::string_view kind, std::string_view body) {
    return crypto::Hasher().update(kind).update("|").update(body).finish();
}

std::optional<IdempotencyRecord> find_key(const storage::StateReader& reader,
                                          std::int64_t now_unix_ms, const Address& principal,
                                          std::string_view key) {
    const std::uint64_t bucket = key_bucket(now_unix_ms);
    auto record = load_record<IdempotencyRecord>(reader, key_in_bucket(bucket, principal, key));
    if (record || bucket == 0) return record;
    return load_record<IdempotencyRecord>(reader, key_in_bucket(bucket - 1, principal, key));
}

Hash commit_writes(const Hash& parent, const storage::WriteSet& writes) {
    // Gathered first: a hash of few long parts costs less than one of many short ones.
    std::string bytes("state/1|");
    bytes.append(parent.view());
    crypto::Hasher hasher;
    for (const auto& [key, value] : writes) {
        bytes.append(big_endian(key.size())).append(key);
        // An erased key cannot collide with a value: no value is that long.
        bytes.append(big_endian(value ? value->size() : ~std::uint64_t{0}));
        if (value) bytes.append(*value);
        if (bytes.size() < hashed_bytes_least) continue;
        hasher.update(bytes);
        bytes.clear();
    }
    return hasher.update(bytes).finish();
}

Error unknown_kind(std::string_view kind) {
    return Error{ErrorCode::unsupported, "The chain has no rule for this transaction.",
                 "Its kind is \"" + std::string(kind) + "\".",
                 "Update the node, or correct the kind."};
}

Error differs(std::string_view what, std::uint64_t height) {
    return Error{ErrorCode::check_failed,
                 "Block " + std::to_string(height) + " does not execute to its header.",
                 "The " + std::string(what) + " differs.",
                 "The log is damaged or was written by other rules."};
}

ItemOutcome to_item(Outcome outcome) {
    return ItemOutcome{.code = 0,
                       .error = "",
                       .response = Blob{std::move(outcome.response)},
                       .events = std::move(outcome.events)};
}

}  // namespace

bool are_keys_kept(std::int64_t of_time_unix_ms, std::int64_t at_time_unix_ms) {
    return key_bucket(of_time_unix_ms) + 1 >= key_bucket(at_time_unix_ms);
}

RuleSet::RuleSet(std::span<const DomainRules> domains, NonceFunction nonce_function)
    : resident_prefixes_{std::string(due_prefix), std::string(swept_key), "validators/"},
      take_nonce_(nonce_function) {
    AIT_ASSERT(take_nonce_ != nullptr);
    for (const auto& domain : domains) {
        for (const auto& rule : domain.rules) {
            const bool inserted = rules_.emplace(std::string(rule.kind), rule).second;
            AIT_ASSERT(inserted);
        }
        for (const auto& rule : domain.due_rules) {
            const bool inserted = due_rules_.emplace(std::string(rule.kind), rule).second;
            AIT_ASSERT(inserted);
        }
        if (domain.genesis != nullptr) genesis_.push_back(domain.genesis);
        for (const auto prefix : domain.resident_prefixes) resident_prefixes_.emplace_back(prefix);
    }
}

const Rule* RuleSet::find(std::string_view kind) const {
    const auto found = rules_.find(kind);
    return found == rules_.end() ? nullptr : &found->second;
}

const DueRule* RuleSet::find_due(std::string_view kind) const {
    const auto found = due_rules_.find(kind);
    return found == due_rules_.end() ? nullptr : &found->second;
}

Status RuleSet::write_genesis(storage::StateView& view, const Genesis& genesis) const {
    for (const auto function : genesis_) {
        const Status status = function(view, genesis);
        if (!status.ok()) return status;
    }
    return {};
}

Result<GenesisState> execute_genesis(const RuleSet& rules, const Genesis& genesis) {
    const storage::MemoryState empty;
    storage::StateView view(empty);
    const Status status = rules.write_genesis(view, genesis);
    if (!status.ok()) return status.error();
    const Hash hash = genesis_hash(genesis);
    GenesisState state;
    state.writes = view.take_writes();
    state.tip = Tip{.height = 0,
                    .view = 0,
                    .hash = hash,
                    .state_commitment = commit_writes(hash, state.writes),
                    .time_unix_ms = genesis.time.ms};
    return state;
}

Tip ExecutedBlock::tip() const {
    return Tip{.height = header.height,
               .view = header.view,
               .hash = hash,
               .state_commitment = header.state_commitment,
               .time_unix_ms = header.time_unix_ms};
}

BlockBuilder::BlockBuilder(const RuleSet& rules, const Parent& parent, std::int64_t now_unix_ms)
    : rules_(rules),
      parent_(parent),
      time_unix_ms_(std::max(now_unix_ms, parent.tip.time_unix_ms)),
      validators_(set_in_force(parent.state, parent.genesis)),
      view_(parent.state) {
    apply_due();
    drop_old_keys();
}

Context BlockBuilder::node_context(const Hash& operation) const {
    return Context{.genesis = parent_.genesis,
                   .height = height(),
                   .block_time_unix_ms = time_unix_ms_,
                   .authority = Authority::node,
                   .principal = {},
                   .signer = {},
                   .operation = operation,
                   .blobs = {},
                   .parent = parent_.tip.hash};
}

Context BlockBuilder::context_of(const BatchItem& item, const Hash& hash) const {
    Context context = node_context(hash);
    context.principal = item.principal;
    context.blobs = item.blobs;
    return context;
}

Context BlockBuilder::context_of(const VerifiedTransaction& transaction) const {
    Context context = node_context(transaction.hash);
    context.authority = Authority::account;
    context.principal = crypto::address_of(transaction.content.signer);
    context.signer = transaction.content.signer;
    context.blobs = transaction.content.blobs;
    return context;
}

void BlockBuilder::apply_due() {
    ItemOutcome outcome;
    for (const auto& entry : due_entries(view_, time_unix_ms_, limits::due_entries_per_block_max)) {
        // An entry before it may have taken it back: a job that expires gives up its lease.
        if (!view_.has(entry.key)) continue;
        view_.erase(entry.key);
        const DueRule* rule = rules_.find_due(entry.kind);
        AIT_ASSERT(rule != nullptr);  // only rules write due entries
        const Hash operation = crypto::Hasher()
                                   .update("due/1|")
                                   .update(parent_.tip.hash.view())
                                   .update(entry.key)
                                   .finish();
        auto events = rule->apply(view_, entry.id, node_context(operation));
        outcome.events.insert(outcome.events.end(), std::make_move_iterator(events.begin()),
                              std::make_move_iterator(events.end()));
    }
    due_outcome_.items.push_back(std::move(outcome));
}

void BlockBuilder::drop_old_keys() {
    const std::uint64_t bucket = key_bucket(time_unix_ms_);
    if (bucket < 2) return;
    const std::string first_kept = big_endian(bucket - 1);
    std::string space;
    const auto swept = view_.look(swept_key, space);
    if (swept && *swept >= first_kept) return;
    const std::string end = std::string(key_prefix) + first_kept;
    std::vector<std::string> old;
    parent_.state.scan(key_prefix, key_prefix, [&](std::string_view key, std::string_view) {
        if (key >= end || old.size() == limits::due_entries_per_block_max) return false;
        old.emplace_back(key);
        return true;
    });
    for (const auto& key : old) view_.erase(key);
    if (old.size() < limits::due_entries_per_block_max) swept_ = first_kept;
}

Admission BlockBuilder::apply(const Rule* rule, std::string_view kind, std::string_view body,
                              const Context& context, std::string_view idempotency_key,
                              std::optional<std::uint64_t> nonce) {
    if (!idempotency_key.empty()) {
        const auto known = find_key(view_, time_unix_ms_, context.principal, idempotency_key);
        if (known && known->content == content_hash(kind, body)) return Duplicate{known->operation};
        if (known) {
            return Error{
                ErrorCode::conflict, "The idempotency key was used for something else.",
                "Key \"" + std::string(idempotency_key) + "\" belongs to another operation.",
                "Use a new key for a new operation."};
        }
    }
    if (rule == nullptr) return unknown_kind(kind);
    if (rule->authority == Authority::account && context.authority != Authority::account) {
        return Error{ErrorCode::forbidden, "This needs the account's own signature.",
                     "\"" + std::string(kind) + "\" moves money or stake, or binds a miner.",
                     "Sign it with the wallet that owns the account."};
    }
    storage::StateView::Attempt attempt(view_);
    if (nonce) {
        const Status taken = rules_.take_nonce()(view_, context.principal, *nonce);
        if (!taken.ok()) return taken.error();
    }
    auto outcome = rule->apply(view_, body, context);
    if (!outcome.ok()) return outcome.error();
    had_effect_ = attempt.has_written() || !outcome.value().events.empty();
    // What had no effect comes into no block, so its key must not come into the state either:
    // nobody who executes the block would write it.
    if (had_effect_ && !idempotency_key.empty()) {
        store_record(view_,
                     key_in_bucket(key_bucket(time_unix_ms_), context.principal, idempotency_key),
                     IdempotencyRecord{content_hash(kind, body), context.operation});
    }
    attempt.keep();
    return to_item(std::move(outcome).value());
}

void BlockBuilder::place(const Hash& operation, std::size_t transaction, std::size_t item,
                         std::span<const Hash> blobs) {
    operations_.push_back(
        {operation, static_cast<std::uint32_t>(transaction), static_cast<std::uint32_t>(item)});
    blobs_.insert(blobs_.end(), blobs.begin(), blobs.end());
}

Admission BlockBuilder::add_transaction(const VerifiedTransaction& transaction) {
    AIT_ASSERT(batch_size_ == 0);
    const auto& content = transaction.content;
    if (content.expiry_height < height()) {
        return Error{ErrorCode::expired, "The transaction came too late.",
                     "It was good until height " + std::to_string(content.expiry_height) +
                         "; the next is " + std::to_string(height()) + ".",
                     "Sign it again."};
    }
    if (content.expiry_height > height() + limits::expiry_heights_ahead_max) {
        return Error{
            ErrorCode::invalid_argument, "The transaction's expiry height is too far ahead.",
            "At most " + std::to_string(limits::expiry_heights_ahead_max) + " heights are allowed.",
            "Sign it again with a nearer one."};
    }
    const Context context = context_of(transaction);
    Admission admission = apply(rules_.find(content.kind), content.kind, content.body.bytes,
                                context, content.idempotency_key, content.nonce);
    if (const auto* outcome = std::get_if<ItemOutcome>(&admission)) {
        place(transaction.hash, transactions_.size(), 0, content.blobs);
        transactions_.push_back(transaction.wire);
        outcomes_.push_back(encode(TransactionOutcome{{*outcome}}));
        bytes_ += transaction.wire.size();
    }
    return admission;
}

Admission BlockBuilder::add_item(const EncodedItem& encoded) {
    const BatchItem& item = encoded.content;
    // What is logged must be readable again, and a longer body would not be.
    if (item.body.bytes.size() > limits::transaction_bytes_max) {
        return Error{ErrorCode::too_large, "The operation is too large.",
                     std::to_string(item.body.bytes.size()) + " bytes; the limit is " +
                         std::to_string(limits::transaction_bytes_max) + ".",
                     "Send less at a time."};
    }
    const Context context = context_of(item, encoded.hash);
    Admission admission = apply(rules_.find(item.kind), item.kind, item.body.bytes, context,
                                item.idempotency_key, std::nullopt);
    if (auto* outcome = std::get_if<ItemOutcome>(&admission)) {
        if (!had_effect_) return NoEffect{std::move(*outcome)};
        place(encoded.hash, transactions_.size(), batch_size_, item.blobs);
        ++batch_size_;
        batch_items_ += encoded.bytes;
        append_encoded(batch_outcomes_, *outcome);
        bytes_ += encoded.bytes.size();
    }
    return admission;
}

bool BlockBuilder::has_content() const {
    return !transactions_.empty() || batch_size_ > 0 || !view_.writes().empty();
}

ExecutedBlock BlockBuilder::seal(const crypto::SecretKey& node_key, std::uint64_t view) && {
    if (batch_size_ > 0) {
        UnsignedTransaction content;
        content.chain = parent_.genesis.chain;
        content.genesis = parent_.genesis_hash;
        content.signer = node_key.public_key();
        content.expiry_height = height();
        content.kind = std::string(batch_kind);
        // An OperationBatch and a TransactionOutcome have one field each, a list.
        content.body.bytes =
            Assembly(batch_items_.size()).list(1).list(batch_size_).encoded(batch_items_).take();
        transactions_.push_back(sign_transaction(content, node_key));
        outcomes_.push_back(Assembly(batch_outcomes_.size())
                                .list(1)
                                .list(batch_size_)
                                .encoded(batch_outcomes_)
                                .take());
    }
    return std::move(*this).close(node_key.public_key(), view);
}

bool BlockBuilder::change_members() {
    const auto next = begin_planned_set(view_, validators_, height());
    if (!next) return false;
    due_outcome_.items.back().events.push_back(
        Event{.kind = std::string(epoch_event_kind),
              .subject = std::to_string(next->epoch),
              .attributes = {{"members", to_hex(set_hash(*next).view())}}});
    return true;
}

ExecutedBlock BlockBuilder::close(const PublicKey& leader, std::uint64_t view) && {
    AIT_ASSERT(view > parent_.tip.view);
    ExecutedBlock block;
    block.ends_epoch = change_members();
    outcomes_.push_back(encode(due_outcome_));
    // Not before: it is no reason for a block.
    if (!swept_.empty()) view_.put(std::string(swept_key), std::move(swept_));
    std::vector<Hash> leaves;
    for (const auto& wire : transactions_) leaves.push_back(transaction_leaf(wire));
    std::vector<Hash> outcome_leaves;
    for (const auto& outcome : outcomes_) outcome_leaves.push_back(outcome_leaf(outcome));
    block.writes = view_.take_writes();
    block.header =
        BlockHeader{.version = 1,
                    .chain = parent_.genesis.chain,
                    .genesis = parent_.genesis_hash,
                    .epoch = parent_.epoch.value_or(validators_.epoch),
                    .view = view,
                    .height = height(),
                    .parent_view = parent_.tip.view,
                    .parent = parent_.tip.hash,
                    .transaction_count = transactions_.size(),
                    .transactions_root = crypto::merkle_root(leaves),
                    .outcomes_root = crypto::merkle_root(outcome_leaves),
                    .state_commitment = commit_writes(parent_.tip.state_commitment, block.writes),
                    .time_unix_ms = time_unix_ms_,
                    .leader = leader};
    block.encoded_header = encode(block.header);
    block.hash = header_hash(block.encoded_header);
    block.transactions = std::move(transactions_);
    block.outcomes = std::move(outcomes_);
    block.operations = std::move(operations_);
    block.blobs = std::move(blobs_);
    return block;
}

Status BlockBuilder::replay_batch(const VerifiedTransaction& transaction,
                                  const OperationBatch& batch) {
    if (find_member(validators_, transaction.content.signer) == nullptr) {
        return Error{ErrorCode::check_failed, "A batch is signed by a node that may not.", "", ""};
    }
    TransactionOutcome outcomes;
    for (const auto& item : batch.items) {
        const Hash hash = item_hash(item);
        place(hash, transactions_.size(), outcomes.items.size(), item.blobs);
        const Context context = context_of(item, hash);
        Admission admission = apply(rules_.find(item.kind), item.kind, item.body.bytes, context,
                                    item.idempotency_key, std::nullopt);
        if (auto* outcome = std::get_if<ItemOutcome>(&admission)) {
            outcomes.items.push_back(std::move(*outcome));
            continue;
        }
        ItemOutcome refused;
        refused.code = static_cast<std::uint32_t>(ErrorCode::conflict);
        if (const auto* error = std::get_if<Error>(&admission)) {
            refused.code = static_cast<std::uint32_t>(error->code);
            refused.error = error->what.substr(0, limits::error_text_bytes_max);
        }
        outcomes.items.push_back(std::move(refused));
    }
    outcomes_.push_back(encode(outcomes));
    transactions_.push_back(transaction.wire);
    return {};
}

Result<ExecutedBlock> execute_block(const RuleSet& rules, const BlockBuilder::Parent& parent,
                                    const BlockRecord& record, Signatures signatures) {
    auto header = decode<BlockHeader>(record.header.bytes);
    if (!header.ok()) return header.error();
    const BlockHeader& claimed = header.value();
    if (claimed.height != parent.tip.height + 1) return differs("height", claimed.height);
    if (claimed.parent != parent.tip.hash) return differs("parent", claimed.height);
    if (claimed.view <= parent.tip.view) return differs("view", claimed.height);
    if (claimed.time_unix_ms < parent.tip.time_unix_ms) return differs("time", claimed.height);
    const std::uint64_t epoch = parent.epoch.value_or(epoch_in_force(parent.state));
    if (claimed.epoch != epoch) return differs("epoch", claimed.height);
    BlockBuilder builder(rules, parent, claimed.time_unix_ms);
    for (const auto& wire : record.transactions) {
        const auto read =
            signatures == Signatures::trusted ? &read_transaction : &verify_transaction;
        const auto transaction = read(wire.bytes, parent.genesis.chain, parent.genesis_hash);
        if (!transaction.ok()) return transaction.error();
        if (transaction.value().content.kind == batch_kind) {
            auto batch = decode<OperationBatch>(transaction.value().content.body.bytes);
            if (!batch.ok()) return batch.error();
            const Status replayed = builder.replay_batch(transaction.value(), batch.value());
            if (!replayed.ok()) return replayed.error();
            continue;
        }
        const Admission admission = builder.add_transaction(transaction.value());
        if (!std::holds_alternative<ItemOutcome>(admission))
            return differs("validity of a transaction", claimed.height);
    }
    ExecutedBlock block = std::move(builder).close(claimed.leader, claimed.view);
    if (block.header.transactions_root != claimed.transactions_root)
        return differs("transactions root", claimed.height);
    if (block.header.outcomes_root != claimed.outcomes_root)
        return differs("outcomes root", claimed.height);
    if (block.header.state_commitment != claimed.state_commitment)
        return differs("state commitment", claimed.height);
    if (block.encoded_header != record.header.bytes) return differs("header", claimed.height);
    return block;
}

}  // namespace ait::consensus
