// Any bytes as a transaction, and as the records that carry transactions. The mutator changes what
// is signed and signs it again, because behind an unchanged signature nothing else is reached.

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "actors/consensus/block.hpp"
#include "actors/consensus/transaction.hpp"
#include "runtime/base/codec/msgpack.hpp"
#include "runtime/base/crypto/hash.hpp"
#include "tests/fuzz/every_kind.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t size_max);

namespace ait::consensus {
namespace {

constexpr std::string_view chain = "ait-fuzz";

const crypto::SecretKey& key() {
    static const crypto::SecretKey made =
        std::move(crypto::SecretKey::from_seed(std::string(32, 'k'))).value();
    return made;
}

const Hash& genesis() {
    static const Hash made = crypto::blake2b_256("genesis");
    return made;
}

std::string signed_wire(std::string_view content) {
    const auto read = decode<UnsignedTransaction>(content);
    const std::string_view kind = read.ok() ? std::string_view(read.value().kind) : "";
    return encode(
        SignedTransaction{Blob{std::string(content)}, sign_content(kind, content, key())});
}

UnsignedTransaction transfer() {
    return {.chain = std::string(chain),
            .genesis = genesis(),
            .signer = key().public_key(),
            .nonce = 1,
            .expiry_height = 1'000,
            .idempotency_key = "once",
            .kind = "ledger.transfer",
            .body = Blob{"body"},
            .blobs = {genesis()}};
}

UnsignedTransaction batch() {
    const BatchItem item{.principal = crypto::address_of(key().public_key()),
                         .idempotency_key = "once",
                         .kind = "job.submit",
                         .body = Blob{"body"},
                         .blobs = {genesis()}};
    UnsignedTransaction content = transfer();
    content.nonce = 0;
    content.idempotency_key.clear();
    content.kind = batch_kind;
    content.body.bytes = encode(OperationBatch{{item, item}});
    return content;
}

/// One good input of every kind that the target reads.
const std::vector<std::string>& seeds() {
    static const std::vector<std::string> made = [] {
        const std::string wire = signed_wire(encode(transfer()));
        const Certificate certificate{{std::string(chain), genesis()}, {{0, {}}}};
        const std::string header = encode(BlockHeader{.chain = std::string(chain)});
        const Event event{"job.queued", "job-1", {{"miner", "m"}}};
        return std::vector<std::string>{
            wire,
            signed_wire(encode(batch())),
            header,
            encode(certificate),
            encode(BlockRecord{Blob{header}, {Blob{wire}}, certificate}),
            encode(TransactionOutcome{{ItemOutcome{0, "", Blob{"answer"}, {event}}}}),
            encode(fuzz::every_kind())};
    }();
    return made;
}

/// Readers are lenient (fields that came later may be missing), writers are not: what was read once
/// has one form from then on.
template <Described T>
void check_decode(std::string_view bytes) {
    const auto first = decode<T>(bytes);
    if (!first.ok()) {
        AIT_ASSERT(first.error().code == ErrorCode::malformed);
        AIT_ASSERT(!first.error().why.empty());
        return;
    }
    const std::string form = encode(first.value());
    const auto again = decode<T>(form);
    AIT_ASSERT(again.ok());
    AIT_ASSERT(encode(again.value()) == form);
}

void check_transaction(std::string_view wire) {
    const auto verified = verify_transaction(wire, chain, genesis());
    const auto read = read_transaction(wire, chain, genesis());
    AIT_ASSERT(read.ok() || !verified.ok());  // it asks for less
    if (!verified.ok()) return AIT_ASSERT(!verified.error().what.empty());
    const UnsignedTransaction& content = verified.value().content;
    const auto outer = decode<SignedTransaction>(wire);
    AIT_ASSERT(outer.ok());
    AIT_ASSERT(verified.value().wire == wire);
    AIT_ASSERT(encode(outer.value()) == wire);
    AIT_ASSERT(encode(content) == outer.value().signed_bytes.bytes);
    AIT_ASSERT(verified.value().hash == crypto::blake2b_256(outer.value().signed_bytes.bytes));
    AIT_ASSERT(content.version == 1);
    AIT_ASSERT(content.signer == key().public_key());
    AIT_ASSERT(!verify_transaction(wire, "another", genesis()).ok());
    AIT_ASSERT(sign_transaction(content, key()) == wire);
    if (content.kind != batch_kind) return;
    AIT_ASSERT(content.nonce == 0);
    const auto items = decode<OperationBatch>(content.body.bytes);
    if (!items.ok()) return;
    for (const BatchItem& item : items.value().items) {
        AIT_ASSERT(item_hash(item) == item_hash(decode<BatchItem>(encode(item)).value()));
        AIT_ASSERT(EncodedItem(item).hash == item_hash(item));
    }
    Assembly assembly(content.body.bytes.size());
    assembly.list(1).list(items.value().items.size());
    for (const BatchItem& item : items.value().items) assembly.encoded(EncodedItem(item).bytes);
    AIT_ASSERT(assembly.take() == encode(items.value()));
    const SignedTransaction& parts = outer.value();
    AIT_ASSERT(Assembly(wire.size())
                   .list(2)
                   .blob(parts.signed_bytes.bytes)
                   .blob(parts.signature.view())
                   .take() == wire);
}

std::string mutated(std::string bytes, std::size_t bytes_max) {
    const std::size_t size = std::min(bytes.size(), bytes_max);
    bytes.resize(bytes_max);
    const std::size_t changed =
        LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(bytes.data()), size, bytes_max);
    bytes.resize(changed);
    return bytes;
}

/// Changes one field and writes the rest as it was, so that the outer checks pass.
std::string with_field_changed(std::string_view content, std::mt19937& random, std::size_t room) {
    auto read = decode<UnsignedTransaction>(content);
    UnsignedTransaction changed = read.ok() ? std::move(read).value() : transfer();
    switch (random() % 4) {
        case 0:
            changed.body.bytes = mutated(std::move(changed.body.bytes), room);
            break;
        case 1:
            changed.kind = random() % 2 == 0 ? "" : std::string(batch_kind);
            break;
        case 2:
            changed.version = random() % 3;
            break;
        default:
            changed.nonce = random() % 2;
            break;
    }
    return encode(changed);
}

std::string next_input(std::string input, std::size_t bytes_max, std::mt19937& random) {
    if (input.size() < 2) return seeds()[random() % seeds().size()];
    auto outer = decode<SignedTransaction>(input);
    const unsigned way = outer.ok() ? random() % 5 : 0;
    if (way == 0 || bytes_max < 256) return mutated(std::move(input), bytes_max);
    const std::size_t room = bytes_max - 128;  // for the signature and what frames both
    std::string content = std::move(outer).value().signed_bytes.bytes;
    if (way == 1) {
        content = mutated(std::move(content), room);
    } else if (way == 2) {
        // The same number in a longer form: only the canonical check can tell.
        content.insert(random() % (content.size() + 1), 1, '\xcc');
    } else {
        content = with_field_changed(content, random, room);
    }
    return signed_wire(content);
}

}  // namespace
}  // namespace ait::consensus

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t size_max, unsigned seed) {
    std::mt19937 random(seed);
    const std::string input =
        ait::consensus::next_input({reinterpret_cast<const char*>(data), size}, size_max, random);
    const std::size_t length = std::min(input.size(), size_max);
    std::copy_n(input.begin(), length, reinterpret_cast<char*>(data));
    return length;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ait::consensus;
    // An exact copy on the heap: one byte beyond it is an error that the sanitizer sees.
    const std::unique_ptr<char[]> copy(new char[size]);
    std::copy_n(data, size, copy.get());
    const std::string_view bytes(copy.get(), size);
    check_transaction(bytes);
    check_decode<SignedTransaction>(bytes);
    check_decode<UnsignedTransaction>(bytes);
    check_decode<OperationBatch>(bytes);
    check_decode<BlockHeader>(bytes);
    check_decode<Certificate>(bytes);
    check_decode<BlockRecord>(bytes);
    check_decode<TransactionOutcome>(bytes);
    check_decode<ait::fuzz::EveryKind>(bytes);
    return 0;
}
