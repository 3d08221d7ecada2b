#pragma once

// Where a node keeps a chain, opened: the block log and the state in the chain's folder.

#include "actors/consensus/chain_opening.hpp"
#include "actors/consensus/snapshot_desk.hpp"
#include "runtime/config/node_config.hpp"

namespace ait::node {

struct ChainOfNode {
    const std::string& folder;
    bool is_default = true;  ///< else it may have fewer files open
    const config::StorageSection& storage;
    const consensus::Genesis& genesis;
    const consensus::RuleSet& rules;  ///< outlives the chain
    const Clock& clock;
    storage::StorageFatal on_fatal;
};
struct CheckpointsOfChain {
    const std::string& folder;
    const std::string& chain;
    bool is_default = true;  ///< as above
    std::uint64_t checkpoint_blocks = 0;
    storage::StorageFatal on_fatal;
    std::function<void()> on_joined;  ///< as in SnapshotPlace
};
/// Where the chain's checkpoints lie.
consensus::SnapshotPlace snapshot_place(const CheckpointsOfChain& chain);
/// Says in the log what recovery did. Errors: those of consensus::open_chain. Blocks for as long as
/// replaying takes.
Result<consensus::OpenChain> open_chain_of_node(const ChainOfNode& place);

}  // namespace ait::node
