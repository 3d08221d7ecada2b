#include "actors/consensus/reader.hpp"

namespace ait::consensus {

Error history_missing(std::uint64_t height, std::uint64_t history_from) {
    return Error{ErrorCode::not_found,
                 "Block " + std::to_string(height) + " is not kept by this node.",
                 "It began from a snapshot and has history from height " +
                     std::to_string(history_from) + ".",
                 "Ask another node of the chain; `aitbc chain info` shows what each one has."};
}

}  // namespace ait::consensus
