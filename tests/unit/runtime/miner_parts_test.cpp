// The small parts of a miner: payloads, detection of GPUs, key files, delays.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "../net/raw_peers.hpp"
#include "runtime/miner/detect_gpus.hpp"
#include "runtime/miner/job_payload.hpp"
#include "runtime/miner/miner_key.hpp"
#include "runtime/miner/model_names.hpp"
#include "runtime/miner/retry.hpp"

namespace ait::miner_process {
namespace {

using ::testing::HasSubstr;

// Breaks if a client's options are lost on their way to the model.
TEST(JobPayload, options_are_found_under_both_names_at_both_places) {
    const auto request = read_job_payload(
        R"({"prompt":"p","system":"s","seed":42,"stop":"END","max_tokens":7,"unknown":[1],)"
        R"("options":{"temperature":0,"top_k":40.0,"top_p":0.9,"min_p":0.1,)"
        R"("repeat_penalty":1.1}})");
    ASSERT_TRUE(request.ok()) << render_error(request.error());
    EXPECT_EQ(request.value().prompt, "p");
    EXPECT_EQ(request.value().system, "s");
    EXPECT_EQ(request.value().seed, 42U);
    EXPECT_EQ(request.value().stop, std::vector<std::string>{"END"});
    EXPECT_EQ(request.value().tokens, 7U);
    EXPECT_EQ(request.value().temperature, 0.0);
    EXPECT_EQ(request.value().top_k, 40U);
    EXPECT_EQ(request.value().top_p, 0.9);
    EXPECT_EQ(request.value().min_p, 0.1);
    EXPECT_EQ(request.value().repetition_penalty, 1.1);
}

// Breaks if a hostile payload gets past the reader into an engine.
TEST(JobPayload, what_cannot_be_meant_is_refused_with_the_field) {
    for (const char* payload :
         {R"({"prompt":1})", R"({"prompt":"x","messages":[{"role":"user","content":"y"}]})",
          R"({"messages":[{"content":"y"}]})", R"({"messages":{}})",
          R"({"prompt":"x","top_k":1.5})", R"({"prompt":"x","top_k":1e300})",
          R"({"prompt":"x","seed":"a"})", R"({"prompt":"x","num_predict":0})",
          R"({"prompt":"x","stop":[1]})", R"({"prompt":"x","raw":1})"}) {
        const auto request = read_job_payload(payload);
        ASSERT_FALSE(request.ok()) << payload;
        EXPECT_EQ(request.error().code, ErrorCode::invalid_argument) << payload;
    }
    EXPECT_EQ(read_job_payload("{").error().code, ErrorCode::malformed);
    EXPECT_EQ(read_job_payload(R"({"prompt":"x","num_predict":-1})").value().tokens, tokens_max);
}

// Breaks if llama3 and llama3:latest are two models.
TEST(ModelNames, latest_means_nothing_and_case_neither) {
    EXPECT_TRUE(is_same_model("llama3", "Llama3:latest"));
    EXPECT_FALSE(is_same_model("llama3", "llama3:8b"));
    EXPECT_FALSE(is_same_model("llama3", "llama"));
}

// Breaks if a machine with eight equal cards registers one, or figures are called claimed.
TEST(DetectGpus, lines_of_the_driver_become_kinds_with_counts) {
    const auto gpus = parse_gpu_lines(
        "NVIDIA H100 80GB HBM3, 81559\nNVIDIA H100 80GB HBM3, 81559\n"
        "NVIDIA GeForce RTX 4090, 24564\n");
    ASSERT_TRUE(gpus.ok());
    ASSERT_EQ(gpus.value().size(), 2U);
    EXPECT_EQ(gpus.value()[0].model, "NVIDIA H100 80GB HBM3");
    EXPECT_EQ(gpus.value()[0].count, 2U);
    EXPECT_EQ(gpus.value()[0].memory_mb, 81'559U);
    EXPECT_EQ(gpus.value()[0].source, miner::FigureSource::detected);
    EXPECT_EQ(parse_gpu_lines("\n").error().code, ErrorCode::not_found);
    EXPECT_EQ(parse_gpu_lines("Segmentation fault").error().code, ErrorCode::malformed);
    EXPECT_EQ(parse_gpu_lines("X, 1e3").error().code, ErrorCode::malformed);
}

std::string script_at(const std::string& path, const std::string& text) {
    std::ofstream(path) << "#!/bin/sh\n" << text;
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
}

// Breaks if a missing, failing or hanging driver stops a miner or is taken for GPUs.
TEST(DetectGpus, the_program_is_asked_and_its_faults_are_told_apart) {
    const net::ScratchFolder folder;
    const auto missing = detect_gpus({.program = folder / "not-there"});
    ASSERT_FALSE(missing.ok());
    EXPECT_EQ(missing.error().code, ErrorCode::not_found);
    EXPECT_THAT(missing.error().why, HasSubstr("not installed"));

    const auto good = detect_gpus({.program = script_at(folder / "good", "echo 'A, 10'\n")});
    ASSERT_TRUE(good.ok()) << render_error(good.error());
    EXPECT_EQ(good.value()[0].model, "A");

    const auto failing =
        detect_gpus({.program = script_at(folder / "failing", "echo 'No devices'; exit 6\n")});
    ASSERT_FALSE(failing.ok());
    EXPECT_THAT(failing.error().why, HasSubstr("No devices"));

    const auto hanging = detect_gpus(
        {.program = script_at(folder / "hanging", "exec tail -f /dev/null\n"), .deadline_ms = 50});
    ASSERT_FALSE(hanging.ok());
    EXPECT_EQ(hanging.error().code, ErrorCode::deadline_exceeded);
}

// Breaks if a miner loses its identity at a restart, or leaves its key to be read by others.
TEST(MinerKey, a_key_is_made_once_and_kept_private) {
    const net::ScratchFolder folder;
    const std::string path = folder / "miner.key";
    const auto made = load_or_make_key(path, system_random());
    ASSERT_TRUE(made.ok()) << render_error(made.error());
    const auto read = load_or_make_key(path, system_random());
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(made.value().public_key(), read.value().public_key());
    struct stat facts{};
    ASSERT_EQ(::stat(path.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777U, 0600U);

    ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
    EXPECT_EQ(load_or_make_key(path, system_random()).error().code, ErrorCode::forbidden);
    ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
    std::ofstream(path) << "not a key";
    EXPECT_EQ(load_or_make_key(path, system_random()).error().code, ErrorCode::malformed);
}

// Breaks if a wallet's key cannot be handed over without showing it in a process list.
TEST(MinerKey, a_key_comes_through_a_pipe) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const auto key = crypto::SecretKey::from_seed(std::string(32, 's'));
    const std::string text = to_hex(std::string(32, 's')) + "\n";
    ASSERT_EQ(::write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    ::close(ends[1]);
    const auto read = read_key(ends[0]);
    ASSERT_TRUE(read.ok()) << render_error(read.error());
    EXPECT_EQ(read.value().public_key(), key.value().public_key());
    EXPECT_EQ(read_key(-1).error().code, ErrorCode::unavailable);
}

// Breaks if miners come back all at once, or never again.
TEST(Backoff, delays_double_up_to_their_bound_and_start_over) {
    Backoff backoff(system_random(), {.first_ms = 100, .max_ms = 1'000});
    std::int64_t bound = 100;
    for (int i = 0; i < 40; ++i) {
        const std::int64_t delay = backoff.next_ms();
        EXPECT_GE(delay, bound / 2);
        EXPECT_LE(delay, bound);
        bound = std::min<std::int64_t>(bound * 2, 1'000);
    }
    backoff.reset();
    EXPECT_LE(backoff.next_ms(), 100);
}

}  // namespace
}  // namespace ait::miner_process
