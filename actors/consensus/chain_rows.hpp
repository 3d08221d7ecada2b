#pragma once

// The chain's own rows in the store, beside those of the domains. For chain_data and for what makes
// and takes in images of it.

#include "actors/consensus/chain_data.hpp"
#include "runtime/base/codec/msgpack.hpp"

namespace ait::consensus {

// Keys of the index.
inline constexpr std::string_view tip_key = "meta/tip";
inline constexpr std::string_view genesis_key = "meta/genesis";
/// Height of the snapshot that this node began from, 8 bytes; not there: it has all blocks.
inline constexpr std::string_view base_key = "meta/base";
inline constexpr std::string_view operation_prefix = "op/";
inline constexpr std::string_view outcome_prefix = "outcome/";

/// Followed by the epoch: an encoded EpochStep. Signatures differ from node to node, so it is no
/// part of an image; it comes beside one.
inline constexpr std::string_view step_prefix = "epoch-step/";

inline std::string step_key(std::uint64_t epoch) {
    return std::string(step_prefix).append(big_endian(epoch));
}

inline std::string operation_key(const Hash& hash) {
    return std::string(operation_prefix).append(hash.view());
}

/// Without the prefix; in the order of the chain.
inline std::string outcome_place(const OperationPosition& position) {
    return big_endian(position.height) +
           big_endian(std::uint64_t{position.transaction} << 32 | position.item);
}

/// What the store keeps of a block: the record, and what it did.
struct BlockArchive {
    Blob record{};
    std::vector<Blob> outcomes{};  ///< encoded TransactionOutcome, as the header's root covers them
    static constexpr auto fields() {
        return std::tuple{
            field("record", &BlockArchive::record, "", 2 * limits::block_bytes_max),
            field("outcomes", &BlockArchive::outcomes, "", limits::block_transactions_max + 1)};
    }
};

}  // namespace ait::consensus
