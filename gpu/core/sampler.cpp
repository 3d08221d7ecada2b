#include "gpu/core/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "runtime/base/assert.hpp"

namespace ait::gpu {
namespace {

struct Candidate {
    std::uint32_t token;
    float logit;
};

/// Strict order, best first. NaN must have been removed.
bool is_better(const Candidate& a, const Candidate& b) noexcept {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
}

/// The `count` best candidates, best first. A heap of the best so far has its worst on top, so one
/// comparison a token is enough for most of a vocabulary.
std::vector<Candidate> best_candidates(std::span<const float> logits, std::size_t count) {
    std::vector<Candidate> best;
    if (count == 0) return best;
    best.reserve(std::min(count, logits.size()));
    for (std::size_t i = 0; i < logits.size(); ++i) {
        if (std::isnan(logits[i])) continue;
        const Candidate candidate{static_cast<std::uint32_t>(i), logits[i]};
        if (best.size() < count) {
            best.push_back(candidate);
            std::push_heap(best.begin(), best.end(), is_better);
        } else if (is_better(candidate, best.front())) {
            std::pop_heap(best.begin(), best.end(), is_better);
            best.back() = candidate;
            std::push_heap(best.begin(), best.end(), is_better);
        }
    }
    std::sort_heap(best.begin(), best.end(), is_better);
    return best;
}

/// Natural logarithm of the sum of e^logit, relative to `largest` so that nothing overflows.
double log_sum(std::span<const float> logits, float largest) {
    double sum = 0.0;
    for (const float logit : logits) {
        if (!std::isnan(logit)) sum += std::exp(double{logit} - double{largest});
    }
    return double{largest} + std::log(sum);
}

void penalise_repetition(std::span<float> logits, std::span<const std::uint32_t> history,
                         float penalty) {
    const std::size_t window = std::min(history.size(), repetition_window_tokens);
    std::vector<std::uint32_t> recent(history.end() - static_cast<std::ptrdiff_t>(window),
                                      history.end());
    std::sort(recent.begin(), recent.end());
    recent.erase(std::unique(recent.begin(), recent.end()), recent.end());
    for (const std::uint32_t token : recent) {
        AIT_ASSERT(token < logits.size());
        float& logit = logits[token];
        logit = logit > 0.0F ? logit / penalty : logit * penalty;
    }
}

/// Keeps the smallest number of best candidates whose probabilities (among the given ones) reach
/// top_p, then those at least min_p as likely as the best. At least one stays.
void cut_tail(std::vector<Candidate>& candidates, const SamplingOptions& options) {
    const double largest = double{candidates.front().logit};
    double total = 0.0;
    for (const Candidate& c : candidates) total += std::exp(double{c.logit} - largest);
    std::size_t kept = 0;
    double sum = 0.0;
    for (const Candidate& c : candidates) {
        const double weight = std::exp(double{c.logit} - largest);
        if (kept > 0 && (sum >= double{options.top_p} * total || weight < double{options.min_p})) {
            break;
        }
        sum += weight;
        ++kept;
    }
    candidates.resize(kept);
}

Error out_of_range(const char* name, const std::string& value, const char* range) {
    return Error{ErrorCode::invalid_argument, "The sampling options are not valid.",
                 std::string(name) + " is " + value + ".",
                 std::string("Give ") + name + " a value " + range + "."};
}

}  // namespace

Status check_sampling(const SamplingOptions& options) {
    // Each comparison is written so that NaN fails it.
    if (!(options.temperature >= 0.0F && options.temperature <= temperature_max)) {
        return out_of_range("temperature", std::to_string(options.temperature), "from 0 to 10");
    }
    if (options.top_k > top_k_max) {
        return out_of_range("top_k", std::to_string(options.top_k), "from 0 to 1000000");
    }
    if (!(options.top_p > 0.0F && options.top_p <= 1.0F)) {
        return out_of_range("top_p", std::to_string(options.top_p), "above 0 and up to 1");
    }
    if (!(options.min_p >= 0.0F && options.min_p <= 1.0F)) {
        return out_of_range("min_p", std::to_string(options.min_p), "from 0 to 1");
    }
    if (!(options.repetition_penalty > 0.0F &&
          options.repetition_penalty <= repetition_penalty_max)) {
        return out_of_range("repetition_penalty", std::to_string(options.repetition_penalty),
                            "above 0 and up to 10");
    }
    return {};
}

std::vector<ScoredToken> top_tokens(std::span<const float> logits, std::uint32_t count) {
    const std::vector<Candidate> best = best_candidates(logits, count);
    std::vector<ScoredToken> scored;
    if (best.empty()) return scored;
    const double normaliser = log_sum(logits, best.front().logit);
    for (const Candidate& candidate : best) {
        const double logprob = double{candidate.logit} - normaliser;
        scored.push_back({candidate.token, candidate.logit, static_cast<float>(logprob)});
    }
    return scored;
}

std::uint64_t SplitMix::next() noexcept {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebULL;
    return mixed ^ (mixed >> 31U);
}

double SplitMix::next_unit() noexcept {
    return static_cast<double>(next() >> 11U) * 0x1p-53;
}

Sampler::Sampler(const SamplingOptions& options) : options_(options), random_(options.seed) {
    AIT_ASSERT(check_sampling(options).ok());
}

Result<std::uint32_t> Sampler::sample(std::span<float> logits,
                                      std::span<const std::uint32_t> history) {
    if (options_.repetition_penalty != 1.0F) {
        penalise_repetition(logits, history, options_.repetition_penalty);
    }
    const bool greedy = options_.temperature == 0.0F;
    const std::size_t wanted = options_.top_k == 0 ? logits.size() : options_.top_k;
    std::vector<Candidate> candidates = best_candidates(logits, greedy ? 1 : wanted);
    if (candidates.empty() || !std::isfinite(candidates.front().logit)) {
        return Error{ErrorCode::internal, "The model gave no next token.",
                     "None of its logits is a finite number: its weights are damaged.",
                     "Verify the model file against its published checksum."};
    }
    if (greedy) return candidates.front().token;
    cut_tail(candidates, options_);
    const double largest = double{candidates.front().logit};
    const auto weight = [&](const Candidate& candidate) {
        return std::exp((double{candidate.logit} - largest) / double{options_.temperature});
    };
    double total = 0.0;
    for (const Candidate& candidate : candidates) total += weight(candidate);
    double left = random_.next_unit() * total;
    for (const Candidate& candidate : candidates) {
        left -= weight(candidate);
        if (left < 0.0) return candidate.token;
    }
    return candidates.back().token;  // rounding may leave a rest above zero
}

}  // namespace ait::gpu
