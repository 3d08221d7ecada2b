#pragma once

// Receipts on the client's side: fetched as served, verified here, never believed.

#include "actors/consensus/genesis.hpp"
#include "runtime/cli/session.hpp"

namespace ait::cli {

/// Facts of a receipt that holds against this genesis. Errors: those of consensus::verify_receipt.
Result<Json> verify_receipt_text(std::string_view receipt, const consensus::Genesis& genesis);

/// The genesis that this machine trusts: the configured file, else what the node serves, which is
/// said. Errors: those of file and node.
struct TrustedGenesis {
    consensus::Genesis genesis{};
    std::string source{};  ///< file name, or "node"
};
Result<TrustedGenesis> trusted_genesis(Session& session);

/// The bytes of a receipt exactly as the node serves them; `of` is "jobs" or "transactions".
Result<std::string> fetch_receipt(Session& session, std::string_view of, const std::string& id);

/// {receipt_id, verified, result_verified, miner_key, block_height, tx_hash, genesis, problem?} for
/// a job's result. `verified`: the receipt holds; `result_verified`: and the result shown is the
/// one whose hash the miner signed.
Json proof_of(Session& session, const std::string& job_id, const Json& result);

}  // namespace ait::cli
