#pragma once

// Reads what people write about their GPUs: "1x RTX 4090", "2x A100 80GB, RTX 3090". Memory that
// the text does not say comes from a small table of known cards; everything read here is claimed,
// not detected.

#include <optional>
#include <string_view>
#include <vector>

#include "actors/miner/messages.hpp"

namespace ait::miner {

/// Memory of one known card in MiB by its name, vendor words and case aside. Cards that exist in
/// several sizes give the smallest: a claim should rather be too low.
std::optional<std::uint32_t> known_memory_mb(std::string_view model);

/// Comma-separated `[COUNTx] MODEL [SIZE GB]`. `memory_gb_default` (0 = none) is for those that
/// neither name a size nor are known. Error: invalid_argument, naming what is readable.
Result<std::vector<GpuSpec>> parse_gpus(std::string_view text, std::uint32_t memory_gb_default = 0);

/// "2x A100 80GB": what parse_gpus reads.
std::string to_text(const GpuSpec& gpu);

}  // namespace ait::miner
