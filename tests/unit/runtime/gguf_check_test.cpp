#include "runtime/miner/gguf_check.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "gpu/core/gguf_writer.hpp"
#include "gpu/core/synthetic.hpp"
#include "runtime/miner/engine_host.hpp"
#include "runtime/miner/sandbox.hpp"

namespace ait::miner_process {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

class GgufCheck : public ::testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (std::filesystem::temp_directory_path() / "ait_gguf_XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        options_.command = {AIT_GGUF_CHECK_CHILD};
        options_.timeout_ms = 60'000;  // a slow machine is no finding
    }
    void TearDown() override {
        std::error_code ignored;  // a folder left behind in /tmp fails no test
        std::filesystem::remove_all(folder_, ignored);
    }

    std::filesystem::path put(const std::string& name, std::string_view bytes) const {
        std::ofstream(folder_ / name, std::ios::binary) << bytes;
        return folder_ / name;
    }
    std::filesystem::path put(const std::string& name,
                              const std::vector<std::uint8_t>& bytes) const {
        return put(name, std::string(bytes.begin(), bytes.end()));
    }
    /// A sound file whose text makes the child misbehave.
    std::filesystem::path plant(const std::string& what) const {
        gpu::GgufWriter writer;
        writer.add_string("test.plant", what);
        return put(what + ".gguf", writer.finish());
    }
    Error refusal_of(const std::string& what) const {
        const auto opened = open_checked_gguf(plant(what), options_);
        EXPECT_FALSE(opened.ok()) << what;
        return opened.ok() ? Error{} : opened.error();
    }

    std::filesystem::path folder_{};
    GgufCheckOptions options_{};
};

// Breaks if honest models are refused, or if what stands in a model decides what the miner reports.
TEST_F(GgufCheck, a_sound_model_passes_and_runs) {
    const auto path = put("sound.gguf", gpu::synthetic_image({.layers = 1}));
    auto host = EngineHost::create({.model = path.string(),
                                    .models_dir = folder_.string(),
                                    .threads = 1,
                                    .gguf_check = options_});
    ASSERT_TRUE(host.ok());
    const auto model = host.value()->acquire("", Backend::scalar);
    ASSERT_TRUE(model.ok()) << render_error(model.error());
    EXPECT_EQ(model.value().engine->facts().layers, 1U);
}

// Breaks if the child could read the miner's key, its environment or its connections.
TEST_F(GgufCheck, the_child_has_no_environment_and_no_descriptor_but_the_file) {
    const int secret = ::open("/dev/null", O_RDONLY);  // inheritable on purpose
    ASSERT_GE(secret, 0);
    const auto opened = open_checked_gguf(plant("what-is-left"), options_);
    EXPECT_TRUE(opened.ok()) << render_error(opened.error());
    ::close(secret);
}

// Breaks if a file that crashes its reader takes the miner with it, or is used all the same.
TEST_F(GgufCheck, a_file_that_crashes_its_reader_is_refused_and_the_parent_lives) {
    for (const std::string what : {"crash", "wild-pointer"}) {
        const Error error = refusal_of(what);
        EXPECT_EQ(error.code, ErrorCode::malformed) << what;
        // A sanitizer reports some crashes itself and ends with a status.
        EXPECT_THAT(error.why, AnyOf(HasSubstr("crashed the process"), HasSubstr("no verdict")))
            << what;
    }
}

TEST_F(GgufCheck, a_file_that_hangs_its_reader_is_refused_in_time) {
    options_.timeout_ms = 300;
    const auto begin = std::chrono::steady_clock::now();
    const Error error = refusal_of("spin");
    EXPECT_EQ(error.code, ErrorCode::malformed);
    EXPECT_THAT(error.why, HasSubstr("after 300 ms"));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
}

TEST_F(GgufCheck, a_file_that_takes_all_processor_time_is_refused) {
    options_.processor_seconds_max = 1;
    const Error error = refusal_of("spin");
    EXPECT_EQ(error.code, ErrorCode::malformed);
    EXPECT_THAT(error.why, HasSubstr("1 s of processor time"));
}

TEST_F(GgufCheck, a_file_that_takes_all_memory_is_refused) {
    if (!has_sandbox()) GTEST_SKIP() << "a sanitizer reserves more address space than any bound";
    const Error error = refusal_of("allocate");
    EXPECT_EQ(error.code, ErrorCode::limit_reached);
    EXPECT_THAT(error.why, HasSubstr("1024 MiB"));
}

// Breaks if a reader that is taken over could open files, call out, or run code of its own.
TEST_F(GgufCheck, a_reader_that_is_taken_over_can_do_nothing) {
    if (!has_sandbox()) GTEST_SKIP() << "a sanitizer needs calls that the sandbox forbids";
    for (const std::string what : {"open-file", "socket", "fork", "executable-memory", "hang"}) {
        const Error error = refusal_of(what);
        EXPECT_EQ(error.code, ErrorCode::malformed) << what;
        EXPECT_THAT(error.why, HasSubstr("what it may not")) << what;
    }
}

// Breaks if a reader that is taken over can talk its way in, flood us, or write on a terminal.
TEST_F(GgufCheck, what_a_reader_says_is_bounded_and_not_believed) {
    for (const std::string what : {"flood", "lie", "garbage"}) {
        EXPECT_EQ(refusal_of(what).code, ErrorCode::malformed) << what;
    }
    const Error error = refusal_of("escapes");
    EXPECT_EQ(error.what, "A ?[31mred?[0m error");
    EXPECT_FALSE(parse_verdict("").ok());
    EXPECT_FALSE(parse_verdict("ok").ok());
    EXPECT_FALSE(parse_verdict("ok\nok\n").ok());
    EXPECT_FALSE(parse_verdict("no_such_code\na\nb\nc\n").ok());
    const Error told{ErrorCode::unsupported, "What.", "Why.", "Next."};
    const Status read = parse_verdict(render_verdict(told));
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(render_error(read.error()), render_error(told));
    EXPECT_TRUE(parse_verdict(render_verdict({})).ok());
}

TEST_F(GgufCheck, what_is_no_model_is_refused_with_its_reason) {
    const auto refused = [&](const std::filesystem::path& path) {
        const auto opened = open_checked_gguf(path, options_);
        EXPECT_FALSE(opened.ok()) << path;
        return opened.ok() ? Error{} : opened.error();
    };
    EXPECT_EQ(refused(folder_ / "none.gguf").code, ErrorCode::not_found);
    EXPECT_EQ(refused(folder_).code, ErrorCode::malformed);
    EXPECT_EQ(refused(put("empty.gguf", std::string_view())).code, ErrorCode::malformed);
    EXPECT_EQ(refused(put("text.gguf", "no model at all")).code, ErrorCode::malformed);
    const auto pipe = folder_ / "pipe.gguf";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    EXPECT_EQ(refused(pipe).code, ErrorCode::malformed) << "and nobody waits for its writer";
    gpu::GgufWriter writer;
    writer.add_string("general.architecture", "llama");
    const Error incomplete = refused(put("incomplete.gguf", writer.finish()));
    EXPECT_THAT(incomplete.why, HasSubstr("incomplete.gguf"));
}

// Breaks if a missing checker lets unchecked files in.
TEST_F(GgufCheck, without_a_checker_nothing_is_opened) {
    const auto path = plant("crash");
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{}, {"/no/such/program"}, {"/dev/null"}}) {
        options_.command = command;
        const auto opened = open_checked_gguf(path, options_);
        ASSERT_FALSE(opened.ok());
        EXPECT_EQ(opened.error().code, ErrorCode::unavailable);
    }
}

}  // namespace
}  // namespace ait::miner_process
