#pragma once

// Blocks that were executed here and are not yet published: proposals, notarized ones, and final
// ones that the log is still taking. They form a tree above the published tip, and the state after
// each of them is what it and its ancestors wrote, laid over the published state. One thread.

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "actors/consensus/chain_data.hpp"

namespace ait::consensus {

class UnfinalBlocks {
  public:
    using Path = std::vector<const SealedBlock*>;

    void add(std::shared_ptr<SealedBlock> block);
    [[nodiscard]] std::shared_ptr<SealedBlock> find(const Hash& hash) const;
    void erase(const Hash& hash) { blocks_.erase(hash); }
    /// Height of the highest one; 0 when there is none.
    [[nodiscard]] std::uint64_t highest() const;

    /// From the published tip (without it) to this block, oldest first; nothing when the block does
    /// not descend from the tip through blocks that are here. The tip itself gives an empty path.
    [[nodiscard]] std::optional<Path> path_to(const Hash& hash, const Hash& published) const;

    /// Of the paths from the published tip a longest one, whose blocks stay for who holds it.
    using KeptPath = std::vector<std::shared_ptr<const SealedBlock>>;
    [[nodiscard]] KeptPath longest_from(const Hash& published) const;

  private:
    std::map<Hash, std::shared_ptr<SealedBlock>> blocks_{};
};

/// The state after the last block of a path. Lives while `base` and the blocks do.
class StateAfter {
  public:
    StateAfter(const storage::StateReader& base, const UnfinalBlocks::Path& path);
    StateAfter(const storage::StateReader& base, const UnfinalBlocks::KeptPath& path);
    [[nodiscard]] const storage::StateReader& state() const { return *top_; }

  private:
    void add(const SealedBlock& block);

    std::vector<std::unique_ptr<storage::StateOver>> layers_{};
    const storage::StateReader* top_;
};

}  // namespace ait::consensus
