#include "actors/consensus/checkpoint.hpp"

#include "runtime/base/codec/msgpack.hpp"
#include "runtime/base/crypto/hash.hpp"

namespace ait::consensus {
namespace {

constexpr std::size_t row_head_bytes = 9;  // table, length of the key, length of the value
constexpr std::uint32_t key_bytes_max = 1024;

Error not_proved(std::string why) {
    return Error{ErrorCode::check_failed, "A checkpoint is not proved.", std::move(why), ""};
}

Error unreadable(std::string why) {
    return Error{ErrorCode::malformed, "A chunk of an image cannot be read.", std::move(why), ""};
}

std::string big_endian_32(std::size_t value) {
    return big_endian(value).substr(4);
}

std::size_t from_big_endian_32(std::string_view bytes) {
    return from_big_endian(std::string(4, '\0').append(bytes.substr(0, 4)));
}

bool is_table(char byte) {
    return byte >= static_cast<char>(ImageTable::outcomes) &&
           byte <= static_cast<char>(ImageTable::blobs);
}

Status check_shape(const Manifest& manifest, const Hash& genesis_id, const ValidatorSet& set) {
    if (manifest.version != 1) return not_proved("Its version is unknown.");
    if (manifest.genesis != genesis_id) return not_proved("It is of another chain.");
    if (manifest.epoch != set.epoch) {
        return not_proved("It is of epoch " + std::to_string(manifest.epoch) +
                          ", and judged by the members of epoch " + std::to_string(set.epoch) +
                          ".");
    }
    if (manifest.height == 0 || manifest.chunks.empty()) return not_proved("It is of nothing.");
    for (const auto& chunk : manifest.chunks) {
        if (chunk.bytes == 0 || chunk.bytes > chunk_bytes_max)
            return not_proved("A chunk of it has a length that none has.");
    }
    return {};
}

}  // namespace

bool operator==(const ChunkMark& one, const ChunkMark& other) {
    return one.bytes == other.bytes && one.hash == other.hash;
}

Hash root_of(const Manifest& manifest) {
    return crypto::Hasher().update("manifest/1|").update(encode(manifest)).finish();
}

CheckpointStatement statement_of(const Manifest& manifest) {
    return {manifest.chain, manifest.genesis, manifest.epoch, manifest.height, root_of(manifest)};
}

Signature sign_checkpoint(const CheckpointStatement& statement, const crypto::SecretKey& key) {
    return key.sign(checkpoint_domain, encode(statement));
}

bool verify_checkpoint_signature(const CheckpointStatement& statement, const PublicKey& key,
                                 const Signature& signature) {
    return crypto::verify(key, checkpoint_domain, encode(statement), signature);
}

std::uint64_t image_bytes(const Manifest& manifest) {
    std::uint64_t bytes = 0;
    for (const auto& chunk : manifest.chunks) bytes += chunk.bytes;
    return bytes;
}

Status verify_checkpoint(const Checkpoint& checkpoint, const Hash& genesis_id,
                         const ValidatorSet& set) {
    const Status shape = check_shape(checkpoint.manifest, genesis_id, set);
    if (!shape.ok()) return shape;
    return check_quorum(checkpoint.signatures, set, checkpoint_domain,
                        encode(statement_of(checkpoint.manifest)));
}

Status verify_chunk(const Manifest& manifest, std::uint32_t index, std::string_view bytes) {
    if (index >= manifest.chunks.size() || bytes.size() != manifest.chunks[index].bytes ||
        crypto::blake2b_256(bytes) != manifest.chunks[index].hash) {
        return Error{ErrorCode::check_failed, "A chunk is not the one that was asked for.",
                     "Chunk " + std::to_string(index) + " of height " +
                         std::to_string(manifest.height) + ", " + std::to_string(bytes.size()) +
                         " bytes.",
                     ""};
    }
    return {};
}

Result<std::optional<std::string>> ChunkCutter::add(ImageTable table, std::string_view key,
                                                    std::string_view value) {
    const std::size_t bytes = row_head_bytes + key.size() + value.size();
    if (key.size() > key_bytes_max || bytes > chunk_bytes_max) {
        return Error{
            ErrorCode::too_large, "A row is too long for an image.",
            std::to_string(bytes) + " bytes; the limit is " + std::to_string(chunk_bytes_max) + ".",
            ""};
    }
    std::optional<std::string> done;
    if (!open_.empty() && open_.size() + bytes > chunk_bytes_wanted)
        done = std::exchange(open_, {});
    open_ += static_cast<char>(table);
    open_ += big_endian_32(key.size());
    open_ += big_endian_32(value.size());
    open_ += key;
    open_ += value;
    return done;
}

std::optional<std::string> ChunkCutter::finish() {
    if (open_.empty()) return std::nullopt;
    return std::exchange(open_, {});
}

Status read_rows(std::string_view chunk, const VisitRow& visit) {
    while (!chunk.empty()) {
        if (chunk.size() < row_head_bytes) return unreadable("A row of it is cut.");
        if (!is_table(chunk.front())) return unreadable("A row of it is of no known table.");
        const std::size_t key = from_big_endian_32(chunk.substr(1));
        const std::size_t value = from_big_endian_32(chunk.substr(5));
        const auto table = static_cast<ImageTable>(chunk.front());
        chunk.remove_prefix(row_head_bytes);
        if (key > chunk.size() || value > chunk.size() - key)
            return unreadable("A row of it is longer than the chunk.");
        if (!visit(table, chunk.substr(0, key), chunk.substr(key, value))) return {};
        chunk.remove_prefix(key + value);
    }
    return {};
}

}  // namespace ait::consensus
