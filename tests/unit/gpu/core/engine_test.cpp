#include "gpu/core/engine.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "runtime/base/bytes.hpp"
#include "runtime/base/clock.hpp"

namespace ait::gpu {
namespace {

constexpr const char* tiny = "synthetic://llama?layers=2&width=64&context=256&seed=3";

std::unique_ptr<Engine> open(const EngineOptions& options, const std::string& source = tiny) {
    auto engine = Engine::open(source, "tiny", options);
    EXPECT_TRUE(engine.ok()) << (engine.ok() ? "" : render_error(engine.error()));
    return engine.ok() ? std::move(engine).value() : nullptr;
}

GenerateRequest raw_request(std::string prompt, std::uint32_t tokens_max = 24) {
    GenerateRequest request;
    request.prompt = std::move(prompt);
    request.raw = true;
    request.tokens_max = tokens_max;
    request.sampling = {.temperature = 1.0F, .top_k = 0, .top_p = 1.0F, .min_p = 0.0F, .seed = 5};
    return request;
}

GenerateOutcome run(Engine& engine, const GenerateRequest& request,
                    const TokenCallback& on_token = {}, std::stop_token stop = {}) {
    auto outcome = engine.generate(request, on_token, stop);
    EXPECT_TRUE(outcome.ok()) << (outcome.ok() ? "" : render_error(outcome.error()));
    return outcome.ok() ? std::move(outcome).value() : GenerateOutcome{};
}

ErrorCode refusal(Engine& engine, const GenerateRequest& request) {
    const auto outcome = engine.generate(request, {}, {});
    EXPECT_FALSE(outcome.ok());
    if (outcome.ok()) return ErrorCode::internal;
    EXPECT_FALSE(outcome.error().what.empty());
    EXPECT_FALSE(outcome.error().why.empty());
    EXPECT_FALSE(outcome.error().next.empty());
    return outcome.error().code;
}

// Breaks if results cannot be repeated: the seed alone decides.
TEST(Engine, equal_seeds_give_equal_texts_in_the_same_and_in_another_engine) {
    const auto engine = open({.threads = 2});
    const auto other = open({.threads = 1});
    GenerateRequest request = raw_request("once upon a time");
    const auto first = run(*engine, request);
    EXPECT_EQ(run(*engine, request).text, first.text);
    EXPECT_EQ(run(*other, request).text, first.text);
    request.sampling.seed = 6;
    EXPECT_NE(run(*engine, request).text, first.text);
}

TEST(Engine, the_steps_texts_are_the_answer_and_utf8) {
    const auto engine = open({});
    std::string streamed;
    std::uint32_t steps = 0;
    const auto outcome = run(*engine, raw_request("hello", 40), [&](const TokenStep& step) {
        EXPECT_TRUE(is_utf8(step.text));
        EXPECT_TRUE(step.top.empty());
        streamed += step.text;
        ++steps;
        return true;
    });
    EXPECT_EQ(streamed, outcome.text);
    EXPECT_GE(steps, outcome.completion_tokens);
    EXPECT_TRUE(outcome.steps.empty());
}

TEST(Engine, stops_at_a_text_that_spans_tokens_and_leaves_it_out) {
    const auto engine = open({});
    GenerateRequest request = raw_request("abc", 40);
    request.top_logprobs = 1;
    const auto free_text = run(*engine, request);
    ASSERT_GE(free_text.steps.size(), 4U);
    std::string before;
    for (std::size_t i = 0; i + 1 < free_text.steps.size(); ++i) {
        const std::string& one = free_text.steps[i].text;
        const std::string stop = one + free_text.steps[i + 1].text;
        if (i > 0 && !one.empty() && stop.size() > one.size()) {
            request.stop = {stop};
            const auto stopped = run(*engine, request);
            EXPECT_EQ(stopped.text, free_text.text.substr(0, free_text.text.find(stop)));
            EXPECT_EQ(stopped.finish, FinishReason::stop);
            EXPECT_LT(stopped.completion_tokens, free_text.completion_tokens + 1);
            return;
        }
    }
    FAIL() << "no two neighbouring steps have text";
}

TEST(Engine, a_false_answer_of_the_callback_cancels_within_the_step) {
    const auto engine = open({});
    std::uint32_t steps = 0;
    const auto outcome =
        run(*engine, raw_request("abc"), [&](const TokenStep&) { return ++steps < 3; });
    EXPECT_EQ(outcome.finish, FinishReason::cancelled);
    EXPECT_EQ(steps, 3U);
    EXPECT_EQ(outcome.completion_tokens, 3U);
}

TEST(Engine, a_stop_token_cancels_within_a_step_or_before_the_first) {
    const auto engine = open({});
    std::stop_source source;
    std::uint32_t steps = 0;
    const auto outcome = run(
        *engine, raw_request("abc"),
        [&](const TokenStep&) {
            if (++steps == 2) source.request_stop();
            return true;
        },
        source.get_token());
    EXPECT_EQ(outcome.finish, FinishReason::cancelled);
    EXPECT_EQ(steps, 2U);
    const auto none = run(*engine, raw_request("abc"), {}, source.get_token());
    EXPECT_EQ(none.finish, FinishReason::cancelled);
    EXPECT_EQ(none.completion_tokens, 0U);
    EXPECT_GT(none.prompt_tokens, 0U);
    EXPECT_EQ(run(*engine, raw_request("abc")).finish, FinishReason::length);
}

TEST(Engine, a_deadline_that_has_passed_ends_the_request_without_an_error) {
    const auto engine = open({});
    GenerateRequest request = raw_request("abc");
    request.deadline_monotonic_us = system_clock().monotonic_us();
    EXPECT_EQ(run(*engine, request).finish, FinishReason::deadline);
}

// Breaks if a second caller corrupts the first one's cache, or waits beyond its deadline.
TEST(Engine, a_second_caller_waits_no_longer_than_its_deadline_or_stop_token) {
    const auto engine = open({});
    const auto expected = run(*engine, raw_request("abc"));
    bool asked = false;
    const auto outcome = run(*engine, raw_request("abc"), [&](const TokenStep&) {
        if (asked) return true;
        asked = true;
        std::thread([&] {
            GenerateRequest late = raw_request("other");
            late.deadline_monotonic_us = system_clock().monotonic_us() + 2'000;
            EXPECT_EQ(run(*engine, late).finish, FinishReason::deadline);
            std::stop_source source;
            source.request_stop();
            EXPECT_EQ(run(*engine, raw_request("other"), {}, source.get_token()).finish,
                      FinishReason::cancelled);
        }).join();
        return true;
    });
    EXPECT_TRUE(asked);
    EXPECT_EQ(outcome.text, expected.text);
}

TEST(Engine, callers_on_many_threads_get_what_they_would_get_alone) {
    const auto engine = open({.threads = 2});
    const std::vector<std::string> prompts{"one", "two words", "three", "one"};
    std::vector<std::string> alone, together(prompts.size());
    for (const auto& prompt : prompts) alone.push_back(run(*engine, raw_request(prompt)).text);
    std::vector<std::thread> callers;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        callers.emplace_back([&, i] { together[i] = run(*engine, raw_request(prompts[i])).text; });
    }
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(together, alone);
}

TEST(Engine, goes_on_from_a_common_prefix_with_the_same_result) {
    const auto engine = open({});
    const auto fresh = open({});
    (void)run(*engine, raw_request("a long common beginning, one"));  // fills the cache
    const auto request = raw_request("a long common beginning, two");
    const auto outcome = run(*engine, request);
    EXPECT_GT(outcome.prompt_tokens_cached, 0U);
    EXPECT_LT(outcome.prompt_tokens_cached, outcome.prompt_tokens);
    EXPECT_EQ(outcome.text, run(*fresh, request).text);
}

TEST(Engine, ends_with_length_when_the_context_is_full_and_refuses_prompts_that_fill_it) {
    const auto engine = open({.context_tokens = 32});
    EXPECT_EQ(engine->facts().context_tokens, 32U);
    const auto outcome = run(*engine, raw_request("abcdefgh", 1'000));
    if (outcome.finish == FinishReason::length) {
        EXPECT_EQ(outcome.prompt_tokens + outcome.completion_tokens, 32U);
    }
    EXPECT_EQ(refusal(*engine, raw_request(std::string(400, 'x'))), ErrorCode::too_large);
    EXPECT_EQ(run(*engine, raw_request("abcdefgh", 2)).completion_tokens, 2U);
}

TEST(Engine, gives_the_scores_that_were_asked_for) {
    const auto engine = open({});
    GenerateRequest request = raw_request("abc", 5);
    request.top_logprobs = 4;
    request.sampling.temperature = 0.0F;
    const auto outcome = run(*engine, request);
    ASSERT_GE(outcome.steps.size(), outcome.completion_tokens);
    for (const TokenStep& step : outcome.steps) {
        ASSERT_EQ(step.top.size(), 4U);
        EXPECT_EQ(step.top[0].token, step.token);
        for (std::size_t i = 0; i < 4; ++i) {
            EXPECT_LE(step.top[i].logprob, 0.0F);
            EXPECT_TRUE(is_utf8(step.top[i].text));
            if (i > 0) {
                EXPECT_LE(step.top[i].logit, step.top[i - 1].logit);
            }
        }
    }
}

TEST(Engine, refuses_requests_that_break_a_rule) {
    const auto engine = open({});
    const auto with = [](auto change) {
        GenerateRequest request = raw_request("abc");
        change(request);
        return request;
    };
    using R = GenerateRequest;
    EXPECT_EQ(refusal(*engine, GenerateRequest{}), ErrorCode::invalid_argument);
    EXPECT_EQ(refusal(*engine, with([](R& r) { r.messages = {{"user", "hi"}}; })),
              ErrorCode::invalid_argument);
    EXPECT_EQ(refusal(*engine, with([](R& r) {
                  r.prompt.clear();
                  r.messages = {{"user", "hi"}};
              })),
              ErrorCode::invalid_argument);
    EXPECT_EQ(refusal(*engine, with([](R& r) { r.tokens_max = 0; })), ErrorCode::invalid_argument);
    EXPECT_EQ(refusal(*engine, with([](R& r) { r.stop = {""}; })), ErrorCode::invalid_argument);
    EXPECT_EQ(refusal(*engine, with([](R& r) { r.stop = {"\xff"}; })), ErrorCode::invalid_argument);
    EXPECT_EQ(refusal(*engine, with([](R& r) { r.stop.assign(17, "x"); })), ErrorCode::too_large);
    EXPECT_EQ(refusal(*engine, with([](R& r) { r.top_logprobs = 65; })),
              ErrorCode::invalid_argument);
    EXPECT_EQ(refusal(*engine, with([](R& r) { r.sampling.top_p = 2.0F; })),
              ErrorCode::invalid_argument);
    EXPECT_EQ(refusal(*engine, with([](R& r) { r.prompt.assign(300'000, 'a'); })),
              ErrorCode::too_large);
}

TEST(Engine, refuses_to_open_what_it_cannot_run) {
    const auto code = [](const std::string& source, const EngineOptions& options) {
        const auto engine = Engine::open(source, "", options);
        EXPECT_FALSE(engine.ok());
        return engine.ok() ? ErrorCode::internal : engine.error().code;
    };
    EXPECT_EQ(code("/nonexistent/model.gguf", {}), ErrorCode::not_found);
    EXPECT_EQ(code(tiny, {.threads = 1'000}), ErrorCode::invalid_argument);
    EXPECT_EQ(code(tiny, {.context_tokens = 1}), ErrorCode::invalid_argument);
    EXPECT_EQ(code(tiny, {.context_tokens = 257}), ErrorCode::invalid_argument);
}

TEST(Engine, tells_what_it_opened) {
    const auto engine = open({.threads = 2, .kernels = KernelChoice::scalar});
    const ModelFacts& facts = engine->facts();
    EXPECT_EQ(facts.name, "tiny");
    EXPECT_EQ(facts.architecture, "llama");
    EXPECT_EQ(facts.quantisation, "Q8_0");
    EXPECT_EQ(facts.kernels, "scalar");
    EXPECT_EQ(facts.threads, 2U);
    EXPECT_EQ(facts.context_tokens, 256U);
    EXPECT_EQ(facts.layers, 2U);
    EXPECT_GT(facts.parameters, 0U);
    EXPECT_GT(facts.file_bytes, facts.parameters);
}

TEST(Engine, answers_a_chat) {
    const auto engine = open({});
    GenerateRequest request;
    request.messages = {{"system", "Be brief."}, {"user", "hi"}};
    request.tokens_max = 4;
    EXPECT_GT(run(*engine, request).prompt_tokens, 4U);
}

/// Largest difference of two evaluations, relative to the spread of the logits.
double distance(const std::vector<float>& a, const std::vector<float>& b) {
    double squares = 0.0, largest = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        squares += double{a[i]} * double{a[i]};
        largest = std::max(largest, std::fabs(double{a[i]} - double{b[i]}));
    }
    return largest / std::sqrt(squares / static_cast<double>(a.size()));
}

std::vector<std::uint32_t> some_tokens(std::size_t count) {
    std::vector<std::uint32_t> tokens;
    for (std::size_t i = 0; i < count; ++i) {
        tokens.push_back(static_cast<std::uint32_t>(3 + i * 37 % 250));
    }
    return tokens;
}

// Breaks if a backend computes another model than the scalar reference: for every weight type, with
// heads in groups. Float weights differ by rounding and half-precision caches alone, quantised ones
// by int8 activations too.
TEST(Engine, fast_kernels_agree_with_the_reference_for_every_weight_type) {
    for (const std::string type : {"f32", "f16", "bf16", "q8_0", "q4_0", "q4_1"}) {
        const std::string source = std::string(tiny) + "&type=" + type;
        const auto reference = open({.kernels = KernelChoice::scalar}, source);
        const auto tokens = some_tokens(20);
        const auto wanted = reference->evaluate(tokens, 20);
        ASSERT_TRUE(wanted.ok());
        for (const KernelChoice choice : {KernelChoice::avx2, KernelChoice::avx512}) {
            if (select_kernels(choice) == nullptr) continue;
            const auto engine = open({.kernels = choice}, source);
            const auto ours = engine->evaluate(tokens, 20);
            ASSERT_TRUE(ours.ok());
            const double off = distance(wanted.value(), ours.value());
            EXPECT_LT(off, type.find("q") == 0 ? 0.1 : 0.01)
                << type << " " << engine->facts().kernels;
        }
    }
}

// Breaks if results depend on threads, on chunks of a prompt (128 tokens), or on the batch.
TEST(Engine, logits_are_the_same_bits_for_any_threads_and_chunks) {
    for (const KernelChoice choice : {KernelChoice::scalar, KernelChoice::automatic}) {
        const auto one = open({.threads = 1, .kernels = choice});
        const auto three = open({.threads = 3, .kernels = choice});
        const auto tokens = some_tokens(200);
        const auto whole = one->evaluate(tokens, 1);
        ASSERT_TRUE(whole.ok());
        EXPECT_EQ(three->evaluate(tokens, 1).value(), whole.value());
        const auto last_rows = one->evaluate(tokens, 64);  // after tokens 137 to 200
        const auto first_of_them = one->evaluate(std::span(tokens).first(137), 1);
        ASSERT_TRUE(last_rows.ok());
        ASSERT_TRUE(first_of_them.ok());
        const auto& rows = last_rows.value();
        EXPECT_TRUE(std::equal(whole.value().rbegin(), whole.value().rend(), rows.rbegin()));
        EXPECT_TRUE(
            std::equal(first_of_them.value().begin(), first_of_them.value().end(), rows.begin()));
    }
}

}  // namespace
}  // namespace ait::gpu
