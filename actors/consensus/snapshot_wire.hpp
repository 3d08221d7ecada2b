#pragma once

// What nodes say to each other about checkpoints. A message is a version byte, a kind byte and the
// canonical msgpack of one struct below; lengths are checked before anything is allocated.

#include "actors/consensus/checkpoint.hpp"
#include "runtime/base/codec/msgpack.hpp"

namespace ait::consensus {

inline constexpr std::uint8_t snapshot_wire_version = 1;

enum class SnapshotKind : std::uint8_t {
    vote = 1,             ///< members to members
    want_checkpoint = 2,  ///< whoever lacks much, to members
    checkpoint = 3,
    want_chunk = 4,
    chunk = 5
};

/// "My image of this height has this root."
struct CheckpointVote {
    std::uint64_t height = 0;
    Hash root{};
    Signature signature{};
    static constexpr auto fields() {
        using V = CheckpointVote;
        return std::tuple{field("height", &V::height, "Of the image."),
                          field("root", &V::root, "Hash of its manifest."),
                          field("signature", &V::signature, "The sender's.")};
    }
};

struct WantCheckpoint {
    std::uint64_t above_height = 0;
    static constexpr auto fields() {
        return std::tuple{
            field("above_height", &WantCheckpoint::above_height, "What the asker has.")};
    }
};

/// None: there is no proved one above that height.
struct CheckpointAnswer {
    std::optional<Checkpoint> checkpoint{};
    std::vector<EpochStep> epochs{};  ///< from the genesis' members to those who signed it
    static constexpr auto fields() {
        using A = CheckpointAnswer;
        return std::tuple{field("checkpoint", &A::checkpoint, "The newest."),
                          optional_field("epochs", &A::epochs,
                                         "How those who signed it came to vote.", epoch_steps_max)};
    }
};

struct WantChunk {
    Hash root{};
    std::uint32_t index = 0;
    static constexpr auto fields() {
        return std::tuple{field("root", &WantChunk::root, "Of the manifest."),
                          field("index", &WantChunk::index, "In it.")};
    }
};

}  // namespace ait::consensus

namespace ait::consensus {
enum class ChunkRefusal : std::uint8_t {
    none,
    gone,  ///< the image is not here any more
    busy   ///< ask again in a moment
};
}  // namespace ait::consensus

namespace ait {
template <>
struct EnumNames<consensus::ChunkRefusal> {
    static constexpr std::array<std::string_view, 3> names{"none", "gone", "busy"};
};
}  // namespace ait

namespace ait::consensus {

struct ChunkAnswer {
    Hash root{};
    std::uint32_t index = 0;
    ChunkRefusal refusal = ChunkRefusal::none;
    Blob bytes{};
    static constexpr auto fields() {
        using C = ChunkAnswer;
        return std::tuple{field("root", &C::root, "Of the manifest."),
                          field("index", &C::index, "In it."),
                          field("refusal", &C::refusal, "Why it did not come along."),
                          field("bytes", &C::bytes, "The chunk.", chunk_bytes_max)};
    }
};

/// Error: malformed.
Result<SnapshotKind> read_snapshot_kind(std::string_view message);

template <Described T>
std::string encode_snapshot(SnapshotKind kind, const T& message) {
    const std::array<char, 2> prefix{static_cast<char>(snapshot_wire_version),
                                     static_cast<char>(kind)};
    return encode(message, std::string_view(prefix.data(), prefix.size()));
}
/// The struct after the prefix, of a message whose kind was read. Error: malformed.
template <Described T>
Result<T> decode_snapshot(std::string_view message) {
    return decode<T>(message.substr(2));
}

}  // namespace ait::consensus
