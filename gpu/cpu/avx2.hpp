#pragma once

// What the AVX2 files share. Included by nothing else: every function has internal linkage, so
// that no copy compiled for these instructions can serve a file that runs without them.

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace ait::gpu {

struct MatmulArguments;
struct PanelRange;

/// The matrix product of kernels_avx2.
void matmul_avx2(const MatmulArguments& arguments, PanelRange range);

namespace avx2 {

inline constexpr std::uint32_t lanes = 8;  // floats in a register

static inline __m256 load_halves(const std::uint8_t* halves) noexcept {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(halves)));
}

/// The first `count` < 8 lanes of a register that does not fit where it belongs.
static inline __m256 load_some(const float* from, std::uint32_t count) noexcept {
    float padded[lanes] = {};
    std::memcpy(padded, from, count * sizeof(float));
    return _mm256_loadu_ps(padded);
}

static inline void store_some(float* to, __m256 values, std::uint32_t count) noexcept {
    float padded[lanes];
    _mm256_storeu_ps(padded, values);
    std::memcpy(to, padded, count * sizeof(float));
}

}  // namespace avx2
}  // namespace ait::gpu
