// Contexts, completion, explanations and the judgements of a health check.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "runtime/cli/complete.hpp"
#include "runtime/cli/context_store.hpp"
#include "runtime/cli/doctor.hpp"
#include "runtime/cli/error_causes.hpp"
#include "runtime/cli/run.hpp"
#include "runtime/registry/registry.hpp"
#include "tests/unit/runtime/seeded_random.hpp"

namespace ait::cli {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using Words = std::vector<std::string>;

class Comfort : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "aitbc-comfort-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        home_ = pattern;
        console_.environment = {{"HOME", home_}, {"AITBC_HOME", home_}};
        console_.out = [this](std::string_view text) { out_ += text; };
        console_.err = [this](std::string_view text) { err_ += text; };
        console_.clock = &clock_;
        console_.random = &random_;
        console_.stop = stop_.get_token();
    }
    void TearDown() override {
        std::error_code ignored;
        std::filesystem::remove_all(home_, ignored);
    }
    int run_line(const Words& words) {
        out_.clear();
        err_.clear();
        return run(words, console_);
    }
    Json out_json() {
        auto json = parse_json(out_);
        EXPECT_TRUE(json.ok()) << out_ << err_;
        return json.ok() ? json.value() : Json();
    }
    Words offered(const Words& words) {
        Words values;
        for (const auto& each : candidates_for(words, console_).all) values.push_back(each.value);
        return values;
    }
    [[nodiscard]] std::string contexts_path() const { return home_ + "/config/contexts.json"; }

    std::string home_, out_, err_;
    ManualClock clock_;
    SeededRandom random_{7};
    std::stop_source stop_;
    Console console_;
};

TEST_F(Comfort, contexts_are_made_chosen_shown_and_forgotten) {
    ASSERT_EQ(run_line({"context", "add", "prod", "--node", "http://10.0.0.5:7700", "--wallet",
                        "treasury", "--output-format", "json", "--use", "-o", "json"}),
              0)
        << err_;
    EXPECT_EQ(out_json()["current"], true);
    struct stat facts{};
    ASSERT_EQ(::stat(contexts_path().c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0600U);
    ASSERT_EQ(run_line({"context", "list"}), 0);
    const Json items = out_json()["items"];  // the context's own form of output applies
    ASSERT_EQ(items.size(), 2U);
    EXPECT_EQ(items[0]["name"], "default");
    EXPECT_EQ(items[1]["current"], true);
    ASSERT_EQ(run_line({"context", "show"}), 0);
    EXPECT_EQ(out_json()["chosen_by"], "context use");
    EXPECT_EQ(run_line({"context", "add", "prod"}), 5);
    EXPECT_EQ(run_line({"context", "add", "default"}), 2);
    EXPECT_EQ(run_line({"context", "add", "x", "--node", "ftp://x"}), 2);
    EXPECT_EQ(run_line({"context", "use", "nowhere"}), 3);
    EXPECT_EQ(run_line({"context", "remove", "prod"}), 0);
    ASSERT_EQ(run_line({"context", "show", "-o", "json"}), 0);
    EXPECT_EQ(out_json()["name"], "default");
}

TEST_F(Comfort, a_chosen_context_weighs_more_than_the_environment_the_current_one_less) {
    ASSERT_EQ(run_line({"context", "add", "a", "--node", "http://a:1", "--wallet", "wa", "--chain",
                        "ait-lab"}),
              0);
    ASSERT_EQ(run_line({"context", "add", "b", "--node", "http://b:1", "--use"}), 0);
    const auto paths = config::default_paths(console_.environment);
    auto environment = console_.environment;
    environment.emplace_back("AITBC_NODE", "http://e:1");
    GlobalOptions current;
    ASSERT_TRUE(apply_context(current, environment, paths).ok());
    EXPECT_EQ(current.node, "") << "the variable speaks";
    GlobalOptions chosen{.context = "a"};
    ASSERT_TRUE(apply_context(chosen, environment, paths).ok());
    EXPECT_EQ(chosen.node, "http://a:1");
    EXPECT_EQ(chosen.wallet, "wa");
    EXPECT_EQ(chosen.chain, "ait-lab");
    GlobalOptions flagged{.context = "a", .node = "http://f:1"};
    ASSERT_TRUE(apply_context(flagged, environment, paths).ok());
    EXPECT_EQ(flagged.node, "http://f:1");
    environment.emplace_back("AITBC_CONTEXT", "nowhere");
    GlobalOptions unknown;
    EXPECT_EQ(apply_context(unknown, environment, paths).error().code, ErrorCode::not_found);
}

// Breaks if a damaged file of contexts stops the commands that could mend it.
TEST_F(Comfort, a_damaged_file_of_contexts_is_named_and_can_be_mended) {
    std::filesystem::create_directories(home_ + "/config");
    std::ofstream(contexts_path()) << "{ not json";
    EXPECT_EQ(run_line({"status"}), 9);
    EXPECT_THAT(err_, HasSubstr(contexts_path()));
    EXPECT_EQ(run_line({"version"}), 0);
    EXPECT_EQ(run_line({"explain", "usage"}), 0);
}

TEST_F(Comfort, completion_offers_words_flags_choices_and_names) {
    EXPECT_THAT(offered({""}), IsSupersetOf({"client", "wallet", "doctor", "context", "explain"}));
    EXPECT_THAT(offered({"client", "sub"}), testing::ElementsAre("submit"));
    EXPECT_THAT(offered({"client", "submit", "--pro"}), Contains("--prompt"));
    EXPECT_THAT(offered({"client", "list", "--status", "c"}),
                testing::UnorderedElementsAre("completed", "cancelled"));
    EXPECT_THAT(offered({"client", "list", "--status=comp"}),
                testing::ElementsAre("--status=completed"));
    EXPECT_THAT(offered({"-o", "js"}), testing::UnorderedElementsAre("json", "jsonl"));
    EXPECT_THAT(offered({"config", "explain", "gateway.t"}), Contains("gateway.tcp_port"));
    EXPECT_THAT(offered({"explain", "insuff"}), testing::ElementsAre("insufficient_funds"));
    EXPECT_THAT(offered({"explain", "code", "lease"}), testing::ElementsAre("lease_lost"));
    EXPECT_THAT(offered({"help", "client", "sub"}), testing::ElementsAre("submit"));
    EXPECT_THAT(offered({"client", "list", "--status", "failed", "--st"}),
                Not(Contains("--status")))
        << "it is there already";
    EXPECT_THAT(offered({"nonsense", "x", ""}), IsEmpty());
    EXPECT_TRUE(candidates_for(Words{"verify", "receipt", ""}, console_).files);
    EXPECT_TRUE(candidates_for(Words{"status", "--token-file", ""}, console_).files);
    ASSERT_EQ(run_line({"context", "add", "prod", "--node", "http://10.0.0.5:7700"}), 0);
    EXPECT_THAT(offered({"context", "use", "p"}), testing::ElementsAre("prod"));
    EXPECT_THAT(offered({"status", "--context", ""}), IsSupersetOf({"default", "prod"}));
}

// Breaks if a word of the table is nowhere offered, or completion says a word when no node is
// there.
TEST_F(Comfort, completion_knows_every_command_and_is_silent_without_a_node) {
    for (const auto* row : registry::all_operations()) {
        if (row->cli.empty()) continue;
        const std::size_t space = row->cli.rfind(' ');
        Words words;
        std::string_view rest = row->cli.substr(0, space == row->cli.npos ? 0 : space);
        while (!rest.empty()) {
            const std::size_t end = std::min(rest.find(' '), rest.size());
            words.emplace_back(rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
        words.emplace_back();
        EXPECT_THAT(offered(words), Contains(std::string(row->cli.substr(space + 1)))) << row->cli;
    }
    out_.clear();
    const Words line{"__complete", "--", "client", "status", ""};
    EXPECT_EQ(run(line, console_), 0);
    EXPECT_EQ(out_, "@last\tthe last one of this wallet\n:end\n");
    EXPECT_EQ(err_, "");
}

TEST_F(Comfort, every_error_code_is_explained_with_causes) {
    const auto [rows, count] = error_code_rows();
    for (std::size_t i = 0; i < count; ++i) {
        EXPECT_FALSE(usual_causes(rows[i].code).empty()) << rows[i].name;
        ASSERT_EQ(run_line({"explain", "code", std::string(rows[i].name), "-o", "json"}), 0);
        EXPECT_EQ(out_json()["exit"], rows[i].exit_status);
        EXPECT_FALSE(out_json()["causes"].empty());
    }
    EXPECT_EQ(run_line({"explain", "code", "lease_lots"}), 3);
    EXPECT_THAT(err_, HasSubstr("lease_lost"));
}

TEST_F(Comfort, explain_guesses_the_kind_by_its_form) {
    ASSERT_EQ(run_line({"explain", "tcp_port", "-o", "json"}), 0) << err_;
    EXPECT_EQ(out_json()["key"], "gateway.tcp_port");
    EXPECT_EQ(out_json()["reload"], "restart");
    ASSERT_EQ(run_line({"explain", "key", "miner.region", "-o", "json"}), 0) << err_;
    EXPECT_EQ(out_json()["reload"], "miner");
    EXPECT_EQ(run_line({"explain", std::string(64, 'a')}), 7) << "a transaction needs a node";
    EXPECT_EQ(run_line({"explain", "miner-" + std::string(32, 'a')}), 7);
    EXPECT_EQ(run_line({"explain", "gatway.tcp_port"}), 3);
    EXPECT_EQ(run_line({"explain", "nothing like it"}), 3);
}

TEST_F(Comfort, config_show_tells_origins_when_asked) {
    ASSERT_EQ(run_line({"config", "show"}), 0);
    EXPECT_THAT(out_, Not(HasSubstr("ORIGIN")));
    ASSERT_EQ(run_line({"config", "show", "--origin"}), 0);
    EXPECT_THAT(out_, HasSubstr("ORIGIN"));
    ASSERT_EQ(run_line({"config", "show", "--origin", "-o", "json"}), 0);
    EXPECT_EQ(out_json()["items"][0]["origin"], "default");
}

// Breaks if the doctor cannot speak without a node.
TEST_F(Comfort, doctor_without_a_node_says_so_and_looks_at_the_rest) {
    EXPECT_EQ(run_line({"doctor", "-o", "json"}), 9);
    const Json value = out_json();
    EXPECT_EQ(value["healthy"], false);
    EXPECT_EQ(value["items"][0]["check"], "node");
    EXPECT_EQ(value["items"][0]["status"], "fail");
    EXPECT_NE(value["items"][0]["next"], Json(nullptr));
    std::set<std::string> checks;
    for (const auto& item : value["items"]) checks.insert(item["check"].get<std::string>());
    EXPECT_THAT(checks, IsSupersetOf({"config", "context", "clock", "data"}));
    EXPECT_EQ(run_line({"doctor"}), 9);
    EXPECT_THAT(out_, HasSubstr("next:"));
}

constexpr std::uint64_t gib = 1024ULL * 1024 * 1024;

TEST(DoctorJudges, disks_by_space_and_by_forecast) {
    EXPECT_EQ(judge_disk({.bytes_free = 50 * gib, .bytes_total = 100 * gib}).status, Health::ok);
    EXPECT_EQ(judge_disk({.bytes_free = 8 * gib, .bytes_total = 100 * gib}).status, Health::warn);
    EXPECT_EQ(judge_disk({.bytes_free = 4 * gib, .bytes_total = 100 * gib}).status, Health::fail);
    EXPECT_EQ(judge_disk({.bytes_free = 12 * gib, .bytes_total = 1'000 * gib}).status, Health::warn)
        << "10 GiB are always enough, but that is near";
    const Finding soon = judge_disk({.bytes_free = 50 * gib,
                                     .bytes_total = 100 * gib,
                                     .bytes_grown = gib,
                                     .over_ms = 3'600'000});
    EXPECT_EQ(soon.status, Health::warn);
    EXPECT_THAT(soon.what, HasSubstr("in 1 days"));
    EXPECT_EQ(judge_disk({.bytes_free = 50 * gib,
                          .bytes_total = 100 * gib,
                          .bytes_grown = gib,
                          .over_ms = 1'000})
                  .status,
              Health::ok)
        << "a second foretells nothing";
    EXPECT_EQ(judge_disk({}).status, Health::fail);
}

TEST(DoctorJudges, syncs_and_clocks) {
    EXPECT_EQ(judge_sync(300, 10, "x").status, Health::ok);
    EXPECT_EQ(judge_sync(50'000, 10, "x").status, Health::warn);
    EXPECT_EQ(judge_sync(2'000'000, 10, "x").status, Health::fail);
    EXPECT_THAT(judge_sync(1'250, 3, "x").what, HasSubstr("1.2 ms"));
    EXPECT_EQ(judge_clock({.is_synchronised = true}).status, Health::ok);
    EXPECT_EQ(judge_clock({}).status, Health::warn);
    EXPECT_EQ(judge_clock({.is_synchronised = true, .node_ahead_ms = -5'000}).status, Health::warn);
    EXPECT_EQ(judge_clock({.is_synchronised = true, .node_ahead_ms = 60'000}).status, Health::fail);
    EXPECT_EQ(judge_clock({.is_synchronised = true, .last_block_ahead_ms = 60'000}).status,
              Health::fail);
}

TEST(DoctorJudges, model_files_by_their_names) {
    EXPECT_TRUE(is_file_of_model("SmolLM2-135M-Instruct.Q4_1.gguf", "smollm2-135m-instruct"));
    EXPECT_TRUE(
        is_file_of_model("SmolLM2-135M-Instruct.Q4_1.gguf", "smollm2-135m-instruct:latest"));
    EXPECT_TRUE(is_file_of_model("SmolLM2-135M-Instruct.Q4_1.gguf", "smollm2-135m-instruct:q4_1"));
    EXPECT_FALSE(is_file_of_model("SmolLM2-135M-Instruct.Q4_1.gguf", "smollm2-135m-inst"));
    EXPECT_FALSE(is_file_of_model("smollm2-135m-instruct.txt", "smollm2-135m-instruct"));
    EXPECT_FALSE(is_file_of_model(".gguf", ""));
}

}  // namespace
}  // namespace ait::cli
