#include "actors/consensus/simplex/authenticator.hpp"

#include "runtime/base/codec/msgpack.hpp"

namespace ait::consensus::simplex {

KeyAuthenticator::KeyAuthenticator(const Config& config, const crypto::SecretKey* key)
    : chain_(config.chain), genesis_(config.genesis), epoch_(config.epoch), key_(key) {
    keys_.reserve(config.members.size());
    for (const auto& member : config.members) keys_.push_back(member.key);
    if (config.self) {
        AIT_ASSERT(key_ != nullptr);
        AIT_ASSERT(key_->public_key() == keys_.at(*config.self));
    }
}

Signature KeyAuthenticator::sign(const Statement& statement) const {
    AIT_ASSERT(key_ != nullptr);
    return sign_vote(full(statement), *key_);
}

bool KeyAuthenticator::verify(std::uint32_t member, const Statement& statement,
                              const Signature& signature) const {
    if (member >= keys_.size()) return false;
    return crypto::verify(keys_[member], vote_domain, encode(full(statement)), signature);
}

VoteStatement KeyAuthenticator::full(const Statement& statement) const {
    return {.chain = chain_,
            .genesis = genesis_,
            .epoch = epoch_,
            .kind = statement.kind,
            .view = statement.view,
            .block = statement.block};
}

}  // namespace ait::consensus::simplex
