#include "actors/ledger/operations.hpp"

#include <charconv>

#include "actors/ledger/book.hpp"
#include "actors/ledger/chain_view.hpp"
#include "actors/paging.hpp"
#include "runtime/base/crypto/bech32m.hpp"

namespace ait::ledger {
namespace {

constexpr std::size_t accounts_counted_max = 1'000'000;
constexpr std::size_t events_scanned_max = 10'000;
constexpr std::size_t events_read_at_once = 500;

AssetBalance asset_balance(const Account& account, Asset asset) {
    const Balance& balance = balance_of(account, asset);
    return AssetBalance{.asset = asset,
                        .available = balance.available,
                        .staked = balance.staked,
                        .locked = balance.locked,
                        .unbonding = balance.unbonding,
                        .total = total_of(balance)};
}

Result<Json> get_account(const QueryContext& context, const Json& input) {
    const auto address = crypto::parse_address(input_text(input, "address"));
    if (!address.ok()) return address.error();
    const Account account = load_account(context.chain.state(), address.value());
    const AssetBalance ait = asset_balance(account, Asset::ait);
    AccountView view{.address = address.value(),
                     .available = ait.available,
                     .staked = ait.staked,
                     .locked = ait.locked,
                     .unbonding = ait.unbonding,
                     .total = ait.total,
                     .nonce = account.nonce,
                     .height = context.chain.height()};
    for (std::size_t i = 0; i < asset_count; ++i) {
        view.assets.push_back(asset_balance(account, static_cast<Asset>(i)));
    }
    return to_json_value(view);
}

Result<Json> get_history(const QueryContext& context, const Json& input) {
    const auto address = crypto::parse_address(input_text(input, "address"));
    if (!address.ok()) return address.error();
    const auto rows = rows_wanted(input);
    if (!rows.ok()) return rows.error();
    const auto page = read_history(context.chain.state(), address.value(),
                                   input_text(input, "cursor"), rows.value());
    if (!page.ok()) return page.error();
    Json items = Json::array();
    for (const auto& row : page.value().rows) items.push_back(to_json_value(row));
    return page_answer(std::move(items), page.value().next_cursor);
}

Result<Json> get_supply(const QueryContext& context, const Json& input) {
    const auto asset = enum_from_name<Asset>(input_text(input, "asset", "AIT"));
    AIT_ASSERT(asset.has_value());  // the row lists the choices
    SupplyView supply = count_supply(context.chain.state(), *asset, accounts_counted_max);
    supply.height = context.chain.height();
    return to_json_value(supply);
}

Result<Json> get_transaction(const QueryContext& context, const Json& input) {
    const auto hash = fixed_from_hex<Hash>(input_text(input, "hash"));
    if (!hash.ok()) return hash.error();
    const auto view = transaction_view(context.chain, hash.value());
    if (!view.ok()) return view.error();
    return to_json_value(view.value());
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || code != std::errc{} || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

Result<Json> get_block(const QueryContext& context, const Json& input) {
    const std::string text = input_text(input, "height", "latest");
    const auto height = text == "latest" ? context.chain.height() : whole_number(text);
    if (!height) {
        return Error{ErrorCode::invalid_argument, "There is no such block.",
                     "\"" + text + "\" is not a height.", "Use a number, or latest."};
    }
    const auto view = block_view(context.chain, *height);
    if (!view.ok()) return view.error();
    return to_json_value(view.value());
}

Result<Json> get_chain(const QueryContext& context, const Json&) {
    return to_json_value(chain_view(context.chain));
}

struct EventPosition {
    std::uint64_t height = 0;
    std::uint32_t index = 0;
};

/// "HEIGHT:INDEX", "HEIGHT", or nothing for the beginning.
Result<EventPosition> position_after(const Json& input) {
    std::string text = input_text(input, "cursor");
    if (text.empty()) text = input_text(input, "after");
    if (text.empty()) return EventPosition{};
    const std::size_t colon = text.find(':');
    const auto height = whole_number(std::string_view(text).substr(0, colon));
    const auto index = colon == std::string::npos
                           ? std::optional<std::uint64_t>{0}
                           : whole_number(std::string_view(text).substr(colon + 1));
    if (!height || !index || !std::in_range<std::uint32_t>(*index)) {
        return Error{ErrorCode::invalid_argument, "The events cannot be listed.",
                     "\"" + text + "\" is not a position.", "Use HEIGHT:INDEX, for example 120:0."};
    }
    return EventPosition{*height, static_cast<std::uint32_t>(*index)};
}

bool is_wanted(const consensus::Event& event, std::string_view kind, std::string_view subject) {
    if (!subject.empty() && event.subject != subject) return false;
    if (kind.empty() || event.kind == kind) return true;
    return event.kind.size() > kind.size() && event.kind.starts_with(kind) &&
           event.kind[kind.size()] == '.';
}

Result<Json> list_events(const QueryContext& context, const Json& input) {
    const auto rows = rows_wanted(input);
    if (!rows.ok()) return rows.error();
    const auto begin = position_after(input);
    if (!begin.ok()) return begin.error();
    const std::string kind = input_text(input, "kind");
    const std::string subject = input_text(input, "subject");
    EventPosition at = begin.value();
    // From the start means from what is here; whoever was told of more must not miss it unseen.
    const std::uint64_t history_from = context.chain.history_from();
    if (at.height != 0 && at.height + 1 < history_from)
        return consensus::history_missing(at.height + 1, history_from);
    Json items = Json::array();
    bool at_end = false;
    for (std::size_t scanned = 0; !at_end && scanned < events_scanned_max;) {
        const auto events = context.chain.events_after(at.height, at.index, events_read_at_once);
        at_end = events.size() < events_read_at_once;
        for (const auto& event : events) {
            if (items.size() == rows.value()) {
                return page_answer(std::move(items),
                                   std::to_string(at.height) + ":" + std::to_string(at.index));
            }
            at = {event.height, event.index};
            ++scanned;
            if (is_wanted(event.event, kind, subject)) {
                items.push_back(to_json_value(event_view(event)));
            }
        }
    }
    return page_answer(
        std::move(items),
        at_end ? std::string{} : std::to_string(at.height) + ":" + std::to_string(at.index));
}

/// Fills what the row leaves open: the caller's own account, and as much as one request may ask
/// for.
Result<Proposal> propose_faucet(const QueryContext& context, const Json& input) {
    FaucetRequest tx{.address = context.principal.account,
                     .amount = context.chain.genesis().parameters.faucet_request_max};
    if (const std::string text = input_text(input, "address"); !text.empty()) {
        const auto address = crypto::parse_address(text);
        if (!address.ok()) return address.error();
        tx.address = address.value();
    }
    if (const std::string text = input_text(input, "amount"); !text.empty()) {
        const auto amount = parse_amount(text);
        if (!amount.ok()) return amount.error();
        tx.amount = amount.value();
    }
    if (tx.address.is_zero()) {
        return Error{ErrorCode::invalid_argument, "The faucet does not know whom to give to.",
                     "No address is given and the caller has no account.", "Give --address."};
    }
    return Proposal{.body = encode(tx)};
}

constexpr std::array table{
    Binding{.name = "account.get", .query = &get_account},
    Binding{.name = "account.history", .query = &get_history},
    Binding{.name = "supply.get", .query = &get_supply},
    Binding{.name = "tx.get", .query = &get_transaction},
    Binding{.name = "block.get", .query = &get_block},
    Binding{.name = "chain.info", .query = &get_chain},
    Binding{.name = "events.list", .query = &list_events},
    Binding{.name = "consensus.evidence", .command = &propose<consensus::Equivocation>},
    Binding{.name = "ledger.transfer", .command = &propose<Transfer>},
    Binding{.name = "ledger.stake", .command = &propose<Stake>},
    Binding{.name = "ledger.unstake", .command = &propose<Unstake>},
    Binding{.name = "ledger.faucet", .command = &propose_faucet},
};

}  // namespace

std::span<const Binding> bindings() {
    return table;
}

}  // namespace ait::ledger
