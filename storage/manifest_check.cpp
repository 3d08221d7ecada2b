#include "storage/manifest_check.hpp"

#include <memory>
#include <vector>

#include "storage/checksum.hpp"
#include "storage/rocks.hpp"

namespace ait::storage {
namespace {

constexpr std::uint64_t block_bytes = 32'768;
constexpr std::uint64_t header_bytes = 7;  // checksum, length, type
enum RecordType : std::uint8_t { full = 1, first = 2, middle = 3, last = 4 };

std::uint32_t little_endian_32(std::string_view bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = 4; i-- > 0;) value = value << 8U | static_cast<std::uint8_t>(bytes[i]);
    return value;
}

struct Piece {
    std::uint8_t type = 0;  ///< zero: what is here is no whole piece
    std::uint64_t end = 0;
};

Piece piece_at(std::string_view log, std::uint64_t at) {
    if (log.size() - at < header_bytes) return {};
    const auto header = log.substr(at, header_bytes);
    const auto length = static_cast<std::uint64_t>(static_cast<std::uint8_t>(header[4])) |
                        static_cast<std::uint64_t>(static_cast<std::uint8_t>(header[5])) << 8U;
    const auto type = static_cast<std::uint8_t>(header[6]);
    const auto end = at + header_bytes + length;
    if (type < full || type > last || end > log.size() ||
        end > (at / block_bytes + 1) * block_bytes)
        return {};
    const auto summed = log.substr(at + header_bytes - 1, 1 + length);
    if (masked(crc32c(summed)) != little_endian_32(header)) return {};
    return {type, end};
}

Status written(const rocksdb::Status& status, const std::string& path) {
    if (status.ok()) return {};
    return from_rocksdb(status, "mend " + path);
}

/// Over tables of an earlier height, what RocksDB's own log holds would be a state of no height.
Status put_logs_aside(rocksdb::Env& env, const std::string& directory) {
    std::vector<std::string> names;
    Status done = written(env.GetChildren(directory, &names), directory);
    for (const auto& name : names) {
        if (!done.ok()) return done;
        if (!name.ends_with(".log")) continue;
        done = written(env.RenameFile(directory + "/" + name, directory + ".torn-" + name), name);
    }
    return done;
}

}  // namespace

std::uint64_t whole_records_end(std::string_view manifest) {
    std::uint64_t whole = 0;
    bool is_inside = false;
    for (std::uint64_t at = 0; at < manifest.size();) {
        if (const auto left = block_bytes - at % block_bytes; left < header_bytes) {
            at += left;  // no header fits there
            continue;
        }
        const Piece piece = piece_at(manifest, at);
        const bool continues = piece.type == middle || piece.type == last;
        if (piece.type == 0 || continues != is_inside) break;
        is_inside = piece.type == first || piece.type == middle;
        at = piece.end;
        if (!is_inside) whole = at;
    }
    return whole;
}

Status mend_torn_manifest(rocksdb::Env& env, const std::string& directory) {
    std::string current;
    if (!rocksdb::ReadFileToString(&env, directory + "/CURRENT", &current).ok()) return {};
    while (!current.empty() && current.back() == '\n') current.pop_back();
    const std::string path = directory + "/" + current;
    std::string manifest;
    if (!current.starts_with("MANIFEST-") || !rocksdb::ReadFileToString(&env, path, &manifest).ok())
        return {};  // RocksDB says what is wrong
    const auto whole = whole_records_end(manifest);
    if (whole == 0 || whole == manifest.size() || manifest.size() - whole > torn_manifest_bytes_max)
        return {};
    const std::string kept = directory + ".torn-manifest";
    Status done = written(rocksdb::WriteStringToFile(&env, manifest, kept, true), kept);
    if (done.ok()) done = put_logs_aside(env, directory);
    if (!done.ok()) return done;
    // Beside it and put in its place as a whole: a cut in the middle of this leaves one of the two.
    const std::string mended = path + ".dbtmp";
    done = written(
        rocksdb::WriteStringToFile(&env, rocksdb::Slice(manifest.data(), whole), mended, true),
        mended);
    if (done.ok()) done = written(env.RenameFile(mended, path), path);
    if (!done.ok()) return done;
    std::unique_ptr<rocksdb::Directory> entries;
    auto status = env.NewDirectory(directory, &entries);
    if (status.ok()) status = entries->Fsync();
    return written(status, directory);
}

}  // namespace ait::storage
