#pragma once

// Who signs votes and judges signatures: Ed25519 in a node, a cheap keyed hash in the simulator.

#include "actors/consensus/simplex/types.hpp"

namespace ait::consensus::simplex {

class Authenticator {
  public:
    Authenticator() = default;
    Authenticator(const Authenticator&) = delete;
    Authenticator& operator=(const Authenticator&) = delete;
    virtual ~Authenticator() = default;

    /// Signs as this node's member. Deterministic. Only the vote guard calls it.
    [[nodiscard]] virtual Signature sign(const Statement& statement) const = 0;
    /// Whether `member` of the epoch signed this statement of this chain and epoch.
    [[nodiscard]] virtual bool verify(std::uint32_t member, const Statement& statement,
                                      const Signature& signature) const = 0;
};

/// Ed25519 over VoteStatement under the tag "vote/1", as receipts are verified.
class KeyAuthenticator final : public Authenticator {
  public:
    /// `key` may be null for a follower, which never signs; it outlives this object.
    KeyAuthenticator(const Config& config, const crypto::SecretKey* key);

    [[nodiscard]] Signature sign(const Statement& statement) const override;
    [[nodiscard]] bool verify(std::uint32_t member, const Statement& statement,
                              const Signature& signature) const override;

  private:
    [[nodiscard]] VoteStatement full(const Statement& statement) const;
    std::string chain_;
    Hash genesis_;
    std::uint64_t epoch_;
    std::vector<PublicKey> keys_;
    const crypto::SecretKey* key_;
};

}  // namespace ait::consensus::simplex
