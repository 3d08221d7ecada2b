// Checkpoints without a disk and without peers: what is signed, what is believed, how rows are cut.

#include "actors/consensus/checkpoint.hpp"

#include <gtest/gtest.h>

#include <map>

#include "actors/consensus/checkpoint_votes.hpp"
#include "tests/unit/actors/consensus/checkpoint_fixture.hpp"

namespace ait::consensus {
namespace {

// Breaks if a joiner can be given a state that no quorum has signed: whoever it asks first could
// give it any balances.
TEST(Checkpoint, only_a_quorum_of_the_chains_own_validators_proves_it) {
    const CheckpointFixture fixture(4);
    const Checkpoint good = fixture.checkpoint(10, {0, 1, 2});
    EXPECT_TRUE(fixture.verify(good).ok());
    EXPECT_EQ(fixture.verify(fixture.checkpoint(10, {0, 1})).error().code, ErrorCode::check_failed);
    EXPECT_FALSE(fixture.verify(fixture.checkpoint(10, {})).ok());
    Checkpoint twice = good;
    twice.signatures[2] = twice.signatures[1];
    EXPECT_FALSE(fixture.verify(twice).ok()) << "one member counted twice";
    Checkpoint other = good;
    other.manifest.block.bytes[0] ^= 1;
    EXPECT_FALSE(fixture.verify(other).ok()) << "signatures of another block";
    other = good;
    other.manifest.chunks[1].hash.bytes[5] ^= 1;
    EXPECT_FALSE(fixture.verify(other).ok()) << "signatures of other chunks";
    other = good;
    std::swap(other.manifest.chunks[0], other.manifest.chunks[1]);
    EXPECT_FALSE(fixture.verify(other).ok()) << "chunks in another order";
    other = good;
    other.signatures[0].member = 9;
    EXPECT_FALSE(fixture.verify(other).ok()) << "a member that is none";
}

TEST(Checkpoint, one_of_another_chain_is_refused_although_the_same_keys_signed_it) {
    const CheckpointFixture fixture(4);
    CheckpointFixture other(4);
    other.genesis.time.ms += 1;
    other.genesis_id = genesis_hash(other.genesis);
    const Checkpoint foreign = other.checkpoint(10, {0, 1, 2, 3});
    EXPECT_TRUE(other.verify(foreign).ok());
    EXPECT_FALSE(fixture.verify(foreign).ok());
    Checkpoint disguised = foreign;
    disguised.manifest.genesis = fixture.genesis_id;
    EXPECT_FALSE(fixture.verify(disguised).ok());
}

// Breaks if a manifest that a quorum never makes can ask for memory or disk without bound.
TEST(Checkpoint, lengths_that_no_image_has_are_refused) {
    const CheckpointFixture fixture(1);
    Manifest manifest = fixture.manifest(10);
    for (const std::uint32_t bytes : {std::uint32_t{0}, chunk_bytes_max + 1}) {
        manifest.chunks[0].bytes = bytes;
        EXPECT_FALSE(fixture.verify(fixture.signed_by(manifest, {0})).ok()) << bytes;
    }
    manifest.chunks.clear();
    EXPECT_FALSE(fixture.verify(fixture.signed_by(manifest, {0})).ok());
}

TEST(Checkpoint, a_chunk_is_believed_only_at_its_place) {
    const CheckpointFixture fixture(1);
    const Manifest manifest = fixture.manifest(10);
    EXPECT_TRUE(verify_chunk(manifest, 0, fixture.chunks[0]).ok());
    EXPECT_FALSE(verify_chunk(manifest, 1, fixture.chunks[0]).ok());
    EXPECT_FALSE(verify_chunk(manifest, 0, fixture.chunks[0].substr(1)).ok());
    EXPECT_FALSE(verify_chunk(manifest, 0, "").ok());
    EXPECT_FALSE(verify_chunk(manifest, 77, fixture.chunks[0]).ok());
}

// Breaks if two validators with the same rows make different chunks.
TEST(ChunkCutter, rows_come_back_in_order_and_no_chunk_is_longer_than_wanted) {
    ChunkCutter cutter;
    std::vector<std::string> chunks;
    std::vector<std::pair<std::string, std::string>> rows;
    for (std::size_t i = 0; i < 300; ++i) {
        rows.emplace_back("key" + std::to_string(i), std::string(i * 97 % 20'000, 'v'));
        auto chunk = cutter.add(ImageTable::state, rows.back().first, rows.back().second);
        ASSERT_TRUE(chunk.ok());
        if (chunk.value()) chunks.push_back(std::move(*chunk.value()));
    }
    if (auto last = cutter.finish()) chunks.push_back(std::move(*last));
    EXPECT_FALSE(cutter.finish());
    EXPECT_GT(chunks.size(), 2U);
    std::size_t count = 0;
    for (const auto& chunk : chunks) {
        EXPECT_LE(chunk.size(), chunk_bytes_wanted);
        const auto read = read_rows(chunk, [&](ImageTable table, auto key, auto value) {
            EXPECT_EQ(table, ImageTable::state);
            EXPECT_EQ(rows.at(count), std::pair(std::string(key), std::string(value)));
            ++count;
            return true;
        });
        EXPECT_TRUE(read.ok());
    }
    EXPECT_EQ(count, rows.size());
}

TEST(ChunkCutter, a_long_row_is_a_chunk_of_its_own_and_a_longer_one_is_refused) {
    ChunkCutter cutter;
    ASSERT_TRUE(cutter.add(ImageTable::blobs, "a", "small").ok());
    const auto before =
        cutter.add(ImageTable::blobs, "b", std::string(2 * chunk_bytes_wanted, 'x'));
    ASSERT_TRUE(before.ok());
    EXPECT_TRUE(before.value().has_value());
    const auto after = cutter.add(ImageTable::blobs, "c", "small");
    ASSERT_TRUE(after.ok() && after.value());
    EXPECT_GT(after.value()->size(), chunk_bytes_wanted);
    EXPECT_EQ(cutter.add(ImageTable::blobs, "d", std::string(chunk_bytes_max, 'x')).error().code,
              ErrorCode::too_large);
}

// Breaks if a chunk can make its reader read beyond it.
TEST(ReadRows, every_cut_and_every_wrong_length_is_told) {
    ChunkCutter cutter;
    ASSERT_TRUE(cutter.add(ImageTable::state, "key", "value").ok());
    ASSERT_TRUE(cutter.add(ImageTable::state, "key2", "value2").ok());
    const std::string whole = *cutter.finish();
    const auto readable = [](std::string_view bytes) {
        return read_rows(bytes, [](ImageTable, auto, auto) { return true; }).ok();
    };
    const std::size_t first = 9 + 3 + 5;
    for (std::size_t length = 1; length < whole.size(); ++length)
        EXPECT_EQ(readable(whole.substr(0, length)), length == first) << length;
    for (std::size_t at = 0; at < 9; ++at) {
        std::string wrong = whole;
        wrong[at] = static_cast<char>(0xff);
        EXPECT_FALSE(readable(wrong)) << at;
    }
}

TEST(CheckpointVotes, a_quorum_that_says_what_this_node_says_proves_its_image) {
    const CheckpointFixture fixture(4);
    CheckpointVotes votes(fixture.genesis.chain, fixture.genesis_id, genesis_set(fixture.genesis));
    const Manifest own = fixture.manifest(10);
    EXPECT_EQ(votes.take(0, fixture.vote(own, 0)), CheckpointVotes::Taken::added);
    EXPECT_EQ(votes.take(1, fixture.vote(own, 0)), CheckpointVotes::Taken::refused);
    EXPECT_EQ(votes.take(1, fixture.vote(own, 1)), CheckpointVotes::Taken::added);
    EXPECT_EQ(votes.take(1, fixture.vote(own, 1)), CheckpointVotes::Taken::known);
    EXPECT_TRUE(votes.proof_of(own).empty());
    EXPECT_EQ(votes.take(7, fixture.vote(own, 1)), CheckpointVotes::Taken::refused);
    votes.take(3, fixture.vote(own, 3));
    const Checkpoint proved{own, votes.proof_of(own)};
    EXPECT_TRUE(fixture.verify(proved).ok());
    EXPECT_FALSE(votes.is_contradicted(own));
    EXPECT_TRUE(votes.is_contradicted(fixture.manifest(10, 9)));
    EXPECT_TRUE(votes.proof_of(fixture.manifest(10, 9)).empty());
}

// Breaks if one member can make the others keep votes without bound, or undo what it has said.
TEST(CheckpointVotes, each_member_is_remembered_for_its_last_two_heights) {
    const CheckpointFixture fixture(1);
    CheckpointVotes votes(fixture.genesis.chain, fixture.genesis_id, genesis_set(fixture.genesis));
    for (std::uint64_t height = 10; height <= 50; height += 10)
        EXPECT_EQ(votes.take(0, fixture.vote(fixture.manifest(height), 0)),
                  CheckpointVotes::Taken::added);
    EXPECT_TRUE(votes.proof_of(fixture.manifest(30)).empty());
    EXPECT_FALSE(votes.proof_of(fixture.manifest(40)).empty());
    EXPECT_EQ(votes.take(0, fixture.vote(fixture.manifest(40, 9), 0)),
              CheckpointVotes::Taken::known);
    EXPECT_FALSE(votes.proof_of(fixture.manifest(50)).empty());
}

}  // namespace
}  // namespace ait::consensus
