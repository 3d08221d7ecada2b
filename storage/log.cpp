#include "storage/log.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "runtime/base/assert.hpp"
#include "storage/checksum.hpp"
#include "storage/log_record.hpp"

namespace ait::storage {
namespace {

// Zeros are written this far ahead of the records, so that a sync changes no metadata of the file
// but once every so many bytes, and no segment costs 64 MiB of writing at its start.
constexpr std::uint64_t zero_ahead_bytes = 1024 * 1024;

// The capacity is kept in a field of 32 bits.
static_assert(log_record_bytes(log_payload_bytes_max) + 2 * log_header_bytes <= UINT32_MAX);
static_assert(log_segment_bytes_max <= UINT32_MAX);

std::string segment_name(std::uint64_t first_height) {
    const auto digits = std::to_string(first_height);
    return "log-" + std::string(20 - digits.size(), '0') + digits + ".seg";
}

Error height_refused(std::uint64_t height, std::uint64_t next_height) {
    return Error{ErrorCode::conflict, "The block was not appended to the log.",
                 "Its height is " + std::to_string(height) + "; the next one is " +
                     std::to_string(next_height) + ".",
                 "Append blocks in order."};
}

Error not_in_log(std::uint64_t height) {
    return Error{ErrorCode::not_found,
                 "The log has no block at height " + std::to_string(height) + ".",
                 "It was pruned, or is not written yet.", ""};
}

}  // namespace

BlockLog::BlockLog(FileSystem& files, std::string directory, LogOptions options)
    : files_(&files), directory_(std::move(directory)), options_(options) {
    AIT_ASSERT(options_.segment_bytes <= log_segment_bytes_max);
}

Status BlockLog::append(std::uint64_t height, std::string_view payload) {
    return append(height, std::span(&payload, 1));
}

Status BlockLog::append(std::uint64_t height, std::span<const std::string_view> payload_parts) {
    if (poison_.has_value()) return *poison_;
    if (!segments_.empty() && height != next_height_) return height_refused(height, next_height_);
    if (height > log_height_max) return height_refused(height, log_height_max);
    std::uint64_t payload_bytes = 0;
    for (const auto part : payload_parts) payload_bytes += part.size();
    if (payload_bytes > log_payload_bytes_max) {
        return Error{ErrorCode::too_large, "The block was not appended to the log.",
                     std::to_string(payload_bytes) + " bytes; a record holds at most " +
                         std::to_string(log_payload_bytes_max) + ".",
                     ""};
    }
    const std::uint64_t record_bytes = log_record_bytes(payload_bytes);
    auto room = make_room(height, record_bytes);
    if (!room.ok()) return room;

    std::string payload;
    payload.reserve(record_bytes - log_header_bytes);
    for (const auto part : payload_parts) payload += part;
    std::string record =
        encode_log_header({.kind = LogRecordKind::block,
                           .log_id = log_id_,
                           .height = height,
                           .synced_below = synced_below_,
                           .payload_bytes = static_cast<std::uint32_t>(payload_bytes),
                           .payload_checksum = crc32c(payload)});
    record += payload;
    record.resize(record_bytes, '\0');

    Segment& segment = segments_.back();
    auto written = segment.file->write_at(tail_offset_, record);
    if (!written.ok()) return poison(written.error());
    auto zeroed = zero_ahead(segment, tail_offset_ + record_bytes);
    if (!zeroed.ok()) return poison(zeroed.error());
    segment.offsets.push_back(tail_offset_);
    tail_offset_ += record_bytes;
    next_height_ = height + 1;
    is_dirty_ = true;
    return {};
}

Status BlockLog::sync() {
    if (poison_.has_value()) return *poison_;
    if (!is_dirty_) return {};
    Segment& segment = segments_.back();
    auto synced = segment.file->sync();
    if (!synced.ok()) return poison(synced.error());
    is_dirty_ = false;
    synced_below_ = next_height_;
    // Not synced itself: it only has to be there when the disk is read again without a power cut.
    const auto mark = encode_log_header({.kind = LogRecordKind::sync_mark,
                                         .log_id = log_id_,
                                         .height = next_height_,
                                         .synced_below = synced_below_});
    AIT_ASSERT(tail_offset_ + mark.size() <= segment.capacity_bytes);
    auto marked = segment.file->write_at(tail_offset_, mark);
    if (!marked.ok()) return poison(marked.error());
    tail_offset_ += mark.size();
    return {};
}

/// Sees to a newest segment in which the record and a sync mark fit.
Status BlockLog::make_room(std::uint64_t height, std::uint64_t record_bytes) {
    const std::uint64_t fresh_bytes =
        std::max(options_.segment_bytes, log_header_bytes + record_bytes + log_header_bytes);
    if (segments_.empty()) return create_segment(height, fresh_bytes);
    Segment& newest = segments_.back();
    if (tail_offset_ + record_bytes + log_header_bytes <= newest.capacity_bytes) return {};
    if (newest.offsets.empty()) {
        // A second segment of the same first height cannot be: this one grows.
        auto reserved = newest.file->reserve(fresh_bytes);
        if (!reserved.ok() && reserved.error().code != ErrorCode::limit_reached) {
            return poison(reserved.error());
        }
        if (reserved.ok()) newest.capacity_bytes = fresh_bytes;
        return reserved;
    }
    // Also where nothing new is to be synced: a mark that is torn must not lie in an older segment.
    auto synced = newest.file->sync();
    if (!synced.ok()) return poison(synced.error());
    is_dirty_ = false;
    synced_below_ = next_height_;
    return create_segment(height, fresh_bytes);
}

Status BlockLog::create_segment(std::uint64_t height, std::uint64_t capacity_bytes) {
    const auto name = segment_name(height);
    auto opened = files_->open(path_of(name), OpenMode::create_new);
    if (!opened.ok()) {
        if (opened.error().code == ErrorCode::limit_reached) return opened.error();
        return poison(opened.error());
    }
    Segment segment{.name = name,
                    .first_height = height,
                    .capacity_bytes = capacity_bytes,
                    .file = std::move(opened).value(),
                    .offsets = {}};
    const auto zeroed_until_before = zeroed_until_;
    auto filled = fill_new_segment(segment);
    if (!filled.ok()) {
        zeroed_until_ = zeroed_until_before;
        if (filled.error().code != ErrorCode::limit_reached) return poison(filled.error());
        // The disk is full and nothing of the log was touched: it may go on when there is space.
        segment.file.reset();
        auto removed = files_->remove(path_of(name));
        if (!removed.ok()) return poison(removed.error());
        return filled;
    }
    segments_.push_back(std::move(segment));
    next_height_ = height;
    synced_below_ = height;
    tail_offset_ = log_header_bytes;
    return {};
}

/// Everything up to the first sync may fail for want of space; a sync that fails is final.
Status BlockLog::fill_new_segment(Segment& segment) {
    auto reserved = segment.file->reserve(segment.capacity_bytes);
    if (!reserved.ok()) return reserved;
    const auto start =
        encode_log_header({.kind = LogRecordKind::segment_start,
                           .log_id = log_id_,
                           .height = segment.first_height,
                           .synced_below = segment.first_height,
                           .payload_bytes = static_cast<std::uint32_t>(segment.capacity_bytes)});
    auto written = segment.file->write_at(0, start);
    if (!written.ok()) return written;
    zeroed_until_ = 0;
    auto zeroed = zero_ahead(segment, start.size());
    if (!zeroed.ok()) return zeroed;
    auto synced = segment.file->sync();
    if (synced.ok()) synced = files_->sync_directory(directory_);
    if (!synced.ok()) return poison(synced.error());
    return {};
}

/// After a write that ended at `offset`: zeros where the next mark and records will go.
Status BlockLog::zero_ahead(Segment& segment, std::uint64_t offset) {
    if (offset + log_header_bytes <= zeroed_until_) return {};
    const auto begin = std::max(offset, zeroed_until_);
    const auto end = std::min(segment.capacity_bytes, offset + zero_ahead_bytes);
    if (end > begin) {
        auto zeroed = segment.file->write_at(begin, std::string(end - begin, '\0'));
        if (!zeroed.ok()) return zeroed;
    }
    zeroed_until_ = std::max(begin, end);
    return {};
}

Status BlockLog::poison(const Error& cause) {
    if (!poison_.has_value()) {
        poison_ =
            Error{ErrorCode::storage_failed, "The block log has failed and takes no more blocks.",
                  cause.what + " " + cause.why,
                  "Check the disk and restart the node; it goes on from what is durable."};
    }
    return *poison_;
}

const BlockLog::Segment& BlockLog::segment_of(std::uint64_t height) const {
    const auto after = std::upper_bound(
        segments_.begin(), segments_.end(), height,
        [](std::uint64_t wanted, const Segment& segment) { return wanted < segment.first_height; });
    AIT_ASSERT(after != segments_.begin());
    return *std::prev(after);
}

Result<std::string> BlockLog::read(std::uint64_t height) const {
    if (poison_.has_value()) return *poison_;
    const auto first = first_height();
    if (!first.has_value() || height < *first || height >= next_height_) return not_in_log(height);
    return read_record(height);
}

Result<std::string> BlockLog::read_record(std::uint64_t height) const {
    const Segment& segment = segment_of(height);
    AIT_ASSERT(height - segment.first_height < segment.offsets.size());
    const std::uint64_t offset = segment.offsets[height - segment.first_height];
    std::array<char, log_header_bytes> bytes{};
    auto count = segment.file->read_at(offset, bytes);
    if (!count.ok()) return count.error();
    const auto damaged = [&] {
        return log_damaged(segment.name, offset, height, "A record does not pass its check.");
    };
    if (count.value() < bytes.size()) return damaged();
    const auto header = decode_log_header({bytes.data(), bytes.size()});
    if (!header.has_value() || header->log_id != log_id_ || header->height != height)
        return damaged();
    if (header->kind != LogRecordKind::block) return damaged();
    if (header->payload_bytes > log_payload_bytes_max) return damaged();
    std::string payload(header->payload_bytes, '\0');
    count = segment.file->read_at(offset + log_header_bytes, payload);
    if (!count.ok()) return count.error();
    if (count.value() < payload.size() || crc32c(payload) != header->payload_checksum)
        return damaged();
    return payload;
}

Status BlockLog::for_each(std::uint64_t from_height, const Visit& visit) const {
    if (poison_.has_value()) return *poison_;
    if (segments_.empty()) return {};
    if (from_height < segments_.front().first_height) return not_in_log(from_height);
    if (from_height > next_height_) {
        return Error{
            ErrorCode::corrupt_data, "The block log ends too early.",
            "Blocks from height " + std::to_string(from_height) +
                " on are asked for, but the next one would be " + std::to_string(next_height_) +
                ": the newest log file was lost or replaced by an older one.",
            "Restore the whole data directory from one backup, or start with an empty one."};
    }
    for (std::uint64_t height = from_height; height < next_height_; ++height) {
        const auto payload = read_record(height);
        if (!payload.ok()) return payload.error();
        auto visited = visit(height, payload.value());
        if (!visited.ok()) return visited;
    }
    return {};
}

Status BlockLog::prune_below(std::uint64_t height) {
    if (poison_.has_value()) return *poison_;
    while (segments_.size() > 1 && segments_[1].first_height <= height) {
        auto removed = files_->remove(path_of(segments_.front().name));
        if (!removed.ok()) return removed;
        segments_.pop_front();
        // One by one, so that no crash can bring back an older segment without a newer one.
        auto synced = files_->sync_directory(directory_);
        if (!synced.ok()) return poison(synced.error());
    }
    return {};
}

std::optional<std::uint64_t> BlockLog::first_height() const noexcept {
    if (segments_.empty() || segments_.front().first_height == next_height_) return std::nullopt;
    return segments_.front().first_height;
}

std::optional<std::uint64_t> BlockLog::last_height() const noexcept {
    if (!first_height().has_value()) return std::nullopt;
    return next_height_ - 1;
}

std::uint64_t BlockLog::bytes_on_disk() const noexcept {
    std::uint64_t bytes = 0;
    for (const auto& segment : segments_) bytes += segment.capacity_bytes;
    return bytes;
}

std::string BlockLog::path_of(const std::string& name) const {
    return directory_ + "/" + name;
}

}  // namespace ait::storage
