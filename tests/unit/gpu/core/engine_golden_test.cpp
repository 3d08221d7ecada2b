// The engine on real weights against reference outputs of other implementations. Skipped, with the
// reason, where the weights or the references are not on this machine.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "gpu/core/engine.hpp"
#include "runtime/base/bytes.hpp"

namespace ait::gpu {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::string environment(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::string() : std::string(value);
}

fs::path model_path() {
    if (const auto given = environment("AITBC_TEST_MODEL"); !given.empty()) return given;
    const std::string cache = environment("XDG_CACHE_HOME");
    const fs::path base =
        cache.empty() ? fs::path(environment("HOME")) / ".cache" : fs::path(cache);
    return base / "aitbc" / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf";
}

fs::path golden_path() {
    const std::string given = environment("AITBC_GOLDEN_DIR");
    const fs::path folder =
        given.empty() ? fs::path(AIT_SOURCE_DIR) / ".." / "shared" / "golden" : fs::path(given);
    return folder / "smollm2.json";
}

class Golden : public testing::Test {
  protected:
    void SetUp() override {
        if (!fs::exists(model_path())) {
            GTEST_SKIP() << "No model at " << model_path() << "; AITBC_TEST_MODEL names another.";
        }
        if (!fs::exists(golden_path())) {
            GTEST_SKIP() << "No references at " << golden_path()
                         << "; AITBC_GOLDEN_DIR names another folder.";
        }
        std::ifstream file(golden_path());
        golden_ = Json::parse(file);
    }

    static std::unique_ptr<Engine> open(KernelChoice kernels) {
        auto engine = Engine::open(model_path().string(), "smollm2",
                                   {.threads = 2, .kernels = kernels, .context_tokens = 512});
        EXPECT_TRUE(engine.ok()) << (engine.ok() ? "" : render_error(engine.error()));
        return engine.ok() ? std::move(engine).value() : nullptr;
    }

    /// Logits after the prompt and after each of the first steps - 1 reference tokens.
    static std::vector<float> teacher_forced(Engine& engine, const Json& item,
                                             std::uint32_t steps) {
        auto tokens = item.at("prompt_ids").get<std::vector<std::uint32_t>>();
        const auto ids = item.at("ids").get<std::vector<std::uint32_t>>();
        tokens.insert(tokens.end(), ids.begin(), ids.begin() + steps - 1);
        auto logits = engine.evaluate(tokens, steps);
        EXPECT_TRUE(logits.ok()) << (logits.ok() ? "" : render_error(logits.error()));
        return logits.ok() ? std::move(logits).value() : std::vector<float>();
    }

    /// |logit - reference| for every reference logit of the first eight steps of every prompt.
    std::vector<double> differences(Engine& engine) const {
        std::vector<double> all;
        for (const Json& item : golden_.at("greedy")) {
            const Json& reference = item.at("f32_top5_logits");
            const auto steps = static_cast<std::uint32_t>(reference.size());
            const auto logits = teacher_forced(engine, item, steps);
            for (std::size_t step = 0; step < steps; ++step) {
                for (const Json& pair : reference.at(step)) {
                    const std::size_t token = pair.at(0).get<std::size_t>();
                    const float ours = logits.at(step * engine.facts().vocabulary + token);
                    all.push_back(std::fabs(double{ours} - pair.at(1).get<double>()));
                }
            }
        }
        std::sort(all.begin(), all.end());
        return all;
    }

    struct Agreement {
        std::size_t equal = 0;
        std::size_t steps = 0;
    };

    /// How often the likeliest token is the reference's, given the reference's tokens before it.
    Agreement agreement(Engine& engine) const {
        Agreement counted;
        for (const Json& item : golden_.at("greedy")) {
            const auto ids = item.at("ids").get<std::vector<std::uint32_t>>();
            const auto logits =
                teacher_forced(engine, item, static_cast<std::uint32_t>(ids.size()));
            const std::size_t vocabulary = engine.facts().vocabulary;
            for (std::size_t step = 0; step < ids.size(); ++step) {
                const std::span row(logits.data() + step * vocabulary, vocabulary);
                counted.equal += top_tokens(row, 1).at(0).token == ids[step] ? 1U : 0U;
                ++counted.steps;
            }
        }
        return counted;
    }

    void expect_fast_kernels_are_near(KernelChoice choice) {
        if (select_kernels(choice) == nullptr) GTEST_SKIP() << "This processor lacks the kernels.";
        const auto engine = open(choice);
        ASSERT_NE(engine, nullptr);
        const auto off = differences(*engine);
        const Agreement agreed = agreement(*engine);
        std::cout << engine->facts().kernels << ": median " << off[off.size() / 2] << ", largest "
                  << off.back() << " from F32; " << agreed.equal << " of " << agreed.steps
                  << " tokens as llama.cpp's\n";
        EXPECT_LE(off[off.size() / 2], 0.3);
        EXPECT_LE(off.back(), 1.0);
        EXPECT_GE(agreed.equal * 100, agreed.steps * 95);
    }

    Json golden_{};
};

// Breaks if the reference that every other kernel is measured by is itself wrong (rope order,
// norms, tied output, block formats).
TEST_F(Golden, scalar_kernels_compute_the_logits_of_an_exact_f32_computation) {
    const auto engine = open(KernelChoice::scalar);
    ASSERT_NE(engine, nullptr);
    const auto off = differences(*engine);
    std::cout << "scalar: median " << off[off.size() / 2] << ", largest " << off.back() << "\n";
    EXPECT_LE(off.back(), 0.02);
}

// Breaks if int8 activations lose more than llama.cpp's do: users would get worse answers.
TEST_F(Golden, avx2_kernels_are_as_near_to_f32_as_quantised_activations_allow) {
    expect_fast_kernels_are_near(KernelChoice::avx2);
}

TEST_F(Golden, avx512_kernels_are_as_near_to_f32_as_quantised_activations_allow) {
    expect_fast_kernels_are_near(KernelChoice::avx512);
}

// Breaks if prompts are counted or framed unlike other engines, which bills users wrongly.
TEST_F(Golden, chat_answers_have_the_reference_prompt_length_and_are_text) {
    const auto engine = open(KernelChoice::automatic);
    ASSERT_NE(engine, nullptr);
    for (const Json& item : golden_.at("chat")) {
        GenerateRequest request;
        request.messages = {{.role = "user", .content = item.at("user").get<std::string>()}};
        request.tokens_max = 48;
        request.sampling.temperature = 0.0F;
        const auto outcome = engine->generate(request, {}, {});
        ASSERT_TRUE(outcome.ok()) << render_error(outcome.error());
        const GenerateOutcome& answer = outcome.value();
        std::cout << answer.completion_tokens << " tokens (reference "
                  << item.at("completion_tokens") << "): " << answer.text << "\n";
        EXPECT_EQ(answer.prompt_tokens, item.at("prompt_tokens").get<std::uint32_t>());
        EXPECT_TRUE(is_utf8(answer.text));
        EXPECT_GE(answer.text.size(), 8U);
        EXPECT_TRUE(answer.finish == FinishReason::stop || answer.completion_tokens == 48U);
    }
}

// Breaks if decoding one token at a time, or going on from a cached prefix, computes something
// else than reading the whole text at once.
TEST_F(Golden, decoding_agrees_with_evaluating_the_whole_text) {
    const auto engine = open(KernelChoice::automatic);
    ASSERT_NE(engine, nullptr);
    GenerateRequest request;
    request.prompt = golden_.at("greedy").at(0).at("prompt").get<std::string>();
    request.raw = true;
    request.tokens_max = 12;
    request.top_logprobs = 3;
    request.sampling.temperature = 0.0F;
    for (const std::uint32_t cached : {0U, 4U}) {
        const auto outcome = engine->generate(request, {}, {});
        ASSERT_TRUE(outcome.ok()) << render_error(outcome.error());
        EXPECT_EQ(outcome.value().prompt_tokens_cached, cached);
        auto tokens = golden_.at("greedy").at(0).at("prompt_ids").get<std::vector<std::uint32_t>>();
        for (const TokenStep& step : outcome.value().steps) tokens.push_back(step.token);
        tokens.pop_back();
        const auto steps = static_cast<std::uint32_t>(outcome.value().steps.size());
        if (cached != 0) {
            const auto logits = engine->evaluate(tokens, steps);
            ASSERT_TRUE(logits.ok());
            for (std::uint32_t i = 0; i < steps; ++i) {
                for (const TokenScore& score : outcome.value().steps[i].top) {
                    const std::size_t at = std::size_t{i} * engine->facts().vocabulary;
                    EXPECT_EQ(logits.value().at(at + score.token), score.logit);
                }
            }
        }
    }
}

}  // namespace
}  // namespace ait::gpu
