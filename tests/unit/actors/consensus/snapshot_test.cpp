// Nodes that join a running chain by its checkpoint, with real disks, threads and signatures: what
// they know, what they do not, and that the others cannot tell them from those who executed
// everything.

#include <gtest/gtest.h>

#include "actors/consensus/chain_rows.hpp"
#include "actors/consensus/checkpoint_making.hpp"
#include "tests/unit/actors/consensus/chain_cluster.hpp"

namespace ait::consensus {
namespace {

Result<Applied> ask(ClusterNode& node, Submission::Operation operation,
                    std::vector<std::string> blobs = {}) {
    auto answer = node.send(std::move(operation), false, std::move(blobs));
    if (answer.wait_for(patience) != std::future_status::ready)
        return Error{ErrorCode::deadline_exceeded, "The node did not answer in time.", "", ""};
    return answer.get();
}

/// Waits for something that nobody announces.
bool comes_true(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::yield();
    }
    return true;
}

/// A record of a domain that keeps a blob by its hash.
struct IdentifiedBlob {
    Hash blob{};
    std::string text{};
    static constexpr auto fields() {
        return std::tuple{field("blob", &IdentifiedBlob::blob, ""),
                          field("text", &IdentifiedBlob::text, "")};
    }
};

class SnapshotCluster : public ::testing::Test {
  protected:
    void SetUp() override {
        cluster.checkpoint_blocks = 40;
        cluster.start_all();
    }
    /// One after the other, so that each is a block.
    void work(const std::vector<std::size_t>& nodes, std::size_t count, std::size_t bytes = 10) {
        for (std::size_t i = 0; i < count; ++i) {
            const std::string name = std::to_string(done_++);
            const auto applied =
                ask(*cluster.nodes[nodes[i % nodes.size()]],
                    toy::Chain::item("job" + name, std::string(bytes, 'x'), "key" + name));
            ASSERT_TRUE(applied.ok()) << name << applied.error().what << applied.error().why;
            height_ = std::max(height_, applied.value().height);
        }
    }
    [[nodiscard]] bool proves(std::size_t node, std::uint64_t height) const {
        return comes_true([&] {
            return cluster.nodes[node]->replication.get().snapshot.checkpoint_height >= height;
        });
    }
    void wipe(std::size_t node) {
        cluster.stop(node);
        cluster.wipe(node);
    }
    /// It fetches the state, and is opened again with it.
    void join(std::size_t node) {
        cluster.start_without_guard(node);
        ASSERT_TRUE(cluster.nodes[node]->has_joined());
        cluster.stop(node);
        cluster.start_without_guard(node);
    }
    [[nodiscard]] std::uint64_t history_from(std::size_t node) const {
        return cluster.nodes[node]->data->reader()->history_from();
    }

    ChainCluster cluster{3, FaultModel::crash};
    std::uint64_t height_ = 0;
    std::size_t done_ = 0;
};

std::map<std::string, std::string> state_of(const ClusterNode& node) {
    std::map<std::string, std::string> rows;
    const auto reader = node.data->reader();
    reader->state().scan("", "", [&](std::string_view key, std::string_view value) {
        rows.emplace(key, value);
        return true;
    });
    return rows;
}

/// Once both are there.
void expect_same_state(ClusterNode& one, ClusterNode& other, std::uint64_t height) {
    ASSERT_TRUE(one.reaches(height) && other.reaches(height));
    EXPECT_TRUE(state_of(one) == state_of(other));
}

// Breaks if a node that lost its disk has to execute everything, or comes back with another state.
TEST_F(SnapshotCluster, a_wiped_node_goes_on_from_a_checkpoint_with_the_same_state) {
    work({0, 1, 2}, 130);
    ASSERT_TRUE(proves(0, 120) && proves(1, 120));
    wipe(2);
    join(2);
    const auto& joined = *cluster.nodes[2];
    EXPECT_EQ(joined.data->recovery().replayed_blocks, 0U);
    EXPECT_GE(joined.data->tip().height, 120U);
    EXPECT_GE(history_from(2), 121U);
    EXPECT_EQ(history_from(0), 1U);
    work({0, 1}, 3);
    expect_same_state(*cluster.nodes[2], *cluster.nodes[0], height_);
    EXPECT_EQ(joined.hash_at(height_), cluster.nodes[0]->hash_at(height_));
    EXPECT_EQ(joined.hash_at(50), Hash{}) << "it shows a block that it does not have";
}

// Breaks if an operation from before the snapshot can be done again through a node that joined, or
// if that node cannot say what came of it.
TEST_F(SnapshotCluster, what_was_done_before_the_snapshot_is_answered_and_not_done_again) {
    const BatchItem unkeyed = toy::Chain::item("unkeyed", "text");
    const auto first_unkeyed = ask(*cluster.nodes[0], unkeyed);
    ASSERT_TRUE(first_unkeyed.ok());
    const BatchItem item = toy::Chain::item("first", "text", "a key");
    const auto first = ask(*cluster.nodes[0], item);
    ASSERT_TRUE(first.ok());
    work({0, 1, 2}, 100);
    ASSERT_TRUE(proves(0, 80) && proves(1, 80));
    wipe(2);
    join(2);
    const auto again = ask(*cluster.nodes[2], item);
    ASSERT_TRUE(again.ok()) << again.error().what << again.error().why;
    EXPECT_TRUE(again.value().repeated);
    EXPECT_EQ(again.value().height, first.value().height);
    EXPECT_EQ(again.value().block_time_unix_ms, first.value().block_time_unix_ms);
    EXPECT_EQ(encode(again.value().outcome), encode(first.value().outcome));
    const auto reader = cluster.nodes[2]->data->reader();
    EXPECT_EQ(reader->find_operation(first_unkeyed.value().operation)->height,
              first_unkeyed.value().height);
    EXPECT_TRUE(reader->events_after(0, 0, 10).empty() ||
                reader->events_after(0, 0, 10).front().height >= reader->history_from());
}

// Breaks if a node that joined makes other images than one that executed everything: its votes
// would prove nothing, and the chain would end up without checkpoints.
TEST_F(SnapshotCluster, a_node_that_joined_makes_the_same_checkpoints_and_serves_them) {
    work({0, 1, 2}, 90);
    ASSERT_TRUE(proves(0, 80) && proves(1, 80));
    wipe(2);
    join(2);
    work({0, 1}, 2);
    ASSERT_TRUE(cluster.nodes[2]->reaches(height_));
    ASSERT_TRUE(proves(2, 80)) << "what it took is not what it serves";
    // With one of the others gone, a quorum needs its signature.
    cluster.stop(1);
    work({0}, 90);
    ASSERT_TRUE(proves(0, 160) && proves(2, 160));
    // Another one joins, and this node alone has a part of what it needs.
    cluster.wipe(1);
    join(1);
    EXPECT_GE(history_from(1), 161U);
    work({0, 2}, 2);
    expect_same_state(*cluster.nodes[1], *cluster.nodes[0], height_);
}

TEST_F(SnapshotCluster, a_node_killed_while_it_fetches_comes_up_and_goes_on) {
    work({0, 1, 2}, 90, 1'000);
    ASSERT_TRUE(proves(0, 80) && proves(1, 80));
    wipe(2);
    for (int round = 0; round < 5; ++round) {
        cluster.start_without_guard(2);
        ASSERT_TRUE(comes_true([&] {
            const auto state = cluster.nodes[2]->replication.get().snapshot;
            return state.joining_height != 0;
        }));
        cluster.stop(2);
        EXPECT_TRUE(cluster.nodes[2] == nullptr);
    }
    // It may have come to its end in one of the rounds, and was not opened since.
    cluster.start_without_guard(2);
    if (history_from(2) == 1) {
        ASSERT_TRUE(cluster.nodes[2]->has_joined());
        cluster.stop(2);
        cluster.start_without_guard(2);
    }
    work({0, 1}, 2);
    expect_same_state(*cluster.nodes[2], *cluster.nodes[0], height_);
    EXPECT_GE(history_from(2), 81U);
}

// Breaks if a node that missed a little throws away its history.
TEST_F(SnapshotCluster, a_node_that_missed_little_executes_what_it_missed) {
    work({0, 1, 2}, 50);
    cluster.stop(2);
    work({0, 1}, 40);
    cluster.start(2);
    expect_same_state(*cluster.nodes[2], *cluster.nodes[0], height_);
    EXPECT_EQ(history_from(2), 1U);
    EXPECT_EQ(cluster.nodes[2]->hash_at(60), cluster.nodes[0]->hash_at(60));
}

TEST(CheckpointMaking, the_blobs_that_the_state_names_are_in_the_image_and_no_others) {
    TemporaryFolder folder;
    toy::Chain chain;
    auto database = storage::Database::open(folder.path + "/state");
    ASSERT_TRUE(database.ok());
    auto store = storage::ChainStore::open(*database.value(), "toy");
    ASSERT_TRUE(store.ok());
    storage::BlockWrites writes;
    std::vector<std::string> blobs{"named", "forgotten", "named too"};
    std::vector<Hash> hashes;
    for (const auto& blob : blobs) {
        hashes.push_back(crypto::blake2b_256(blob));
        writes.blobs.emplace_back(std::string(hashes.back().view()), blob);
    }
    const auto named = [&](std::size_t index) {
        return encode(IdentifiedBlob{hashes[index], "text"});
    };
    writes.state["a"] = named(0);
    writes.state["b"] = named(2) + named(0);
    writes.state["c"] = "\xc4\x20";
    writes.state["d"] = std::string(hashes[1].view());
    writes.index.emplace_back(std::string(tip_key), encode(Tip{}));
    writes.makes_image = true;
    ASSERT_TRUE(store.value()->publish(std::move(writes)).ok());
    const auto image = store.value()->image(0);
    ASSERT_TRUE(image.ok());
    ImageFiles files(storage::posix_file_system(), folder.path + "/images");
    ASSERT_TRUE(files.open().ok());
    const std::atomic<bool> stops = false;
    const auto made = make_image({chain.genesis, chain.id, *image.value()}, files, stops);
    ASSERT_TRUE(made.ok()) << made.error().what << made.error().why;
    const auto file = files.find(0);
    ASSERT_TRUE(file.ok());
    std::vector<std::string> found;
    ASSERT_TRUE(read_rows(file.value()->read(0).value(), [&](ImageTable table, auto, auto value) {
                    if (table == ImageTable::blobs) found.emplace_back(value);
                    return true;
                }).ok());
    std::sort(found.begin(), found.end());
    EXPECT_EQ(found, (std::vector<std::string>{"named", "named too"}));
}

}  // namespace
}  // namespace ait::consensus
