#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "actors/consensus/genesis.hpp"
#include "runtime/cli/cluster_files.hpp"
#include "runtime/cli/cluster_matrix.hpp"
#include "tests/unit/runtime/seeded_random.hpp"

namespace ait::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t now_ms = 1'767'225'600'000;

ClusterWishes wishes(const std::string& folder) {
    return {.folder = folder,
            .chain = "ait-devnet",
            .peer_port = 7'800,
            .http_port = 7'700,
            .remote_dir = "/var/lib/aitbc"};
}

std::string text_of(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

// Breaks if a cluster is promised to bear what it does not.
TEST(ClusterPlanning, quorums_follow_the_fault_model) {
    const auto tolerance = [](std::int64_t nodes, bool crash) {
        auto wished = wishes("/c");
        wished.nodes = nodes;
        wished.is_crash_tolerant = crash;
        return tolerance_of(plan_cluster(wished).value());
    };
    EXPECT_EQ(tolerance(3, false).quorum, 3U);
    EXPECT_EQ(tolerance(3, false).may_stop, 0U);
    EXPECT_EQ(tolerance(4, false).quorum, 3U);
    EXPECT_EQ(tolerance(4, false).may_lie, 1U);
    EXPECT_EQ(tolerance(3, true).quorum, 2U);
    EXPECT_EQ(tolerance(3, true).may_stop, 1U);
    EXPECT_EQ(tolerance(3, true).may_lie, 0U);
    EXPECT_EQ(tolerance(1, true).quorum, 1U);
    EXPECT_EQ(tolerance(7, false).may_stop, 2U);
}

// Breaks if validators that may lie have nothing to lose, or a wrong amount is taken for none.
TEST(ClusterPlanning, validators_that_may_lie_have_a_stake) {
    auto wished = wishes("/c");
    const auto stake = [&] {
        const auto plan = plan_cluster(wished);
        return plan.ok() ? std::optional(to_text(plan.value().stake)) : std::nullopt;
    };
    EXPECT_EQ(stake(), "1000.000000");
    wished.stake = "25.5";
    EXPECT_EQ(stake(), "25.500000");
    wished.stake = "-1";
    EXPECT_EQ(stake(), std::nullopt);
    wished = wishes("/c");
    wished.is_crash_tolerant = true;
    EXPECT_EQ(stake(), "0.000000");
    wished.stake = "7";
    auto plan = plan_cluster(wished).value();
    for (auto& node : plan.nodes)
        node.public_key =
            to_hex(std::string(32, static_cast<char>('a' + (&node - plan.nodes.data()))));
    const auto genesis = consensus::parse_genesis(genesis_text(plan, now_ms).value());
    ASSERT_TRUE(genesis.ok());
    EXPECT_EQ(to_text(genesis.value().validators[2].stake), "7.000000");
    EXPECT_EQ(plan_from_json(plan_to_json(plan), "/c").value().stake, plan.stake);
}

// Breaks if two nodes of one machine fight over a port, or hosts get the loopback's ports.
TEST(ClusterPlanning, ports_count_up_on_one_machine_only) {
    auto wished = wishes("/c");
    const auto local = plan_cluster(wished).value();
    ASSERT_EQ(local.nodes.size(), 3U);
    EXPECT_EQ(local.nodes[2].peer_port, 7'802);
    EXPECT_EQ(local.nodes[2].http_port, 7'702);
    EXPECT_EQ(local.nodes[2].data_dir, "/c/node-3");
    wished.hosts = {"a.example", "10.0.0.6", "a.example"};
    const auto remote = plan_cluster(wished).value();
    EXPECT_EQ(remote.nodes[1].peer_port, 7'800);
    EXPECT_EQ(remote.nodes[2].peer_port, 7'801);
    EXPECT_EQ(remote.nodes[1].data_dir, "/var/lib/aitbc");
    EXPECT_EQ(remote.nodes[2].data_dir, "/var/lib/aitbc/node-3");
}

// Breaks if what cannot work is written down all the same.
TEST(ClusterPlanning, what_cannot_be_is_refused) {
    const auto refused = [](auto change) {
        auto wished = wishes("/c");
        change(wished);
        return !plan_cluster(wished).ok();
    };
    EXPECT_TRUE(refused([](auto& w) { w.nodes = 65; }));
    EXPECT_TRUE(refused([](auto& w) { w.nodes = -1; }));
    EXPECT_TRUE(refused([](auto& w) { w.chain = "a b"; }));
    EXPECT_TRUE(refused([](auto& w) { w.folder = "/" + std::string(100, 'x'); }));
    EXPECT_TRUE(refused([](auto& w) { w.folder = "/a\"b"; }));
    EXPECT_TRUE(refused([](auto& w) { w.peer_port = 65'534; }));
    EXPECT_TRUE(refused([](auto& w) { w.http_port = 7'799; }));
    EXPECT_TRUE(refused([](auto& w) { w.hosts = {"a", "b c"}; }));
    EXPECT_TRUE(refused([](auto& w) {
        w.nodes = 3;
        w.hosts = {"a", "b"};
    }));
}

class ClusterFolder : public ::testing::Test {
  protected:
    ClusterFolder() {
        std::string pattern = (fs::temp_directory_path() / "ait-cl-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
    }
    ~ClusterFolder() override { fs::remove_all(folder_); }

    std::string make(const ClusterWishes& wished, bool force = false) {
        auto plan = plan_cluster(wished);
        if (!plan.ok()) return plan.error().why;
        plan_ = std::move(plan).value();
        auto found = find_files(plan_);
        if (!found.ok())
            return std::string(error_code_row(found.error().code).name) + ": " + found.error().why;
        auto outcomes = make_files(plan_, found.value(), force, random_, now_ms);
        if (!outcomes.ok()) return outcomes.error().why;
        outcomes_ = std::move(outcomes).value();
        return {};
    }

    fs::path folder_;
    SeededRandom random_{7};
    ClusterPlan plan_{};
    std::vector<FileOutcome> outcomes_{};
};

// Breaks if a new cluster is not one that its nodes would accept.
TEST_F(ClusterFolder, is_made_whole_private_and_consistent) {
    auto wished = wishes((folder_ / "c").string());
    wished.is_dev = true;
    wished.is_crash_tolerant = true;
    ASSERT_EQ(make(wished), "");
    for (const auto& node : plan_.nodes) {
        struct stat facts{};
        ASSERT_EQ(::stat((node.folder + "/node.key").c_str(), &facts), 0);
        EXPECT_EQ(facts.st_mode & 0777U, 0600U);
        EXPECT_TRUE(fs::exists(node.folder + "/fresh-key"));
        EXPECT_EQ(text_of(node.folder + "/genesis.json"),
                  text_of(plan_.nodes[0].folder + "/genesis.json"));
    }
    const auto genesis = consensus::parse_genesis(text_of(plan_.nodes[0].folder + "/genesis.json"));
    ASSERT_TRUE(genesis.ok());
    EXPECT_EQ(genesis.value().validators.size(), 3U);
    EXPECT_TRUE(genesis.value().parameters.faucet_enabled);
    EXPECT_EQ(genesis.value().parameters.fault_model, FaultModel::crash);
    auto found = find_files(plan_);
    ASSERT_TRUE(found.ok());
    const auto checks = check_files(plan_, found.value());
    ASSERT_EQ(checks.size(), 1U);
    EXPECT_TRUE(checks[0].is_good) << checks[0].what;
    const auto read = read_cluster(plan_.folder);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(dump_json(plan_to_json(read.value())), dump_json(plan_to_json(plan_)));
    EXPECT_EQ(
        text_of(plan_.folder + "/cluster.json").find(text_of(plan_.nodes[0].folder + "/node.key")),
        std::string::npos);
}

// Breaks if a second run makes new keys, another genesis, or loses what a person wrote.
TEST_F(ClusterFolder, a_second_run_keeps_keys_genesis_and_what_was_written_by_hand) {
    const auto wished = wishes((folder_ / "c").string());
    ASSERT_EQ(make(wished), "");
    const auto key = text_of(plan_.nodes[1].folder + "/node.key");
    const auto genesis = text_of(plan_.nodes[1].folder + "/genesis.json");
    const auto toml = plan_.nodes[1].folder + "/node.toml";
    const auto written = text_of(toml);
    // As after a first start: the note has gone and must not come back.
    fs::remove(plan_.nodes[1].folder + "/fresh-key");
    std::ofstream(toml, std::ios::app) << "# mine\n";
    fs::remove(plan_.nodes[2].folder + "/genesis.json");

    ASSERT_EQ(make(wished), "");
    EXPECT_EQ(text_of(plan_.nodes[1].folder + "/node.key"), key);
    EXPECT_EQ(text_of(plan_.nodes[2].folder + "/genesis.json"), genesis);
    EXPECT_EQ(outcomes_[0].node_toml, "kept");
    EXPECT_EQ(outcomes_[1].node_key, "kept");
    EXPECT_EQ(outcomes_[1].node_toml, "kept, differs");
    EXPECT_EQ(outcomes_[2].genesis, "made");
    EXPECT_EQ(text_of(toml), written + "# mine\n");
    EXPECT_FALSE(fs::exists(plan_.nodes[1].folder + "/fresh-key"));

    ASSERT_EQ(make(wished, true), "");
    EXPECT_EQ(outcomes_[1].node_toml, "written again");
    EXPECT_EQ(text_of(toml), written);
    EXPECT_EQ(text_of(plan_.nodes[1].folder + "/node.key"), key);
}

// Breaks if a run with other wishes tears a living cluster apart.
TEST_F(ClusterFolder, another_plan_or_a_lost_key_is_a_conflict_that_changes_nothing) {
    auto wished = wishes((folder_ / "c").string());
    ASSERT_EQ(make(wished), "");
    const auto genesis = text_of(plan_.nodes[0].folder + "/genesis.json");
    wished.nodes = 4;
    EXPECT_NE(make(wished).find("conflict"), std::string::npos);
    EXPECT_FALSE(fs::exists(folder_ / "c" / "node-4"));
    wished.nodes = 3;
    wished.chain = "other";
    EXPECT_NE(make(wished).find("conflict"), std::string::npos);
    wished.chain = "ait-devnet";
    fs::remove(folder_ / "c" / "node-2" / "node.key");
    EXPECT_NE(make(wished).find("node-2 is gone"), std::string::npos);
    EXPECT_FALSE(fs::exists(folder_ / "c" / "node-2" / "node.key"));
    EXPECT_EQ(text_of(folder_ / "c" / "node-1" / "genesis.json"), genesis);
}

// Breaks if files that do not fit together pass the check before the start.
TEST_F(ClusterFolder, configurations_that_miss_each_other_are_found_offline) {
    ASSERT_EQ(make(wishes((folder_ / "c").string())), "");
    const auto toml = plan_.nodes[0].folder + "/node.toml";
    const auto good = text_of(toml);
    const auto complaint = [&](const std::string& what, const std::string& by) {
        std::string text = good;
        text.replace(text.find(what), what.size(), by);
        std::ofstream(toml) << text;
        auto found = find_files(plan_);
        EXPECT_TRUE(found.ok());
        std::string all;
        for (const auto& check : check_files(plan_, found.value()))
            all += check.is_good ? "" : check.node + ": " + check.what + "\n";
        return all;
    };
    EXPECT_NE(
        complaint("listen_port = 7800", "listen_port = 7805").find("dials node-1 at port 7800"),
        std::string::npos);
    EXPECT_NE(complaint("listen_port", "listen_prot").find("listen_port"), std::string::npos);
    EXPECT_NE(complaint("\"node-2\" =", "\"node-9\" =").find("does not list node-2"),
              std::string::npos);
    EXPECT_NE(complaint("name = \"node-1\"", "name = \"node-3\"").find("calls itself node-3"),
              std::string::npos);
    EXPECT_NE(
        complaint(plan_.nodes[1].public_key, std::string(64, 'e')).find("another key for node-2"),
        std::string::npos);
}

// Breaks if a path with a blank or a quote becomes two words or a command.
TEST(ClusterTexts, shell_words_stay_one_word) {
    EXPECT_EQ(shell_word("/srv/node-1"), "/srv/node-1");
    EXPECT_EQ(shell_word("/a b"), "'/a b'");
    EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
    EXPECT_EQ(shell_word(""), "''");
}

// Breaks if a service starts with another file than the one that was rendered.
TEST(ClusterTexts, the_service_names_the_configuration_and_its_folder) {
    PlannedNode node{.name = "node-1", .data_dir = "/srv/ait"};
    const auto unit = service_text(node);
    EXPECT_NE(unit.find("--config /srv/ait/node.toml"), std::string::npos);
    EXPECT_NE(unit.find("ReadWritePaths=/srv/ait\n"), std::string::npos);
    EXPECT_EQ(unit.find("/etc/aitbc/node.toml"), std::string::npos);
    node.data_dir = "/var/lib/aitbc";
    EXPECT_NE(service_text(node).find("StateDirectory=aitbc\n"), std::string::npos);
}

// ---- who reaches whom --------------------------------------------------------------------------

const std::string key_1(64, '1');
const std::string key_2(64, '2');
const std::string key_3(64, '3');

// Breaks if a one-way link or a mute node looks like a whole cluster.
TEST(ClusterMatrixTable, shows_round_trips_one_way_links_and_who_was_mute) {
    const std::vector<ClusterMember> members{
        {.name = "a",
         .public_key = key_1,
         .peers = {{.name = "b", .public_key = key_2, .is_connected = true, .rtt_us = 850},
                   {.name = "c", .public_key = key_3, .is_connected = true, .rtt_us = 1'234}}},
        {.name = "b",
         .public_key = key_2,
         .peers = {{.name = "a", .public_key = key_1, .why = "silent"},
                   {.name = "c", .public_key = key_3, .is_connected = true}}},
        {.name = "c", .public_key = key_3, .problem = "hung: no answer."},
    };
    const auto matrix = cluster_matrix(members);
    EXPECT_EQ(matrix.columns, "from,a,b,c");
    EXPECT_EQ(matrix.items[0]["a"], "self");
    EXPECT_EQ(matrix.items[0]["b"], "850 us");
    EXPECT_EQ(matrix.items[0]["c"], "1.2 ms");
    EXPECT_EQ(matrix.items[1]["a"], "down: silent");
    EXPECT_EQ(matrix.items[1]["c"], "up");
    EXPECT_EQ(matrix.items[2]["a"], "?");
    ASSERT_EQ(matrix.alerts.size(), 2U);
    EXPECT_NE(matrix.alerts[0].find("says that it reaches b"), std::string::npos);
    EXPECT_NE(matrix.alerts[1].find("c was not asked"), std::string::npos);
}

// Breaks if a hostile name takes the place of a column or tears the list of columns apart.
TEST(ClusterMatrixTable, names_that_are_not_fit_become_keys) {
    const auto matrix =
        cluster_matrix({{.name = "why",
                         .public_key = key_1,
                         .peers = {{.name = "a,b", .public_key = key_2, .is_connected = true}}}});
    EXPECT_EQ(matrix.columns, "from,key/1111111111111111,key/2222222222222222");
    EXPECT_TRUE(matrix.alerts.empty());
}

}  // namespace
}  // namespace ait::cli
