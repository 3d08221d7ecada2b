#include "actors/consensus/image_files.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "runtime/base/codec/msgpack.hpp"
#include "runtime/base/crypto/hash.hpp"

namespace ait::consensus {
namespace {

constexpr std::string_view rows_kind = "rows";
constexpr std::string_view made_kind = "made";
constexpr std::string_view proved_kind = "proved";
constexpr std::size_t height_digits = 20;
/// A manifest of the most chunks, signed by the most members.
constexpr std::uint64_t manifest_bytes_max = 8U * 1024 * 1024;

/// "00000000000000000042.rows": its height.
std::optional<std::uint64_t> height_of(std::string_view name) {
    if (name.size() <= height_digits || name[height_digits] != '.') return std::nullopt;
    std::uint64_t height = 0;
    for (const char digit : name.substr(0, height_digits)) {
        if (digit < '0' || digit > '9') return std::nullopt;
        if (__builtin_mul_overflow(height, 10U, &height) ||
            __builtin_add_overflow(height, static_cast<std::uint64_t>(digit - '0'), &height))
            return std::nullopt;
    }
    return height;
}

}  // namespace

ImageFile::ImageFile(Checkpoint checkpoint, std::unique_ptr<storage::File> rows)
    : checkpoint_(std::move(checkpoint)),
      root_(root_of(checkpoint_.manifest)),
      rows_(std::move(rows)) {
    std::uint64_t offset = 0;
    offsets_.reserve(manifest().chunks.size());
    for (const auto& chunk : manifest().chunks) {
        offsets_.push_back(offset);
        offset += chunk.bytes;
    }
}

Result<std::string> ImageFile::read(std::uint32_t index) const {
    AIT_ASSERT(index < offsets_.size());
    std::string bytes(manifest().chunks[index].bytes, '\0');
    const auto count = rows_->read_at(offsets_[index], bytes);
    if (!count.ok()) return count.error();
    bytes.resize(count.value());
    const Status verified = verify_chunk(manifest(), index, bytes);
    if (!verified.ok()) return verified.error();
    return bytes;
}

Status ImageFile::write(std::uint32_t index, std::string_view bytes) {
    AIT_ASSERT(index < offsets_.size());
    AIT_ASSERT(bytes.size() == manifest().chunks[index].bytes);
    return rows_->write_at(offsets_[index], bytes);
}

Status ImageFiles::open() {
    const Status created = files_->create_directory(directory_);
    if (!created.ok()) return created;
    return files_->sync_directory(directory_.substr(0, directory_.rfind('/')));
}

std::string ImageFiles::path(std::uint64_t height, std::string_view kind) const {
    const std::string digits = std::to_string(height);
    return directory_ + "/" + std::string(height_digits - digits.size(), '0') + digits + "." +
           std::string(kind);
}

Status ImageFiles::remove_file(const std::string& name) {
    const Status removed = files_->remove(name);
    return !removed.ok() && removed.error().code == ErrorCode::not_found ? Status{} : removed;
}

/// The manifest goes last: rows without one are removed.
Status ImageFiles::remove(std::uint64_t height) {
    for (const auto kind : {rows_kind, made_kind, proved_kind}) {
        const Status removed = remove_file(path(height, kind));
        if (!removed.ok()) return removed;
    }
    return files_->sync_directory(directory_);
}

Status ImageFiles::write_whole(const std::string& name, std::string_view bytes) {
    Status done = remove_file(name);
    if (!done.ok()) return done;
    auto file = files_->open(name, storage::OpenMode::create_new);
    if (!file.ok()) return file.error();
    done = file.value()->write_at(0, bytes);
    if (done.ok()) done = file.value()->sync();
    return done.ok() ? files_->sync_directory(directory_) : done;
}

Result<Checkpoint> ImageFiles::read_manifest(std::uint64_t height, std::string_view kind) {
    const auto file = files_->open(path(height, kind), storage::OpenMode::existing);
    if (!file.ok()) return file.error();
    const auto bytes = file.value()->size();
    if (!bytes.ok()) return bytes.error();
    std::string text(std::min(bytes.value(), manifest_bytes_max), '\0');
    const auto count = file.value()->read_at(0, text);
    if (!count.ok()) return count.error();
    text.resize(count.value());
    auto checkpoint = decode<Checkpoint>(text);
    if (!checkpoint.ok()) return checkpoint.error();
    if (checkpoint.value().manifest.height != height) {
        return Error{ErrorCode::malformed, "A manifest lies under another height.",
                     path(height, kind), ""};
    }
    return checkpoint;
}

Result<std::unique_ptr<ImageFile>> ImageFiles::find(std::uint64_t height) {
    auto checkpoint = read_manifest(height, proved_kind);
    if (!checkpoint.ok()) checkpoint = read_manifest(height, made_kind);
    if (!checkpoint.ok()) return checkpoint.error();
    auto rows = files_->open(path(height, rows_kind), storage::OpenMode::existing);
    if (!rows.ok()) return rows.error();
    return std::unique_ptr<ImageFile>(
        new ImageFile(std::move(checkpoint).value(), std::move(rows).value()));
}

Result<std::vector<std::uint64_t>> ImageFiles::heights() {
    const auto names = files_->list(directory_);
    if (!names.ok()) return names.error();
    std::set<std::uint64_t> seen;
    for (const auto& name : names.value()) {
        const auto height = height_of(name);
        if (height) seen.insert(*height);
    }
    std::vector<std::uint64_t> whole;
    for (const std::uint64_t height : seen) {
        const auto image = find(height);
        if (image.ok()) {
            whole.push_back(height);
            continue;
        }
        if (image.error().code == ErrorCode::storage_failed) return image.error();
        const Status removed = remove(height);
        if (!removed.ok()) return removed.error();
    }
    return whole;
}

Result<std::unique_ptr<ImageFile>> ImageFiles::begin(const Checkpoint& checkpoint) {
    const std::uint64_t height = checkpoint.manifest.height;
    auto known = find(height);
    if (known.ok() && known.value()->root() == root_of(checkpoint.manifest)) return known;
    Status done = remove(height);
    if (!done.ok()) return done.error();
    auto rows = files_->open(path(height, rows_kind), storage::OpenMode::create_new);
    if (!rows.ok()) return rows.error();
    // Now rather than in the middle: a disk that is too small says so at once.
    done = rows.value()->reserve(image_bytes(checkpoint.manifest));
    if (done.ok()) done = prove(checkpoint);
    if (!done.ok()) {
        rows.value().reset();
        const Status removed = remove(height);
        return removed.ok() ? done.error() : removed.error();
    }
    return std::unique_ptr<ImageFile>(new ImageFile(checkpoint, std::move(rows).value()));
}

Status ImageFiles::prove(const Checkpoint& checkpoint) {
    AIT_ASSERT(!checkpoint.signatures.empty());
    return write_whole(path(checkpoint.manifest.height, proved_kind), encode(checkpoint));
}

Status ImageFiles::Making::append(std::string_view chunk) {
    if (marks_.size() == chunks_max) {
        return Error{ErrorCode::too_large, "The state is too large for a checkpoint.",
                     "It has more than " + std::to_string(chunks_max) + " chunks.", ""};
    }
    const Status written = rows_->write_at(bytes_, chunk);
    if (!written.ok()) return written;
    bytes_ += chunk.size();
    marks_.push_back({static_cast<std::uint32_t>(chunk.size()), crypto::blake2b_256(chunk)});
    return {};
}

Result<ImageFiles::Making> ImageFiles::make(std::uint64_t height) {
    const Status removed = remove(height);
    if (!removed.ok()) return removed.error();
    auto rows = files_->open(path(height, rows_kind), storage::OpenMode::create_new);
    if (!rows.ok()) return rows.error();
    Making making;
    making.rows_ = std::move(rows).value();
    return making;
}

Status ImageFiles::finish(Making& making, const Checkpoint& checkpoint) {
    const Status synced = making.rows_->sync();
    if (!synced.ok()) return synced;
    const auto kind = checkpoint.signatures.empty() ? made_kind : proved_kind;
    return write_whole(path(checkpoint.manifest.height, kind), encode(checkpoint));
}

}  // namespace ait::consensus
