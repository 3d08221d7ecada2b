#pragma once

// Checkpoints: the whole state at one height, cut into chunks that are checked one by one. A
// header's commitment covers the history of writes, so that no header proves a state. Instead each
// validator makes the same image of what it executed and signs the root of its chunks; a quorum of
// those signatures proves the image to somebody who executed nothing.
//
// Invariants
//  1. Validators that executed the same blocks make the same image, byte for byte: nothing in it
//     depends on when a node joined, on its disk, or on which signatures it holds.
//  2. A chunk is a sequence of whole rows; its length follows from the rows alone.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/consensus/epoch_proof.hpp"

namespace ait::consensus {

inline constexpr std::string_view checkpoint_domain = "checkpoint/1";
/// A chunk ends before the row that would make it longer.
inline constexpr std::uint32_t chunk_bytes_wanted = 1024 * 1024;
/// A single row may be longer than that: no row is longer than this.
inline constexpr std::uint32_t chunk_bytes_max = 12 * 1024 * 1024;
inline constexpr std::uint32_t chunks_max = 64 * 1024;

/// What the rows of an image are, in the order in which they stand in it.
enum class ImageTable : std::uint8_t {
    outcomes = 1,  ///< of operations whose idempotency key is kept: for those who ask again
    state = 2,
    operations = 3,  ///< which ones were done, and where: none is done twice
    blobs = 4        ///< that the state names
};

struct ChunkMark {
    std::uint32_t bytes = 0;
    Hash hash{};
    static constexpr auto fields() {
        return std::tuple{field("bytes", &ChunkMark::bytes, "Length."),
                          field("hash", &ChunkMark::hash, "BLAKE2b-256.")};
    }
};

/// What an image is of and what it consists of.
struct Manifest {
    std::uint64_t version = 1;
    std::string chain{};
    Hash genesis{};
    std::uint64_t epoch = 0;  ///< that follows the block: its members sign
    std::uint64_t height = 0;
    std::uint64_t view = 0;
    Hash block{};
    Hash state_commitment{};
    std::int64_t time_unix_ms = 0;
    std::vector<ChunkMark> chunks{};
    static constexpr auto fields() {
        using M = Manifest;
        return std::tuple{field("version", &M::version, "1."),
                          field("chain", &M::chain, "Chain.", 64),
                          field("genesis", &M::genesis, "Genesis hash."),
                          field("epoch", &M::epoch, "Validator set."),
                          field("height", &M::height, "Of the last block in it."),
                          field("view", &M::view, "Of that block."),
                          field("block", &M::block, "Its hash."),
                          field("state_commitment", &M::state_commitment, "Its header's."),
                          field("time_unix_ms", &M::time_unix_ms, "Its time."),
                          field("chunks", &M::chunks, "In order.", chunks_max)};
    }
    bool operator==(const Manifest&) const = default;
};
bool operator==(const ChunkMark& one, const ChunkMark& other);

/// What a validator signs, under the domain tag "checkpoint/1".
struct CheckpointStatement {
    std::string chain{};
    Hash genesis{};
    std::uint64_t epoch = 0;
    std::uint64_t height = 0;
    Hash root{};
    static constexpr auto fields() {
        using S = CheckpointStatement;
        return std::tuple{field("chain", &S::chain, "Chain.", 64),
                          field("genesis", &S::genesis, "Genesis hash."),
                          field("epoch", &S::epoch, "Validator set."),
                          field("height", &S::height, "Of the image."),
                          field("root", &S::root, "Hash of its manifest.")};
    }
};

/// A manifest with the signatures that prove it; none: not proved yet.
struct Checkpoint {
    Manifest manifest{};
    std::vector<MemberSignature> signatures{};
    static constexpr auto fields() {
        return std::tuple{
            field("manifest", &Checkpoint::manifest, "What it consists of."),
            field("signatures", &Checkpoint::signatures, "By member, of a quorum.", 256)};
    }
};

Hash root_of(const Manifest& manifest);
CheckpointStatement statement_of(const Manifest& manifest);
Signature sign_checkpoint(const CheckpointStatement& statement, const crypto::SecretKey& key);
bool verify_checkpoint_signature(const CheckpointStatement& statement, const PublicKey& key,
                                 const Signature& signature);
/// All chunks together.
std::uint64_t image_bytes(const Manifest& manifest);
/// Of this chain and of the epoch of `set`, of lengths that can be, and signed by a quorum of it.
/// Error: check_failed with the reason.
Status verify_checkpoint(const Checkpoint& checkpoint, const Hash& genesis_id,
                         const ValidatorSet& set);
/// The chunk is the one that the manifest names. Error: check_failed.
Status verify_chunk(const Manifest& manifest, std::uint32_t index, std::string_view bytes);

/// Cuts rows into chunks. Rows come in the order of tables and keys.
class ChunkCutter {
  public:
    /// A finished chunk, when this row begins another one. Error: too_large.
    Result<std::optional<std::string>> add(ImageTable table, std::string_view key,
                                           std::string_view value);
    /// The last one; nothing where all of them are out.
    [[nodiscard]] std::optional<std::string> finish();

  private:
    std::string open_{};
};

/// False ends the reading.
using VisitRow =
    std::function<bool(ImageTable table, std::string_view key, std::string_view value)>;
/// Error: malformed. The chunk was verified, so this is a fault of whoever made the image.
Status read_rows(std::string_view chunk, const VisitRow& visit);

}  // namespace ait::consensus
