#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "runtime/base/bytes.hpp"
#include "storage/chain_store.hpp"

// Blocks that are a function of their height, so that a process can check what another one wrote.

namespace ait::storage {

inline BlockWrites model_block(std::uint64_t height) {
    BlockWrites block{.height = height};
    block.state["count"] = std::to_string(height);
    block.state["k" + std::to_string(height % 50)] =
        std::string(height % 300, 'v') + std::to_string(height);
    block.state["k" + std::to_string(height * 7 % 50 + 50)] = "once " + std::to_string(height);
    block.state["k" + std::to_string(height * 11 % 50 + 50)] = std::nullopt;
    block.block_record = "block " + std::to_string(height);
    block.index.emplace_back("tx" + std::to_string(height), big_endian(height));
    block.blobs.emplace_back("blob" + std::to_string(height), std::string(100, 'b'));
    return block;
}

inline std::map<std::string, std::string> model_state(std::uint64_t height) {
    MemoryState state;
    for (std::uint64_t h = 1; h <= height; ++h) state.apply(model_block(h).state);
    return {state.entries().begin(), state.entries().end()};
}

inline std::string model_payload(std::uint64_t height) {
    return "payload " + std::to_string(height) + std::string(height * 31 % 2'000, 'p');
}

}  // namespace ait::storage
