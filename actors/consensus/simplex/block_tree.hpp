#pragma once

// Blocks above the final tip: found by hash, because several blocks of one height, in different
// views, may live side by side until one is final (pitfall 7).

#include "actors/consensus/simplex/types.hpp"

namespace ait::consensus::simplex {

enum class BlockState : std::uint8_t {
    waiting,    ///< for its parent's execution, or its parent itself
    executing,  ///< at the application
    valid,      ///< executed with the header's roots
    invalid
};

struct BlockNode {
    Hash hash{};
    std::uint64_t view = 0;
    std::uint64_t height = 0;
    std::uint64_t parent_view = 0;
    Hash parent{};
    std::int64_t time_unix_ms = 0;
    std::uint64_t transaction_count = 0;
    BlockPtr block{};
    BlockState state = BlockState::waiting;
    bool in_journal = false;
    bool ends_epoch = false;
    bool is_final = false;  ///< certified, itself or by a descendant
    FinalityProof proof{};  ///< from a peer's store; empty signatures: none
    ProofPtr final{};       ///< F of this very block
    ProofPtr final_by{};    ///< F that made it final: its own, or a descendant's
};

class BlockTree {
  public:
    [[nodiscard]] BlockNode* find(const Hash& hash);
    [[nodiscard]] const BlockNode* find(const Hash& hash) const;
    BlockNode& add(BlockNode node);
    void remove(Hash hash);  // a copy: it may lie in the node itself
    [[nodiscard]] std::vector<std::unique_ptr<BlockNode>>& nodes() { return nodes_; }
    [[nodiscard]] const std::vector<std::unique_ptr<BlockNode>>& nodes() const { return nodes_; }
    [[nodiscard]] std::size_t size() const { return nodes_.size(); }

  private:
    std::vector<std::unique_ptr<BlockNode>> nodes_{};  ///< in order of arrival; few
};

/// Reads a header and insists on its canonical form, so that one block has one name.
/// Error: malformed.
Result<BlockHeader> read_header(const std::string& bytes);

}  // namespace ait::consensus::simplex
