#include "actors/consensus/sole_validator.hpp"

namespace ait::consensus {

Status check_sole_validator(const Genesis& genesis, const PublicKey& key) {
    if (genesis.validators.size() == 1 && genesis.validators[0].public_key == key) return {};
    return Error{
        ErrorCode::invalid_argument, "This node is not the chain's only validator.",
        "Genesis of " + genesis.chain + " names " + std::to_string(genesis.validators.size()) +
            " validator(s); this node's key is " + to_hex(key.view().substr(0, 8)) + "....",
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
