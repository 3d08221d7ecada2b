#pragma once

// Images of a made-up chain of some validators.

#include "actors/consensus/checkpoint_votes.hpp"
#include "runtime/base/crypto/hash.hpp"
#include "tests/unit/actors/consensus/toy_domain.hpp"

namespace ait::consensus {

struct CheckpointFixture {
    explicit CheckpointFixture(std::size_t validators) {
        genesis.chain = "toy";
        genesis.time.ms = 1'000;
        for (std::size_t i = 0; i < validators; ++i) {
            keys.push_back(toy::key_of(static_cast<char>('A' + i)));
            genesis.validators.push_back({"v" + std::to_string(i), keys[i].public_key(), 1});
        }
        genesis_id = genesis_hash(genesis);
        for (std::size_t i = 0; i < 12; ++i) {
            ChunkCutter cutter;
            AIT_ASSERT(
                cutter
                    .add(ImageTable::state, "key" + std::to_string(i), std::string(1'000 + i, 'x'))
                    .ok());
            chunks.push_back(*cutter.finish());
        }
    }
    /// `variant` makes another image of the same height.
    [[nodiscard]] Manifest manifest(std::uint64_t height, std::uint8_t variant = 0) const {
        Manifest manifest{.version = 1,
                          .chain = genesis.chain,
                          .genesis = genesis_id,
                          .epoch = 0,
                          .height = height,
                          .view = height + 3,
                          .block = {},
                          .state_commitment = {},
                          .time_unix_ms = 5'000,
                          .chunks = {}};
        manifest.block.bytes[0] = variant;
        for (const auto& chunk : chunks) {
            manifest.chunks.push_back(
                {static_cast<std::uint32_t>(chunk.size()), crypto::blake2b_256(chunk)});
        }
        return manifest;
    }
    [[nodiscard]] Checkpoint signed_by(const Manifest& manifest,
                                       const std::vector<std::uint32_t>& members) const {
        Checkpoint checkpoint{manifest, {}};
        for (const std::uint32_t member : members) {
            checkpoint.signatures.push_back(
                {member, sign_checkpoint(statement_of(manifest), keys[member])});
        }
        return checkpoint;
    }
    [[nodiscard]] Checkpoint checkpoint(std::uint64_t height,
                                        const std::vector<std::uint32_t>& members) const {
        return signed_by(manifest(height), members);
    }
    [[nodiscard]] CheckpointVote vote(const Manifest& manifest, std::uint32_t member) const {
        const auto statement = statement_of(manifest);
        return {statement.height, statement.root, sign_checkpoint(statement, keys[member])};
    }
    [[nodiscard]] Status verify(const Checkpoint& checkpoint) const {
        return verify_checkpoint(checkpoint, genesis_id, genesis_set(genesis));
    }

    Genesis genesis{};
    Hash genesis_id{};
    std::vector<crypto::SecretKey> keys{};
    std::vector<std::string> chunks{};
};

}  // namespace ait::consensus
