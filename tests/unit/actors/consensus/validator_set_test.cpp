// Breaks if two nodes could disagree on who judges a block, or a set could become none.

#include "actors/consensus/validator_set.hpp"

#include <gtest/gtest.h>

#include "tests/unit/actors/consensus/toy_domain.hpp"

namespace ait::consensus {
namespace {

GenesisValidator validator(char letter) {
    return {.name = std::string(1, letter), .public_key = toy::key_of(letter).public_key()};
}

struct Members {
    Members() {
        genesis.chain = "toy";
        genesis.validators = {validator('a'), validator('b')};
    }
    /// What a block at this height does, and the set that follows it.
    std::optional<ValidatorSet> block(std::uint64_t height,
                                      const std::function<void(storage::StateView&)>& does) {
        storage::StateView view(state);
        does(view);
        auto next = begin_planned_set(view, set_in_force(state, genesis), height);
        state.apply(view.take_writes());
        return next;
    }
    Genesis genesis{};
    storage::MemoryState state{};
};

TEST(ValidatorSet, the_genesis_names_the_first_one) {
    const Members chain;
    const ValidatorSet set = set_in_force(chain.state, chain.genesis);
    EXPECT_EQ(set.epoch, 0U);
    EXPECT_EQ(set.members.size(), 2U);
    EXPECT_EQ(epoch_in_force(chain.state), 0U);
    EXPECT_TRUE(set_of_epoch(chain.state, chain.genesis, 0).has_value());
    EXPECT_FALSE(set_of_epoch(chain.state, chain.genesis, 1).has_value());
}

TEST(ValidatorSet, changes_are_in_force_after_their_block_and_every_set_is_kept) {
    Members chain;
    const auto first = chain.block(7, [&](storage::StateView& view) {
        ASSERT_TRUE(plan_joining(view, chain.genesis, validator('c')).ok());
        EXPECT_EQ(set_in_force(view, chain.genesis).members.size(), 2U) << "not in this block";
        ASSERT_TRUE(plan_leaving(view, chain.genesis, validator('a').public_key).ok());
    });
    ASSERT_TRUE(first.has_value());
    EXPECT_EQ(first->epoch, 7U);
    const auto second = chain.block(9, [&](storage::StateView& view) {
        ASSERT_TRUE(plan_joining(view, chain.genesis, validator('d')).ok());
    });
    ASSERT_TRUE(second.has_value());
    EXPECT_EQ(epochs_between(chain.state, 0, 100), (std::vector<std::uint64_t>{7, 9}));
    EXPECT_EQ(epochs_between(chain.state, 7, 8), (std::vector<std::uint64_t>{}));
    const auto old = set_of_epoch(chain.state, chain.genesis, 7);
    ASSERT_TRUE(old.has_value());
    EXPECT_EQ(find_member(*old, validator('a').public_key), nullptr);
    EXPECT_NE(find_member(*old, validator('b').public_key), nullptr);
    EXPECT_EQ(find_member(*old, validator('d').public_key), nullptr);
    EXPECT_EQ(set_in_force(chain.state, chain.genesis).epoch, 9U);
    EXPECT_FALSE(set_of_epoch(chain.state, chain.genesis, 8).has_value());
}

TEST(ValidatorSet, a_block_in_which_one_comes_and_goes_changes_nothing) {
    Members chain;
    const auto next = chain.block(3, [&](storage::StateView& view) {
        ASSERT_TRUE(plan_joining(view, chain.genesis, validator('c')).ok());
        ASSERT_TRUE(plan_leaving(view, chain.genesis, validator('c').public_key).ok());
    });
    EXPECT_FALSE(next.has_value());
    EXPECT_TRUE(chain.state.entries().empty());
}

TEST(ValidatorSet, neither_the_last_one_goes_nor_does_one_come_twice) {
    Members chain;
    chain.block(3, [&](storage::StateView& view) {
        EXPECT_EQ(plan_joining(view, chain.genesis, validator('a')).error().code,
                  ErrorCode::conflict);
        GenesisValidator same_owner = validator('c');
        same_owner.owner = stake_owner(validator('b'));
        EXPECT_EQ(plan_joining(view, chain.genesis, same_owner).error().code, ErrorCode::conflict);
        EXPECT_EQ(plan_leaving(view, chain.genesis, validator('x').public_key).error().code,
                  ErrorCode::not_found);
        ASSERT_TRUE(plan_leaving(view, chain.genesis, validator('a').public_key).ok());
        EXPECT_EQ(plan_leaving(view, chain.genesis, validator('b').public_key).error().code,
                  ErrorCode::forbidden);
    });
    EXPECT_EQ(set_in_force(chain.state, chain.genesis).members.size(), 1U);
}

// Breaks if a header would not say which members follow it.
TEST(ValidatorSet, the_block_that_changes_it_is_the_last_of_its_epoch_and_names_the_next) {
    toy::Chain chain;
    auto builder = chain.builder(2'000);
    ASSERT_TRUE(std::holds_alternative<ItemOutcome>(
        builder.add_item(toy::Chain::change("two", toy::key_of('w').public_key(), false))));
    const ExecutedBlock block = std::move(builder).seal(chain.validator);
    EXPECT_TRUE(block.ends_epoch);
    EXPECT_EQ(block.header.epoch, 0U);
    const auto due = decode<TransactionOutcome>(block.outcomes.back());
    ASSERT_TRUE(due.ok());
    const Event& event = due.value().items.back().events.back();
    EXPECT_EQ(event.kind, epoch_event_kind);
    EXPECT_EQ(event.subject, "1");
    chain.take(block);

    auto next = chain.builder(3'000);
    ASSERT_TRUE(std::holds_alternative<ItemOutcome>(next.add_item(toy::Chain::item("a", "b"))));
    const ExecutedBlock child = std::move(next).seal(chain.validator);
    EXPECT_FALSE(child.ends_epoch);
    EXPECT_EQ(child.header.epoch, 1U);
    // The same block, as if the epoch before went on.
    BlockBuilder late(toy::rules(), {chain.genesis, chain.id, chain.tip, chain.state, 0}, 3'000);
    ASSERT_TRUE(std::holds_alternative<ItemOutcome>(late.add_item(toy::Chain::item("a", "b"))));
    const ExecutedBlock wrong = std::move(late).seal(chain.validator);
    EXPECT_EQ(wrong.header.epoch, 0U);
    EXPECT_FALSE(execute_block(toy::rules(), {chain.genesis, chain.id, chain.tip, chain.state},
                               toy::Chain::record(wrong, chain.certify(wrong)))
                     .ok());
}

}  // namespace
}  // namespace ait::consensus
