#include "actors/consensus/transaction.hpp"

#include "runtime/base/codec/msgpack.hpp"
#include "runtime/base/crypto/hash.hpp"

namespace ait::consensus {
namespace {

Status check_form(const UnsignedTransaction& content) {
    if (content.version != 1) {
        return Error{ErrorCode::unsupported, "The transaction has an unknown version.",
                     "Version " + std::to_string(content.version) + "; this node reads 1.",
                     "Update the software."};
    }
    if (content.kind.empty()) {
        return Error{ErrorCode::malformed, "The transaction has no kind.", "", ""};
    }
    if (content.kind == batch_kind && (content.nonce != 0 || !content.idempotency_key.empty())) {
        return Error{ErrorCode::malformed, "The batch is malformed.",
                     "It carries a nonce or a key.", ""};
    }
    return {};
}

}  // namespace

Signature sign_content(std::string_view kind, std::string_view bytes,
                       const crypto::SecretKey& key) {
    if (kind == batch_kind) return key.sign(batch_domain, crypto::blake2b_256(bytes).view());
    return key.sign(transaction_domain, bytes);
}

std::string sign_transaction(const UnsignedTransaction& content, const crypto::SecretKey& key) {
    AIT_ASSERT(content.signer == key.public_key());
    SignedTransaction wire;
    wire.signed_bytes.bytes = encode(content);
    wire.signature = sign_content(content.kind, wire.signed_bytes.bytes, key);
    return encode(wire);
}

namespace {

Result<VerifiedTransaction> read(const SignedTransaction& outer, std::string_view wire,
                                 std::string_view chain, const Hash& genesis) {
    const std::string& signed_bytes = outer.signed_bytes.bytes;
    auto content = decode<UnsignedTransaction>(signed_bytes);
    if (!content.ok()) return content.error();
    VerifiedTransaction verified{.wire = std::string(wire),
                                 .hash = crypto::blake2b_256(signed_bytes),
                                 .content = std::move(content).value()};
    const Status form = check_form(verified.content);
    if (!form.ok()) return form.error();
    if (verified.content.kind != batch_kind && wire.size() > limits::transaction_bytes_max) {
        return Error{ErrorCode::too_large, "The transaction is too large.",
                     std::to_string(wire.size()) + " bytes; the limit is " +
                         std::to_string(limits::transaction_bytes_max) + ".",
                     "Send large content as a blob."};
    }
    if (verified.content.chain != chain || verified.content.genesis != genesis) {
        return Error{ErrorCode::check_failed, "The transaction is for another chain.",
                     "It names " + verified.content.chain + " with genesis " +
                         to_hex(verified.content.genesis.view().substr(0, 4)) + "..., this is " +
                         std::string(chain) + " with " + to_hex(genesis.view().substr(0, 4)) +
                         "....",
                     "Sign it for this chain."};
    }
    // One value has one wire form: the leaf and the hash could otherwise differ for the same
    // content.
    if (encode(outer) != wire || encode(verified.content) != signed_bytes) {
        return Error{ErrorCode::malformed, "The transaction is not in canonical form.", "",
                     "Encode it again."};
    }
    return verified;
}

}  // namespace

Result<VerifiedTransaction> read_transaction(std::string_view wire, std::string_view chain,
                                             const Hash& genesis) {
    auto outer = decode<SignedTransaction>(wire);
    if (!outer.ok()) return outer.error();
    return read(outer.value(), wire, chain, genesis);
}

Result<VerifiedTransaction> verify_transaction(std::string_view wire, std::string_view chain,
                                               const Hash& genesis) {
    auto outer = decode<SignedTransaction>(wire);
    if (!outer.ok()) return outer.error();
    auto verified = read(outer.value(), wire, chain, genesis);
    if (!verified.ok()) return verified.error();
    const PublicKey& signer = verified.value().content.signer;
    const bool is_batch = verified.value().content.kind == batch_kind;
    if (!crypto::verify(signer, is_batch ? batch_domain : transaction_domain,
                        is_batch ? verified.value().hash.view()
                                 : std::string_view(outer.value().signed_bytes.bytes),
                        outer.value().signature)) {
        return Error{ErrorCode::check_failed, "The transaction's signature is not valid.",
                     "It was not made by key " + to_hex(signer.view().substr(0, 4)) + "....",
                     "Sign it again with the right wallet."};
    }
    return verified;
}

namespace {

Hash hash_of_item(std::string_view bytes) {
    return crypto::Hasher().update("item/1|").update(bytes).finish();
}

}  // namespace

Hash item_hash(const BatchItem& item) {
    return hash_of_item(encode(item));
}

EncodedItem::EncodedItem(BatchItem item)
    : content(std::move(item)), bytes(encode(content)), hash(hash_of_item(bytes)) {}

}  // namespace ait::consensus
