#pragma once

// Tests, fuzz seeds and synthetic models need GGUF files that nobody downloaded. This writes
// version 3 images in memory, so that whatever is made here goes through the same reader as real
// files.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/core/gguf.hpp"

namespace ait::gpu {

/// Writes all bytes of one tensor, in the layout of its type.
using TensorFill = std::function<void(std::span<std::uint8_t> bytes)>;

/// Collects entries and tensors in the order of the calls; the caller keeps names unique and within
/// the reader's limits. Not shared between threads.
class GgufWriter {
  public:
    void add_unsigned(std::string_view key, std::uint32_t value);
    void add_float(std::string_view key, float value);
    void add_bool(std::string_view key, bool value);
    void add_string(std::string_view key, std::string_view value);
    void add_string_array(std::string_view key, std::span<const std::string> values);
    void add_int_array(std::string_view key, std::span<const std::int32_t> values);

    /// `shape` has 1 to 4 lengths, the row length first and a multiple of the type's block. The
    /// tensor's bytes are zero before `fill` (called once, by `finish`) sees them.
    void add_tensor(std::string_view name, TensorType type, std::span<const std::uint64_t> shape,
                    TensorFill fill);

    /// The image. The writer is used up.
    [[nodiscard]] std::vector<std::uint8_t> finish();

  private:
    struct Tensor {
        std::string name;
        TensorType type;
        std::vector<std::uint64_t> shape;
        std::uint64_t bytes;
        TensorFill fill;
    };

    void add_key(std::string_view key, std::uint32_t type);

    std::vector<std::uint8_t> metadata_{};
    std::uint64_t metadata_count_ = 0;
    std::vector<Tensor> tensors_{};
};

}  // namespace ait::gpu
