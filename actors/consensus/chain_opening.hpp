#pragma once

// A chain opened with its database. The state is derived from the block log: where it is damaged
// and the log still holds every block, it is built anew beside the old one, which is kept.

#include <memory>
#include <optional>
#include <string>

#include "actors/consensus/chain_data.hpp"

namespace ait::consensus {

struct ChainPlace {
    storage::FileSystem& files;
    std::string log_directory;
    std::string state_directory;
    storage::Database::Options database{};
    Genesis genesis;
    const RuleSet& rules;  ///< outlives the chain
    const Clock& clock;
    std::uint64_t segment_bytes = storage::log_segment_bytes_default;
    storage::StoreOptions store{};
    std::uint64_t log_bytes_kept = 4 * storage::log_segment_bytes_default;
};

/// What was wrong with the state, and under which name it is kept.
struct StateRepair {
    std::string cause{};
    std::string kept_as{};
    std::uint64_t blocks = 0;  ///< executed again
};

struct OpenChain {
    std::unique_ptr<storage::Database> database{};
    std::unique_ptr<ChainData> data{};
    std::optional<StateRepair> repair{};
};

/// Where a state that comes as a snapshot is built; the next open_chain() takes it, once it is
/// whole, instead of the state and the log that are there.
std::string joining_directory(const std::string& state_directory);

/// Errors: those of Database::open and ChainData::open, where the log cannot make them good.
/// Blocks for as long as replaying takes.
Result<OpenChain> open_chain(const ChainPlace& place);

}  // namespace ait::consensus
