// What a power cut may leave of RocksDB's list of its tables, on a real one.

#include "storage/manifest_check.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/unit/storage/crash_model.hpp"
#include "tests/unit/storage/temporary_directory.hpp"

namespace ait::storage {
namespace {

std::string bytes_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}
void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

class TornManifest : public ::testing::Test {
  protected:
    /// Each flush makes tables, so each is one group of records.
    void publish(std::uint64_t blocks) {
        auto database = Database::open(place);
        ASSERT_TRUE(database.ok()) << render_error(database.error());
        auto store = ChainStore::open(*database.value(), "torn",
                                      {.flush_interval_ms = 3'600'000, .tables_bytes_least = 1});
        ASSERT_TRUE(store.ok());
        for (std::uint64_t i = 0; i < blocks; ++i) {
            ASSERT_TRUE(store.value()->publish(model_block(++height)).ok());
            ASSERT_EQ(store.value()->flush_durable().value(), height);
        }
    }
    [[nodiscard]] std::filesystem::path manifest() const {
        auto name = bytes_of(std::filesystem::path(place) / "CURRENT");
        name.pop_back();
        return std::filesystem::path(place) / name;
    }

    TemporaryDirectory directory{};
    const std::string place = directory.path() + "/db";
    std::uint64_t height = 0;
};

TEST_F(TornManifest, one_that_was_closed_is_whole_to_its_end_and_left_alone) {
    publish(30);
    const std::string bytes = bytes_of(manifest());
    EXPECT_EQ(whole_records_end(bytes), bytes.size());
    ASSERT_TRUE(mend_torn_manifest(*rocksdb::Env::Default(), place).ok());
    EXPECT_EQ(bytes_of(manifest()), bytes);
    EXPECT_FALSE(std::filesystem::exists(place + ".torn-manifest"));
}

// Breaks if a cut in the middle of a flush leaves a node that starts no more.
TEST_F(TornManifest, a_hole_in_what_was_never_synced_is_cut_off_and_an_earlier_height_opens) {
    publish(10);
    const std::string bytes = bytes_of(manifest());
    for (const std::uint64_t back : {40U, 300U, 700U}) {
        std::string torn = bytes;
        torn.replace(torn.size() - back, 16, 16, '\0');
        write_bytes(manifest(), torn);
        const auto whole = whole_records_end(torn);
        ASSERT_LT(whole, torn.size() - back + 16);
        ASSERT_TRUE(mend_torn_manifest(*rocksdb::Env::Default(), place).ok());
        EXPECT_EQ(bytes_of(manifest()), bytes.substr(0, whole));
        EXPECT_EQ(bytes_of(place + ".torn-manifest"), torn);
    }
    write_bytes(manifest(), bytes.substr(0, bytes.size() - 5) + "\x01\x01\x01\x01\x01");
    auto database = Database::open(place);
    ASSERT_TRUE(database.ok()) << render_error(database.error());
    const auto store = ChainStore::open(*database.value(), "torn");
    ASSERT_TRUE(store.ok()) << render_error(store.error());
    EXPECT_GE(store.value()->flushed_height().value_or(0), height - 1);
}

// Breaks if rot in what was synced long ago is taken for a cut, and the state for an old one.
TEST_F(TornManifest, damage_far_from_the_end_is_left_to_be_refused) {
    publish(60);
    std::string bytes = bytes_of(manifest());
    ASSERT_GT(bytes.size(), 2 * torn_manifest_bytes_max);
    bytes[bytes.size() - torn_manifest_bytes_max - 2'000] ^= 1;
    write_bytes(manifest(), bytes);
    ASSERT_TRUE(mend_torn_manifest(*rocksdb::Env::Default(), place).ok());
    EXPECT_EQ(bytes_of(manifest()), bytes);
    const auto database = Database::open(place);
    ASSERT_FALSE(database.ok());
    EXPECT_EQ(database.error().code, ErrorCode::corrupt_data);
}

TEST(WholeRecords, are_none_in_an_empty_or_foreign_file) {
    EXPECT_EQ(whole_records_end(""), 0U);
    EXPECT_EQ(whole_records_end(std::string(40'000, '\0')), 0U);
    EXPECT_EQ(whole_records_end("MANIFEST it is not"), 0U);
}

}  // namespace
}  // namespace ait::storage
