#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "actors/node/messages.hpp"
#include "runtime/cli/node_commands.hpp"
#include "runtime/cli/node_store.hpp"

namespace ait::cli {
namespace {

namespace fs = std::filesystem;

const std::string genesis_a(64, 'a');
const std::string genesis_b(64, 'b');
const std::string key_a(64, 'c');

class NodeStore : public ::testing::Test {
  protected:
    NodeStore() {
        std::string pattern = (fs::temp_directory_path() / "aitbc-nodes-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        file_ = (folder_ / "deep" / "nodes.json").string();
    }
    ~NodeStore() override { fs::remove_all(folder_); }

    Status add(const std::string& name) {
        return update_nodes(file_, [&](NodeList& nodes) -> Status {
            nodes.all.push_back({.name = name, .host = "10.0.0.5", .port = 7700});
            return {};
        });
    }

    fs::path folder_;
    std::string file_;
};

// Breaks if what was added is forgotten, or readable by others.
TEST_F(NodeStore, keeps_every_field_in_a_private_file) {
    const NodeEntry entry{.name = "us-east-1",
                          .host = "fd00::5",
                          .port = 8080,
                          .type = "validator",
                          .token_file = "/srv/token",
                          .public_key = key_a,
                          .genesis = genesis_a,
                          .timeout_ms = 250,
                          .retries = 3,
                          .added_unix_ms = 1'000};
    ASSERT_TRUE(update_nodes(file_, [&](NodeList& nodes) -> Status {
                    nodes.all.push_back(entry);
                    return {};
                }).ok());
    const auto nodes = read_nodes(file_);
    ASSERT_TRUE(nodes.ok());
    ASSERT_NE(nodes.value().find("us-east-1"), nullptr);
    EXPECT_EQ(*nodes.value().find("us-east-1"), entry);
    EXPECT_EQ(address_of(entry), "[fd00::5]:8080");
    struct stat facts{};
    ASSERT_EQ(::stat(file_.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777U, 0600U);
}

// Breaks if one of two commands at the same time loses what the other wrote.
TEST_F(NodeStore, two_writers_at_once_lose_nothing) {
    constexpr int each = 20;
    const auto write = [this](const std::string& prefix) {
        for (int i = 0; i < each; ++i) EXPECT_TRUE(add(prefix + std::to_string(i)).ok());
    };
    std::jthread other(write, "b");
    write("a");
    other.join();
    EXPECT_EQ(read_nodes(file_).value().all.size(), 2U * each);
}

// Breaks if a refused change leaves traces, or the list grows without bound.
TEST_F(NodeStore, a_refused_change_changes_nothing_and_the_list_is_bounded) {
    for (std::size_t i = 0; i < nodes_max; ++i) ASSERT_TRUE(add("n" + std::to_string(i)).ok());
    EXPECT_EQ(add("one-more").error().code, ErrorCode::limit_reached);
    const auto refused = update_nodes(file_, [](NodeList& nodes) -> Status {
        nodes.all.clear();
        return Error{ErrorCode::conflict, "No.", "", ""};
    });
    EXPECT_EQ(refused.error().code, ErrorCode::conflict);
    EXPECT_EQ(read_nodes(file_).value().all.size(), nodes_max);
}

// Breaks if a hand-edited list makes a command crash or dial nonsense.
TEST_F(NodeStore, a_damaged_list_is_named_and_not_used) {
    fs::create_directories(folder_ / "deep");
    for (const std::string text :
         {"{", "[]", R"({"version":2,"nodes":{}})", R"({"version":1})",
          R"({"version":1,"nodes":{"a":1}})", R"({"version":1,"nodes":{"a":{"host":"h"}}})",
          R"({"version":1,"nodes":{"a":{"host":"h","port":70000}}})",
          R"({"version":1,"nodes":{"a b":{"host":"h","port":1}}})",
          R"({"version":1,"nodes":{"a":{"host":"h h","port":1}}})",
          R"({"version":1,"nodes":{"a":{"host":"h","port":1,"genesis":"xyz"}}})"}) {
        std::ofstream(file_) << text;
        const auto nodes = read_nodes(file_);
        ASSERT_FALSE(nodes.ok()) << text;
        EXPECT_EQ(nodes.error().code, ErrorCode::corrupt_data) << text;
        EXPECT_NE(nodes.error().why.find(file_), std::string::npos) << text;
        EXPECT_FALSE(add("b").ok()) << text;
    }
}

// ---- what an answer means --------------------------------------------------------------------

Json identity_json() {
    return {
        {"name", "node-1"},
        {"public_key", key_a},
        {"version", "1.0"},
        {"role", "validator"},
        {"ready", true},
        {"peers_known", 2},
        {"peers_connected", 2},
        {"time", "2026-01-01T00:00:00.000Z"},
        {"chains",
         {{{"chain", "ait-devnet"}, {"genesis", genesis_a}, {"height", 40}, {"height_known", 41}}}},
        {"proof", nullptr}};
}

NodeProbe seen(const Json& identity) {
    NodeProbe probe;
    auto read = read_identity(dump_json(identity));
    EXPECT_TRUE(read.ok());
    probe.identity = std::move(read).value();
    probe.probes_sent = 2;
    probe.round_trips_us = {900, 1'100};
    probe.clock_skew_us = 0;
    return probe;
}

// Breaks if a web server, or a hostile one, passes for a node.
TEST(NodeIdentity, whatever_a_node_would_not_say_is_not_a_node) {
    EXPECT_TRUE(read_identity(dump_json(identity_json())).ok());
    for (const std::string body : {"", "hello", "[]", "{}", "<html></html>"})
        EXPECT_EQ(read_identity(body).error().code, ErrorCode::malformed) << body;
    const auto without = [](const char* name, const Json& value) {
        Json changed = identity_json();
        changed[name] = value;
        return read_identity(dump_json(changed)).ok();
    };
    EXPECT_FALSE(without("name", ""));
    EXPECT_FALSE(without("name", std::string(65, 'x')));
    EXPECT_FALSE(without("version", "1.0\x1b[31m"));
    EXPECT_FALSE(without("public_key", "abc"));
    EXPECT_FALSE(without("time", "yesterday"));
    EXPECT_FALSE(without("chains", 7));
    EXPECT_FALSE(without("chains", {{{"chain", "a,b"}, {"genesis", genesis_a}}}));
    EXPECT_FALSE(without("chains", {{{"chain", "a"}, {"genesis", "x"}}}));
    // A newer node may say more.
    EXPECT_TRUE(without("mood", "good"));
}

// Breaks if an operator is told that a stranger is his node, or that his own is one.
TEST(NodeJudgement, another_genesis_or_key_is_another_cluster) {
    NodeProbe probe = seen(identity_json());
    judge_node(probe, {});
    EXPECT_EQ(probe.condition, NodeCondition::healthy);
    EXPECT_FALSE(probe.genesis_matches.has_value());

    judge_node(probe, {.genesis = genesis_b});
    EXPECT_EQ(probe.condition, NodeCondition::other_cluster);
    EXPECT_EQ(verdict_of("n", probe)->code, ErrorCode::check_failed);
    judge_node(probe, {.genesis = genesis_a});
    EXPECT_EQ(probe.condition, NodeCondition::healthy);
    EXPECT_TRUE(*probe.genesis_matches);

    judge_node(probe, {.local_chain = "ait-devnet", .local_genesis = genesis_b});
    EXPECT_EQ(probe.condition, NodeCondition::other_cluster);
    // Another chain than ours is no other cluster's.
    judge_node(probe, {.local_chain = "ait-health", .local_genesis = genesis_b});
    EXPECT_EQ(probe.condition, NodeCondition::healthy);

    judge_node(probe, {.public_key = std::string(64, 'd')});
    EXPECT_EQ(probe.condition, NodeCondition::other_cluster);
    // The right key without its proof is a claim.
    judge_node(probe, {.public_key = key_a});
    EXPECT_EQ(probe.condition, NodeCondition::other_cluster);
    probe.is_key_proven = true;
    judge_node(probe, {.public_key = key_a});
    EXPECT_EQ(probe.condition, NodeCondition::healthy);
}

// Breaks if a node that needs a hand looks well.
TEST(NodeJudgement, lost_probes_unreadiness_lag_and_a_wrong_clock_are_degraded) {
    const auto judged = [](NodeProbe probe) {
        judge_node(probe, {});
        return probe;
    };
    NodeProbe lost = seen(identity_json());
    lost.probes_sent = 5;
    EXPECT_EQ(judged(lost).condition, NodeCondition::degraded);
    Json json = identity_json();
    json["ready"] = false;
    const NodeProbe unready = judged(seen(json));
    EXPECT_EQ(unready.condition, NodeCondition::degraded);
    EXPECT_EQ(verdict_of("n", unready)->code, ErrorCode::not_ready);
    json = identity_json();
    json["chains"][0]["height_known"] = 60;
    EXPECT_NE(judged(seen(json)).why.find("20 blocks behind"), std::string::npos);
    NodeProbe skewed = seen(identity_json());
    skewed.clock_skew_us = -1'500'000;
    EXPECT_NE(judged(skewed).why.find("1500 ms behind"), std::string::npos);
}

// Breaks if the figures that decide where a node is put are wrong.
TEST(NodeLatency, is_counted_over_the_answers) {
    NodeProbe probe;
    EXPECT_FALSE(latency_of(probe).has_value());
    for (std::int64_t i = 1; i <= 100; ++i) probe.round_trips_us.push_back(101 - i);
    const auto figures = latency_of(probe);
    EXPECT_EQ(figures->min_us, 1);
    EXPECT_EQ(figures->avg_us, 50);
    EXPECT_EQ(figures->p95_us, 95);
    EXPECT_EQ(figures->max_us, 100);
    probe.round_trips_us = {7};
    EXPECT_EQ(latency_of(probe)->p95_us, 7);
}

// Breaks if a node's proof could be replayed, or is anybody's.
TEST(NodeIdentity, a_proof_is_of_one_key_and_one_challenge) {
    const auto key = crypto::SecretKey::from_seed(std::string(32, 's')).value();
    const auto other = crypto::SecretKey::from_seed(std::string(32, 't')).value();
    const std::string challenge(node::identity_challenge_bytes, 'q');
    const auto proof = node::prove_identity(key, challenge);
    EXPECT_TRUE(node::verify_identity(key.public_key(), challenge, proof));
    EXPECT_FALSE(node::verify_identity(other.public_key(), challenge, proof));
    EXPECT_FALSE(node::verify_identity(key.public_key(), std::string(32, 'r'), proof));
}

// ---- the matrix of chains ---------------------------------------------------------------------

LookedAt node_with(const std::string& name, const Json& chains) {
    Json json = identity_json();
    json["chains"] = chains;
    LookedAt node{.entry = {.name = name, .host = "h", .port = 1}, .probe = seen(json)};
    judge_node(node.probe, {});
    return node;
}
Json chain_at(const std::string& name, const std::string& genesis, int height) {
    return {{"chain", name}, {"genesis", genesis}, {"height", height}, {"height_known", height}};
}

// Breaks if the matrix hides who is behind, who is dead, or who is on another chain of that name.
TEST(ChainMatrix, cells_say_synced_behind_error_or_nothing) {
    LookedAt dead{.entry = {.name = "d", .host = "h", .port = 2}, .probe = {}};
    const auto matrix = chain_matrix({
        node_with("a", Json::array({chain_at("x", genesis_a, 1'234)})),
        node_with("b", Json::array({chain_at("x", genesis_a, 1'230), chain_at("y", genesis_b, 5)})),
        node_with("c", Json::array({chain_at("x", genesis_b, 9'999)})),
        dead,
    });
    EXPECT_EQ(matrix.columns, "node,x,y");
    EXPECT_EQ(matrix.items[0]["x"], "synced 1234");
    EXPECT_EQ(matrix.items[0]["y"], "-");
    EXPECT_EQ(matrix.items[1]["x"], "4 behind");
    EXPECT_EQ(matrix.items[1]["chains"][0]["lag"], 4);
    EXPECT_EQ(matrix.items[1]["y"], "synced 5");
    EXPECT_EQ(matrix.items[2]["x"], "error: another genesis");
    EXPECT_EQ(matrix.items[3]["x"], "error: dead");
    EXPECT_EQ(matrix.items[3]["chains"], Json::array());
}

// Breaks if a chain's name takes the place of what the row says, or no node leaves no explanation.
TEST(ChainMatrix, reserved_names_and_no_answer_at_all_keep_their_columns) {
    const auto odd = chain_matrix({node_with("a", Json::array({chain_at("state", genesis_a, 1)}))});
    EXPECT_EQ(odd.columns, "node,chain/state");
    EXPECT_EQ(odd.items[0]["state"], "healthy");
    const auto none = chain_matrix({{.entry = {.name = "d", .host = "h", .port = 2}, .probe = {}}});
    EXPECT_EQ(none.columns, "node,state,why");
    EXPECT_EQ(chain_matrix({}).items, Json::array());
}

}  // namespace
}  // namespace ait::cli
