#include "actors/consensus/vote_journal.hpp"

#include <gtest/gtest.h>

#include "runtime/base/result.hpp"
#include "storage/faulty_file_system.hpp"

namespace ait::consensus {
namespace {

using Records = std::vector<std::string>;

const std::string folder = "/data/votes";

VoteJournal::Opened open(storage::FileSystem& disk) {
    auto opened = VoteJournal::open(disk, folder);
    EXPECT_TRUE(opened.ok()) << render_error(opened.error());
    return std::move(opened).value();
}

void keep(VoteJournal& journal, const Records& records, bool restart = false) {
    ASSERT_TRUE(journal.append(records, restart).ok());
    ASSERT_TRUE(journal.sync().ok());
}

TEST(VoteJournal, gives_back_all_that_was_kept_in_order) {
    storage::FaultyFileSystem disk({{"/data/keep", ""}}, 1);
    {
        const auto opened = open(disk);
        EXPECT_TRUE(opened.is_new);
        keep(*opened.journal, {"guard", "vote 1"});
        keep(*opened.journal, {"vote 2"});
    }
    const auto again = open(disk);
    EXPECT_FALSE(again.is_new);
    EXPECT_EQ(again.records, (Records{"guard", "vote 1", "vote 2"}));
    keep(*again.journal, {"vote 3"});
    EXPECT_EQ(open(disk).records, (Records{"guard", "vote 1", "vote 2", "vote 3"}));
}

TEST(VoteJournal, a_restart_takes_the_place_of_all_before_it) {
    storage::FaultyFileSystem disk({{"/data/keep", ""}}, 1);
    const auto opened = open(disk);
    keep(*opened.journal, {"old"});
    keep(*opened.journal, {"new guard", "vote 7"}, true);
    keep(*opened.journal, {"vote 8"});
    ASSERT_TRUE(opened.journal->prune().ok());
    EXPECT_EQ(open(disk).records, (Records{"new guard", "vote 7", "vote 8"}));
}

// Breaks if a validator that loses power at any write forgets a promise that it had synced, or
// takes half of a restart for the whole.
TEST(VoteJournal, a_power_cut_at_any_write_leaves_what_was_synced_or_the_whole_restart) {
    for (std::uint64_t dies_at = 1; dies_at < 40; ++dies_at) {
        for (const auto cut : {storage::PowerCut::lose_unsynced, storage::PowerCut::tear_last,
                               storage::PowerCut::random_sectors}) {
            storage::FaultyFileSystem disk({{"/data/keep", ""}}, dies_at);
            auto opened = open(disk);
            keep(*opened.journal, {"guard", "vote 1"});
            disk.die_at(dies_at);
            const bool restarted = opened.journal->append({"new guard", "vote 2"}, true).ok() &&
                                   opened.journal->sync().ok();
            const bool pruned = restarted && opened.journal->prune().ok();
            const bool went_on = pruned && opened.journal->append({"vote 3"}, false).ok() &&
                                 opened.journal->sync().ok();
            opened.journal.reset();
            disk.power_cut(cut);
            const Records found = open(disk).records;
            const std::string what = "dies at write " + std::to_string(dies_at);
            const Records before{"guard", "vote 1"};
            const Records restart{"new guard", "vote 2"};
            const Records after{"new guard", "vote 2", "vote 3"};
            if (went_on) {
                EXPECT_EQ(found, after) << what;
            } else if (restarted) {
                EXPECT_TRUE(found == restart || found == after) << what;
            } else {
                EXPECT_TRUE(found == before || found == restart) << what;
            }
        }
    }
}

TEST(VoteJournal, refuses_a_record_that_is_none_of_its_own) {
    storage::FaultyFileSystem disk({{"/data/keep", ""}}, 1);
    {
        auto log = storage::BlockLog::open(disk, folder, {.segment_bytes = 1024 * 1024});
        ASSERT_TRUE(log.ok());
        ASSERT_TRUE(log.value()->append(1, "x-what is this?").ok());
        ASSERT_TRUE(log.value()->sync().ok());
    }
    const auto opened = VoteJournal::open(disk, folder);
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, ErrorCode::malformed);
}

}  // namespace
}  // namespace ait::consensus
