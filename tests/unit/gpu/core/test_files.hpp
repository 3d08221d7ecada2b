#pragma once

// Where the tests find what is not in the repository: the real test model and the golden outputs.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "gpu/core/gguf.hpp"

namespace ait::gpu::test {

inline constexpr const char* test_model_missing =
    "The test model is not here: set AITBC_TEST_MODEL, or put "
    "SmolLM2-135M-Instruct.Q4_1.gguf into the models folder of the cache.";
inline constexpr const char* golden_missing =
    "The golden outputs are not here: set AITBC_GOLDEN_DIR to the folder of smollm2.json.";

inline std::optional<std::filesystem::path> first_existing(
    const std::vector<std::filesystem::path>& candidates) {
    std::error_code ignored;
    for (const auto& path : candidates) {
        if (std::filesystem::is_regular_file(path, ignored)) return path;
    }
    return std::nullopt;
}

inline std::filesystem::path environment_path(const char* name, const char* below) {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::filesystem::path() : std::filesystem::path(value) / below;
}

inline std::optional<std::filesystem::path> find_test_model() {
    constexpr const char* file = "SmolLM2-135M-Instruct.Q4_1.gguf";
    return first_existing({environment_path("AITBC_TEST_MODEL", ""),
                           environment_path("AITBC_TEST_MODEL", file),
                           environment_path("XDG_CACHE_HOME", "aitbc/models") / file,
                           environment_path("HOME", ".cache/aitbc/models") / file});
}

/// smollm2.json: tokens of strings, prompts of chats. Null when it is absent.
inline nlohmann::json read_golden() {
    const auto path =
        first_existing({environment_path("AITBC_GOLDEN_DIR", "smollm2.json"),
                        std::filesystem::path(AIT_SOURCE_DIR) / "../shared/golden/smollm2.json"});
    if (!path) return nullptr;
    std::ifstream stream(*path);
    return nlohmann::json::parse(stream);
}

}  // namespace ait::gpu::test
