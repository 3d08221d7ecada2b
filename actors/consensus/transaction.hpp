#pragma once

// Transactions as they are signed, sent and logged. Signed bytes are kept as received and never
// re-encoded. Two kinds of signer: an account (nonce + 1 each time) for what moves money or stake
// or binds a miner, and a validator's node for a batch of operations of signed-in users, which can
// never debit an account.

#include <string>
#include <vector>

#include "runtime/base/crypto/keys.hpp"
#include "runtime/base/fields.hpp"
#include "runtime/base/limits.hpp"

namespace ait::consensus {

inline constexpr std::string_view transaction_domain = "tx/1";
inline constexpr std::string_view batch_kind = "batch";
/// A batch is long, and Ed25519 goes over what it signs twice: what is signed of it is its hash.
inline constexpr std::string_view batch_domain = "batch/1";

/// What is signed: canonical msgpack of this, under the domain tag "tx/1"; of a batch, its hash,
/// under "batch/1".
struct UnsignedTransaction {
    std::uint64_t version = 1;
    std::string chain{};
    Hash genesis{};
    PublicKey signer{};
    std::uint64_t nonce = 0;          ///< the account's next; 0 for a batch
    std::uint64_t expiry_height = 0;  ///< the last height that may include it
    std::string idempotency_key{};    ///< unique per signer until the expiry height; may be empty
    std::string kind{};               ///< "ledger.transfer"; "batch"
    Blob body{};                      ///< canonical msgpack of the kind's struct
    /// Sidecars that must come along, by BLAKE2b-256; a batch's items name their own.
    std::vector<Hash> blobs{};
    static constexpr auto fields() {
        using T = UnsignedTransaction;
        return std::tuple{
            field("version", &T::version, "1."),
            field("chain", &T::chain, "Name of the chain.", 64),
            field("genesis", &T::genesis, "Its genesis hash."),
            field("signer", &T::signer, "Ed25519 key."),
            field("nonce", &T::nonce, "The account's next number."),
            field("expiry_height", &T::expiry_height, "Last height that may include it."),
            field("idempotency_key", &T::idempotency_key, "Unique per signer.", 64),
            field("kind", &T::kind, "Which rule applies.", 64),
            field("body", &T::body, "Canonical msgpack.", limits::block_bytes_max),
            field("blobs", &T::blobs, "Hashes of sidecars.", limits::batch_jobs_max)};
    }
};

/// Wire form: the exact signed bytes and the signature.
struct SignedTransaction {
    Blob signed_bytes{};
    Signature signature{};
    static constexpr auto fields() {
        return std::tuple{field("signed_bytes", &SignedTransaction::signed_bytes, "As signed.",
                                limits::block_bytes_max),
                          field("signature", &SignedTransaction::signature, "Ed25519.")};
    }
};

/// One operation of a signed-in user inside a node's batch.
struct BatchItem {
    Address principal{};
    std::string idempotency_key{};
    std::string kind{};
    Blob body{};
    std::vector<Hash> blobs{};
    std::uint64_t salt = 0;  ///< tells equal requests apart, from which ids derive
    static constexpr auto fields() {
        using T = BatchItem;
        return std::tuple{
            field("principal", &T::principal, "On whose behalf."),
            field("idempotency_key", &T::idempotency_key, "Unique per principal.", 64),
            field("kind", &T::kind, "Which rule applies.", 64),
            field("body", &T::body, "Canonical msgpack.", limits::transaction_bytes_max),
            field("blobs", &T::blobs, "Hashes of sidecars.", limits::batch_jobs_max),
            optional_field("salt", &T::salt, "Tells equal requests apart.")};
    }
};

struct OperationBatch {
    std::vector<BatchItem> items{};
    static constexpr auto fields() {
        return std::tuple{
            field("items", &OperationBatch::items, "In order.", limits::block_transactions_max)};
    }
};

/// A batch item with its bytes, made once for hash and batch.
struct EncodedItem {
    EncodedItem(BatchItem item);  // NOLINT: wherever an item is taken
    BatchItem content;
    std::string bytes;  ///< canonical msgpack of it
    Hash hash;          ///< item_hash
};

/// A transaction whose signature and form have been checked against a chain; not yet its rules.
struct VerifiedTransaction {
    std::string wire{};  ///< canonical SignedTransaction bytes: the Merkle leaf is over these
    Hash hash{};         ///< BLAKE2b-256 of the signed bytes: the transaction's id
    UnsignedTransaction content{};
};

/// The signature alone, over the canonical bytes of such a content. Any thread.
Signature sign_content(std::string_view kind, std::string_view bytes, const crypto::SecretKey& key);

/// Signs with the account's or node's key. Any thread.
std::string sign_transaction(const UnsignedTransaction& content, const crypto::SecretKey& key);

/// Checks form, chain and genesis, not the signature: for what a quorum has verified. Errors as
/// below.
Result<VerifiedTransaction> read_transaction(std::string_view wire, std::string_view chain,
                                             const Hash& genesis);

/// Checks form, chain, genesis and signature. Errors: malformed, too_large, check_failed. Any
/// thread.
Result<VerifiedTransaction> verify_transaction(std::string_view wire, std::string_view chain,
                                               const Hash& genesis);

/// The hash that names one item of a batch: ids of what it creates derive from it.
Hash item_hash(const BatchItem& item);

}  // namespace ait::consensus
