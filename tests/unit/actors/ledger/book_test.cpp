#include "actors/ledger/book.hpp"

#include "tests/unit/actors/chain_fixture.hpp"

namespace ait::ledger {
namespace {

const Person alice = person(1);
const Person bob = person(2);
const Person carol = person(3);

class Book : public testing::Test {
  protected:
    Book() { chain_.fund(alice, 100_ait); }

    /// Runs a movement on an overlay that is kept only when it succeeds.
    template <class Move>
    auto run(Move move) {
        storage::StateView view(chain_.state());
        const consensus::Context context = chain_.next_context();
        auto result = move(view, context);
        if (result.ok()) {
            chain_.state().apply(view.take_writes());
        } else {
            EXPECT_TRUE(view.writes().empty());
        }
        return result;
    }

    Status lock_for(std::string_view id, const Person& payer, Amount amount) {
        return run([&](storage::StateView& view, const consensus::Context& context) {
            return lock(view, {.escrow_id = id, .payer = payer.address, .amount = amount},
                        {.context = context, .job_id = id});
        });
    }

    TestChain chain_{};
};

// Breaks if an account could reuse or skip a number: a signed payment could be replayed.
TEST_F(Book, a_nonce_is_exactly_the_next_and_the_refusal_names_both) {
    const auto take = [&](std::uint64_t nonce) {
        return run([&](storage::StateView& view, const consensus::Context&) {
            return take_nonce(view, alice.address, nonce);
        });
    };
    EXPECT_TRUE(take(1).ok());
    EXPECT_TRUE(take(2).ok());
    for (const std::uint64_t wrong : {0ULL, 1ULL, 2ULL, 4ULL, ~0ULL}) {
        const Status status = take(wrong);
        ASSERT_FALSE(status.ok());
        EXPECT_EQ(status.error().code, ErrorCode::nonce_mismatch);
        EXPECT_NE(status.error().why.find("Expected 3"), std::string::npos);
        EXPECT_NE(status.error().why.find("given " + std::to_string(wrong)), std::string::npos);
    }
}

// Breaks if an escrow's parts did not add up to the escrow: money would appear or vanish.
TEST_F(Book, an_escrow_is_split_and_the_remainder_goes_to_the_named_party) {
    ASSERT_TRUE(lock_for("job-1", alice, 10_ait).ok());
    EXPECT_EQ(chain_.balance(alice.address).locked, 10_ait);
    EXPECT_EQ(chain_.balance(alice.address).available, 90_ait);

    const auto remainder = run([&](storage::StateView& view, const consensus::Context& context) {
        const std::array shares{Share{bob.address, Amount{3'333'333}, MovementKind::job_pay},
                                Share{carol.address, Amount{1}, MovementKind::network_fee}};
        return split_escrow(view, "job-1", shares, alice.address, context);
    });
    ASSERT_TRUE(remainder.ok());
    EXPECT_EQ(remainder.value().micro, 6'666'666U);
    EXPECT_EQ(chain_.balance(bob.address).available.micro, 3'333'333U);
    EXPECT_EQ(chain_.balance(carol.address).available.micro, 1U);
    EXPECT_EQ(chain_.balance(alice.address).available.micro, 96'666'666U);
    EXPECT_EQ(chain_.balance(alice.address).locked.micro, 0U);
    EXPECT_FALSE(find_escrow(chain_.state(), "job-1").has_value());
    EXPECT_TRUE(chain_.supply().balanced);
}

// Breaks if one party in two roles lost one of its shares.
TEST_F(Book, one_party_may_have_several_shares_and_the_remainder) {
    ASSERT_TRUE(lock_for("job-1", alice, 9_ait).ok());
    const auto remainder = run([&](storage::StateView& view, const consensus::Context& context) {
        const std::array shares{Share{alice.address, 2_ait, MovementKind::job_pay},
                                Share{alice.address, 3_ait, MovementKind::network_fee}};
        return split_escrow(view, "job-1", shares, alice.address, context);
    });
    ASSERT_TRUE(remainder.ok());
    EXPECT_EQ(remainder.value(), 4_ait);
    EXPECT_EQ(chain_.balance(alice.address).available, 100_ait);
}

// Breaks if shares could exceed the escrow: they would be paid from other escrows of the payer.
TEST_F(Book, shares_beyond_the_escrow_are_refused) {
    ASSERT_TRUE(lock_for("job-1", alice, 5_ait).ok());
    ASSERT_TRUE(lock_for("job-2", alice, 5_ait).ok());
    const auto split = run([&](storage::StateView& view, const consensus::Context& context) {
        const std::array shares{Share{bob.address, 4_ait}, Share{carol.address, 2_ait}};
        return split_escrow(view, "job-1", shares, alice.address, context);
    });
    ASSERT_FALSE(split.ok());
    EXPECT_EQ(split.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(chain_.balance(alice.address).locked, 10_ait);
}

// Breaks if an escrow could be locked twice or settled twice: a job would be paid double.
TEST_F(Book, an_escrow_is_locked_once_and_settled_once) {
    ASSERT_TRUE(lock_for("job-1", alice, 5_ait).ok());
    const Status again = lock_for("job-1", alice, 5_ait);
    ASSERT_FALSE(again.ok());
    EXPECT_EQ(again.error().code, ErrorCode::already_exists);
    const auto settle = [&] {
        return run([&](storage::StateView& view, const consensus::Context& context) {
            return split_escrow(view, "job-1", {}, alice.address, context);
        });
    };
    EXPECT_TRUE(settle().ok());
    const auto twice = settle();
    ASSERT_FALSE(twice.ok());
    EXPECT_EQ(twice.error().code, ErrorCode::not_found);
}

// Breaks if more could be locked than there is.
TEST_F(Book, locking_more_than_is_available_is_refused_and_names_both_figures) {
    const Status status = lock_for("job-1", alice, 101_ait);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::insufficient_funds);
    EXPECT_NE(status.error().why.find("100.000000"), std::string::npos);
    EXPECT_NE(status.error().why.find("101.000000"), std::string::npos);
    EXPECT_FALSE(find_escrow(chain_.state(), "job-1").has_value());
}

// Breaks if histories grew without bound, or dropped the new instead of the old.
TEST_F(Book, a_history_keeps_the_last_movements_and_is_read_newest_first_in_pages) {
    const std::uint64_t moves = history_rows_max + 5;
    for (std::uint64_t i = 0; i < moves; ++i) {
        ASSERT_TRUE(run([&](storage::StateView& view, const consensus::Context& context) {
                        return transfer(
                            view,
                            {.from = alice.address, .to = bob.address, .amount = Amount{i + 1}},
                            {.context = context});
                    }).ok());
    }
    std::vector<std::uint64_t> amounts;
    std::string cursor;
    do {
        const auto page = read_history(chain_.state(), bob.address, cursor, 300);
        ASSERT_TRUE(page.ok());
        for (const auto& row : page.value().rows) {
            EXPECT_EQ(row.direction, Direction::in);
            EXPECT_EQ(row.counterparty, alice.address);
            amounts.push_back(row.amount.micro);
        }
        cursor = page.value().next_cursor;
    } while (!cursor.empty());
    ASSERT_EQ(amounts.size(), history_rows_max);
    EXPECT_EQ(amounts.front(), moves);
    EXPECT_EQ(amounts.back(), moves - history_rows_max + 1);
}

// Breaks if a made-up cursor could read another account's rows or crash the node.
TEST_F(Book, a_cursor_from_elsewhere_is_refused) {
    for (const char* cursor : {"zz", "00", "0000000000000000ff"}) {
        const auto page = read_history(chain_.state(), alice.address, cursor, 10);
        ASSERT_FALSE(page.ok());
        EXPECT_EQ(page.error().code, ErrorCode::invalid_argument);
    }
}

// Breaks if somebody's key could be behind the faucet or the network's account.
TEST_F(Book, fixed_accounts_differ_and_never_change) {
    EXPECT_NE(faucet_address(), network_fee_address());
    EXPECT_FALSE(faucet_address().is_zero());
    EXPECT_EQ(chain_.balance(faucet_address()).available, 999'900_ait);
}

// Breaks if genesis could mint past the largest amount and sums could overflow later.
TEST(BookGenesis, minting_past_the_largest_amount_is_refused) {
    consensus::Genesis genesis;
    genesis.allocations = {{.address = alice.address, .asset = "AIT", .amount = amount_max},
                           {.address = bob.address, .asset = "AIT", .amount = Amount{1}}};
    const storage::MemoryState empty;
    storage::StateView view(empty);
    const Status status = domain_rules().genesis(view, genesis);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::limit_reached);
}

// Breaks if a misspelt asset were minted as another.
TEST(BookGenesis, an_unknown_asset_is_refused_and_each_known_one_is_counted_apart) {
    consensus::Genesis genesis;
    genesis.allocations = {{.address = alice.address, .asset = "BTC", .amount = 1_ait}};
    const storage::MemoryState empty;
    storage::StateView refused(empty);
    EXPECT_FALSE(domain_rules().genesis(refused, genesis).ok());

    genesis.allocations = {{.address = alice.address, .asset = "AIT", .amount = 1_ait},
                           {.address = alice.address, .asset = "USDC", .amount = 2_ait}};
    storage::StateView view(empty);
    ASSERT_TRUE(domain_rules().genesis(view, genesis).ok());
    EXPECT_EQ(count_supply(view, Asset::ait, 10).minted, 1_ait);
    EXPECT_EQ(count_supply(view, Asset::usdc, 10).minted, 2_ait);
    EXPECT_TRUE(count_supply(view, Asset::usdc, 10).balanced);
}

// Breaks if an audit that saw only part of the accounts called the books balanced.
TEST_F(Book, a_partial_count_is_marked_and_never_called_balanced) {
    const SupplyView part = count_supply(chain_.state(), Asset::ait, 1);
    EXPECT_FALSE(part.complete);
    EXPECT_FALSE(part.balanced);
    EXPECT_TRUE(chain_.supply().complete);
    EXPECT_TRUE(chain_.supply().balanced);
}

}  // namespace
}  // namespace ait::ledger
