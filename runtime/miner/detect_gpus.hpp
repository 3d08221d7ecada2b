#pragma once

// What GPUs the machine's driver says are there.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "actors/miner/messages.hpp"
#include "runtime/base/result.hpp"

namespace ait::miner_process {

struct DetectGpusOptions {
    std::string program = "nvidia-smi";  ///< looked for along PATH
    std::uint32_t deadline_ms = 10'000;
};

/// GPUs by kind, marked as detected. Errors: not_found (no driver, or it knows no GPU),
/// deadline_exceeded (the driver hangs), unavailable (it failed, with its words), malformed.
/// Blocking.
Result<std::vector<miner::GpuSpec>> detect_gpus(const DetectGpusOptions& options = {});

/// Lines "NAME, MEMORY_MIB". Errors: not_found (no lines), malformed. Pure.
Result<std::vector<miner::GpuSpec>> parse_gpu_lines(std::string_view text);

}  // namespace ait::miner_process
