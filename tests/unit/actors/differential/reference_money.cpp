// Blocks, idempotency keys, nonces, money: actors/consensus/README.md, actors/ledger/README.md.

#include <algorithm>

#include "actors/ledger/book.hpp"
#include "runtime/base/codec/msgpack.hpp"
#include "tests/unit/actors/differential/reference.hpp"

namespace ait::differential {
namespace {

using ledger::Asset;
using ledger::Direction;
using ledger::HistoryView;
using ledger::MovementKind;

constexpr std::int64_t six_hours_ms = 6 * 3'600'000;
constexpr std::size_t history_kept = 1'000;
constexpr std::size_t due_at_once = 1'024;

std::uint64_t bucket_of(std::int64_t now_ms) {
    return static_cast<std::uint64_t>(now_ms / six_hours_ms);
}

bool needs_signature(const std::string& kind) {
    return kind == "ledger.transfer" || kind == "ledger.stake" || kind == "ledger.unstake" ||
           kind == "job.pay" || kind == "job.complete" || kind == "job.complete_batch" ||
           kind == "job.fail" || kind.starts_with("miner.");
}

bool has_control_character(const std::string& text) {
    return std::any_of(text.begin(), text.end(),
                       [](unsigned char c) { return c < 32 || c == 127; });
}

}  // namespace

Reference::Reference(const consensus::Genesis& genesis) : genesis_(genesis) {
    books_.now_ms = genesis.time.ms;
    if (genesis.parameters.faucet_supply.micro > 0) {
        mint(ledger::faucet_address(), Asset::ait, genesis.parameters.faucet_supply);
    }
    for (const auto& allocation : genesis.allocations) {
        mint(allocation.address, allocation.asset == "AIT" ? Asset::ait : Asset::usdc,
             allocation.amount);
    }
}

void Reference::mint(const Address& to, Asset asset, Amount amount) {
    books_.holders[to].purses.at(static_cast<std::size_t>(asset)).available += amount.micro;
    books_.minted.at(static_cast<std::size_t>(asset)) += amount.micro;
    note(to, {.kind = MovementKind::mint, .asset = asset, .amount = amount});
}

void Reference::note(const Address& who, HistoryView row) {
    if (row.amount.micro == 0) return;
    row.time = UnixMs{books_.now_ms};
    row.height = books_.height;
    Holder& holder = books_.holders[who];
    holder.history.push_back(std::move(row));
    ++holder.movements;
    if (holder.history.size() > history_kept) holder.history.pop_front();
}

void Reference::begin_block(std::int64_t now_ms) {
    books_.touched.clear();
    books_.now_ms = std::max(books_.now_ms, now_ms);
    ++books_.height;
    std::vector<DueTime> come;
    for (const DueTime& due : books_.due) {
        if (due.first > books_.now_ms || come.size() == due_at_once) break;
        come.push_back(due);
    }
    for (const DueTime& due : come) {
        // What happened just before may have taken it back.
        if (books_.due.erase(due) == 0) continue;
        const std::size_t slash = due.second.find('/');
        happen(due.second.substr(0, slash), due.second.substr(slash + 1));
    }
    std::size_t dropped = 0;
    while (!books_.keys.empty() && dropped < due_at_once &&
           std::get<0>(books_.keys.begin()->first) + 1 < bucket_of(books_.now_ms)) {
        books_.keys.erase(books_.keys.begin());
        ++dropped;
    }
}

Verdict Reference::transaction(const Caller& caller, std::uint64_t nonce,
                               std::uint64_t expiry_height, const Body& body) {
    if (expiry_height < books_.height) return ErrorCode::expired;
    if (expiry_height > books_.height + limits::expiry_heights_ahead_max) {
        return ErrorCode::invalid_argument;
    }
    return admit(caller, nonce, body);
}

Verdict Reference::item(const Caller& caller, const Body& body) {
    return admit(caller, std::nullopt, body);
}

Verdict Reference::admit(const Caller& caller, std::optional<std::uint64_t> nonce,
                         const Body& body) {
    const std::string kind = kind_of(body);
    const std::string content = kind + "|" + bytes_of(body);
    if (const UsedKey* used = find_key(caller)) {
        return used->content == content ? Verdict{used->operation} : ErrorCode::conflict;
    }
    std::string answer;
    is_in_vain_ = false;
    try {
        refuse_if(kind == "no.such", ErrorCode::unsupported);
        refuse_if(needs_signature(kind) && !nonce, ErrorCode::forbidden);
        refuse_if(nonce && *nonce != nonce_of(caller.who) + 1, ErrorCode::nonce_mismatch);
        answer = std::visit([&](const auto& tx) { return apply(tx, caller); }, body);
    } catch (const Refused& refused) {
        return refused.code;
    }
    if (nonce) books_.holders[caller.who].nonce = *nonce;
    const bool has_effect = nonce.has_value() || !is_in_vain_;
    if (has_effect && !caller.idempotency_key.empty()) {
        books_.keys[{bucket_of(books_.now_ms), caller.who, caller.idempotency_key}] =
            UsedKey{content, caller.operation};
    }
    return answer;
}

const UsedKey* Reference::find_key(const Caller& caller) const {
    if (caller.idempotency_key.empty()) return nullptr;
    const std::uint64_t bucket = bucket_of(books_.now_ms);
    for (const std::uint64_t place : {bucket, bucket - 1}) {
        const auto used = books_.keys.find({place, caller.who, caller.idempotency_key});
        if (used != books_.keys.end()) return &used->second;
    }
    return nullptr;
}

const Purse& Reference::purse(const Address& who, Asset asset) const {
    static const Purse empty;
    const auto holder = books_.holders.find(who);
    if (holder == books_.holders.end()) return empty;
    return holder->second.purses.at(static_cast<std::size_t>(asset));
}

std::uint64_t Reference::nonce_of(const Address& who) const {
    const auto holder = books_.holders.find(who);
    return holder == books_.holders.end() ? 0 : holder->second.nonce;
}

std::string Reference::apply(const RawBody&, const Caller&) {
    throw Refused{ErrorCode::malformed};
}

void Reference::move(const ledger::Transfer& order, const Address& from, const Hash& operation,
                     MovementKind kind) {
    refuse_if(order.amount.micro == 0, ErrorCode::invalid_argument);
    refuse_if(from == order.to || order.to.is_zero(), ErrorCode::invalid_argument);
    refuse_if(purse(from, order.asset).available < order.amount.micro,
              ErrorCode::insufficient_funds);
    const auto asset = static_cast<std::size_t>(order.asset);
    books_.holders[from].purses.at(asset).available -= order.amount.micro;
    books_.holders[order.to].purses.at(asset).available += order.amount.micro;
    HistoryView row{.kind = kind,
                    .direction = Direction::out,
                    .asset = order.asset,
                    .amount = order.amount,
                    .counterparty = order.to,
                    .transaction = operation,
                    .memo = order.memo};
    note(from, row);
    row.direction = Direction::in;
    row.counterparty = from;
    note(order.to, row);
}

std::string Reference::apply(const ledger::Transfer& tx, const Caller& caller) {
    refuse_unreadable(tx.amount);
    refuse_if(tx.memo.size() > limits::memo_bytes_max, ErrorCode::malformed);
    refuse_if(has_control_character(tx.memo), ErrorCode::invalid_argument);
    move(tx, caller.who, caller.operation, MovementKind::transfer);
    return encode(ledger::TransferAnswer{.from = caller.who,
                                         .to = tx.to,
                                         .asset = tx.asset,
                                         .amount = tx.amount,
                                         .available = {purse(caller.who, tx.asset).available}});
}

std::string Reference::apply(const ledger::Stake& tx, const Caller& caller) {
    refuse_unreadable(tx.amount);
    refuse_if(tx.amount.micro == 0, ErrorCode::invalid_argument);
    refuse_if(purse(caller.who).available < tx.amount.micro, ErrorCode::insufficient_funds);
    Purse& purse = books_.holders[caller.who].purses[0];
    purse.available -= tx.amount.micro;
    purse.staked += tx.amount.micro;
    note(caller.who, {.kind = MovementKind::stake,
                      .direction = Direction::out,
                      .amount = tx.amount,
                      .transaction = caller.operation});
    return encode(ledger::StakeAnswer{.address = caller.who,
                                      .amount = tx.amount,
                                      .available = {purse.available},
                                      .staked = {purse.staked},
                                      .unbonding = {purse.unbonding}});
}

std::string Reference::apply(const ledger::Unstake& tx, const Caller& caller) {
    refuse_unreadable(tx.amount);
    refuse_if(tx.amount.micro == 0, ErrorCode::invalid_argument);
    const auto is_own = [&](const auto& entry) { return entry.second.owner == caller.who; };
    refuse_if(std::count_if(books_.unbondings.begin(), books_.unbondings.end(), is_own) >= 64,
              ErrorCode::limit_reached);
    refuse_if(purse(caller.who).staked < tx.amount.micro, ErrorCode::insufficient_funds);
    Purse& purse = books_.holders[caller.who].purses[0];
    purse.staked -= tx.amount.micro;
    purse.unbonding += tx.amount.micro;
    const std::string id = to_hex(caller.who.view()) + to_hex(caller.operation.view());
    const std::int64_t free_at_ms =
        books_.now_ms + static_cast<std::int64_t>(genesis_.parameters.unbonding_ms);
    books_.unbondings[id] = Debt{caller.who, tx.amount.micro};
    books_.due.insert({free_at_ms, "ledger.unbond/" + id});
    return encode(ledger::StakeAnswer{.address = caller.who,
                                      .amount = tx.amount,
                                      .available = {purse.available},
                                      .staked = {purse.staked},
                                      .unbonding = {purse.unbonding},
                                      .available_at = UnixMs{free_at_ms}});
}

void Reference::unbond(const std::string& id) {
    const Debt debt = books_.unbondings.at(id);
    books_.unbondings.erase(id);
    Purse& purse = books_.holders.at(debt.owner).purses[0];
    purse.unbonding -= debt.amount;
    purse.available += debt.amount;
    note(debt.owner, {.kind = MovementKind::unbonded, .amount = {debt.amount}});
}

std::string Reference::apply(const ledger::FaucetRequest& tx, const Caller& caller) {
    refuse_unreadable(tx.amount);
    refuse_if(!genesis_.parameters.faucet_enabled, ErrorCode::forbidden);
    refuse_if(tx.amount > genesis_.parameters.faucet_request_max, ErrorCode::limit_reached);
    move({.to = tx.address, .amount = tx.amount}, ledger::faucet_address(), caller.operation,
         MovementKind::faucet);
    return encode(ledger::FaucetAnswer{tx.address, tx.amount, Amount{purse(tx.address).available}});
}

/// What a job pays: actors/coordinator/settlement.hpp, the table in its first comment.
void Reference::settle(ReferenceJob& job, const Hash& operation) {
    const std::uint64_t escrow = books_.escrows.at(job.id).amount;
    books_.escrows.erase(job.id);
    std::uint64_t pay = 0;
    std::uint64_t fee = 0;
    if (job.state == coordinator::JobState::completed) {
        const uint128 worth =
            uint128{job.delivery->said.price_per_hour.micro} * job.delivery->counted_ms / 3'600'000;
        pay = static_cast<std::uint64_t>(std::min(worth, uint128{escrow}));
        const uint128 share = uint128{pay} * genesis_.parameters.job_fee_ppm / 1'000'000;
        fee = static_cast<std::uint64_t>(std::min(share, uint128{escrow - pay}));
        books_.holders[job.delivery->miner].purses[0].available += pay;
        books_.holders[ledger::network_fee_address()].purses[0].available += fee;
        note(job.delivery->miner, {.kind = MovementKind::job_pay,
                                   .amount = {pay},
                                   .counterparty = job.owner,
                                   .job_id = job.id,
                                   .transaction = operation});
        note(ledger::network_fee_address(), {.kind = MovementKind::network_fee,
                                             .amount = {fee},
                                             .counterparty = job.owner,
                                             .job_id = job.id,
                                             .transaction = operation});
        books_.miners.at(job.delivery->miner).earned.micro += pay;
    }
    const std::uint64_t rest = escrow - pay - fee;
    Purse& payer = books_.holders.at(job.owner).purses[0];
    payer.locked -= escrow;
    payer.available += rest;
    note(job.owner, {.kind = MovementKind::refund,
                     .amount = {rest},
                     .counterparty = job.owner,
                     .job_id = job.id,
                     .transaction = operation});
    job.money.state = job.state == coordinator::JobState::completed
                          ? coordinator::PaymentState::paid
                          : coordinator::PaymentState::refunded;
    job.money.to_miner = {pay};
    job.money.fee = {fee};
    job.money.refunded = {rest};
    job.money.settled_at_ms = books_.now_ms;
}

}  // namespace ait::differential
