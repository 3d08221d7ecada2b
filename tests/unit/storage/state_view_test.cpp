#include "storage/state_view.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "storage/checksum.hpp"
#include "tests/unit/storage/seed.hpp"

namespace ait::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using Rows = std::vector<std::pair<std::string, std::string>>;

Rows rows_of(const StateReader& reader, std::string_view prefix = "", std::string_view from = "",
             std::size_t limit = SIZE_MAX) {
    Rows rows;
    reader.scan(prefix, from, [&](std::string_view key, std::string_view value) {
        rows.emplace_back(key, value);
        return rows.size() < limit;
    });
    return rows;
}

// Breaks if a transaction sees other state than the one it and its block wrote before.
TEST(StateView, own_writes_cover_the_base_and_erased_keys_are_gone) {
    MemoryState base;
    base.apply({{"a", "1"}, {"b", "2"}, {"d", "4"}});
    StateView view(base);
    view.put("c", "3");
    view.put("b", "two");
    view.erase("d");
    view.erase("never there");
    EXPECT_EQ(view.get("a"), "1");
    EXPECT_EQ(view.get("b"), "two");
    EXPECT_EQ(view.get("d"), std::nullopt);
    EXPECT_THAT(rows_of(view), ElementsAre(Pair("a", "1"), Pair("b", "two"), Pair("c", "3")));
    EXPECT_EQ(base.get("b"), "2");
    EXPECT_EQ(view.writes().size(), 4U);
}

TEST(StateView, a_scan_keeps_to_its_prefix_its_start_and_its_end) {
    MemoryState base;
    base.apply({{"j/1", "a"}, {"j/3", "c"}, {"k", "x"}, {"i", "y"}, {"j", "z"}});
    StateView view(base);
    view.put("j/2", "b");
    view.put("j0", "beyond");
    EXPECT_THAT(rows_of(view, "j/"),
                ElementsAre(Pair("j/1", "a"), Pair("j/2", "b"), Pair("j/3", "c")));
    EXPECT_THAT(rows_of(view, "j/", "j/2"), ElementsAre(Pair("j/2", "b"), Pair("j/3", "c")));
    EXPECT_THAT(rows_of(view, "j/", "a"), ::testing::SizeIs(3));
    EXPECT_THAT(rows_of(view, "j/", "k"), ElementsAre());
    EXPECT_THAT(rows_of(view, "j/", "", 2), ElementsAre(Pair("j/1", "a"), Pair("j/2", "b")));
}

TEST(StateView, keys_are_ordered_by_unsigned_bytes) {
    MemoryState base;
    base.apply({{"\x7f", "low"}});
    StateView view(base);
    view.put("\x80", "high");
    view.put(std::string("\0", 1), "zero");
    EXPECT_THAT(rows_of(view), ElementsAre(Pair(std::string("\0", 1), "zero"), Pair("\x7f", "low"),
                                           Pair("\x80", "high")));
}

TEST(StateView, taking_the_writes_empties_the_view) {
    MemoryState base;
    base.apply({{"b", "2"}});
    StateView block(base);
    block.put("a", "new");
    block.erase("b");
    const auto writes = block.take_writes();
    EXPECT_EQ(writes.size(), 2U);
    EXPECT_TRUE(block.writes().empty());
    base.apply(writes);
    EXPECT_THAT(rows_of(base), ElementsAre(Pair("a", "new")));
}

// Breaks if nested views and a plain map ever differ: nodes would compute different states.
TEST(StateView, three_levels_behave_like_one_map_under_random_operations) {
    SCOPED_TRACE(replay_hint());
    std::mt19937_64 random(test_seed());
    MemoryState base;
    std::map<std::string, std::string> model;
    for (int round = 0; round < 300; ++round) {
        StateView block(base);
        StateView transaction(static_cast<const StateReader&>(block));
        StateView* const levels[] = {&block, &transaction};
        for (StateView* level : levels) {
            for (int i = 0; i < 20; ++i) {
                std::string key(1 + random() % 3, 'a');
                for (char& c : key) c = static_cast<char>('a' + random() % 3);
                if (random() % 3 == 0) {
                    level->erase(key);
                    model.erase(key);
                } else {
                    const auto value = std::to_string(random());
                    level->put(key, value);
                    model[key] = value;
                }
            }
        }
        ASSERT_EQ(rows_of(transaction), Rows(model.begin(), model.end()));
        Rows below_ab;
        for (const auto& row : model) {
            if (row.first.starts_with("a") && row.first >= "ab") below_ab.push_back(row);
        }
        ASSERT_EQ(rows_of(transaction, "a", "ab"), below_ab);
        base.apply(block.take_writes());
        base.apply(transaction.take_writes());
        ASSERT_EQ(rows_of(base), Rows(model.begin(), model.end()));
    }
}

// Breaks if a scan passed over what was written, or came back, where an earlier one saw nothing.
TEST(StateView, scans_between_writes_and_attempts_show_what_a_plain_map_shows) {
    SCOPED_TRACE(replay_hint());
    std::mt19937_64 random(test_seed());
    const auto key = [&random] {
        std::string text = random() % 4 == 0 ? "b/" : "a/";
        for (auto count = random() % 3; count > 0; --count)
            text += static_cast<char>('a' + random() % 4);
        return text;
    };
    MemoryState base;
    for (int i = 0; i < 30; ++i) base.apply({{key(), "base"}});
    for (int round = 0; round < 200; ++round) {
        StateView block(base);
        std::map<std::string, std::string, std::less<>> model = base.entries();
        const auto scan = [&](const StateReader& view) {
            const std::string prefix = random() % 3 == 0 ? "" : key().substr(0, 1 + random() % 3);
            const std::string from = random() % 2 == 0 ? "" : key();
            Rows expected;
            for (const auto& row : model) {
                if (row.first.starts_with(prefix) && row.first >= from) expected.emplace_back(row);
            }
            ASSERT_EQ(rows_of(view, prefix, from), expected) << prefix << " from " << from;
        };
        for (int i = 0; i < 20; ++i) {
            const auto before = model;
            StateView::Attempt attempt(block);
            for (auto count = random() % 6; count > 0; --count) {
                const std::string name = key();
                if (random() % 3 != 0) {
                    block.erase(name);
                    model.erase(name);
                } else {
                    block.put(name, "new");
                    model[name] = "new";
                }
                scan(block);
            }
            if (random() % 2 == 0)
                attempt.keep();
            else
                model = before;
        }
        scan(block);
        (void)block.take_writes();
        model = base.entries();
        scan(block);
    }
}

// Breaks if a refused operation could leave anything behind.
TEST(StateView, an_attempt_that_is_not_kept_leaves_no_trace) {
    const std::uint64_t seed = test_seed();
    SCOPED_TRACE(replay_hint());
    std::mt19937_64 random(seed);
    const MemoryState base;
    StateView view(base);
    for (int round = 0; round < 500; ++round) {
        const WriteSet before = view.writes();
        const bool is_kept = random() % 2 == 0;
        {
            StateView::Attempt attempt(view);
            EXPECT_FALSE(attempt.has_written());
            for (auto count = 1 + random() % 6; count > 0; --count) {
                const std::string key = std::to_string(random() % 10);
                if (random() % 3 == 0)
                    view.erase(key);
                else
                    view.put(key, std::to_string(random()));
            }
            EXPECT_TRUE(attempt.has_written());
            if (is_kept) attempt.keep();
        }
        if (!is_kept) {
            ASSERT_EQ(view.writes(), before) << "round " << round;
        }
    }
}

// Source: RFC 3720, appendix B.4.
TEST(Checksum, crc32c_gives_the_published_values_in_both_forms) {
    std::string rising;
    for (char c = 0; c < 32; ++c) rising.push_back(c);
    EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
    EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43U);
    EXPECT_EQ(crc32c(rising), 0x46DD794EU);
    EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
    for (std::size_t bytes = 0; bytes < 32; ++bytes) {
        const auto text = std::string_view(rising).substr(0, bytes);
        EXPECT_EQ(crc32c(text), crc32c_portable(text)) << bytes;
    }
}

}  // namespace
}  // namespace ait::storage
