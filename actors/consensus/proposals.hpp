#pragma once

// Blocks on their way between members: built or executed on the overlay of their parent, and final
// ones read back for those who lack them.

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "actors/consensus/operation_desk.hpp"
#include "actors/consensus/simplex/io.hpp"
#include "actors/consensus/unfinal_blocks.hpp"

namespace ait::consensus {

/// Of an encoded body; with its frame it fits in one message of the peer transport.
inline constexpr std::uint32_t proposal_bytes_max = 12U * 1024 * 1024;

struct BuiltProposal {
    std::shared_ptr<SealedBlock> sealed{};
    simplex::BlockPtr block{};
};

/// A block of `epoch` of what waits on the parent that the core names. Nothing: nothing is worth a
/// block, or the parent is not here any more.
std::optional<BuiltProposal> build_proposal(const ChainData& data, const UnfinalBlocks& blocks,
                                            OperationDesk& desk, const simplex::Build& request,
                                            const crypto::SecretKey& node_key,
                                            std::int64_t now_unix_ms, std::uint64_t epoch);

/// The body as the header's transactions root covers it. Error: malformed (it is another's body).
Result<BlockBody> read_body(const simplex::Block& block);

/// Another member's block, of an epoch that the core has checked. `is_verified`: this transaction's
/// signature was checked before. Errors: check_failed (it does not give its header), malformed,
/// not_found (its parent is not here), unavailable (blobs that it names did not come along with the
/// body).
Result<std::shared_ptr<SealedBlock>> execute_proposal(
    const ChainData& data, const UnfinalBlocks& blocks, const Hash& parent,
    const std::string& header, BlockBody body, const std::function<bool(const Hash&)>& is_verified);

/// What the core asks for: executed, and kept among `blocks` if it is valid.
simplex::Executed execute_for_core(const ChainData& data, UnfinalBlocks& blocks,
                                   const simplex::Execute& request,
                                   const std::function<bool(const Hash&)>& is_verified);

/// Consecutive final blocks of the store from a height on: at most `count_max`, and after the first
/// no more than `bytes_max` in all.
std::vector<simplex::FinalBlock> read_final(const ChainData& data, std::uint64_t from_height,
                                            std::uint32_t count_max, std::uint32_t bytes_max);

}  // namespace ait::consensus
