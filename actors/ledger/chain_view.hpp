#pragma once

// Blocks, transactions and events as people and programs see them. Reads through the chain reader
// only.

#include "actors/consensus/reader.hpp"
#include "actors/ledger/messages.hpp"

namespace ait::ledger {

ChainView chain_view(const consensus::ChainReader& chain);
/// Errors: not_found (not there, or pruned), corrupt_data.
Result<BlockView> block_view(const consensus::ChainReader& chain, std::uint64_t height);
/// By the hash of a transaction or of one item of a node's batch. Errors: not_found, corrupt_data.
Result<TransactionView> transaction_view(const consensus::ChainReader& chain, const Hash& hash);
EventView event_view(const consensus::StoredEvent& stored);

}  // namespace ait::ledger
