#include "runtime/node/live_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace ait::node {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// A node's configuration file and what a reload does to the node.
class Reloading : public testing::Test {
  protected:
    Reloading() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "aitbc-reload-XXXXXX").string();
        home_ = ::mkdtemp(pattern.data());
        std::filesystem::create_directories(home_ + "/config");
        sources_.environment = {{"HOME", home_}, {"AITBC_HOME", home_}};
    }
    ~Reloading() override { std::filesystem::remove_all(home_); }

    void write(const std::string& text) const {
        std::ofstream(home_ + "/config/node.toml") << text;
    }
    [[nodiscard]] std::string secret(const std::string& name, const std::string& text) const {
        const std::string path = home_ + "/" + name;
        std::ofstream(path) << text;
        EXPECT_EQ(::chmod(path.c_str(), 0600), 0);
        return "file:" + path;
    }
    std::unique_ptr<LiveConfig> open() {
        auto loaded = config::load_config(sources_);
        EXPECT_TRUE(loaded.ok()) << loaded.error().why;
        auto live = std::make_unique<LiveConfig>(loaded.value(), sources_, clock_);
        live->set_appliers(
            {.tokens = [this](const auto& tokens) -> Result<bool> {
                 std::string all;
                 for (const auto& each : tokens) all += each.token.view();
                 return std::exchange(tokens_, all) != all;
             },
             .log_level = [this](const std::string& level) { level_ = level; },
             .requests_in_flight_max = [this](std::uint32_t count) { in_flight_max_ = count; }});
        return live;
    }
    static std::vector<std::string> keys_of(const std::vector<ConfigChangeView>& changes) {
        std::vector<std::string> keys;
        for (const auto& change : changes) keys.push_back(change.key);
        return keys;
    }

    std::string home_, level_, tokens_;
    std::uint32_t in_flight_max_ = 0;
    config::Sources sources_{};
    ManualClock clock_;
};

TEST_F(Reloading, applies_what_can_change_and_names_what_waits) {
    const auto live = open();
    write(
        "[node]\nlog_level = \"debug\"\n[gateway]\nrequests_in_flight_max = 9\n"
        "[chain]\nblock_wait_ms = 7\n[miner]\nregion = \"moon\"\n");
    const auto report = live->reload();
    ASSERT_TRUE(report.ok()) << report.error().why;
    EXPECT_THAT(keys_of(report.value().applied),
                ElementsAre("node.log_level", "gateway.requests_in_flight_max"));
    EXPECT_THAT(keys_of(report.value().by_miner), ElementsAre("miner.region"));
    EXPECT_THAT(keys_of(report.value().needs_restart), ElementsAre("chain.block_wait_ms"));
    EXPECT_EQ(level_, "debug");
    EXPECT_EQ(in_flight_max_, 9U);
    EXPECT_THAT(live->reading().needs_restart, ElementsAre("chain.block_wait_ms"));
    const auto again = live->reload();
    ASSERT_TRUE(again.ok());
    EXPECT_THAT(again.value().applied, IsEmpty());
    EXPECT_THAT(keys_of(again.value().needs_restart), ElementsAre("chain.block_wait_ms"));
    write("");
    ASSERT_TRUE(live->reload().ok());
    EXPECT_THAT(live->reading().needs_restart, IsEmpty()) << "it is as it was at the start again";
    EXPECT_EQ(level_, "info");
}

// Breaks if one bad line lets the others through.
TEST_F(Reloading, refuses_a_faulty_configuration_whole) {
    const auto live = open();
    write("[node]\nlog_level = \"debug\"\n[gateway]\nrequests_in_flight_max = 1\n");
    const auto refused = live->reload();
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(level_, "");
    EXPECT_EQ(in_flight_max_, 0U);
    write("[node]\nlog_level = \"debug\"\n[gateway.tokens]\nviewer = \"file:/nowhere/token\"\n");
    EXPECT_EQ(live->reload().error().code, ErrorCode::not_found);
    EXPECT_EQ(level_, "") << "a token that cannot be had refuses all";
}

// Breaks if a token that was changed in its file, as rotations do, stays valid until a restart.
TEST_F(Reloading, reads_secrets_anew_even_where_their_references_stay) {
    write("[gateway.tokens]\nviewer = \"" + secret("token", "one") + "\"\n");
    const auto live = open();
    ASSERT_TRUE(live->reload().ok());
    EXPECT_EQ(tokens_, "one");
    (void)secret("token", "two");
    const auto report = live->reload();
    ASSERT_TRUE(report.ok());
    EXPECT_THAT(keys_of(report.value().applied), ElementsAre("gateway.tokens"));
    EXPECT_EQ(tokens_, "two");
    for (const auto& change : report.value().applied)
        EXPECT_EQ(change.after.find("two"), std::string::npos) << "the secret itself is not told";
}

}  // namespace
}  // namespace ait::node
