#include "actors/ledger/book.hpp"

#include <algorithm>
#include <map>

#include "runtime/base/crypto/bech32m.hpp"
#include "runtime/base/crypto/hash.hpp"

namespace ait::ledger {
namespace {

using consensus::Context;
using consensus::keyed;
using storage::StateReader;
using storage::StateView;

constexpr std::string_view account_prefix = "ledger/account/";
constexpr std::string_view escrow_prefix = "ledger/escrow/";
constexpr std::string_view unbonding_prefix = "ledger/unbonding/";
constexpr std::string_view history_prefix = "ledger/history/";
constexpr std::string_view minted_prefix = "ledger/minted/";
constexpr std::uint64_t ppm_whole = 1'000'000;

struct UnbondingRecord {
    Address owner{};
    Amount amount{};
    static constexpr auto fields() {
        return std::tuple{field("owner", &UnbondingRecord::owner, ""),
                          field("amount", &UnbondingRecord::amount, "")};
    }
};

struct MintedRecord {
    Amount amount{};
    static constexpr auto fields() {
        return std::tuple{field("amount", &MintedRecord::amount, "")};
    }
};

/// The stored form is the shown form; only the order in the key differs.
using HistoryRecord = HistoryView;

using Bucket = Amount Balance::*;

/// One side of a movement.
struct Leg {
    Address address{};
    Bucket bucket = &Balance::available;
    Amount amount{};
    bool credit = false;
};

/// One line for the history of one account.
struct Note {
    Address address{};
    Address counterparty{};
    Direction direction = Direction::in;
    Amount amount{};
    MovementKind kind = MovementKind::transfer;
};

struct Movement {
    Asset asset = Asset::ait;
    std::span<const Leg> legs;
    std::span<const Note> notes;
};

std::string account_key(const Address& address) {
    return keyed(account_prefix, address.view());
}

/// Counts down, so that a scan meets the newest first.
std::string history_key(const Address& address, std::uint64_t number) {
    return keyed(history_prefix, address.view(), big_endian(~number));
}

std::string minted_key(Asset asset) {
    return keyed(minted_prefix, name_of(asset));
}

Balance& balance_in(Account& account, Asset asset) {
    AIT_ASSERT(account.balances.size() == asset_count);
    return account.balances[static_cast<std::size_t>(asset)];
}

Amount sum_of(Amount a, Amount b) {
    const auto sum = add(a, b);
    AIT_ASSERT(sum.ok());  // invariant 1: no sum of parts passes what was minted
    return sum.value();
}

Error funds_short(const Leg& leg, Asset asset, Amount has) {
    const std::string name(name_of(asset));
    return Error{ErrorCode::insufficient_funds, "There is not enough money.",
                 crypto::to_text(leg.address) + " has " + to_text(has) + " " + name +
                     (leg.bucket == &Balance::staked ? " staked; " : " available; ") +
                     to_text(leg.amount) + " " + name + " is needed.",
                 leg.bucket == &Balance::staked
                     ? "Ask for less: aitbc wallet balance shows what is staked."
                     : "Use a smaller amount, or add funds: aitbc wallet faucet "
                       "on a development chain."};
}

Error nothing_to_move() {
    return Error{ErrorCode::invalid_argument, "The amount is zero.",
                 "A movement of nothing is not recorded.", "Use an amount above 0."};
}

void write_note(StateView& view, Account& account, const Note& note, Asset asset,
                const Cause& cause) {
    const Context& context = cause.context;
    const std::uint64_t number = ++account.history_count;
    consensus::store_record(view, history_key(note.address, number),
                            HistoryRecord{.time = UnixMs{context.block_time_unix_ms},
                                          .height = context.height,
                                          .kind = note.kind,
                                          .direction = note.direction,
                                          .asset = asset,
                                          .amount = note.amount,
                                          .counterparty = note.counterparty,
                                          .job_id = std::string(cause.job_id),
                                          .transaction = context.operation,
                                          .memo = std::string(cause.memo)});
    if (number > history_rows_max) {
        view.erase(history_key(note.address, number - history_rows_max));
    }
}

using Accounts = std::map<Address, Account>;

uint128 total_of_all(const Accounts& accounts, Asset asset) {
    uint128 total = 0;
    for (const auto& [address, account] : accounts) {
        total += total_of(balance_of(account, asset)).micro;
    }
    return total;
}

/// The only writer of balances. Debits come before credits, so that nobody spends what this very
/// movement brings. Error: insufficient_funds; then nothing is written (invariant 4).
Status post(StateView& view, const Movement& movement, const Cause& cause) {
    Accounts accounts;
    uint128 debits = 0;
    uint128 credits = 0;
    for (const Leg& leg : movement.legs) {
        accounts.try_emplace(leg.address, load_account(view, leg.address));
        (leg.credit ? credits : debits) += leg.amount.micro;
    }
    AIT_ASSERT(debits == credits);  // double entry
    const uint128 before = total_of_all(accounts, movement.asset);
    for (const Leg& leg : movement.legs) {
        if (leg.credit) continue;
        Amount& from = balance_in(accounts.at(leg.address), movement.asset).*leg.bucket;
        const auto rest = subtract(from, leg.amount);
        if (!rest.ok()) return funds_short(leg, movement.asset, from);
        from = rest.value();
    }
    for (const Leg& leg : movement.legs) {
        if (!leg.credit) continue;
        Amount& to = balance_in(accounts.at(leg.address), movement.asset).*leg.bucket;
        to = sum_of(to, leg.amount);
    }
    AIT_ASSERT(total_of_all(accounts, movement.asset) == before);  // invariant 1
    for (const Note& note : movement.notes) {
        if (note.amount.micro == 0) continue;
        write_note(view, accounts.at(note.address), note, movement.asset, cause);
    }
    for (const auto& [address, account] : accounts) {
        consensus::store_record(view, account_key(address), account);
    }
    return {};
}

/// Names what `owner` unstakes by this operation; its records lie side by side.
std::string unbonding_id(const Address& owner, const Hash& operation) {
    return to_hex(owner.view()) + to_hex(operation.view());
}

using Unbondings = std::vector<std::pair<std::string, UnbondingRecord>>;

/// By key. At most unbondings_per_account_max: unstake() sees to it.
Unbondings unbondings_of(const StateReader& reader, const Address& owner) {
    Unbondings found;
    const std::string prefix = keyed(unbonding_prefix, to_hex(owner.view()));
    reader.scan(prefix, prefix, [&](std::string_view key, std::string_view value) {
        auto record = consensus::decode_record<UnbondingRecord>(value);
        AIT_ASSERT(record.ok());
        found.emplace_back(key, std::move(record).value());
        return true;
    });
    return found;
}

/// Invariant 3: what leaves an account's unbonding leaves its records. The due entry of a record
/// that is used up finds nothing.
void take_from_unbondings(StateView& view, const Address& owner, Amount amount) {
    if (amount.micro == 0) return;
    for (auto& [key, record] : unbondings_of(view, owner)) {
        const Amount taken = std::min(amount, record.amount);
        amount.micro -= taken.micro;
        record.amount.micro -= taken.micro;
        if (record.amount.micro == 0)
            view.erase(key);
        else
            consensus::store_record(view, key, record);
        if (amount.micro == 0) return;
    }
    AIT_ASSERT(amount.micro == 0);  // invariant 3: the records cover the account's unbonding
}

Address derived_address(std::string_view tag) {
    const Hash hash = crypto::blake2b_256(tag);
    const auto address = fixed_from_bytes<Address>(hash.view().substr(0, Address::size));
    AIT_ASSERT(address.ok());
    return address.value();
}

}  // namespace

const Address& faucet_address() {
    static const Address address = derived_address("aitbc/account/faucet");
    return address;
}

const Address& network_fee_address() {
    static const Address address = derived_address("aitbc/account/network-fees");
    return address;
}

const Address& slashed_address() {
    static const Address address = derived_address("aitbc/account/slashed");
    return address;
}

Account load_account(const StateReader& reader, const Address& address) {
    auto account = consensus::load_record<Account>(reader, account_key(address));
    return account ? std::move(*account) : Account{};
}

const Balance& balance_of(const Account& account, Asset asset) {
    AIT_ASSERT(account.balances.size() == asset_count);
    return account.balances[static_cast<std::size_t>(asset)];
}

Amount total_of(const Balance& balance) {
    return sum_of(sum_of(balance.available, balance.locked),
                  sum_of(balance.staked, balance.unbonding));
}

std::optional<Escrow> find_escrow(const StateReader& reader, std::string_view escrow_id) {
    return consensus::load_record<Escrow>(reader, keyed(escrow_prefix, escrow_id));
}

Status take_nonce(StateView& view, const Address& address, std::uint64_t nonce) {
    Account account = load_account(view, address);
    if (nonce != account.nonce + 1) {
        return Error{ErrorCode::nonce_mismatch,
                     "The transaction's nonce is not the account's next.",
                     "Expected " + std::to_string(account.nonce + 1) + ", given " +
                         std::to_string(nonce) + " for " + crypto::to_text(address) + ".",
                     "Another transaction of this account came first: sign again."};
    }
    account.nonce = nonce;
    consensus::store_record(view, account_key(address), account);
    return {};
}

Status mint(StateView& view, const Address& to, Asset asset, Amount amount,
            const Context& context) {
    AIT_ASSERT(context.height == 0);
    if (amount.micro == 0) return nothing_to_move();
    const auto minted = consensus::load_record<MintedRecord>(view, minted_key(asset));
    const auto sum = add(minted ? minted->amount : Amount{}, amount);
    if (!sum.ok()) return sum.error();
    Account account = load_account(view, to);
    Balance& balance = balance_in(account, asset);
    balance.available = sum_of(balance.available, amount);
    const Cause cause{.context = context, .kind = MovementKind::mint};
    write_note(view, account, {.address = to, .amount = amount, .kind = cause.kind}, asset, cause);
    consensus::store_record(view, account_key(to), account);
    consensus::store_record(view, minted_key(asset), MintedRecord{sum.value()});
    return {};
}

Status transfer(StateView& view, const TransferOrder& order, const Cause& cause) {
    if (order.amount.micro == 0) return nothing_to_move();
    if (order.from == order.to) {
        return Error{ErrorCode::invalid_argument, "The money was not sent.",
                     "Sender and receiver are the same account.", "Name another receiver."};
    }
    if (order.to.is_zero()) {
        return Error{ErrorCode::invalid_argument, "The money was not sent.",
                     "The receiver is the zero address, which nobody owns.",
                     "Name another receiver."};
    }
    const std::array legs{Leg{.address = order.from, .amount = order.amount},
                          Leg{.address = order.to, .amount = order.amount, .credit = true}};
    const std::array notes{Note{order.from, order.to, Direction::out, order.amount, cause.kind},
                           Note{order.to, order.from, Direction::in, order.amount, cause.kind}};
    return post(view, {order.asset, legs, notes}, cause);
}

Status lock(StateView& view, const EscrowOrder& order, const Cause& cause) {
    if (order.amount.micro == 0) return nothing_to_move();
    if (find_escrow(view, order.escrow_id)) {
        return Error{ErrorCode::already_exists, "There is an escrow for this already.",
                     "\"" + std::string(order.escrow_id) + "\" is funded.", ""};
    }
    const std::array legs{Leg{.address = order.payer, .amount = order.amount},
                          Leg{order.payer, &Balance::locked, order.amount, true}};
    const std::array notes{
        Note{order.payer, Address{}, Direction::out, order.amount, MovementKind::escrow_lock}};
    const Status posted = post(view, {Asset::ait, legs, notes}, cause);
    if (!posted.ok()) return posted;
    consensus::store_record(
        view, keyed(escrow_prefix, order.escrow_id),
        Escrow{.payer = order.payer, .asset = Asset::ait, .amount = order.amount});
    return {};
}

Result<Amount> split_escrow(StateView& view, std::string_view escrow_id,
                            std::span<const Share> shares, const Address& remainder_to,
                            const Context& context) {
    const auto escrow = find_escrow(view, escrow_id);
    if (!escrow) {
        return Error{ErrorCode::not_found, "There is no such escrow.",
                     "\"" + std::string(escrow_id) + "\" is not funded or was settled.", ""};
    }
    Amount remainder = escrow->amount;
    std::vector<Leg> legs{{escrow->payer, &Balance::locked, escrow->amount, false}};
    std::vector<Note> notes;
    for (const Share& share : shares) {
        const auto rest = subtract(remainder, share.amount);
        if (!rest.ok()) {
            return Error{ErrorCode::invalid_argument, "The shares are more than the escrow holds.",
                         rest.error().why, ""};
        }
        remainder = rest.value();
        legs.push_back({share.to, &Balance::available, share.amount, true});
        notes.push_back({share.to, escrow->payer, Direction::in, share.amount, share.kind});
    }
    legs.push_back({remainder_to, &Balance::available, remainder, true});
    notes.push_back({remainder_to, escrow->payer, Direction::in, remainder, MovementKind::refund});
    const Status posted =
        post(view, {escrow->asset, legs, notes}, Cause{.context = context, .job_id = escrow_id});
    AIT_ASSERT(posted.ok());  // invariant 2: the payer's locked money covers its escrows
    view.erase(keyed(escrow_prefix, escrow_id));
    return remainder;
}

Status stake(StateView& view, const Address& owner, Amount amount, const Context& context) {
    if (amount.micro == 0) return nothing_to_move();
    const std::array legs{Leg{.address = owner, .amount = amount},
                          Leg{owner, &Balance::staked, amount, true}};
    const std::array notes{Note{owner, Address{}, Direction::out, amount, MovementKind::stake}};
    return post(view, {Asset::ait, legs, notes}, Cause{.context = context});
}

Result<UnixMs> unstake(StateView& view, const Address& owner, Amount amount,
                       const Context& context) {
    if (amount.micro == 0) return nothing_to_move();
    if (unbondings_of(view, owner).size() >= unbondings_per_account_max) {
        return Error{ErrorCode::limit_reached, "Too many amounts are on their way back.",
                     "An account may have " + std::to_string(unbondings_per_account_max) +
                         " of them at once.",
                     "Wait until one of them is free, or unstake more at a time."};
    }
    const std::array legs{Leg{owner, &Balance::staked, amount, false},
                          Leg{owner, &Balance::unbonding, amount, true}};
    const Status posted = post(view, {Asset::ait, legs, {}}, Cause{.context = context});
    if (!posted.ok()) return posted.error();
    const std::string id = unbonding_id(owner, context.operation);
    const UnixMs at{context.block_time_unix_ms +
                    static_cast<std::int64_t>(context.genesis.parameters.unbonding_ms)};
    AIT_ASSERT(!view.get(keyed(unbonding_prefix, id)));  // one operation unstakes once
    consensus::store_record(view, keyed(unbonding_prefix, id), UnbondingRecord{owner, amount});
    consensus::schedule_due(view, at.ms, unbond_due, id);
    return at;
}

std::optional<Unbonded> finish_unbonding(StateView& view, std::string_view id,
                                         const Context& context) {
    const auto record = consensus::load_record<UnbondingRecord>(view, keyed(unbonding_prefix, id));
    if (!record) return std::nullopt;
    const std::array legs{Leg{record->owner, &Balance::unbonding, record->amount, false},
                          Leg{record->owner, &Balance::available, record->amount, true}};
    const std::array notes{
        Note{record->owner, Address{}, Direction::in, record->amount, MovementKind::unbonded}};
    const Status posted = post(view, {Asset::ait, legs, notes}, Cause{.context = context});
    AIT_ASSERT(posted.ok());  // invariant 3
    view.erase(keyed(unbonding_prefix, id));
    return Unbonded{record->owner, record->amount};
}

Amount slash(StateView& view, const Address& owner, std::uint64_t parts_per_million,
             const Context& context) {
    const Balance balance = balance_of(load_account(view, owner), Asset::ait);
    const Amount bonded = sum_of(balance.staked, balance.unbonding);
    const Amount amount{
        multiply_divide_down(bonded.micro, std::min(parts_per_million, ppm_whole), ppm_whole)};
    if (amount.micro == 0) return amount;
    const Amount of_stake = std::min(amount, balance.staked);
    const Amount of_unbonding{amount.micro - of_stake.micro};
    take_from_unbondings(view, owner, of_unbonding);
    const std::array legs{Leg{owner, &Balance::staked, of_stake, false},
                          Leg{owner, &Balance::unbonding, of_unbonding, false},
                          Leg{slashed_address(), &Balance::available, amount, true}};
    const std::array notes{
        Note{slashed_address(), owner, Direction::in, amount, MovementKind::slash}};
    const Status posted = post(view, {Asset::ait, legs, notes}, Cause{.context = context});
    AIT_ASSERT(posted.ok());  // no more is taken than is there
    return amount;
}

Result<HistoryPage> read_history(const StateReader& reader, const Address& address,
                                 std::string_view cursor, std::size_t rows_max) {
    const std::string prefix = keyed(history_prefix, address.view());
    std::string from = prefix;
    if (!cursor.empty()) {
        const auto bytes = from_hex(cursor);
        if (!bytes.ok() || bytes.value().size() != sizeof(std::uint64_t)) {
            return Error{ErrorCode::invalid_argument, "The cursor is not one of this list.",
                         "It is not what next_cursor said.", "Start again without a cursor."};
        }
        from += bytes.value();
    }
    HistoryPage page;
    reader.scan(prefix, from, [&](std::string_view key, std::string_view value) {
        if (page.rows.size() == rows_max) {
            page.next_cursor = to_hex(key.substr(prefix.size()));
            return false;
        }
        auto row = consensus::decode_record<HistoryRecord>(value);
        AIT_ASSERT(row.ok());
        page.rows.push_back(std::move(row).value());
        return true;
    });
    return page;
}

SupplyView count_supply(const StateReader& reader, Asset asset, std::size_t accounts_max) {
    const auto minted = consensus::load_record<MintedRecord>(reader, minted_key(asset));
    SupplyView supply{
        .asset = asset, .minted = minted ? minted->amount : Amount{}, .complete = true};
    Amount locked;
    reader.scan(account_prefix, account_prefix, [&](std::string_view, std::string_view value) {
        if (supply.accounts == accounts_max) {
            supply.complete = false;
            return false;
        }
        const auto account = consensus::decode_record<Account>(value);
        AIT_ASSERT(account.ok());
        const Balance& balance = balance_of(account.value(), asset);
        supply.available = sum_of(supply.available, balance.available);
        supply.staked = sum_of(supply.staked, balance.staked);
        supply.unbonding = sum_of(supply.unbonding, balance.unbonding);
        locked = sum_of(locked, balance.locked);
        ++supply.accounts;
        return true;
    });
    reader.scan(escrow_prefix, escrow_prefix, [&](std::string_view, std::string_view value) {
        const auto escrow = consensus::decode_record<Escrow>(value);
        AIT_ASSERT(escrow.ok());
        if (escrow.value().asset == asset)
            supply.escrow = sum_of(supply.escrow, escrow.value().amount);
        return true;
    });
    const Amount parts =
        sum_of(sum_of(supply.available, supply.staked), sum_of(supply.unbonding, supply.escrow));
    supply.balanced = supply.complete && locked == supply.escrow && parts == supply.minted;
    return supply;
}

}  // namespace ait::ledger
