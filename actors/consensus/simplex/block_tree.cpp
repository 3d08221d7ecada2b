#include "actors/consensus/simplex/block_tree.hpp"

#include <algorithm>

#include "actors/consensus/simplex/wire.hpp"

namespace ait::consensus::simplex {

BlockNode* BlockTree::find(const Hash& hash) {
    return const_cast<BlockNode*>(std::as_const(*this).find(hash));
}

const BlockNode* BlockTree::find(const Hash& hash) const {
    const auto found = std::find_if(nodes_.rbegin(), nodes_.rend(),
                                    [&](const auto& node) { return node->hash == hash; });
    return found == nodes_.rend() ? nullptr : found->get();
}

BlockNode& BlockTree::add(BlockNode node) {
    nodes_.push_back(std::make_unique<BlockNode>(std::move(node)));
    return *nodes_.back();
}

void BlockTree::remove(Hash hash) {
    std::erase_if(nodes_, [&](const auto& node) { return node->hash == hash; });
}

Result<BlockHeader> read_header(const std::string& bytes) {
    if (bytes.size() > header_bytes_max) {
        return Error{ErrorCode::malformed, "A block header cannot be read.", "It is too long.", ""};
    }
    auto header = decode<BlockHeader>(bytes);
    if (!header.ok()) return header;
    if (encode(header.value()) != bytes) {
        return Error{ErrorCode::malformed, "A block header cannot be read.",
                     "It is not in canonical form.", ""};
    }
    return header;
}

}  // namespace ait::consensus::simplex
