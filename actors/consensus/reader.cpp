#include "actors/consensus/reader.hpp"

#include "actors/consensus/epoch_proof.hpp"

namespace ait::consensus {

Error history_missing(std::uint64_t height, std::uint64_t history_from) {
    return Error{ErrorCode::not_found,
                 "Block " + std::to_string(height) + " is not kept by this node.",
                 "It began from a snapshot and has history from height " +
                     std::to_string(history_from) + ".",
                 "Ask another node of the chain; `aitbc chain info` shows what each one has."};
}

Result<EpochStep> ChainReader::epoch_step(std::uint64_t epoch) const {
    return Error{ErrorCode::not_found,
                 "This node cannot prove who votes in epoch " + std::to_string(epoch) + ".",
                 "It does not have the block that changed them.", "Ask another node of the chain."};
}

}  // namespace ait::consensus
