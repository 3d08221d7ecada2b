#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <filesystem>

#include "storage/log.hpp"
#include "tests/unit/storage/crash_model.hpp"
#include "tests/unit/storage/seed.hpp"
#include "tests/unit/storage/temporary_directory.hpp"

namespace ait::storage {
namespace {

/// Starts the writer, waits for so many acknowledged blocks, kills it. Returns the last height of
/// which it said that it is durable.
std::uint64_t run_and_kill(const std::string& directory, std::uint64_t acknowledgements) {
    std::array<int, 2> pipe{};
    EXPECT_EQ(::pipe(pipe.data()), 0);
    const auto child = ::fork();
    if (child == 0) {
        ::dup2(pipe[1], STDOUT_FILENO);
        ::close(pipe[0]);
        ::close(pipe[1]);
        ::execl(AIT_CRASH_CHILD, AIT_CRASH_CHILD, directory.c_str(), nullptr);
        ::_exit(127);
    }
    ::close(pipe[1]);
    std::string lines;
    std::array<char, 4096> chunk{};
    bool is_killed = false;
    for (::ssize_t bytes = 0; (bytes = ::read(pipe[0], chunk.data(), chunk.size())) > 0;) {
        lines.append(chunk.data(), static_cast<std::size_t>(bytes));
        const auto count = std::count(lines.begin(), lines.end(), '\n');
        if (!is_killed && static_cast<std::uint64_t>(count) >= acknowledgements) {
            ::kill(child, SIGKILL);
            is_killed = true;
        }
    }
    ::close(pipe[0]);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself, status " << status;
    const auto end = lines.find_last_of('\n');
    const auto begin = end == std::string::npos || end == 0 ? std::string::npos
                                                            : lines.find_last_of('\n', end - 1);
    std::uint64_t height = 0;
    const auto first = begin == std::string::npos ? 0 : begin + 1;
    if (end != std::string::npos) std::from_chars(lines.data() + first, lines.data() + end, height);
    return height;
}

/// Opens as a node does and compares everything with the model.
void expect_recovered(const std::string& directory, std::uint64_t acknowledged) {
    auto log = BlockLog::open(posix_file_system(), directory + "/log", {.segment_bytes = 65'536});
    ASSERT_TRUE(log.ok()) << render_error(log.error());
    auto database = Database::open(directory + "/db");
    ASSERT_TRUE(database.ok()) << render_error(database.error());
    auto store = ChainStore::open(*database.value(), "crash");
    ASSERT_TRUE(store.ok()) << render_error(store.error());
    const auto last = log.value()->last_height().value_or(0);
    ASSERT_GE(last, acknowledged);
    ASSERT_LE(store.value()->flushed_height().value_or(0), last);
    const auto replayed = log.value()->for_each(store.value()->flushed_height().value_or(0) + 1,
                                                [&](std::uint64_t h, std::string_view payload) {
                                                    EXPECT_EQ(payload, model_payload(h));
                                                    return store.value()->publish(model_block(h));
                                                });
    ASSERT_TRUE(replayed.ok()) << render_error(replayed.error());

    const auto guard = store.value()->read();
    ASSERT_EQ(guard.height(), last);
    std::map<std::string, std::string> state;
    guard.state().scan("", "", [&](std::string_view key, std::string_view value) {
        state.emplace(key, value);
        return true;
    });
    EXPECT_EQ(state, model_state(last));
    for (std::uint64_t h = 1; h <= last; h += 1 + last / 100) {
        const auto block = model_block(h);
        EXPECT_EQ(guard.find_block(h).value(), block.block_record);
        EXPECT_EQ(guard.find_index(block.index[0].first).value(), block.index[0].second);
        EXPECT_EQ(guard.find_blob(block.blobs[0].first).value(), block.blobs[0].second);
    }
}

// Breaks if kill -9 at any moment loses an acknowledged block or leaves a state of no height.
TEST(StorageCrash, killed_writers_lose_nothing_acknowledged_and_replay_to_the_same_state) {
    SCOPED_TRACE(replay_hint());
    std::mt19937_64 random(test_seed());
    const TemporaryDirectory directory;
    for (int life = 0; life < 8; ++life) {
        const auto acknowledged = run_and_kill(directory.path(), 1 + random() % 700);
        ASSERT_GT(acknowledged, 0U);
        if (life % 2 == 0) expect_recovered(directory.path(), acknowledged);
        if (HasFatalFailure()) return;
    }
}

// Breaks if a power cut that takes the tail of RocksDB's unsynced log is not healed by the replay.
TEST(StorageCrash, a_database_log_cut_anywhere_is_made_good_by_the_block_log) {
    SCOPED_TRACE(replay_hint());
    std::mt19937_64 random(test_seed());
    const TemporaryDirectory directory;
    const auto acknowledged = run_and_kill(directory.path(), 300);
    for (int round = 0; round < 10; ++round) {
        const TemporaryDirectory copy;
        std::filesystem::copy(directory.path(), copy.path(),
                              std::filesystem::copy_options::recursive);
        std::filesystem::path newest;
        for (const auto& entry : std::filesystem::directory_iterator(copy.path() + "/db")) {
            if (entry.path().extension() == ".log" && entry.path() > newest) newest = entry.path();
        }
        ASSERT_FALSE(newest.empty());
        const auto bytes = std::filesystem::file_size(newest);
        std::filesystem::resize_file(newest, random() % (bytes + 1));
        expect_recovered(copy.path(), acknowledged);
        if (HasFatalFailure()) return;
    }
}

}  // namespace
}  // namespace ait::storage
