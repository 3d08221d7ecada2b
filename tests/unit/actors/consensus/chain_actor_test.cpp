// The chain actor over a real log and a real store in a temporary folder: what is acknowledged is
// there after a restart, what is refused leaves nothing.

#include "actors/consensus/chain_actor.hpp"

#include <gtest/gtest.h>

#include <caf/all.hpp>
#include <future>

#include "ask_chain.hpp"
#include "gated_files.hpp"
#include "temporary_folder.hpp"
#include "toy_domain.hpp"

namespace ait::consensus {
namespace {

/// One run of a node's chain; destroying it stops without draining, as a crash would.
class RunningChain {
  public:
    RunningChain(const std::string& folder, const toy::Chain& chain, Clock& clock,
                 storage::FileSystem& files = storage::posix_file_system()) {
        auto opened_database = storage::Database::open(folder + "/state");
        AIT_ASSERT(opened_database.ok());
        database = std::move(opened_database).value();
        auto opened = ChainData::open(
            {files, folder + "/log", *database, chain.genesis, toy::rules(), clock});
        AIT_ASSERT(opened.ok());
        data = std::move(opened).value();
        system.emplace(config.set("scheduler.policy", caf::atom("sharing")));
        actor = spawn_chain(*system, {*data, chain.validator, clock, listeners, figures,
                                      [](const Error&) { std::abort(); }});
    }
    ~RunningChain() {
        caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
        actor = nullptr;
        system.reset();
    }
    RunningChain(const RunningChain&) = delete;
    RunningChain& operator=(const RunningChain&) = delete;

    std::future<Result<Applied>> send(Submission::Operation operation, bool dry_run = false,
                                      std::vector<std::string> blobs = {}) {
        return ask_chain(actor, std::move(operation), dry_run, std::move(blobs));
    }

    std::unique_ptr<storage::Database> database{};
    std::unique_ptr<ChainData> data{};
    BlockListeners listeners{};
    ChainFigures figures{};
    caf::actor_system_config config{};
    std::optional<caf::actor_system> system{};
    ChainActor actor{};
};

TEST(ChainActor, acknowledged_operations_are_there_after_a_restart) {
    const TemporaryFolder folder;
    const toy::Chain chain;
    ManualClock clock;
    Tip tip;
    {
        RunningChain run(folder.path, chain, clock);
        for (int i = 0; i < 20; ++i) {
            auto applied =
                run.send(toy::Chain::item("job" + std::to_string(i), "text " + std::to_string(i)))
                    .get();
            ASSERT_TRUE(applied.ok()) << applied.error().why;
            EXPECT_EQ(applied.value().height, static_cast<std::uint64_t>(i + 1));
        }
        tip = run.data->tip();
    }
    RunningChain again(folder.path, chain, clock);
    EXPECT_EQ(again.data->tip().hash, tip.hash);
    EXPECT_EQ(again.data->tip().state_commitment, tip.state_commitment);
    EXPECT_EQ(again.data->reader()->state().get("toy/job19"), "text 19");
    auto more = again.send(toy::Chain::item("more", "text")).get();
    ASSERT_TRUE(more.ok());
    EXPECT_EQ(more.value().height, 21U);
}

TEST(ChainActor, a_repeated_key_gets_the_first_answer_even_while_the_first_is_under_way) {
    const TemporaryFolder folder;
    const toy::Chain chain;
    ManualClock clock;
    RunningChain run(folder.path, chain, clock);
    const BatchItem item = toy::Chain::item("job", "text", "key");
    auto first = run.send(item);
    auto second = run.send(item);
    const auto one = first.get();
    const auto two = second.get();
    ASSERT_TRUE(one.ok());
    ASSERT_TRUE(two.ok()) << two.error().why;
    EXPECT_EQ(one.value().operation, two.value().operation);
    EXPECT_EQ(one.value().outcome.response, two.value().outcome.response);
    EXPECT_TRUE(two.value().repeated);
}

TEST(ChainActor, a_dry_run_predicts_the_outcome_and_changes_nothing) {
    const TemporaryFolder folder;
    const toy::Chain chain;
    ManualClock clock;
    RunningChain run(folder.path, chain, clock);
    const BatchItem item = toy::Chain::item("job", "text", "key");
    const auto predicted = run.send(item, true).get();
    ASSERT_TRUE(predicted.ok());
    EXPECT_TRUE(predicted.value().dry_run);
    EXPECT_EQ(run.data->tip().height, 0U);
    EXPECT_FALSE(run.data->reader()->state().get("toy/job").has_value());
    const auto real = run.send(item).get();
    ASSERT_TRUE(real.ok());
    EXPECT_FALSE(real.value().repeated) << "the dry run must not use up the idempotency key";
    EXPECT_EQ(real.value().outcome.response, predicted.value().outcome.response);
}

TEST(ChainActor,
     an_operation_whose_blob_did_not_come_along_is_refused_and_one_that_brought_it_keeps_it) {
    const TemporaryFolder folder;
    const toy::Chain chain;
    ManualClock clock;
    RunningChain run(folder.path, chain, clock);
    BatchItem item = toy::Chain::item("job", "text");
    item.blobs.push_back(crypto::blake2b_256("payload"));
    const auto refused = run.send(item).get();
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
    ASSERT_TRUE(run.send(item, false, {"payload"}).get().ok());
    EXPECT_EQ(run.data->reader()->blob(item.blobs[0]), "payload");
}

TEST(ChainActor, events_and_operations_are_found_by_those_who_read) {
    const TemporaryFolder folder;
    const toy::Chain chain;
    ManualClock clock;
    RunningChain run(folder.path, chain, clock);
    const BatchItem item = toy::Chain::item("job", "text");
    ASSERT_TRUE(run.send(item).get().ok());
    const auto reader = run.data->reader();
    const auto events = reader->events_after(0, 0, 10);
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].event.kind, "toy.noted");
    const auto position = reader->find_operation(item_hash(item));
    ASSERT_TRUE(position.has_value());
    const auto block = reader->block(position->height);
    ASSERT_TRUE(block.ok());
    ASSERT_TRUE(block.value().has_value());
    EXPECT_EQ(block.value()
                  ->outcomes.at(position->transaction)
                  .items.at(position->item)
                  .events.at(0)
                  .kind,
              "toy.noted");
}

/// A chain whose block 1 is on its way to the disk and does not arrive until the gate is opened.
class ChainBehindAGate : public ::testing::Test {
  protected:
    void SetUp() override {
        gate.close();
        first = run.send(toy::Chain::item("first", "text", "key of the first"));
        gate.await_somebody();
    }
    void TearDown() override { gate.open(); }
    /// A dry run is answered at once, and after all that was sent before it was taken in.
    void expect_all_taken_in() {
        ASSERT_TRUE(run.send(toy::Chain::item("dry", "text"), true).get().ok());
        EXPECT_EQ(run.figures.pool_operations, 0U) << "it waits for the disk to be executed";
    }
    static bool is_answered(const std::future<Result<Applied>>& answer) {
        return answer.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    }

    const TemporaryFolder folder{};
    const toy::Chain chain{};
    ManualClock clock{};
    SyncGate gate{};
    GatedFiles files{storage::posix_file_system(), gate};
    RunningChain run{folder.path, chain, clock, files};
    std::future<Result<Applied>> first{};
};

// Breaks if the processor is idle while the disk works, or the two blocks come apart.
TEST_F(ChainBehindAGate, what_comes_while_a_block_is_synced_is_executed_and_makes_the_next_one) {
    auto second = run.send(toy::Chain::item("second", "text"));
    auto third = run.send(toy::Chain::item("third", "text"));
    expect_all_taken_in();
    EXPECT_FALSE(is_answered(first));
    EXPECT_FALSE(is_answered(second));
    gate.open();
    EXPECT_EQ(first.get().value().height, 1U);
    EXPECT_EQ(second.get().value().height, 2U);
    EXPECT_EQ(third.get().value().height, 2U);
    EXPECT_EQ(run.data->reader()->state().get("toy/third"), "text");
}

// Breaks if somebody is refused by a state that a crash could take back.
TEST_F(ChainBehindAGate, a_refusal_that_rests_on_it_waits_until_it_is_durable) {
    auto used = run.send(chain.verified(chain.own(1, "used", "text")));
    auto refused = run.send(chain.verified(chain.own(1, "refused", "other text")));
    expect_all_taken_in();
    EXPECT_FALSE(is_answered(refused));
    gate.open();
    EXPECT_TRUE(used.get().ok());
    const auto answer = refused.get();
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(answer.error().code, ErrorCode::nonce_mismatch);
}

// Breaks if "nothing to do" is said of a state that a crash could take back.
TEST_F(ChainBehindAGate, an_answer_without_effect_waits_and_names_a_height_that_is_there) {
    auto idle = run.send(toy::Chain::item("second", "idle"));
    expect_all_taken_in();
    EXPECT_FALSE(is_answered(idle));
    gate.open();
    const auto answer = idle.get();
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer.value().height, 1U);
}

TEST_F(ChainBehindAGate, a_repeated_key_is_answered_by_the_block_that_is_being_synced) {
    auto again = run.send(toy::Chain::item("first", "text", "key of the first"));
    expect_all_taken_in();
    EXPECT_FALSE(is_answered(again));
    gate.open();
    const auto answer = again.get();
    ASSERT_TRUE(answer.ok());
    EXPECT_TRUE(answer.value().repeated);
    EXPECT_EQ(answer.value().operation, first.get().value().operation);
}

// Breaks if a signed transaction that comes behind batch items is lost, or waits for ever.
TEST_F(ChainBehindAGate, a_signed_transaction_behind_items_comes_in_the_block_after_them) {
    auto item = run.send(toy::Chain::item("second", "text"));
    auto own = run.send(chain.verified(chain.own(1, "own", "text")));
    ASSERT_TRUE(run.send(toy::Chain::item("dry", "text"), true).get().ok());
    EXPECT_EQ(run.figures.pool_operations, 1U);
    gate.open();
    EXPECT_EQ(item.get().value().height, 2U);
    EXPECT_EQ(own.get().value().height, 3U);
}

TEST_F(ChainBehindAGate, a_blob_of_the_block_that_is_being_synced_counts_as_there) {
    BatchItem with_blob = toy::Chain::item("second", "text");
    with_blob.blobs.push_back(crypto::blake2b_256("payload"));
    auto brought = run.send(with_blob, false, {"payload"});
    BatchItem names_it = toy::Chain::item("third", "text");
    names_it.blobs = with_blob.blobs;
    auto named = run.send(names_it);
    expect_all_taken_in();
    gate.open();
    EXPECT_TRUE(brought.get().ok());
    EXPECT_TRUE(named.get().ok());
}

TEST(ChainActor, draining_finishes_what_was_taken_and_refuses_what_comes_after) {
    const TemporaryFolder folder;
    const toy::Chain chain;
    ManualClock clock;
    RunningChain run(folder.path, chain, clock);
    auto before = run.send(toy::Chain::item("before", "text"));
    std::promise<void> drained;
    caf::anon_send(run.actor, Drain{[&drained] { drained.set_value(); }});
    auto after = run.send(toy::Chain::item("after", "text"));
    drained.get_future().get();
    EXPECT_TRUE(before.get().ok());
    const auto refused = after.get();
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
}

TEST(ChainData, another_genesis_over_the_same_folder_is_refused_by_name) {
    const TemporaryFolder folder;
    const toy::Chain chain;
    ManualClock clock;
    {
        RunningChain run(folder.path, chain, clock);
    }
    toy::Chain other;
    other.genesis.parameters.job_fee_ppm = 1;
    auto database = storage::Database::open(folder.path + "/state");
    ASSERT_TRUE(database.ok());
    const auto opened = ChainData::open({storage::posix_file_system(), folder.path + "/log",
                                         *database.value(), other.genesis, toy::rules(), clock});
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, ErrorCode::check_failed);
}

}  // namespace
}  // namespace ait::consensus
