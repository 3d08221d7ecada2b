#pragma once

// The money library: every movement of money on a chain goes through here, also those that other
// domains ask for. Double entry: a movement is a list of debits and credits that add up to nothing,
// posted at once or not at all.
//
// Invariants, per asset:
//  1. The sum over all accounts of available + locked + staked + unbonding is what was minted.
//  2. The sum over all accounts of locked is the sum over all escrows.
//  3. The sum over all unbonding records is the sum over all accounts of unbonding.
//  4. A refused movement writes nothing.
// Pure; deterministic; one thread per view.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actors/consensus/rules.hpp"
#include "actors/ledger/messages.hpp"

namespace ait::ledger {

/// Amounts on their way back that an account may have at once: a slash looks at all of them.
inline constexpr std::size_t unbondings_per_account_max = 64;
/// Movements that an account's history keeps; older ones are dropped (blocks have them).
inline constexpr std::uint64_t history_rows_max = 1'000;

struct Balance {
    Amount available{};
    Amount locked{};
    Amount staked{};
    Amount unbonding{};
    auto operator<=>(const Balance&) const = default;
    static constexpr auto fields() {
        return std::tuple{
            field("available", &Balance::available, ""), field("locked", &Balance::locked, ""),
            field("staked", &Balance::staked, ""), field("unbonding", &Balance::unbonding, "")};
    }
};

/// State record, version 1. Key: "ledger/account/" + 20 address bytes.
struct Account {
    std::uint64_t nonce = 0;          ///< of the last signed transaction
    std::uint64_t history_count = 0;  ///< movements ever
    std::vector<Balance> balances = std::vector<Balance>(asset_count);
    static constexpr auto fields() {
        return std::tuple{field("nonce", &Account::nonce, ""),
                          field("history_count", &Account::history_count, ""),
                          field("balances", &Account::balances, "By asset.", asset_count)};
    }
};

/// State record, version 1. Key: "ledger/escrow/" + id.
struct Escrow {
    Address payer{};
    Asset asset = Asset::ait;
    Amount amount{};
    static constexpr auto fields() {
        return std::tuple{field("payer", &Escrow::payer, ""), field("asset", &Escrow::asset, ""),
                          field("amount", &Escrow::amount, "")};
    }
};

/// Why money moves, for the histories of those concerned.
struct Cause {
    const consensus::Context& context;
    MovementKind kind = MovementKind::transfer;
    std::string_view job_id = {};
    std::string_view memo = {};
};

/// Fixed accounts that no key can sign for.
const Address& faucet_address();
const Address& network_fee_address();
const Address& slashed_address();

/// What an address has; one that was never used has nothing.
Account load_account(const storage::StateReader& reader, const Address& address);
const Balance& balance_of(const Account& account, Asset asset);
/// available + locked + staked + unbonding.
Amount total_of(const Balance& balance);
std::optional<Escrow> find_escrow(const storage::StateReader& reader, std::string_view escrow_id);

/// Takes the account's next number. Error: nonce_mismatch, naming what is expected and what came.
Status take_nonce(storage::StateView& view, const Address& address, std::uint64_t nonce);

/// Genesis only. Errors: limit_reached when the asset would pass amount_max.
Status mint(storage::StateView& view, const Address& to, Asset asset, Amount amount,
            const consensus::Context& context);

struct TransferOrder {
    Address from{};
    Address to{};
    Asset asset = Asset::ait;
    Amount amount{};
};
/// Errors: invalid_argument (nothing to move, to itself, to nobody), insufficient_funds.
Status transfer(storage::StateView& view, const TransferOrder& order, const Cause& cause);

struct EscrowOrder {
    std::string_view escrow_id = {};
    Address payer{};
    Amount amount{};
};
/// Locks AIT of the payer. Errors: invalid_argument, already_exists, insufficient_funds.
Status lock(storage::StateView& view, const EscrowOrder& order, const Cause& cause);

struct Share {
    Address to{};
    Amount amount{};
    MovementKind kind = MovementKind::job_pay;
};
/// Ends an escrow: the shares go to their parties, what is left to `remainder_to` as a refund.
/// Answers that remainder. Errors: not_found; invalid_argument when the shares pass the escrow.
Result<Amount> split_escrow(storage::StateView& view, std::string_view escrow_id,
                            std::span<const Share> shares, const Address& remainder_to,
                            const consensus::Context& context);

/// AIT from available to staked. Errors: invalid_argument, insufficient_funds.
Status stake(storage::StateView& view, const Address& owner, Amount amount,
             const consensus::Context& context);

inline constexpr std::string_view unbond_due = "ledger.unbond";
/// AIT from staked to unbonding, due to be freed. Answers when. Errors: invalid_argument,
/// limit_reached, insufficient_funds.
Result<UnixMs> unstake(storage::StateView& view, const Address& owner, Amount amount,
                       const consensus::Context& context);

struct Unbonded {
    Address owner{};
    Amount amount{};
};
/// Frees what the due entry `id` waited for; nothing when it is gone.
std::optional<Unbonded> finish_unbonding(storage::StateView& view, std::string_view id,
                                         const consensus::Context& context);

/// Moves parts per million of what is staked and unbonding, rounded down, to slashed_address():
/// first of the stake, then of what is on its way back. Answers how much, which may be nothing.
Amount slash(storage::StateView& view, const Address& owner, std::uint64_t parts_per_million,
             const consensus::Context& context);

// ---- reading ---------------------------------------------------------------------------------

struct HistoryPage {
    std::vector<HistoryView> rows{};
    std::string next_cursor{};  ///< empty at the end
};
/// Newest first. Error: invalid_argument for a cursor that this did not give.
Result<HistoryPage> read_history(const storage::StateReader& reader, const Address& address,
                                 std::string_view cursor, std::size_t rows_max);

/// Counts every account and escrow, at most `accounts_max` accounts. Cost: linear.
SupplyView count_supply(const storage::StateReader& reader, Asset asset, std::size_t accounts_max);

}  // namespace ait::ledger
