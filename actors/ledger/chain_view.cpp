#include "actors/ledger/chain_view.hpp"

#include "actors/consensus/transaction.hpp"
#include "actors/ledger/book.hpp"
#include "runtime/base/codec/json.hpp"
#include "runtime/base/codec/msgpack.hpp"
#include "runtime/base/crypto/hash.hpp"

namespace ait::ledger {
namespace {

using consensus::ChainReader;
using consensus::ItemOutcome;
using consensus::OperationPosition;
using consensus::StoredBlock;

Error block_missing(std::uint64_t height, std::uint64_t height_last) {
    return Error{ErrorCode::not_found, "There is no block " + std::to_string(height) + " here.",
                 "The chain is at height " + std::to_string(height_last) +
                     "; this node may have dropped old blocks.",
                 "Ask for a later block, or an archive node."};
}

Result<StoredBlock> load_block(const ChainReader& chain, std::uint64_t height) {
    auto block = chain.block(height);
    if (!block.ok()) return block.error();
    if (!block.value()) {
        if (height != 0 && height < chain.history_from())
            return consensus::history_missing(height, chain.history_from());
        return block_missing(height, chain.height());
    }
    return std::move(*block.value());
}

JsonText attributes_of(const consensus::Event& event) {
    Json json = Json::object();
    for (const auto& attribute : event.attributes) json[attribute.key] = attribute.value;
    return JsonText{dump_json(json)};
}

Result<consensus::UnsignedTransaction> read_content(const StoredBlock& block,
                                                    const OperationPosition& position) {
    if (position.transaction >= block.record.transactions.size()) {
        return Error{ErrorCode::corrupt_data, "The transaction cannot be read.",
                     "Its block has only " + std::to_string(block.record.transactions.size()) + ".",
                     ""};
    }
    const auto wire =
        decode<consensus::SignedTransaction>(block.record.transactions[position.transaction].bytes);
    if (!wire.ok()) return wire.error();
    return decode<consensus::UnsignedTransaction>(wire.value().signed_bytes.bytes);
}

/// A batch is the node's; the item says on whose behalf and what.
Status take_from_batch(TransactionView& view, const consensus::UnsignedTransaction& content) {
    const auto batch = decode<consensus::OperationBatch>(content.body.bytes);
    if (!batch.ok()) return batch.error();
    if (view.item >= batch.value().items.size()) {
        return Error{ErrorCode::corrupt_data, "The operation cannot be read.",
                     "Its batch has only " + std::to_string(batch.value().items.size()) + ".", ""};
    }
    const auto& item = batch.value().items[view.item];
    view.account = item.principal;
    view.kind = item.kind;
    view.body = item.body;
    return {};
}

void add_outcome(TransactionView& view, const StoredBlock& block) {
    view.status = "applied";
    if (view.index >= block.outcomes.size()) return;
    const auto& items = block.outcomes[view.index].items;
    if (view.item >= items.size()) return;
    const ItemOutcome& outcome = items[view.item];
    if (outcome.code != 0) {
        view.status = error_code_row(static_cast<ErrorCode>(outcome.code)).name;
        view.error = outcome.error;
    }
    for (std::uint32_t i = 0; i < outcome.events.size(); ++i) {
        const auto& event = outcome.events[i];
        view.events.push_back({.height = view.height,
                               .index = i,
                               .time = view.time,
                               .kind = event.kind,
                               .subject = event.subject,
                               .attributes = attributes_of(event)});
    }
}

}  // namespace

EventView event_view(const consensus::StoredEvent& stored) {
    return EventView{.height = stored.height,
                     .index = stored.index,
                     .time = UnixMs{stored.time_unix_ms},
                     .kind = stored.event.kind,
                     .subject = stored.event.subject,
                     .attributes = attributes_of(stored.event)};
}

ChainView chain_view(const ChainReader& chain) {
    const auto& genesis = chain.genesis();
    return ChainView{.chain = genesis.chain,
                     .genesis = consensus::genesis_hash(genesis),
                     .height = chain.height(),
                     .history_from = chain.history_from(),
                     .time = UnixMs{chain.block_time_unix_ms()},
                     .validators = consensus::set_in_force(chain.state(), genesis).members,
                     .parameters = genesis.parameters,
                     .faucet = faucet_address(),
                     .network_fees = network_fee_address(),
                     .slashed = slashed_address()};
}

Result<BlockView> block_view(const ChainReader& chain, std::uint64_t height) {
    const auto block = load_block(chain, height);
    if (!block.ok()) return block.error();
    const auto& header = block.value().header;
    BlockView view{.height = header.height,
                   .hash = consensus::header_hash(block.value().record.header.bytes),
                   .parent = header.parent,
                   .time = UnixMs{header.time_unix_ms},
                   .epoch = header.epoch,
                   .view = header.view,
                   .leader = header.leader,
                   .transaction_count = block.value().record.transactions.size(),
                   .transactions_root = header.transactions_root,
                   .outcomes_root = header.outcomes_root,
                   .state_commitment = header.state_commitment,
                   .signatures = block.value().record.certificate.signatures.size()};
    for (const Blob& bytes : block.value().record.transactions) {
        const auto wire = decode<consensus::SignedTransaction>(bytes.bytes);
        if (!wire.ok()) return wire.error();
        view.transactions.push_back(crypto::blake2b_256(wire.value().signed_bytes.bytes));
    }
    return view;
}

Result<TransactionView> transaction_view(const ChainReader& chain, const Hash& hash) {
    const auto position = chain.find_operation(hash);
    if (!position) {
        return Error{ErrorCode::not_found, "There is no such transaction here.",
                     "No block of this chain up to height " + std::to_string(chain.height()) +
                         " has " + to_hex(hash.view()) + ".",
                     "If it was just sent, wait for the next block."};
    }
    const auto block = load_block(chain, position->height);
    if (!block.ok()) return block.error();
    const auto content = read_content(block.value(), *position);
    if (!content.ok()) return content.error();
    TransactionView view{.hash = hash,
                         .height = position->height,
                         .index = position->transaction,
                         .item = position->item,
                         .time = UnixMs{block.value().header.time_unix_ms},
                         .kind = content.value().kind,
                         .account = crypto::address_of(content.value().signer),
                         .signer = content.value().signer,
                         .nonce = content.value().nonce,
                         .body = content.value().body};
    if (content.value().kind == consensus::batch_kind) {
        const Status taken = take_from_batch(view, content.value());
        if (!taken.ok()) return taken.error();
    }
    add_outcome(view, block.value());
    return view;
}

}  // namespace ait::ledger
