#pragma once

// What the ledger is asked and what it answers: bodies of transactions, their outcomes, and the
// views that queries give. Plain structs; the same description serves log, JSON and OpenAPI.

#include <string>
#include <tuple>
#include <vector>

#include "actors/consensus/genesis.hpp"
#include "runtime/base/fields.hpp"
#include "runtime/base/limits.hpp"

namespace ait::ledger {

enum class Asset : std::uint8_t { ait, usdc };
inline constexpr std::size_t asset_count = 2;

/// Why money moved, as an account's history shows it.
enum class MovementKind : std::uint8_t {
    mint,
    transfer,
    faucet,
    stake,
    unbonded,
    escrow_lock,
    job_pay,
    network_fee,
    refund,
    slash,
};

enum class Direction : std::uint8_t { in, out };

}  // namespace ait::ledger

namespace ait {
template <>
struct EnumNames<ledger::Asset> {
    static constexpr std::array<std::string_view, ledger::asset_count> names{"AIT", "USDC"};
};
template <>
struct EnumNames<ledger::MovementKind> {
    static constexpr std::array<std::string_view, 10> names{
        "mint",        "transfer", "faucet",      "stake",  "unbonded",
        "escrow_lock", "job_pay",  "network_fee", "refund", "slash"};
};
template <>
struct EnumNames<ledger::Direction> {
    static constexpr std::array<std::string_view, 2> names{"in", "out"};
};
}  // namespace ait

namespace ait::ledger {

// ---- transactions ---------------------------------------------------------------------------

/// "ledger.transfer", signed by the sender.
struct Transfer {
    Address to{};
    Asset asset = Asset::ait;
    Amount amount{};
    std::string memo{};
    static constexpr auto fields() {
        using T = Transfer;
        return std::tuple{field("to", &T::to, "Receiving address."),
                          optional_field("asset", &T::asset, "AIT or USDC."),
                          field("amount", &T::amount, "How much."),
                          optional_field("memo", &T::memo, "Public note.", limits::memo_bytes_max)};
    }
};

struct TransferAnswer {
    Address from{};
    Address to{};
    Asset asset = Asset::ait;
    Amount amount{};
    Amount available{};  ///< of the sender, afterwards
    static constexpr auto fields() {
        using T = TransferAnswer;
        return std::tuple{field("from", &T::from, "Sender."), field("to", &T::to, "Receiver."),
                          field("asset", &T::asset, "AIT or USDC."),
                          field("amount", &T::amount, "Moved."),
                          field("available", &T::available, "Left to the sender.")};
    }
};

/// "ledger.stake", signed by the owner. AIT only.
struct Stake {
    Amount amount{};
    static constexpr auto fields() {
        return std::tuple{field("amount", &Stake::amount, "How much AIT.")};
    }
};

/// "ledger.unstake", signed by the owner.
struct Unstake {
    Amount amount{};
    static constexpr auto fields() {
        return std::tuple{field("amount", &Unstake::amount, "How much AIT.")};
    }
};

struct StakeAnswer {
    Address address{};
    Amount amount{};
    Amount available{};
    Amount staked{};
    Amount unbonding{};
    UnixMs available_at{};  ///< of an unstake: when it can be spent
    static constexpr auto fields() {
        using T = StakeAnswer;
        return std::tuple{
            field("address", &T::address, "Owner."),
            field("amount", &T::amount, "Moved."),
            field("available", &T::available, "Free now."),
            field("staked", &T::staked, "Staked now."),
            field("unbonding", &T::unbonding, "On its way back."),
            field("available_at", &T::available_at, "When an unstaked amount can be spent.")};
    }
};

/// "ledger.faucet", by a node; only on chains whose genesis enables the faucet.
struct FaucetRequest {
    Address address{};
    Amount amount{};
    static constexpr auto fields() {
        using T = FaucetRequest;
        return std::tuple{field("address", &T::address, "Receiving address."),
                          field("amount", &T::amount, "How much AIT.")};
    }
};

struct FaucetAnswer {
    Address address{};
    Amount amount{};
    Amount available{};
    static constexpr auto fields() {
        using T = FaucetAnswer;
        return std::tuple{field("address", &T::address, "Receiver."),
                          field("amount", &T::amount, "Given."),
                          field("available", &T::available, "What the receiver has free.")};
    }
};

/// What "consensus.evidence" did.
struct SlashAnswer {
    std::string name{};
    PublicKey validator{};
    Address owner{};
    Amount amount{};
    Amount staked{};
    Amount unbonding{};
    static constexpr auto fields() {
        using T = SlashAnswer;
        return std::tuple{field("name", &T::name, "Of the validator that lied."),
                          field("validator", &T::validator, "Its key."),
                          field("owner", &T::owner, "Whose stake answered for it."),
                          field("amount", &T::amount, "Taken."),
                          field("staked", &T::staked, "Still staked."),
                          field("unbonding", &T::unbonding, "Still on its way back.")};
    }
};

// ---- answers of queries ---------------------------------------------------------------------

struct AssetBalance {
    Asset asset = Asset::ait;
    Amount available{};
    Amount staked{};
    Amount locked{};     ///< in escrow for jobs
    Amount unbonding{};  ///< unstaked, not yet spendable
    Amount total{};
    static constexpr auto fields() {
        using T = AssetBalance;
        return std::tuple{field("asset", &T::asset, "AIT or USDC."),
                          field("available", &T::available, "Can be spent."),
                          field("staked", &T::staked, "Staked."),
                          field("locked", &T::locked, "In escrow for jobs."),
                          field("unbonding", &T::unbonding, "Unstaked, not yet spendable."),
                          field("total", &T::total, "Sum of the four.")};
    }
};

/// The AIT figures stand at the top; every asset is in `assets`.
struct AccountView {
    Address address{};
    Amount available{};
    Amount staked{};
    Amount locked{};
    Amount unbonding{};
    Amount total{};
    std::uint64_t nonce = 0;
    std::uint64_t height = 0;
    std::vector<AssetBalance> assets{};
    static constexpr auto fields() {
        using T = AccountView;
        return std::tuple{field("address", &T::address, "Whose."),
                          field("available", &T::available, "AIT that can be spent."),
                          field("staked", &T::staked, "AIT staked."),
                          field("locked", &T::locked, "AIT in escrow for jobs."),
                          field("unbonding", &T::unbonding, "AIT unstaked, not yet spendable."),
                          field("total", &T::total, "Sum of the four."),
                          field("nonce", &T::nonce, "Number of the last signed transaction."),
                          field("height", &T::height, "Block that these figures belong to."),
                          field("assets", &T::assets, "Every asset.", asset_count)};
    }
};

/// One line of an account's history.
struct HistoryView {
    UnixMs time{};
    std::uint64_t height = 0;
    MovementKind kind = MovementKind::transfer;
    Direction direction = Direction::in;
    Asset asset = Asset::ait;
    Amount amount{};
    Address counterparty{};
    std::string job_id{};
    Hash transaction{};
    std::string memo{};
    static constexpr auto fields() {
        using T = HistoryView;
        return std::tuple{field("time", &T::time, "Block time."),
                          field("height", &T::height, "Block."),
                          field("kind", &T::kind, "Why it moved."),
                          field("direction", &T::direction, "Into or out of what can be spent."),
                          field("asset", &T::asset, "AIT or USDC."),
                          field("amount", &T::amount, "How much."),
                          field("counterparty", &T::counterparty, "The other account, if any."),
                          field("job_id", &T::job_id, "The job it was for, if any."),
                          field("transaction", &T::transaction, "Which operation did it."),
                          field("memo", &T::memo, "The sender's note.")};
    }
};

/// Where all that was minted is now. `balanced` is the conservation of money, freshly counted.
struct SupplyView {
    Asset asset = Asset::ait;
    Amount minted{};
    Amount available{};
    Amount staked{};
    Amount unbonding{};
    Amount escrow{};
    std::uint64_t accounts = 0;
    bool balanced = false;
    bool complete = false;
    std::uint64_t height = 0;
    static constexpr auto fields() {
        using T = SupplyView;
        return std::tuple{field("asset", &T::asset, "AIT or USDC."),
                          field("minted", &T::minted, "All there ever was."),
                          field("available", &T::available, "Spendable, over all accounts."),
                          field("staked", &T::staked, "Staked."),
                          field("unbonding", &T::unbonding, "Unbonding."),
                          field("escrow", &T::escrow, "In escrow for jobs."),
                          field("accounts", &T::accounts, "Accounts counted."),
                          field("balanced", &T::balanced, "The parts add up to what was minted."),
                          field("complete", &T::complete,
                                "False when there are more accounts than were counted."),
                          field("height", &T::height, "Block that these figures belong to.")};
    }
};

struct EventView {
    std::uint64_t height = 0;
    std::uint32_t index = 0;
    UnixMs time{};
    std::string kind{};
    std::string subject{};
    JsonText attributes{};
    static constexpr auto fields() {
        using T = EventView;
        return std::tuple{field("height", &T::height, "Block."),
                          field("index", &T::index, "Order in the block."),
                          field("time", &T::time, "Block time."),
                          field("kind", &T::kind, "What happened."),
                          field("subject", &T::subject, "To what: an id or address."),
                          field("attributes", &T::attributes, "With which values.")};
    }
};

struct TransactionView {
    Hash hash{};
    std::uint64_t height = 0;
    std::uint32_t index = 0;
    std::uint32_t item = 0;
    UnixMs time{};
    std::string kind{};
    Address account{};  ///< who signed, or for whom a node's batch acted
    PublicKey signer{};
    std::uint64_t nonce = 0;
    std::string status{};  ///< "applied" or the code of the refusal
    std::string error{};
    Blob body{};
    std::vector<EventView> events{};
    static constexpr auto fields() {
        using T = TransactionView;
        return std::tuple{field("hash", &T::hash, "Its id."),
                          field("height", &T::height, "Block."),
                          field("index", &T::index, "Transaction in the block."),
                          field("item", &T::item, "Item in a node's batch."),
                          field("time", &T::time, "Block time."),
                          field("kind", &T::kind, "Which rule applied."),
                          field("account", &T::account, "Who signed, or for whom a node acted."),
                          field("signer", &T::signer, "Key of the signature."),
                          field("nonce", &T::nonce, "The account's number; 0 in a batch."),
                          field("status", &T::status, "applied, or the code of the refusal."),
                          field("error", &T::error, "Why it was refused."),
                          field("body", &T::body, "Canonical msgpack of the operation."),
                          field("events", &T::events, "What it did.")};
    }
};

struct BlockView {
    std::uint64_t height = 0;
    Hash hash{};
    Hash parent{};
    UnixMs time{};
    std::uint64_t epoch = 0;
    std::uint64_t view = 0;
    PublicKey leader{};
    std::uint64_t transaction_count = 0;
    std::vector<Hash> transactions{};
    Hash transactions_root{};
    Hash outcomes_root{};
    Hash state_commitment{};
    std::uint64_t signatures = 0;
    static constexpr auto fields() {
        using T = BlockView;
        return std::tuple{
            field("height", &T::height, "Number."),
            field("hash", &T::hash, "Its id."),
            field("parent", &T::parent, "Hash of the block before."),
            field("time", &T::time, "Block time."),
            field("epoch", &T::epoch, "Validator set."),
            field("view", &T::view, "Consensus view."),
            field("leader", &T::leader, "Who proposed it."),
            field("transaction_count", &T::transaction_count, "How many."),
            field("transactions", &T::transactions, "Their hashes, in order."),
            field("transactions_root", &T::transactions_root, "Merkle root."),
            field("outcomes_root", &T::outcomes_root, "Merkle root."),
            field("state_commitment", &T::state_commitment, "Chained hash of writes."),
            field("signatures", &T::signatures, "Validators in its certificate.")};
    }
};

struct ChainView {
    std::string chain{};
    Hash genesis{};
    std::uint64_t height = 0;
    std::uint64_t history_from = 0;
    UnixMs time{};
    std::vector<consensus::GenesisValidator> validators{};
    consensus::ChainParameters parameters{};
    Address faucet{};
    Address network_fees{};
    Address slashed{};
    static constexpr auto fields() {
        using T = ChainView;
        return std::tuple{
            field("chain", &T::chain, "Name."),
            field("genesis", &T::genesis, "Genesis hash: what the chain is."),
            field("height", &T::height, "Last applied block."),
            field("history_from", &T::history_from,
                  "First block that this node keeps; above 1 where it began from a snapshot."),
            field("time", &T::time, "Its time."),
            field("validators", &T::validators, "Who votes."),
            field("parameters", &T::parameters, "The chain's numbers."),
            field("faucet", &T::faucet, "Account of the faucet."),
            field("network_fees", &T::network_fees, "Account of the network's fees."),
            field("slashed", &T::slashed, "Account of what validators lost for lying.")};
    }
};

// ---- answers of commands that the command line carries out itself ---------------------------

struct WalletView {
    std::string name{};
    Address address{};
    PublicKey public_key{};
    bool active = false;
    UnixMs created_at{};
    static constexpr auto fields() {
        using T = WalletView;
        return std::tuple{field("name", &T::name, "Name on this machine."),
                          field("address", &T::address, "Account on every chain."),
                          field("public_key", &T::public_key, "Ed25519."),
                          field("active", &T::active, "Used where none is named."),
                          field("created_at", &T::created_at, "When it was made.")};
    }
};

}  // namespace ait::ledger
