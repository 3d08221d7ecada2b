#include "actors/consensus/unfinal_blocks.hpp"

#include <algorithm>

namespace ait::consensus {

void UnfinalBlocks::add(std::shared_ptr<SealedBlock> block) {
    const Hash hash = block->block.hash;
    blocks_.insert_or_assign(hash, std::move(block));
}

std::shared_ptr<SealedBlock> UnfinalBlocks::find(const Hash& hash) const {
    const auto found = blocks_.find(hash);
    return found == blocks_.end() ? nullptr : found->second;
}

std::uint64_t UnfinalBlocks::highest() const {
    std::uint64_t height = 0;
    for (const auto& [hash, block] : blocks_) height = std::max(height, block->block.header.height);
    return height;
}

std::optional<UnfinalBlocks::Path> UnfinalBlocks::path_to(const Hash& hash,
                                                          const Hash& published) const {
    Path path;
    for (Hash at = hash; at != published;) {
        const auto found = blocks_.find(at);
        if (found == blocks_.end()) return std::nullopt;
        path.push_back(found->second.get());
        at = found->second->block.header.parent;
    }
    std::reverse(path.begin(), path.end());
    return path;
}

UnfinalBlocks::KeptPath UnfinalBlocks::longest_from(const Hash& published) const {
    std::optional<Path> longest;
    for (const auto& [hash, block] : blocks_) {
        auto path = path_to(hash, published);
        if (path && (!longest || path->size() > longest->size())) longest = std::move(path);
    }
    KeptPath kept;
    if (!longest) return kept;
    for (const auto* block : *longest) kept.push_back(find(block->block.hash));
    return kept;
}

StateAfter::StateAfter(const storage::StateReader& base, const UnfinalBlocks::Path& path)
    : top_(&base) {
    for (const auto* block : path) add(*block);
}

StateAfter::StateAfter(const storage::StateReader& base, const UnfinalBlocks::KeptPath& path)
    : top_(&base) {
    for (const auto& block : path) add(*block);
}

void StateAfter::add(const SealedBlock& block) {
    layers_.push_back(std::make_unique<storage::StateOver>(block.block.writes, *top_));
    top_ = layers_.back().get();
}

}  // namespace ait::consensus
