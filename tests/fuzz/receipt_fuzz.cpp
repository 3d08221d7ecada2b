// Changed copies of one good receipt, which holds one proof: of all texts only the good one is
// accepted. The mutator also changes the evidence inside and writes the document around it anew.

#include <algorithm>
#include <random>
#include <string>

#include "actors/consensus/receipt.hpp"
#include "tests/unit/actors/consensus/toy_domain.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t size_max);

namespace ait::consensus {
namespace {

const TransactionForm* form_of(std::string_view kind) {
    static constexpr TransactionForm form =
        transaction_form<toy::Note, toy::Noted>("toy.own", true);
    return kind == "toy.own" || kind == "toy.note" ? &form : nullptr;
}

struct Good {
    Good() {
        auto builder = chain.builder(2'000);
        AIT_ASSERT(std::holds_alternative<ItemOutcome>(
            builder.add_transaction(chain.verified(chain.own(1, "job-1", "text")))));
        AIT_ASSERT(std::holds_alternative<ItemOutcome>(
            builder.add_item(toy::Chain::item("job-1", "note"))));
        const ExecutedBlock block = std::move(builder).seal(chain.validator);
        const StoredBlock stored = toy::Chain::stored(block, chain.certify(block));
        proof = std::move(prove_operation(stored, {1, 0, 0})).value();
        text = std::move(receipt_text({proof}, chain.genesis, &form_of)).value();
    }
    toy::Chain chain{};
    OperationProof proof{};
    std::string text{};
};

const Good& good() {
    static const Good made;
    return made;
}

std::string mutated(std::string bytes, std::size_t bytes_max) {
    const std::size_t size = std::min(bytes.size(), bytes_max);
    bytes.resize(bytes_max);
    bytes.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(bytes.data()), size, bytes_max));
    return bytes;
}

/// The input's document with its first evidence changed; the good one where it cannot be read.
std::string with_evidence_changed(const std::string& input) {
    const Json::json_pointer place("/proofs/0/evidence");
    auto json = parse_json(input);
    if (!json.ok() || !json.value().contains(place)) {
        json = parse_json(good().text);
    }
    Json receipt = std::move(json).value();
    Json& evidence = receipt[place];
    auto bytes = from_base64(evidence.is_string() ? evidence.get<std::string>() : "");
    const std::string before = bytes.ok() ? std::move(bytes).value() : encode(good().proof);
    const std::string changed = mutated(before, before.size() + 64);
    const auto proof = decode<OperationProof>(changed);
    if (proof.ok()) {
        // Where even the rest of the document can be made to agree, it must be the good one.
        const auto text = receipt_text({proof.value()}, good().chain.genesis, &form_of);
        if (text.ok()) return text.value();
    }
    evidence = to_base64(changed);
    return dump_json_pretty(receipt) + "\n";
}

}  // namespace
}  // namespace ait::consensus

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t size_max, unsigned seed) {
    using namespace ait::consensus;
    std::mt19937 random(seed);
    std::string input(reinterpret_cast<const char*>(data), size);
    if (size < 2)
        input = good().text;
    else if (random() % 2 == 0)
        input = with_evidence_changed(input);
    else
        input = mutated(std::move(input), size_max);
    const std::size_t length = std::min(input.size(), size_max);
    std::copy_n(input.begin(), length, reinterpret_cast<char*>(data));
    return length;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ait::consensus;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto facts = verify_receipt(text, good().chain.genesis, &form_of);
    AIT_ASSERT(facts.ok() == (text == good().text));
    return 0;
}
