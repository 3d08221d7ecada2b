#include "actors/consensus/execution.hpp"

#include <gtest/gtest.h>

#include "toy_domain.hpp"

namespace ait::consensus {
namespace {

using toy::Chain;

const Error& error_of(const Admission& admission) {
    return std::get<Error>(admission);
}

// Breaks if a refusal starts to write: users would pay for what was refused.
TEST(BlockBuilder, a_refused_operation_leaves_no_trace_even_where_its_rule_wrote_first) {
    const Chain chain;
    auto builder = chain.builder(2'000);
    const auto admission = builder.add_item(Chain::item("a", "wrong after a write", "key"));
    EXPECT_EQ(error_of(admission).code, ErrorCode::invalid_argument);
    EXPECT_TRUE(builder.state().writes().empty());
    EXPECT_FALSE(builder.has_content());
}

// Breaks if a retry makes a second job or payment.
TEST(BlockBuilder, the_same_idempotency_key_is_applied_once_and_names_the_first_operation) {
    Chain chain;
    auto builder = chain.builder(2'000);
    const BatchItem item = Chain::item("a", "text", "key");
    ASSERT_TRUE(std::holds_alternative<ItemOutcome>(builder.add_item(item)));
    const auto again = builder.add_item(item);
    ASSERT_TRUE(std::holds_alternative<Duplicate>(again));
    EXPECT_EQ(std::get<Duplicate>(again).operation, item_hash(item));
    chain.take(std::move(builder).seal(chain.validator));

    auto later = chain.builder(3'000);
    EXPECT_TRUE(std::holds_alternative<Duplicate>(later.add_item(item)));
    EXPECT_EQ(error_of(later.add_item(Chain::item("b", "other", "key"))).code, ErrorCode::conflict);
}

// Breaks if keys are dropped early (double payments) or never (the state grows for ever).
TEST(BlockBuilder, an_idempotency_key_is_kept_for_six_hours_and_dropped_after_twelve) {
    Chain chain;
    constexpr std::int64_t hour_ms = 3'600'000;
    const BatchItem item = Chain::item("a", "text", "key");
    auto first = chain.builder(5 * hour_ms);
    ASSERT_TRUE(std::holds_alternative<ItemOutcome>(first.add_item(item)));
    chain.take(std::move(first).seal(chain.validator));

    auto within = chain.builder(11 * hour_ms);
    EXPECT_TRUE(std::holds_alternative<Duplicate>(within.add_item(item)));
    auto after = chain.builder(18 * hour_ms);
    EXPECT_TRUE(std::holds_alternative<ItemOutcome>(after.add_item(item)));
}

// Breaks if a node could act for an account without its signature.
TEST(BlockBuilder, a_batch_item_may_not_do_what_needs_the_accounts_signature) {
    const Chain chain;
    auto builder = chain.builder(2'000);
    BatchItem item = Chain::item("a", "text");
    item.kind = "toy.own";
    EXPECT_EQ(error_of(builder.add_item(item)).code, ErrorCode::forbidden);
}

TEST(BlockBuilder, a_nonce_counts_up_by_one_and_a_replayed_transaction_is_refused) {
    Chain chain;
    auto builder = chain.builder(2'000);
    const std::string wire = chain.own(1, "a", "text");
    ASSERT_TRUE(std::holds_alternative<ItemOutcome>(builder.add_transaction(chain.verified(wire))));
    EXPECT_EQ(error_of(builder.add_transaction(chain.verified(wire))).code,
              ErrorCode::nonce_mismatch);
    EXPECT_EQ(error_of(builder.add_transaction(chain.verified(chain.own(3, "a", "text")))).code,
              ErrorCode::nonce_mismatch);
    EXPECT_TRUE(std::holds_alternative<ItemOutcome>(
        builder.add_transaction(chain.verified(chain.own(2, "a", "more")))));
}

TEST(BlockBuilder, a_transaction_after_its_expiry_height_or_too_far_ahead_is_refused) {
    Chain chain;
    auto builder = chain.builder(2'000);
    EXPECT_EQ(error_of(builder.add_transaction(chain.verified(chain.own(1, "a", "t", "", 0)))).code,
              ErrorCode::expired);
    const auto ahead = chain.own(1, "a", "t", "", limits::expiry_heights_ahead_max + 2);
    EXPECT_EQ(error_of(builder.add_transaction(chain.verified(ahead))).code,
              ErrorCode::invalid_argument);
}

TEST(BlockBuilder, what_is_due_happens_in_the_first_block_whose_time_has_come_and_only_once) {
    Chain chain;
    auto first = chain.builder(2'000);
    ASSERT_TRUE(
        std::holds_alternative<ItemOutcome>(first.add_item(Chain::item("a", "text", "", 5'000))));
    chain.take(std::move(first).seal(chain.validator));
    EXPECT_EQ(next_due(chain.state), 5'000);
    EXPECT_FALSE(chain.builder(4'999).has_content());

    auto due = chain.builder(5'000);
    ASSERT_TRUE(due.has_content());
    const ExecutedBlock block = std::move(due).seal(chain.validator);
    const auto outcome = decode<TransactionOutcome>(block.outcomes.back());
    ASSERT_TRUE(outcome.ok());
    EXPECT_EQ(outcome.value().items.at(0).events.at(0).kind, "toy.due");
    chain.take(block);
    EXPECT_EQ(chain.state.get("toy/a"), "due");
    EXPECT_FALSE(next_due(chain.state).has_value());
    EXPECT_FALSE(chain.builder(9'000).has_content());
}

TEST(BlockBuilder, block_time_never_runs_backwards_even_when_the_clock_does) {
    Chain chain;
    auto first = chain.builder(9'000);
    ASSERT_TRUE(std::holds_alternative<ItemOutcome>(first.add_item(Chain::item("a", "text"))));
    chain.take(std::move(first).seal(chain.validator));
    EXPECT_EQ(chain.builder(1).time_unix_ms(), 9'000);
}

// Breaks if an answered operation could be too long to be read back: the node would not start
// again.
TEST(BlockBuilder, an_item_longer_than_a_log_can_give_back_is_refused) {
    const Chain chain;
    auto builder = chain.builder(2'000);
    const std::string text(limits::transaction_bytes_max, 'x');
    EXPECT_EQ(error_of(builder.add_item(Chain::item("a", text))).code, ErrorCode::too_large);
    EXPECT_FALSE(builder.has_content());
}

// Breaks if what changes nothing cost everybody a block and a sync.
TEST(BlockBuilder, an_item_without_effect_is_answered_and_comes_into_no_block) {
    const Chain chain;
    auto builder = chain.builder(2'000);
    const auto admission = builder.add_item(Chain::item("nothing", "idle", "key"));
    ASSERT_TRUE(std::holds_alternative<NoEffect>(admission));
    EXPECT_FALSE(builder.has_content());
}

// Breaks if leader and replayer can disagree: the node would not start from its own log.
TEST(ExecuteBlock, replaying_the_record_gives_the_same_header_outcomes_and_writes) {
    Chain chain;
    for (int height = 1; height <= 5; ++height) {
        auto builder = chain.builder(2'000 * height);
        ASSERT_TRUE(
            std::holds_alternative<ItemOutcome>(builder.add_transaction(chain.verified(chain.own(
                static_cast<std::uint64_t>(height), "own", "text " + std::to_string(height))))));
        ASSERT_TRUE(std::holds_alternative<ItemOutcome>(
            builder.add_item(Chain::item("job" + std::to_string(height), "text",
                                         "key" + std::to_string(height), 3'000 * height))));
        const ExecutedBlock built = std::move(builder).seal(chain.validator);
        const auto replayed =
            execute_block(toy::rules(), {chain.genesis, chain.id, chain.tip, chain.state},
                          Chain::record(built, chain.certify(built)));
        ASSERT_TRUE(replayed.ok()) << replayed.error().why;
        EXPECT_EQ(replayed.value().encoded_header, built.encoded_header);
        EXPECT_EQ(replayed.value().writes, built.writes);
        EXPECT_EQ(replayed.value().operations.size(), built.operations.size());
        chain.take(built);
    }
}

TEST(ExecuteBlock, a_record_that_differs_in_anything_is_refused) {
    const Chain chain;
    auto builder = chain.builder(2'000);
    ASSERT_TRUE(std::holds_alternative<ItemOutcome>(builder.add_item(Chain::item("a", "text"))));
    ASSERT_TRUE(std::holds_alternative<ItemOutcome>(builder.add_item(Chain::item("b", "text"))));
    const ExecutedBlock block = std::move(builder).seal(chain.validator);
    const BlockBuilder::Parent parent{chain.genesis, chain.id, chain.tip, chain.state};
    const BlockRecord good = Chain::record(block, chain.certify(block));
    for (std::size_t i = 0; i < good.header.bytes.size(); ++i) {
        BlockRecord bad = good;
        bad.header.bytes[i] = static_cast<char>(bad.header.bytes[i] ^ 1);
        // Execution computes all of the header but the leader, which the certificate covers.
        const auto executed = execute_block(toy::rules(), parent, bad);
        const bool is_taken =
            executed.ok() &&
            verify_certificate(bad.certificate, {}, chain.id, genesis_set(chain.genesis),
                               executed.value().header, executed.value().hash)
                .ok();
        EXPECT_FALSE(is_taken) << "header byte " << i;
    }
    BlockRecord missing = good;
    missing.transactions.clear();
    EXPECT_FALSE(execute_block(toy::rules(), parent, missing).ok());
    BlockRecord twice = good;
    twice.transactions.push_back(twice.transactions.front());
    EXPECT_FALSE(execute_block(toy::rules(), parent, twice).ok());
}

// Breaks if anybody but a validator's node could sign batches.
TEST(ExecuteBlock, a_batch_signed_by_a_stranger_is_refused) {
    const Chain chain;
    auto builder = chain.builder(2'000);
    ASSERT_TRUE(std::holds_alternative<ItemOutcome>(builder.add_item(Chain::item("a", "text"))));
    const ExecutedBlock block = std::move(builder).seal(toy::key_of('x'));
    const auto replayed =
        execute_block(toy::rules(), {chain.genesis, chain.id, chain.tip, chain.state},
                      Chain::record(block, chain.certify(block)));
    ASSERT_FALSE(replayed.ok());
    EXPECT_EQ(replayed.error().code, ErrorCode::check_failed);
}

TEST(Transaction, every_changed_byte_of_the_wire_form_is_refused) {
    const Chain chain;
    const std::string wire = chain.own(1, "a", "text");
    ASSERT_TRUE(verify_transaction(wire, chain.genesis.chain, chain.id).ok());
    for (std::size_t i = 0; i < wire.size(); ++i) {
        for (const int bit : {1, 16, 128}) {
            std::string bad = wire;
            bad[i] = static_cast<char>(bad[i] ^ bit);
            EXPECT_FALSE(verify_transaction(bad, chain.genesis.chain, chain.id).ok())
                << "byte " << i;
        }
    }
    EXPECT_FALSE(verify_transaction(wire + "x", chain.genesis.chain, chain.id).ok());
    EXPECT_FALSE(
        verify_transaction(wire.substr(0, wire.size() - 1), chain.genesis.chain, chain.id).ok());
}

TEST(Transaction, one_for_another_chain_or_another_genesis_is_refused) {
    Chain chain;
    const std::string wire = chain.own(1, "a", "text");
    EXPECT_EQ(verify_transaction(wire, "other", chain.id).error().code, ErrorCode::check_failed);
    Hash other = chain.id;
    other.bytes[0] ^= 1;
    EXPECT_EQ(verify_transaction(wire, chain.genesis.chain, other).error().code,
              ErrorCode::check_failed);
}

TEST(Certificate, it_needs_the_quorum_of_distinct_members_over_this_very_block) {
    Chain chain;
    const auto second = toy::key_of('w');
    chain.genesis.validators.push_back({"two", second.public_key(), 1});
    chain.id = genesis_hash(chain.genesis);
    auto builder =
        BlockBuilder(toy::rules(), {chain.genesis, chain.id, chain.tip, chain.state}, 2'000);
    ASSERT_TRUE(std::holds_alternative<ItemOutcome>(builder.add_item(Chain::item("a", "text"))));
    const ExecutedBlock block = std::move(builder).seal(chain.validator);
    Certificate certificate = chain.certify(block);
    const auto check = [&] {
        return verify_certificate(certificate, {}, chain.id, genesis_set(chain.genesis),
                                  block.header, block.hash)
            .ok();
    };
    EXPECT_FALSE(check()) << "one of two is no quorum";
    certificate.signatures.push_back(certificate.signatures.front());
    EXPECT_FALSE(check()) << "one member twice is no quorum";
    certificate.signatures[1] = {1, sign_vote(certificate.statement, second)};
    EXPECT_TRUE(check());
    certificate.statement.view += 1;
    EXPECT_FALSE(check()) << "another statement";
}

TEST(Genesis, its_hash_depends_on_content_and_not_on_the_spelling_of_the_file) {
    const Chain chain;
    const std::string text = genesis_to_text(chain.genesis);
    const auto parsed = parse_genesis(text);
    ASSERT_TRUE(parsed.ok()) << parsed.error().why;
    EXPECT_EQ(genesis_hash(parsed.value()), chain.id);
    const auto squeezed = parse_genesis(dump_json(parse_json(text).value()));
    ASSERT_TRUE(squeezed.ok());
    EXPECT_EQ(genesis_hash(squeezed.value()), chain.id);
    Genesis other = chain.genesis;
    other.parameters.job_fee_ppm += 1;
    EXPECT_NE(genesis_hash(other), chain.id);
}

TEST(Genesis, unusable_documents_are_refused_with_the_reason) {
    const Chain chain;
    Genesis none = chain.genesis;
    none.validators.clear();
    EXPECT_FALSE(parse_genesis(genesis_to_text(none)).ok());
    Genesis twice = chain.genesis;
    twice.validators.push_back(twice.validators[0]);
    EXPECT_FALSE(parse_genesis(genesis_to_text(twice)).ok());
    Genesis timeless = chain.genesis;
    timeless.time.ms = 0;
    EXPECT_FALSE(parse_genesis(genesis_to_text(timeless)).ok());
    Genesis keyless = chain.genesis;
    keyless.validators[0].public_key = PublicKey{};
    EXPECT_FALSE(parse_genesis(genesis_to_text(keyless)).ok());
    Genesis fee = chain.genesis;
    fee.parameters.job_fee_ppm = 2'000'000;
    const auto refused = parse_genesis(genesis_to_text(fee));
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().why.find("job_fee_ppm"), std::string::npos);
}

}  // namespace
}  // namespace ait::consensus
