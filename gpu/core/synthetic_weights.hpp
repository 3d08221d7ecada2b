#pragma once

// The bytes of one synthetic tensor. Internal to gpu/core; the addressing is described in
// synthetic.hpp, because other devices make the same bytes.

#include <cstdint>
#include <span>

#include "gpu/core/gguf.hpp"

namespace ait::gpu {

struct WeightStream {
    std::uint64_t seed = 0;
    std::uint32_t tensor = 0;   ///< number within the model
    std::uint64_t columns = 0;  ///< the variance is 1 / columns
    TensorType type = TensorType::f32;
};

/// Overwrites all bytes of the tensor. Pure; any thread.
void fill_weights(const WeightStream& stream, std::span<std::uint8_t> bytes);

}  // namespace ait::gpu
