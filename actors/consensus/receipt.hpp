#pragma once

// Receipts: what happened to a job, or what one operation did, with everything that somebody
// without a node needs to check it: the signed transaction, its outcome, both inclusion paths, the
// header and the finality certificate. The document is canonical: a verifier rebuilds it from the
// evidence and compares every byte, so no field can say what the evidence does not.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/consensus/epoch_proof.hpp"
#include "runtime/base/codec/json.hpp"
#include "runtime/base/operation.hpp"

namespace ait::consensus {

/// One operation of a final block, proven.
struct OperationProof {
    Blob transaction{};  ///< wire bytes
    std::uint64_t index = 0;
    std::uint64_t item = 0;  ///< in a batch, else 0
    std::vector<Hash> transaction_path{};
    TransactionOutcome outcome{};
    std::vector<Hash> outcome_path{};
    Blob header{};
    Certificate certificate{};
    std::vector<Blob> links{};        ///< as in the block's record
    std::vector<EpochStep> epochs{};  ///< from the genesis' members to those of the block's epoch
    static constexpr auto fields() {
        using P = OperationProof;
        return std::tuple{
            field("transaction", &P::transaction, "Wire bytes.", limits::block_bytes_max),
            field("index", &P::index, "In the block."),
            field("item", &P::item, "In the batch."),
            field("transaction_path", &P::transaction_path, "Merkle path.", 64),
            field("outcome", &P::outcome, "What it did."),
            field("outcome_path", &P::outcome_path, "Merkle path.", 64),
            field("header", &P::header, "Encoded header."),
            field("certificate", &P::certificate, "Finality."),
            optional_field("links", &P::links, "Headers to what is certified.", finality_links_max),
            optional_field("epochs", &P::epochs, "How those who signed came to vote.",
                           epoch_steps_max)};
    }
};

/// Finds how bodies and answers of a transaction kind read as JSON; null = unknown kind. Both
/// binaries give the operation registry's.
using FormFinder = std::function<const TransactionForm*(std::string_view kind)>;

/// Proof for the operation at `position`, without `epochs`, which a block of the first one does not
/// need. Error: corrupt_data when block and position do not fit.
Result<OperationProof> prove_operation(const StoredBlock& block, const OperationPosition& position);
/// The whole proof. Errors: not_found (the block, or a change of members, is not kept here),
/// corrupt_data, those of steps_between.
Result<OperationProof> prove_operation(const ChainReader& chain, const OperationPosition& position);

/// The receipt of a job: proofs of its result, then of later payments if any; or of a single
/// operation about something else. One line of JSON, byte for byte what the REST route serves.
/// Errors: check_failed when a proof does not hold.
Result<std::string> receipt_text(const std::vector<OperationProof>& proofs, const Genesis& genesis,
                                 const FormFinder& forms);

/// Checks a receipt with nothing but the genesis document. Returns its facts
/// {verified, receipt_id, job_id, miner_key, block_height, transaction_hash, ...}, or for a single
/// operation {verified, receipt_id, operation, kind, body, outcome, block_height, ...}.
/// Errors: malformed, too_large, check_failed with what does not hold. Any thread; no I/O.
Result<Json> verify_receipt(std::string_view text, const Genesis& genesis, const FormFinder& forms);

}  // namespace ait::consensus
