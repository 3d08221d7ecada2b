#include "actors/consensus/sole_validator.hpp"

namespace ait::consensus {

Status check_sole_validator(const std::string& chain, const ValidatorSet& members,
                            const PublicKey& key) {
    if (members.members.size() == 1 && members.members[0].public_key == key) return {};
    return Error{ErrorCode::invalid_argument, "This node is not the chain's only validator.",
                 "Chain " + chain + " has " + std::to_string(members.members.size()) +
                     " validator(s); this node's key is " + to_hex(key.view().substr(0, 8)) +
                     "....",
                 "Use the genesis and node key that belong together, or list the validators "
                 "under [peer.nodes] to follow them."};
}

Certificate certify_alone(const ExecutedBlock& block, const Hash& genesis,
                          const crypto::SecretKey& key) {
    Certificate certificate;
    certificate.statement = VoteStatement{.chain = block.header.chain,
                                          .genesis = genesis,
                                          .epoch = block.header.epoch,
                                          .kind = VoteKind::finalize,
                                          .view = block.header.view,
                                          .block = block.hash};
    certificate.signatures.push_back(
        {.member = 0, .signature = sign_vote(certificate.statement, key)});
    return certificate;
}

}  // namespace ait::consensus
