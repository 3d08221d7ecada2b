// A node that lacks very much, and members that have it, lie, hang, forget or vanish: what it asks
// whom, and that only what a quorum signed is ever written.

#include "actors/consensus/snapshot_join.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/actors/consensus/checkpoint_fixture.hpp"

namespace ait::consensus {
namespace {

using Peer = SnapshotJoin::Peer;

/// Plays the shell, the disk and the members, on a clock of its own.
class Stage {
  public:
    explicit Stage(std::size_t members = 4)
        : fixture(members), join(fixture.genesis, fixture.genesis_id) {
        for (Peer peer = 0; peer < members; ++peer) {
            offers[peer] = fixture.checkpoint(1'000, {0, 1, 2});
            link(peer, true);
        }
    }
    void link(Peer peer, bool is_up) { join.on_link(peer, is_up); }

    /// What a chunk's answer is; nothing: silence.
    std::function<std::optional<ChunkAnswer>(const SnapshotJoin::Want&)> answer =
        [this](const SnapshotJoin::Want& want) { return right(want); };
    [[nodiscard]] ChunkAnswer right(const SnapshotJoin::Want& want) const {
        return {want.root, want.index, ChunkRefusal::none, Blob{fixture.chunks[want.index]}};
    }

    void step() {
        now_ms += 100;
        SnapshotJoin::View view{now_ms, own_height, claimed_height};
        for (int round = 0; round < 50; ++round) {
            auto actions = join.look(view);
            notes.insert(notes.end(), actions.notes.begin(), actions.notes.end());
            for (const auto& ask : actions.asks) {
                ++asked[ask.peer];
                if (offers.contains(ask.peer))
                    join.on_checkpoint(ask.peer, CheckpointAnswer{offers[ask.peer]});
            }
            if (actions.begin) {
                begun = actions.begin->checkpoint.manifest;
                disk.resize(begun->chunks.size());
                std::vector<bool> here;
                for (const auto& chunk : disk) here.push_back(!chunk.empty());
                join.on_begun(begin_status, here);
            }
            for (const auto& want : actions.wants) {
                ++wanted[want.peer];
                under_way = std::max(under_way, actions.wants.size());
                if (auto chunk = answer(want)) join.on_chunk(want.peer, std::move(*chunk));
            }
            for (auto& store : actions.stores) {
                disk.at(store.index) = std::move(store.bytes);
                join.on_stored(store_status);
            }
            if (actions.install) {
                ++installs;
                join.on_installed(install_status);
            }
            const bool is_quiet = actions.asks.empty() && !actions.begin && actions.wants.empty() &&
                                  actions.stores.empty() && !actions.install;
            if (is_quiet) return;
        }
    }
    void run(int steps) {
        for (int i = 0; i < steps && !join.is_done(); ++i) step();
    }
    [[nodiscard]] bool disk_is_right() const { return disk == fixture.chunks; }

    CheckpointFixture fixture;
    SnapshotJoin join;
    std::map<Peer, Checkpoint> offers{};
    std::map<Peer, int> asked{};
    std::map<Peer, int> wanted{};
    std::vector<std::string> disk{};
    std::vector<std::string> notes{};
    std::optional<Manifest> begun{};
    std::size_t under_way = 0;
    int installs = 0;
    std::int64_t now_ms = 1'000;
    std::uint64_t own_height = 0;
    std::uint64_t claimed_height = 1'010;
    Status begin_status{};
    Status store_status{};
    Status install_status{};
};

TEST(SnapshotJoin, a_node_without_anything_gets_a_whole_state_from_several_members) {
    Stage stage;
    stage.run(50);
    EXPECT_TRUE(stage.join.is_done());
    EXPECT_TRUE(stage.disk_is_right());
    EXPECT_EQ(stage.installs, 1);
    EXPECT_GE(stage.wanted.size(), 2U) << "only one member was asked";
    EXPECT_LE(stage.under_way, 8U);
    EXPECT_TRUE(stage.notes.empty());
}

TEST(SnapshotJoin, a_few_blocks_are_fetched_as_blocks) {
    Stage stage;
    stage.claimed_height = join_gap_blocks_min - 1;
    stage.step();
    EXPECT_FALSE(stage.join.holds());
    EXPECT_TRUE(stage.asked.empty());
}

// Breaks if joining costs more than what it saves.
TEST(SnapshotJoin, an_image_larger_than_the_blocks_that_it_stands_for_is_not_worth_it) {
    Stage stage;
    Manifest manifest = stage.fixture.manifest(1'000);
    manifest.chunks.resize(40);
    for (auto& chunk : manifest.chunks) chunk.bytes = chunk_bytes_wanted;
    EXPECT_FALSE(is_worth_joining(0, manifest));
    manifest.chunks.resize(20);
    EXPECT_TRUE(is_worth_joining(0, manifest));
    EXPECT_FALSE(is_worth_joining(999, manifest));
    EXPECT_FALSE(is_worth_joining(1'000, manifest));
    EXPECT_FALSE(is_worth_joining(2'000, manifest));
}

TEST(SnapshotJoin, without_an_offer_it_lets_blocks_come_and_asks_again_later) {
    Stage stage;
    stage.offers.clear();
    stage.step();
    EXPECT_TRUE(stage.join.holds());
    stage.run(20);
    EXPECT_FALSE(stage.join.holds()) << "it waits for members that say nothing";
    const auto before = stage.asked[0];
    stage.run(150);
    EXPECT_GT(stage.asked[0], before);
}

// Breaks if a member can keep a node from the chain by offering it what nobody signed.
TEST(SnapshotJoin, what_too_few_have_signed_is_refused_and_the_honest_offer_is_taken) {
    Stage stage;
    stage.offers[3] = stage.fixture.signed_by(stage.fixture.manifest(5'000), {3});
    stage.run(50);
    EXPECT_TRUE(stage.join.is_done());
    EXPECT_EQ(stage.begun->height, 1'000U);
    EXPECT_EQ(stage.wanted[3], 0);
    EXPECT_EQ(stage.notes.size(), 1U);
}

TEST(SnapshotJoin, the_newest_proved_image_is_taken) {
    Stage stage;
    stage.offers[2] = stage.fixture.checkpoint(1'005, {1, 2, 3});
    stage.run(50);
    EXPECT_EQ(stage.begun->height, 1'005U);
    EXPECT_EQ(stage.wanted.size(), 1U) << "the others have another one";
}

// Breaks if one lying member spoils a state, or is asked for ever.
TEST(SnapshotJoin, whoever_sends_a_wrong_chunk_is_asked_no_more_and_nothing_of_it_is_written) {
    for (const int how : {0, 1, 2}) {
        Stage stage;
        stage.answer = [&stage, how](const SnapshotJoin::Want& want) {
            ChunkAnswer chunk = stage.right(want);
            if (want.peer != 1) return std::optional(chunk);
            if (how == 0) chunk.bytes.bytes[3] ^= 1;
            if (how == 1) chunk.bytes.bytes.pop_back();
            if (how == 2) chunk.bytes.bytes = stage.fixture.chunks[(want.index + 1) % 12];
            return std::optional(chunk);
        };
        stage.run(50);
        EXPECT_TRUE(stage.join.is_done()) << how;
        EXPECT_TRUE(stage.disk_is_right()) << how;
        EXPECT_LE(stage.wanted[1], 2) << how;
    }
}

TEST(SnapshotJoin, a_member_that_hangs_holds_nothing_up_for_long) {
    Stage stage;
    stage.answer = [&stage](const SnapshotJoin::Want& want) -> std::optional<ChunkAnswer> {
        if (want.peer <= 1) return std::nullopt;
        return stage.right(want);
    };
    stage.run(100);
    EXPECT_TRUE(stage.join.is_done());
    EXPECT_TRUE(stage.disk_is_right());
}

TEST(SnapshotJoin, a_member_that_drops_off_is_replaced_and_all_gone_is_waited_for) {
    Stage stage;
    int answers = 0;
    stage.answer = [&](const SnapshotJoin::Want& want) -> std::optional<ChunkAnswer> {
        if (++answers > 3) return std::nullopt;
        return stage.right(want);
    };
    stage.run(20);
    for (const Peer peer : {0U, 1U, 2U, 3U}) stage.link(peer, false);
    stage.run(50);
    EXPECT_FALSE(stage.join.is_done());
    stage.link(2, true);
    stage.answer = [&](const SnapshotJoin::Want& want) { return std::optional(stage.right(want)); };
    stage.run(50);
    EXPECT_TRUE(stage.join.is_done());
    EXPECT_TRUE(stage.disk_is_right());
}

TEST(SnapshotJoin, what_is_on_disk_from_an_earlier_life_is_not_fetched_again) {
    Stage stage;
    stage.disk = stage.fixture.chunks;
    stage.disk[4].clear();
    stage.disk[9].clear();
    stage.run(50);
    EXPECT_TRUE(stage.join.is_done());
    EXPECT_TRUE(stage.disk_is_right());
    int wanted = 0;
    for (const auto& [peer, count] : stage.wanted) wanted += count;
    EXPECT_EQ(wanted, 2);
}

// Breaks if members that have replaced their image leave the joiner waiting for it for ever.
TEST(SnapshotJoin, when_nobody_has_the_image_any_more_it_begins_with_the_newer_one) {
    Stage stage;
    const Hash old = root_of(stage.fixture.manifest(1'000));
    stage.answer = [&](const SnapshotJoin::Want& want) -> std::optional<ChunkAnswer> {
        if (want.root == old) {
            for (auto& [peer, offer] : stage.offers)
                offer = stage.fixture.checkpoint(2'000, {0, 1, 2});
            return ChunkAnswer{want.root, want.index, ChunkRefusal::gone, {}};
        }
        return stage.right(want);
    };
    stage.run(400);
    EXPECT_TRUE(stage.join.is_done());
    EXPECT_EQ(stage.begun->height, 2'000U);
}

TEST(SnapshotJoin, a_busy_member_is_asked_again) {
    Stage stage;
    int refusals = 0;
    stage.answer = [&](const SnapshotJoin::Want& want) {
        ChunkAnswer chunk = stage.right(want);
        if (++refusals % 3 != 0) chunk = {want.root, want.index, ChunkRefusal::busy, {}};
        return std::optional(chunk);
    };
    stage.run(100);
    EXPECT_TRUE(stage.join.is_done());
    EXPECT_TRUE(stage.disk_is_right());
}

// Breaks if answers that nobody asked for are believed, or change anything.
TEST(SnapshotJoin, answers_that_were_not_asked_for_are_left_out) {
    Stage stage;
    stage.claimed_height = 0;
    stage.join.on_checkpoint(1, CheckpointAnswer{stage.offers[1]});
    stage.join.on_chunk(1, {root_of(stage.offers[1].manifest), 0, ChunkRefusal::none,
                            Blob{stage.fixture.chunks[0]}});
    stage.join.on_begun({}, {true});
    stage.join.on_stored({});
    stage.join.on_installed({});
    stage.step();
    EXPECT_FALSE(stage.join.holds());
    EXPECT_FALSE(stage.begun);
}

TEST(SnapshotJoin, a_disk_that_refuses_ends_it_and_blocks_come_instead) {
    const Error full{ErrorCode::limit_reached, "The disk is full.", "", ""};
    for (const int where : {0, 1, 2}) {
        Stage stage;
        if (where == 0) stage.begin_status = full;
        if (where == 1) stage.store_status = full;
        if (where == 2) stage.install_status = full;
        stage.run(30);
        EXPECT_FALSE(stage.join.holds()) << where;
        EXPECT_FALSE(stage.notes.empty()) << where;
    }
}

// Breaks if a node whose peers have no old blocks waits for them for ever.
TEST(SnapshotJoin, when_blocks_do_not_come_any_newer_image_is_taken) {
    Stage stage;
    stage.own_height = 995;
    stage.run(90);
    EXPECT_FALSE(stage.join.holds());
    stage.run(40);
    EXPECT_TRUE(stage.join.is_done());
}

}  // namespace
}  // namespace ait::consensus
