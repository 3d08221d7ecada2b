#include "gpu/core/sampler.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

namespace ait::gpu {
namespace {

const std::vector<float> logits_small{0.5F, 2.0F, -1.0F, 1.5F, 2.0F};

std::uint32_t draw(const SamplingOptions& options, std::vector<float> logits,
                   const std::vector<std::uint32_t>& history = {}) {
    Sampler sampler(options);
    const auto token = sampler.sample(logits, history);
    EXPECT_TRUE(token.ok());
    return token.ok() ? token.value() : 999;
}

/// How often each token came in `count` draws of one sampler.
std::map<std::uint32_t, int> histogram(const SamplingOptions& options, int count) {
    Sampler sampler(options);
    std::map<std::uint32_t, int> times;
    for (int i = 0; i < count; ++i) {
        auto logits = logits_small;
        ++times[sampler.sample(logits, {}).value()];
    }
    return times;
}

SamplingOptions open_options() {
    return {.temperature = 1.0F, .top_k = 0, .top_p = 1.0F, .min_p = 0.0F, .seed = 7};
}

// Breaks if temperature 0 stops being reproducible: equal logits must not be drawn for.
TEST(Sampler, temperature_zero_takes_the_likeliest_token_and_the_lower_id_of_equals) {
    EXPECT_EQ(draw({.temperature = 0.0F}, logits_small), 1U);
}

TEST(Sampler, top_k_one_and_tiny_top_p_and_min_p_one_are_greedy_too) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        SamplingOptions options = open_options();
        options.seed = seed;
        options.top_k = 1;
        EXPECT_EQ(draw(options, logits_small), 1U);
        options.top_k = 0;
        options.top_p = 1e-6F;
        EXPECT_EQ(draw(options, logits_small), 1U);
    }
    SamplingOptions options = open_options();
    options.min_p = 1.0F;
    for (const auto& [token, times] : histogram(options, 200))
        EXPECT_TRUE(token == 1 || token == 4);
}

// Breaks if sampling is skewed: the shares must be the softmax within 4 standard deviations.
TEST(Sampler, draws_with_the_probabilities_of_the_softmax_at_the_temperature) {
    for (const float temperature : {0.5F, 1.0F, 2.0F}) {
        SamplingOptions options = open_options();
        options.temperature = temperature;
        constexpr int count = 20'000;
        const auto times = histogram(options, count);
        double total = 0.0;
        for (const float logit : logits_small) total += std::exp(double{logit / temperature});
        for (std::uint32_t token = 0; token < logits_small.size(); ++token) {
            const double share = std::exp(double{logits_small[token] / temperature}) / total;
            const double deviation = std::sqrt(count * share * (1.0 - share));
            const auto found = times.find(token);
            const double seen = found == times.end() ? 0.0 : found->second;
            EXPECT_NEAR(seen, count * share, 4.0 * deviation) << "token " << token;
        }
    }
}

TEST(Sampler, cuts_what_top_k_top_p_and_min_p_exclude) {
    SamplingOptions options = open_options();
    options.top_k = 3;
    EXPECT_EQ(histogram(options, 2'000).size(), 3U);
    options = open_options();
    options.top_p = 0.7F;  // the two best have 0.348 each, the third crosses 0.7
    EXPECT_EQ(histogram(options, 2'000).size(), 3U);
    options = open_options();
    options.min_p = 0.5F;  // e^(1.5 - 2) = 0.61, e^(0.5 - 2) = 0.22
    EXPECT_EQ(histogram(options, 2'000).size(), 3U);
}

TEST(Sampler, equal_seeds_give_equal_draws_and_others_differ) {
    SamplingOptions options = open_options();
    const auto draws = [&](std::uint64_t seed) {
        options.seed = seed;
        Sampler sampler(options);
        std::vector<std::uint32_t> tokens;
        for (int i = 0; i < 50; ++i) {
            auto logits = logits_small;
            tokens.push_back(sampler.sample(logits, {}).value());
        }
        return tokens;
    };
    EXPECT_EQ(draws(1), draws(1));
    EXPECT_NE(draws(1), draws(2));
}

// Breaks if the generator changes: texts with a seed must stay what they were.
TEST(SplitMix, gives_the_published_sequence) {
    SplitMix random(1234567);
    EXPECT_EQ(random.next(), 6457827717110365317ULL);
    EXPECT_EQ(random.next(), 3203168211198807973ULL);
}

TEST(Sampler, repetition_penalty_lowers_tokens_of_the_recent_history_only) {
    const SamplingOptions options{.temperature = 0.0F, .repetition_penalty = 2.0F};
    EXPECT_EQ(draw(options, logits_small, {1, 4}), 3U);
    EXPECT_EQ(draw(options, {-1.0F, -1.5F}, {0}), 1U);  // negative logits move down too
    std::vector<std::uint32_t> long_ago(repetition_window_tokens + 1, 2);
    long_ago[0] = 1;
    EXPECT_EQ(draw(options, logits_small, long_ago), 1U);
}

TEST(Sampler, ignores_nan_and_refuses_logits_without_a_number) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    EXPECT_EQ(draw({.temperature = 0.0F}, {nan, 1.0F, nan}), 1U);
    std::vector<float> none{nan, nan};
    EXPECT_EQ(Sampler({}).sample(none, {}).error().code, ErrorCode::internal);
}

TEST(CheckSampling, refuses_each_option_outside_its_range_and_names_it) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const auto refuses = [](const SamplingOptions& options, const std::string& name) {
        const Status checked = check_sampling(options);
        ASSERT_FALSE(checked.ok()) << name;
        EXPECT_EQ(checked.error().code, ErrorCode::invalid_argument);
        EXPECT_EQ(checked.error().why.rfind(name + " is ", 0), 0U) << checked.error().why;
    };
    for (const float value : {-0.1F, 10.5F, nan}) refuses({.temperature = value}, "temperature");
    for (const float value : {0.0F, 1.1F, nan}) refuses({.top_p = value}, "top_p");
    for (const float value : {-0.1F, 1.1F, nan}) refuses({.min_p = value}, "min_p");
    for (const float value : {0.0F, 11.0F, nan}) {
        refuses({.repetition_penalty = value}, "repetition_penalty");
    }
    refuses({.top_k = top_k_max + 1}, "top_k");
    EXPECT_TRUE(check_sampling({}).ok());
}

TEST(TopTokens, are_sorted_and_their_logprobs_are_of_the_whole_softmax) {
    const auto all = top_tokens(logits_small, 10);
    ASSERT_EQ(all.size(), 5U);
    double sum = 0.0;
    for (const ScoredToken& scored : all) sum += std::exp(double{scored.logprob});
    EXPECT_NEAR(sum, 1.0, 1e-6);
    const auto best = top_tokens(logits_small, 3);
    ASSERT_EQ(best.size(), 3U);
    EXPECT_EQ(best[0].token, 1U);
    EXPECT_EQ(best[1].token, 4U);
    EXPECT_EQ(best[2].token, 3U);
    EXPECT_EQ(best[2].logprob, all[2].logprob);
    EXPECT_TRUE(top_tokens(logits_small, 0).empty());
}

}  // namespace
}  // namespace ait::gpu
