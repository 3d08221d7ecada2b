#include "actors/consensus/ordering.hpp"

namespace ait::consensus {

Result<std::unique_ptr<Ordering>> SoleValidator::create(const Genesis& genesis,
                                                        const crypto::SecretKey& key) {
    if (genesis.validators.size() != 1 || genesis.validators[0].public_key != key.public_key()) {
        return Error{ErrorCode::invalid_argument, "This node is not the chain's only validator.",
                     "Genesis of " + genesis.chain + " names " +
                         std::to_string(genesis.validators.size()) +
                         " validator(s); this node's key is " +
                         to_hex(key.public_key().view().substr(0, 8)) + "....",
                     "Use the genesis and node key that belong together, or list the validators "
                     "under [peer.nodes] to follow them."};
    }
    return std::unique_ptr<Ordering>(new SoleValidator(genesis_hash(genesis), key));
}

void SoleValidator::propose(const ExecutedBlock& block, Decision decided) {
    Certificate certificate;
    certificate.statement = VoteStatement{.chain = block.header.chain,
                                          .genesis = genesis_,
                                          .epoch = block.header.epoch,
                                          .kind = VoteKind::finalize,
                                          .view = block.header.view,
                                          .block = block.hash};
    certificate.signatures.push_back(
        {.member = 0, .signature = sign_vote(certificate.statement, key_)});
    decided(std::move(certificate));
}

}  // namespace ait::consensus
