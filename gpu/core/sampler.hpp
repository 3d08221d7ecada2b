#pragma once

// Which token comes next. Everything here is a pure function of logits, options, history and the
// generator's state: the same seed gives the same text on every machine that computes the same
// logits.

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/result.hpp"

namespace ait::gpu {

inline constexpr float temperature_max = 10.0F;
inline constexpr float repetition_penalty_max = 10.0F;
inline constexpr std::uint32_t top_k_max = 1'000'000;
inline constexpr std::uint32_t top_logprobs_max = 64;
inline constexpr std::size_t repetition_window_tokens = 64;  ///< last tokens that are penalised

/// The order is the usual one of llama.cpp and Ollama: penalty, top-k, top-p, min-p, temperature.
struct SamplingOptions {
    float temperature = 0.8F;         ///< 0: always the likeliest token; at most temperature_max
    std::uint32_t top_k = 40;         ///< 0: all
    float top_p = 0.95F;              ///< 0 < p <= 1; 1: all
    float min_p = 0.05F;              ///< relative to the likeliest token, 0 <= p <= 1; 0: all
    float repetition_penalty = 1.0F;  ///< > 0; divides positive and multiplies negative logits
    std::uint64_t seed = 0;
};

/// Error: invalid_argument, naming the option and its range.
Status check_sampling(const SamplingOptions& options);

/// One token with its score: the logit, and its natural logarithm of the softmax over all tokens.
struct ScoredToken {
    std::uint32_t token = 0;
    float logit = 0.0F;
    float logprob = 0.0F;
};

/// The `count` likeliest tokens, best first, ties by lower id; NaN counts as impossible. Any
/// thread.
std::vector<ScoredToken> top_tokens(std::span<const float> logits, std::uint32_t count);

/// A small generator of our own, so that its sequence never changes with a library. 64 bits of
/// state; source: Steele, Lea, Flood 2014 (SplitMix64).
class SplitMix {
  public:
    explicit SplitMix(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() noexcept;
    /// Uniform in [0, 1), 53 bits.
    double next_unit() noexcept;

  private:
    std::uint64_t state_;
};

/// Draws the tokens of one sequence. Not shared between threads.
class Sampler {
  public:
    /// Needs options that passed check_sampling.
    explicit Sampler(const SamplingOptions& options);

    /// `logits` are changed by the penalty. `history` is the sequence so far, prompt included.
    /// Error: internal (no logit is a number: the weights are damaged).
    Result<std::uint32_t> sample(std::span<float> logits, std::span<const std::uint32_t> history);

  private:
    SamplingOptions options_;
    SplitMix random_;
};

}  // namespace ait::gpu
