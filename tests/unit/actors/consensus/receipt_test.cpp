#include "actors/consensus/receipt.hpp"

#include <gtest/gtest.h>

#include <random>

#include "toy_domain.hpp"

namespace ait::consensus {
namespace {

const TransactionForm* toy_form(std::string_view kind) {
    static constexpr TransactionForm form =
        transaction_form<toy::Note, toy::Noted>("toy.own", true);
    return kind == "toy.own" || kind == "toy.note" ? &form : nullptr;
}

struct Receipt {
    Receipt() {
        for (std::uint64_t height = 1; height <= 2; ++height) {
            auto builder = chain.builder(2'000);
            AIT_ASSERT(std::holds_alternative<ItemOutcome>(
                builder.add_transaction(chain.verified(chain.own(height, "job-1", "text")))));
            AIT_ASSERT(std::holds_alternative<ItemOutcome>(
                builder.add_item(toy::Chain::item("job-1", "note"))));
            const ExecutedBlock block = std::move(builder).seal(chain.validator);
            const StoredBlock stored = toy::Chain::stored(block, chain.certify(block));
            for (const std::uint32_t index : {0U, 1U}) {
                auto proof = prove_operation(stored, {height, index, 0});
                AIT_ASSERT(proof.ok());
                proofs.push_back(std::move(proof).value());
            }
            chain.take(block);
        }
        auto made = receipt_text(proofs, chain.genesis, &toy_form);
        AIT_ASSERT(made.ok());
        text = std::move(made).value();
    }
    toy::Chain chain{};
    std::vector<OperationProof> proofs{};
    std::string text{};
};

TEST(Receipt, it_verifies_with_nothing_but_the_genesis_document) {
    const Receipt receipt;
    const auto facts = verify_receipt(receipt.text, receipt.chain.genesis, &toy_form);
    ASSERT_TRUE(facts.ok()) << facts.error().why;
    EXPECT_EQ(facts.value()["job_id"], "job-1");
    EXPECT_EQ(facts.value()["verified"], true);
    EXPECT_EQ(facts.value()["miner_key"], to_hex(receipt.chain.user.public_key().view()));
}

// Breaks if any byte of a receipt can say what the evidence does not.
TEST(Receipt, each_of_a_thousand_single_byte_changes_is_refused) {
    const Receipt receipt;
    const auto seed = static_cast<unsigned>(20'261'121);
    std::mt19937 random(seed);
    for (int i = 0; i < 1'000; ++i) {
        std::string bad = receipt.text;
        const std::size_t at = random() % bad.size();
        char other = bad[at];
        while (other == bad[at]) other = static_cast<char>(random() % 256);
        bad[at] = other;
        const auto facts = verify_receipt(bad, receipt.chain.genesis, &toy_form);
        ASSERT_FALSE(facts.ok()) << "seed " << seed << ": byte " << at
                                 << " changed and the receipt still verifies";
    }
}

TEST(Receipt, a_shortened_extended_or_reformatted_copy_is_refused) {
    const Receipt receipt;
    const auto& genesis = receipt.chain.genesis;
    EXPECT_FALSE(verify_receipt(receipt.text + " ", genesis, &toy_form).ok());
    EXPECT_FALSE(
        verify_receipt(receipt.text.substr(0, receipt.text.size() - 1), genesis, &toy_form).ok());
    EXPECT_FALSE(verify_receipt(dump_json_pretty(parse_json(receipt.text).value()) + "\n", genesis,
                                &toy_form)
                     .ok());
    EXPECT_FALSE(verify_receipt("", genesis, &toy_form).ok());
}

TEST(Receipt, another_genesis_does_not_vouch_for_it) {
    const Receipt receipt;
    Genesis other = receipt.chain.genesis;
    other.validators[0].public_key = toy::key_of('x').public_key();
    EXPECT_FALSE(verify_receipt(receipt.text, other, &toy_form).ok());
}

// Breaks if what is not about a job, like evidence, could not be proven to others.
TEST(Receipt, a_single_operation_about_no_job_has_one_too) {
    toy::Chain chain;
    auto builder = chain.builder(2'000);
    for (const auto* text : {"one", "two"}) {
        ASSERT_TRUE(
            std::holds_alternative<ItemOutcome>(builder.add_item(toy::Chain::item("", text))));
    }
    const ExecutedBlock block = std::move(builder).seal(chain.validator);
    const StoredBlock stored = toy::Chain::stored(block, chain.certify(block));
    std::vector<std::string> ids;
    std::vector<OperationProof> proofs;
    for (const std::uint32_t item : {0U, 1U}) {
        proofs.push_back(prove_operation(stored, {1, 0, item}).value());
        const auto text = receipt_text({proofs.back()}, chain.genesis, &toy_form);
        ASSERT_TRUE(text.ok()) << text.error().why;
        const auto facts = verify_receipt(text.value(), chain.genesis, &toy_form);
        ASSERT_TRUE(facts.ok()) << facts.error().why;
        EXPECT_EQ(facts.value()["operation"], to_hex(block.operations[item].operation.view()));
        EXPECT_EQ(facts.value()["kind"], "toy.note");
        EXPECT_EQ(facts.value()["block_height"], 1);
        ids.push_back(facts.value()["receipt_id"].get<std::string>());
        std::string bad = text.value();
        bad[bad.find("\"operation\":\"") + 14] ^= 1;
        EXPECT_FALSE(verify_receipt(bad, chain.genesis, &toy_form).ok());
    }
    EXPECT_NE(ids[0], ids[1]) << "two operations of one batch";
    EXPECT_FALSE(receipt_text(proofs, chain.genesis, &toy_form).ok()) << "one receipt, one matter";
}

TEST(Receipt, proofs_of_two_jobs_make_no_receipt) {
    Receipt receipt;
    auto builder = receipt.chain.builder(3'000);
    ASSERT_TRUE(std::holds_alternative<ItemOutcome>(
        builder.add_transaction(receipt.chain.verified(receipt.chain.own(3, "job-2", "text")))));
    const ExecutedBlock block = std::move(builder).seal(receipt.chain.validator);
    auto proof =
        prove_operation(toy::Chain::stored(block, receipt.chain.certify(block)), {3, 0, 0});
    ASSERT_TRUE(proof.ok());
    receipt.proofs.push_back(std::move(proof).value());
    EXPECT_FALSE(receipt_text(receipt.proofs, receipt.chain.genesis, &toy_form).ok());
}

TEST(Receipt, the_same_proof_twice_makes_no_receipt) {
    Receipt receipt;
    receipt.proofs.push_back(receipt.proofs.front());
    EXPECT_FALSE(receipt_text(receipt.proofs, receipt.chain.genesis, &toy_form).ok());
}

TEST(Receipt, a_position_outside_the_block_is_no_proof) {
    const Receipt receipt;
    EXPECT_FALSE(prove_operation(StoredBlock{}, {1, 0, 0}).ok());
}

}  // namespace
}  // namespace ait::consensus
