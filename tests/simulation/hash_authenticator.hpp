#pragma once

// Signatures that cost nanoseconds: a mix of statement, epoch and the member's secret number.
// Nobody in a simulation forges them but by signing; the liar signs with its own number like
// everybody.

#include <array>
#include <cstring>

#include "actors/consensus/simplex/authenticator.hpp"

namespace ait::simulation {

class HashAuthenticator final : public consensus::simplex::Authenticator {
  public:
    HashAuthenticator(std::uint32_t self, std::uint64_t epoch) : self_(self), epoch_(epoch) {}

    [[nodiscard]] Signature sign(const consensus::simplex::Statement& statement) const override {
        return digest(self_, statement);
    }
    [[nodiscard]] bool verify(std::uint32_t member, const consensus::simplex::Statement& statement,
                              const Signature& signature) const override {
        return signature == digest(member, statement);
    }

  private:
    [[nodiscard]] Signature digest(std::uint32_t member,
                                   const consensus::simplex::Statement& statement) const {
        std::array<std::uint64_t, 4> block{};
        std::memcpy(block.data(), statement.block.bytes.data(), sizeof block);
        std::uint64_t mix = statement.view * 0x9e3779b97f4a7c15ULL;
        for (const std::uint64_t word : block) {
            mix = (mix ^ word) * 0x9fb21c651e98df25ULL;
            mix ^= mix >> 35;
        }
        mix ^= (std::uint64_t{member} + 1) * 0xd6e8feb86659fd93ULL;
        mix ^= (epoch_ * 4 + static_cast<std::uint64_t>(statement.kind)) * 0xa0761d6478bd642fULL;
        mix = (mix ^ (mix >> 32)) * 0xe7037ed1a0b428dbULL;
        mix ^= mix >> 29;
        Signature signature;
        std::memcpy(signature.bytes.data(), &mix, sizeof mix);
        signature.bytes[8] = static_cast<std::uint8_t>(member + 1);
        return signature;
    }
    std::uint32_t self_;
    std::uint64_t epoch_;
};

}  // namespace ait::simulation
