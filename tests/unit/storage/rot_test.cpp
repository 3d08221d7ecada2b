// Bits flip at rest, in the log and in RocksDB's files, of a data directory that was really used:
// each flip is refused with the file's name, or made good from the log, or changes no answer.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>

#include "tests/unit/storage/faulty_rocks.hpp"
#include "tests/unit/storage/real_chain.hpp"
#include "tests/unit/storage/seed.hpp"

namespace ait::storage {
namespace {

enum class Fate { harmless, repaired, refused, wrong };

std::ostream& operator<<(std::ostream& out, Fate fate) {
    constexpr std::array<const char*, 4> names{"harmless", "repaired", "refused", "WRONG"};
    return out << names.at(static_cast<std::size_t>(fate));
}

struct Flip {
    std::string path;
    std::uint64_t offset = 0;
    unsigned bit = 0;
};

struct Outcome {
    Fate fate = Fate::harmless;
    std::string text{};
};

/// A disk that a node worked on, and what it answers from it.
class UsedDisk {
  public:
    explicit UsedDisk(std::uint64_t seed, bool is_pruned) : chain_(seed) {
        if (is_pruned) {
            chain_.segment_bytes = 8U * 1024;
            chain_.log_bytes_kept = 24U * 1024;
        }
        FaultyFileSystem disk({{"/data/keep", ""}}, seed);
        const auto env = rocks_on(disk);
        // Each start turns RocksDB's log into tables; the last blocks stay in its log. Of one start
        // the blocks came as tables of their own.
        for (int start = 0; start < 5; ++start) {
            chain_.tables_bytes_least = start == 2 ? 1 : SIZE_MAX;
            use(disk, *env, 15);
            if (start == 3) yesterday_ = disk.image();
        }
        image_ = disk.image();
        answers_ = answers_of(disk, *env);
    }

    [[nodiscard]] const DiskImage& image() const { return image_; }
    [[nodiscard]] const DiskImage& yesterday() const { return yesterday_; }

    /// Up to the last byte that is not zero: rot in the reserve behind harms nobody.
    [[nodiscard]] std::uint64_t used_bytes(const std::string& path) const {
        return image_.at(path).find_last_not_of('\0') + 1;
    }

    Outcome try_flip(const Flip& flip) {
        FaultyFileSystem disk(image_, 1);
        disk.flip_bit(flip.path, flip.offset, flip.bit);
        return try_disk(disk);
    }
    Outcome try_image(const DiskImage& image) {
        FaultyFileSystem disk(image, 1);
        return try_disk(disk);
    }

  private:
    /// Starts a node on the damaged disk, again when the first one ends by itself.
    Outcome try_disk(FaultyFileSystem& disk) {
        const auto env = rocks_on(disk);
        Outcome outcome;
        for (int start = 0; start < 3; ++start) {
            try {
                auto opened = consensus::open_chain(chain_.place(disk, *env));
                if (!opened.ok()) return refusal(opened.error());
                if (opened.value().repair) outcome = {Fate::repaired, opened.value().repair->cause};
                if (chain_.answers(*opened.value().data) == answers_) return outcome;
                return {Fate::wrong, "other answers"};
            } catch (const NodeEnded& ended) {
                outcome.text = ended.cause.why;  // the next start knows that something is wrong
            }
        }
        return {Fate::wrong, "it ends again and again: " + outcome.text};
    }

    void use(FaultyFileSystem& disk, rocksdb::Env& env, int blocks) {
        auto opened = consensus::open_chain(chain_.place(disk, env));
        ASSERT_TRUE(opened.ok()) << render_error(opened.error());
        auto& data = *opened.value().data;
        for (int i = 0; i < blocks; ++i) {
            auto sealed = chain_.next_block(data);
            ASSERT_TRUE(data.write(sealed).ok());
            ASSERT_TRUE(data.publish(sealed).ok());
            ASSERT_TRUE(data.prune_log().ok());
        }
    }

    std::string answers_of(FaultyFileSystem& disk, rocksdb::Env& env) {
        auto opened = consensus::open_chain(chain_.place(disk, env));
        EXPECT_TRUE(opened.ok());
        return opened.ok() ? chain_.answers(*opened.value().data) : "";
    }

    static Outcome refusal(const Error& error) {
        const bool is_clear = !error.what.empty() && !error.why.empty() && !error.next.empty();
        const std::string text = error.what + " " + error.why;
        const bool names_it = text.find("/data/state") != std::string::npos ||
                              text.find(".seg") != std::string::npos ||
                              text.find("/data/log") != std::string::npos;
        if (error.code != ErrorCode::corrupt_data || !is_clear || !names_it)
            return {Fate::wrong, "an unclear refusal: " + render_error(error)};
        return {Fate::refused, text};
    }

    RealChain chain_;
    DiskImage image_;
    DiskImage yesterday_;
    std::string answers_;
};

/// Half of the flips in the log, half in RocksDB's files, each file as likely as its neighbour.
std::vector<Flip> random_flips(const UsedDisk& disk, std::mt19937_64& random, int count) {
    std::vector<std::string> log;
    std::vector<std::string> state;
    for (const auto& [path, content] : disk.image()) {
        if (content.empty() || path == "/data/keep") continue;
        (path.ends_with(".seg") ? log : state).push_back(path);
    }
    std::vector<Flip> flips;
    for (int i = 0; i < count; ++i) {
        const auto& paths = i % 2 == 0 ? log : state;
        const auto& path = paths[random() % paths.size()];
        flips.push_back(
            {path, random() % disk.used_bytes(path), static_cast<unsigned>(random() % 8)});
    }
    return flips;
}

std::string kind_of(const std::string& path) {
    const auto name = path.substr(path.rfind('/') + 1);
    if (name.ends_with(".seg")) return "log segment";
    if (name.ends_with(".sst")) return "table";
    if (name.ends_with(".log")) return "RocksDB's log";
    return name.substr(0, name.find('-'));
}

using Tally = std::map<std::string, std::map<Fate, int>>;

void tell(const Tally& tally) {
    for (const auto& [kind, fates] : tally) {
        std::cout << "  " << kind << ":";
        for (const auto& [fate, count] : fates) std::cout << " " << count << " " << fate;
        std::cout << "\n";
    }
}

int flips_wanted() {
    const char* is_long = std::getenv("AITBC_TEST_LONG");
    return is_long != nullptr && std::string_view(is_long) == "1" ? 20'000 : 1'000;
}

void expect_never_wrong(UsedDisk& disk, const std::vector<Flip>& flips, Tally& tally) {
    // Told first: a process that ends has no time to tell how to repeat it.
    std::cout << "  " << replay_hint() << std::endl;
    for (const auto& flip : flips) {
        SCOPED_TRACE(flip.path + " offset " + std::to_string(flip.offset) + " bit " +
                     std::to_string(flip.bit) + "; " + replay_hint());
        const auto outcome = disk.try_flip(flip);
        ++tally[kind_of(flip.path)][outcome.fate];
        EXPECT_NE(outcome.fate, Fate::wrong) << outcome.text;
    }
}

// Breaks if a rotten bit reaches a user, a vote, or the next block.
TEST(RotAtRest, a_thousand_random_flips_are_refused_repaired_or_harmless) {
    std::mt19937_64 random(test_seed());
    UsedDisk disk(test_seed(), false);
    Tally tally;
    expect_never_wrong(disk, random_flips(disk, random, flips_wanted()), tally);
    tell(tally);
    // The log holds everything, so no damage of the state alone may stop the node.
    for (const auto& [kind, fates] : tally) {
        if (kind != "log segment") {
            EXPECT_FALSE(fates.contains(Fate::refused)) << kind;
        }
    }
    EXPECT_GT(tally["log segment"][Fate::refused], 0);
    EXPECT_GT(tally["table"][Fate::repaired], 0);
}

TEST(RotAtRest, where_the_log_was_pruned_the_node_refuses_instead) {
    std::mt19937_64 random(test_seed() + 1);
    UsedDisk disk(test_seed() + 1, true);
    Tally tally;
    expect_never_wrong(disk, random_flips(disk, random, flips_wanted() / 10), tally);
    tell(tally);
    EXPECT_GT(tally["table"][Fate::refused], 0);
}

// The list of RocksDB's files is small and ends silently where a record of it claims to be longer
// than the file: all of its bits are tried.
TEST(RotAtRest, every_bit_of_what_tells_rocksdb_its_files) {
    UsedDisk disk(test_seed() + 2, false);
    std::vector<Flip> flips;
    for (const auto& [path, content] : disk.image()) {
        const auto kind = kind_of(path);
        if (kind != "MANIFEST" && kind != "CURRENT") continue;
        for (std::uint64_t offset = 0; offset < content.size(); ++offset) {
            for (unsigned bit = 0; bit < 8; ++bit) flips.push_back({path, offset, bit});
        }
    }
    // The length fields are what is treacherous; of the rest a sample will do.
    std::mt19937_64 random(test_seed());
    std::shuffle(flips.begin(), flips.end(), random);
    if (flips_wanted() <= 1'000) flips.resize(std::min<std::size_t>(flips.size(), 200));
    Tally tally;
    expect_never_wrong(disk, flips, tally);
    tell(tally);
}

// A table's end says where to read and how much, and RocksDB parses its properties before it checks
// them: whatever stands there wrongly must not end the process.
TEST(RotAtRest, the_ends_of_tables_with_footer_and_properties) {
    constexpr std::uint64_t footer_bytes = 53;
    constexpr std::uint64_t end_bytes = 1'500;
    UsedDisk disk(test_seed() + 4, false);
    std::mt19937_64 random(test_seed());
    std::vector<Flip> flips;
    for (const auto& [path, content] : disk.image()) {
        if (kind_of(path) != "table") continue;
        for (std::uint64_t back = 1; back <= std::min<std::uint64_t>(end_bytes, content.size());
             ++back) {
            for (unsigned bit = 0; bit < 8; ++bit) {
                if (back <= footer_bytes || bit == back % 8)
                    flips.push_back({path, content.size() - back, bit});
            }
        }
    }
    std::shuffle(flips.begin(), flips.end(), random);
    if (flips_wanted() <= 1'000) flips.resize(std::min<std::size_t>(flips.size(), 400));
    Tally tally;
    expect_never_wrong(disk, flips, tally);
    tell(tally);
    EXPECT_GT(tally["table"][Fate::repaired], 0);
}

// Breaks if a file that somebody restored alone, or two that changed places, pass for good ones.
TEST(RotAtRest, files_of_yesterday_and_files_that_changed_places) {
    SCOPED_TRACE(replay_hint());
    UsedDisk disk(test_seed() + 3, false);
    Tally tally;
    const auto expect_fine = [&](const std::string& path, const DiskImage& image) {
        const auto outcome = disk.try_image(image);
        ++tally[kind_of(path)][outcome.fate];
        EXPECT_NE(outcome.fate, Fate::wrong) << path << ": " << outcome.text;
    };
    for (const auto& [path, content] : disk.image()) {
        if (content.empty()) continue;
        auto image = disk.image();
        image.erase(path);
        expect_fine(path, image);
        const auto old = disk.yesterday().find(path);
        if (old != disk.yesterday().end() && old->second != content) {
            image[path] = old->second;
            expect_fine(path, image);
        }
        for (const auto& [other, other_content] : disk.image()) {
            if (other <= path || kind_of(other) != kind_of(path)) continue;
            image[path] = other_content;
            image[other] = content;
            expect_fine(path, image);
            image[other] = other_content;
        }
    }
    tell(tally);
}

}  // namespace
}  // namespace ait::storage
