// The product's chain data over a log and a RocksDB that lie on one faulty disk: whatever the disk
// does, what was acknowledged is there afterwards, and the state is what executing the blocks
// gives.

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>

#include "runtime/base/crypto/hash.hpp"
#include "storage/log_record.hpp"
#include "tests/unit/storage/faulty_rocks.hpp"
#include "tests/unit/storage/real_chain.hpp"
#include "tests/unit/storage/seed.hpp"

namespace ait::storage {
namespace {

std::uint64_t rounds(std::uint64_t usual, std::uint64_t when_long) {
    const char* is_long = std::getenv("AITBC_TEST_LONG");
    return is_long != nullptr && std::string_view(is_long) == "1" ? when_long : usual;
}

std::map<std::string, std::string, std::less<>> all_of(const StateReader& reader) {
    std::map<std::string, std::string, std::less<>> rows;
    reader.scan("", "", [&](std::string_view key, std::string_view value) {
        rows.emplace(key, value);
        return true;
    });
    return rows;
}

void expect_blocks(const RealChain& chain, const consensus::ChainReader& reader) {
    for (std::uint64_t height = 1; height <= reader.height(); ++height) {
        const auto& made = chain.made()[height - 1];
        for (const auto& hash : made.operations) {
            const auto position = reader.find_operation(hash);
            ASSERT_TRUE(position.has_value()) << height;
            EXPECT_EQ(position->height, height);
        }
        for (const auto& blob : made.blobs)
            EXPECT_EQ(reader.blob(crypto::blake2b_256(blob)), blob) << height;
    }
}

/// One disk, one chain on it, and what its users were told.
class Life {
  public:
    explicit Life(std::uint64_t seed)
        : random_(seed), disk_({{"/data/keep", ""}}, seed), env_(rocks_on(disk_)), chain_(seed) {
        // In every other life the log is pruned of what the state holds.
        if (seed % 2 == 0) {
            chain_.segment_bytes = 8U * 1024;
            chain_.log_bytes_kept = 24U * 1024;
        }
    }

    void run_and_cut() {
        std::optional<consensus::OpenChain> node;
        choose_fault();
        open(node);
        if (node) work(*node->data);
        disk_.die();  // nobody may tidy up on a disk without power
        node.reset();
        clear_faults();
        disk_.power_cut(static_cast<PowerCut>(random_() % 4));
    }

    /// Opens without any fault and compares everything.
    void audit() {
        auto opened = consensus::open_chain(chain_.place(disk_, *env_));
        ASSERT_TRUE(opened.ok()) << render_error(opened.error());
        EXPECT_FALSE(opened.value().repair.has_value())
            << "a power cut is no damage: " << opened.value().repair->cause;
        const auto& data = *opened.value().data;
        const auto height = data.tip().height;
        ASSERT_GE(height, acknowledged_);
        ASSERT_LE(height, chain_.made().size());
        if (height > 0) {
            ASSERT_EQ(data.tip().hash, chain_.made()[height - 1].hash);
        }
        const auto reader = data.reader();
        ASSERT_EQ(all_of(reader->state()), chain_.state_at(height).entries());
        expect_blocks(chain_, *reader);
        chain_.keep(height);
        acknowledged_ = height;
    }

    /// The state of another machine that executes the same log from its beginning.
    void expect_same_state_from_the_log_alone() {
        auto place = chain_.place(disk_, *env_);
        place.state_directory = "/data/other";
        auto opened = consensus::open_chain(place);
        ASSERT_TRUE(opened.ok()) << render_error(opened.error());
        EXPECT_EQ(opened.value().data->recovery().replayed_blocks, acknowledged_);
        EXPECT_EQ(all_of(opened.value().data->reader()->state()),
                  chain_.state_at(acknowledged_).entries());
    }

    [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }

  private:
    void choose_fault() {
        const auto count = 1 + random_() % 150;
        switch (random_() % 6) {
            case 0:
                return disk_.fail_sync(1 + random_() % 60);
            case 1:
                return disk_.fail_write(count);
            case 2:
                return disk_.set_space_bytes(40'000 + random_() % 300'000);
            default:
                return disk_.die_at(count);
        }
    }
    void clear_faults() {
        disk_.fail_sync(0);
        disk_.fail_write(0);
        disk_.set_space_bytes(UINT64_MAX);
    }

    void open(std::optional<consensus::OpenChain>& node) {
        try {
            auto opened = consensus::open_chain(chain_.place(disk_, *env_));
            if (opened.ok()) {
                node.emplace(std::move(opened).value());
                // A cut left blocks that nobody was told of: they count now.
                chain_.keep(node->data->tip().height);
            }
        } catch (const NodeEnded&) {
            return;  // the disk failed while it was read
        }
    }

    /// As the chain actor and its log writer do it, until the disk fails or enough was done.
    void work(consensus::ChainData& data) {
        try {
            for (auto blocks = random_() % 40; blocks > 0; --blocks) {
                auto sealed = chain_.next_block(data);
                const auto height = sealed.block.header.height;
                if (!data.write(sealed).ok()) return;
                if (!data.publish(sealed).ok()) return;
                acknowledged_ = height;
                if (!data.prune_log().ok()) return;
            }
        } catch (const NodeEnded&) {
            return;
        }
    }

    std::mt19937_64 random_;
    FaultyFileSystem disk_;
    std::unique_ptr<rocksdb::Env> env_;
    RealChain chain_;
    std::uint64_t acknowledged_ = 0;
};

// Breaks if any power cut, failed sync, failed write or full disk loses what users were told, or
// leaves a state that executing the blocks does not give.
TEST(PowerCutOverLogAndState, acknowledged_blocks_survive_and_the_state_is_theirs) {
    std::uint64_t blocks = 0;
    for (std::uint64_t round = 0; round < rounds(15, 2'000); ++round) {
        SCOPED_TRACE(replay_hint() + " round " + std::to_string(round));
        Life life(test_seed() + round);
        for (int cut = 0; cut < 6; ++cut) {
            life.run_and_cut();
            ASSERT_NO_THROW(life.audit());
            if (HasFatalFailure()) return;
        }
        if ((test_seed() + round) % 2 != 0) life.expect_same_state_from_the_log_alone();
        if (HasFatalFailure()) return;
        blocks += life.acknowledged();
    }
    RecordProperty("acknowledged_blocks", std::to_string(blocks));
    EXPECT_GT(blocks, rounds(15, 2'000)) << "the faults left hardly a block to lose";
}

/// The bytes of a log of real blocks, and where each record begins.
struct RealLog {
    std::string path;
    DiskImage image;
    std::vector<std::uint64_t> records;
    std::uint64_t end = 0;
};

/// Where the records that were synced before begin with zeros, the image is that of a power cut.
RealLog real_log(RealChain& chain, std::uint64_t blocks) {
    FaultyFileSystem disk({{"/data/keep", ""}}, 1);
    const auto env = rocks_on(disk);
    RealLog log;
    {
        chain.segment_bytes = 128U * 1024;
        auto opened = consensus::open_chain(chain.place(disk, *env));
        EXPECT_TRUE(opened.ok());
        for (std::uint64_t i = 0; i < blocks; ++i) {
            auto sealed = chain.next_block(*opened.value().data);
            if (i > 0) log.records.push_back(log.end);
            EXPECT_TRUE(opened.value().data->write(sealed).ok());
            EXPECT_TRUE(opened.value().data->publish(sealed).ok());
            for (const auto& [path, content] : disk.image()) {
                if (!path.ends_with(".seg")) continue;
                log.path = path;
                log.end = (content.find_last_not_of('\0') + 16) / 16 * 16;
            }
        }
        log.image = {{log.path, disk.image().at(log.path)}};
    }
    return log;
}

std::optional<std::uint64_t> height_of_log(const DiskImage& image, std::uint64_t segment_bytes) {
    FaultyFileSystem disk(image, 1);
    auto log = BlockLog::open(disk, "/data/log", {.segment_bytes = segment_bytes});
    EXPECT_TRUE(log.ok()) << render_error(log.error());
    if (!log.ok()) return std::nullopt;
    // What is left is read back: nothing that was not whole is served.
    EXPECT_TRUE(log.value()->for_each(1, [](auto, auto) { return Status{}; }).ok());
    return log.value()->last_height();
}

// Breaks if a node cannot start after its last records were torn, or takes half a block for one.
TEST(PowerCutOverLogAndState, the_last_three_real_records_torn_at_every_byte) {
    SCOPED_TRACE(replay_hint());
    RealChain chain(test_seed());
    const auto log = real_log(chain, 12);
    ASSERT_GE(log.records.size(), 3U);
    std::mt19937_64 random(test_seed());
    const auto first = log.records.size() - 3;
    const auto begin = log.records[first];
    const auto before = first + 1;  // the first record of all begins at no end of another
    const auto& image = log.image.at(log.path);
    for (auto offset = begin; offset < log.end; ++offset) {
        // Records that are whole below the tear: to their last byte that counts, to their padding.
        std::uint64_t whole = before;
        std::uint64_t padded = before;
        for (std::size_t i = first; i < log.records.size(); ++i) {
            const auto next = i + 1 < log.records.size() ? log.records[i + 1] : log.end;
            const auto end = next - log_header_bytes;  // a sync mark follows each
            whole += image.find_last_not_of('\0', end - 1) < offset;
            padded += end <= offset;
        }
        for (const bool with_garbage : {false, true}) {
            SCOPED_TRACE(offset);
            auto torn = log.image;
            auto& content = torn[log.path];
            // Old bytes of the disk or zeros behind the tear, up to where writing had come.
            for (auto i = offset; i < log.end; ++i)
                content[i] = with_garbage ? static_cast<char>(random()) : '\0';
            const auto height = height_of_log(torn, chain.segment_bytes);
            ASSERT_TRUE(height.has_value());
            ASSERT_LE(*height, whole);
            ASSERT_GE(*height, with_garbage ? padded : whole);
            // A node on it every now and then: it costs a database each.
            if (with_garbage || (offset - begin) % 97 != 0) continue;
            FaultyFileSystem disk(torn, 1);
            const auto env = rocks_on(disk);
            const auto opened = consensus::open_chain(chain.place(disk, *env));
            ASSERT_TRUE(opened.ok()) << render_error(opened.error());
            ASSERT_EQ(opened.value().data->tip().height, *height);
            ASSERT_EQ(opened.value().data->tip().hash, chain.made()[*height - 1].hash);
            ASSERT_EQ(all_of(opened.value().data->reader()->state()),
                      chain.state_at(*height).entries());
        }
    }
}

}  // namespace
}  // namespace ait::storage
