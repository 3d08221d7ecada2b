#pragma once

// A validator set of one: its own signature is the quorum. Several validators agree by Simplex
// (replicated_chain).

#include "actors/consensus/execution.hpp"

namespace ait::consensus {

/// Error: invalid_argument when the key is not that of the only member.
Status check_sole_validator(const std::string& chain, const ValidatorSet& members,
                            const PublicKey& key);
/// Makes a block final. `genesis` is its hash; the key passed check_sole_validator().
Certificate certify_alone(const ExecutedBlock& block, const Hash& genesis,
                          const crypto::SecretKey& key);

}  // namespace ait::consensus
