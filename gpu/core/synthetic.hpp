#pragma once

// Models of any size without a download, for tests and benchmarks: random weights of a sensible
// magnitude and a byte-level vocabulary, as a GGUF image, so that everything after it is the way of
// real files. Same URI, same bytes, on every machine.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/core/gguf.hpp"
#include "runtime/base/result.hpp"

namespace ait::gpu {

inline constexpr std::string_view synthetic_scheme = "synthetic://";
inline constexpr std::uint64_t synthetic_bytes_max = 32ULL * 1024 * 1024 * 1024;

/// Embeddings are tied; norms are 1; matrices have mean 0 and variance 1 / columns.
struct SyntheticLlama {
    std::uint32_t layers = 2;
    std::uint32_t width = 64;
    std::uint32_t heads = 4;
    std::uint32_t kv_heads = 2;
    std::uint32_t ffn = 128;
    std::uint32_t vocabulary = 512;  ///< 3 control tokens, 256 bytes, then merged ones
    std::uint32_t context = 2'048;
    std::uint64_t seed = 1;
    TensorType type = TensorType::q8_0;
};

/// "synthetic://llama?layers=2&width=64&heads=4&kv_heads=2&ffn=128&vocabulary=512&context=2048
/// &seed=1&type=q8_0"; keys that are left out have the defaults above. Errors: invalid_argument
/// (unknown key, no number, shapes that do not fit), limit_reached. Pure; any thread.
Result<SyntheticLlama> parse_synthetic(std::string_view uri);

/// The URI with all keys in the order above: equal models, equal text.
std::string to_uri(const SyntheticLlama& model);

/// The GGUF image. Every tensor is addressed by chunk: its bytes 16 i .. 16 i + 15 are
/// philox({i low, i high, tensor number, 0}, seed), whose half-float fields (scales) are then set;
/// f16, bf16 and f32 elements are made of one word each, four to a chunk.
/// Needs a model that `parse_synthetic` accepts. Allocates the whole image.
std::vector<std::uint8_t> synthetic_image(const SyntheticLlama& model);

/// Parses, makes and reads back. Errors as for `parse_synthetic`.
Result<GgufFile> open_synthetic(std::string_view uri);

}  // namespace ait::gpu
