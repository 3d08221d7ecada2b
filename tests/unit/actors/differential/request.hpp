#pragma once

// One operation as it is asked for: the bodies that both sides get. These structs are the interface
// of the rules (messages.hpp), not their code.

#include <string>
#include <variant>
#include <vector>

#include "actors/coordinator/messages.hpp"
#include "actors/ledger/messages.hpp"
#include "actors/miner/messages.hpp"

namespace ait::differential {

/// A kind that no rule has, or a body that no rule can read.
struct RawBody {
    std::string kind{};
    std::string bytes{};
};

using Body =
    std::variant<ledger::Transfer, ledger::Stake, ledger::Unstake, ledger::FaucetRequest,
                 coordinator::SubmitJob, coordinator::SubmitBatch, coordinator::CancelJob,
                 coordinator::PayJob, coordinator::LeaseJobs, coordinator::RenewLeases,
                 coordinator::ReleaseLeases, coordinator::CompleteJob, coordinator::CompleteJobs,
                 coordinator::DeliverResults, coordinator::FailJob, miner::RegisterMiner,
                 miner::DrainMiner, miner::DeregisterMiner, RawBody>;

/// The wire name of the body's kind.
std::string kind_of(const Body& body);
/// Its canonical bytes.
std::string bytes_of(const Body& body);

/// Who asks, and under which hash: what rules see of a transaction or of a batch item.
struct Caller {
    Address who{};
    PublicKey key{};  ///< zero in a batch: then a node says who it is
    Hash operation{};
    std::vector<Hash> blobs{};
    std::string idempotency_key{};
};

/// What one side says: the answer's bytes, the operation that this one repeats, or a refusal.
using Verdict = std::variant<std::string, Hash, ErrorCode>;

/// "applied", "duplicate" or the refusal's name.
std::string outcome_of(const Verdict& verdict);

}  // namespace ait::differential
