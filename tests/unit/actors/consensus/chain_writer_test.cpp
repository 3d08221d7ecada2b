#include "actors/consensus/chain_writer.hpp"

#include <gtest/gtest.h>

#include <future>
#include <mutex>

#include "temporary_folder.hpp"
#include "toy_domain.hpp"

namespace ait::consensus {
namespace {

class ChainWriterTest : public testing::Test {
  protected:
    ChainWriterTest() {
        auto opened = storage::Database::open(folder.path + "/state");
        AIT_ASSERT(opened.ok());
        database = std::move(opened).value();
        auto chain_data = ChainData::open({storage::posix_file_system(), folder.path + "/log",
                                           *database, chain.genesis, toy::rules(), clock});
        AIT_ASSERT(chain_data.ok());
        data = std::move(chain_data).value();
        auto kept = VoteJournal::open(storage::posix_file_system(), folder.path + "/votes");
        AIT_ASSERT(kept.ok());
        journal = std::move(kept.value().journal);
        chain_writer.emplace(
            ChainWriter::Parts{*data, *journal, writer, [](const Error&) { std::abort(); }});
    }

    std::shared_ptr<const SealedBlock> first_block() {
        auto builder = chain.builder(2'000);
        static_cast<void>(builder.add_item(EncodedItem(toy::Chain::item("job", "text"))));
        auto sealed = std::make_shared<SealedBlock>();
        sealed->block = std::move(builder).seal(chain.validator);
        sealed->finish(chain.certify(sealed->block));
        return sealed;
    }
    void put(std::uint64_t sequence, bool restart) {
        chain_writer->put_records(
            {.sequence = sequence, .restart = restart, .records = {std::to_string(sequence)}},
            [this, sequence] {
                const std::lock_guard lock(mutex);
                written.push_back(sequence);
            });
    }
    /// What of the journal was written before this call.
    std::vector<std::uint64_t> written_by_now() {
        std::promise<void> promise;
        writer.put({.append = [] { return Status{}; },
                    .sync = [] { return Status{}; },
                    .log = journal.get(),
                    .done = [&promise] { promise.set_value(); }});
        promise.get_future().wait();
        const std::lock_guard lock(mutex);
        return written;
    }

    const TemporaryFolder folder{};
    const toy::Chain chain{};
    ManualClock clock{};
    std::unique_ptr<storage::Database> database{};
    std::unique_ptr<ChainData> data{};
    std::unique_ptr<VoteJournal> journal{};
    std::mutex mutex{};
    std::vector<std::uint64_t> written{};
    std::optional<ChainWriter> chain_writer{};
    DurableWriter writer{[](const Error&) { std::abort(); }};
};

using Sequences = std::vector<std::uint64_t>;

// Breaks if power lost by all members at once can leave a final block whose body nobody has: the
// new journal does not hold it, and the log of blocks did not have it yet.
TEST_F(ChainWriterTest, a_journal_begins_anew_only_when_the_final_blocks_before_it_are_durable) {
    put(1, false);
    chain_writer->put_block(first_block(), [] {});
    put(2, false);
    put(3, true);
    put(4, false);
    EXPECT_EQ(written_by_now(), (Sequences{1, 2})) << "votes do not wait, the new journal does";
    chain_writer->on_block_durable(1);
    EXPECT_EQ(written_by_now(), (Sequences{1, 2, 3, 4}));
    chain_writer->on_records_durable(4);
    put(5, true);
    EXPECT_EQ(written_by_now(), (Sequences{1, 2, 3, 4, 5})) << "no block is under way";
}

}  // namespace
}  // namespace ait::consensus
