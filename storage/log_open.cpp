// How a log is opened: every record is verified, and what cannot be verified is either proven to be
// an unsynced tail and cut off, or reported. The proof works backwards: each header states below
// which height everything was durable when it was written, so a header that lies behind the damage
// and claims the damaged height shows that a synced record was lost.

#include <algorithm>
#include <array>

#include "runtime/base/bytes.hpp"
#include "storage/checksum.hpp"
#include "storage/log.hpp"
#include "storage/log_record.hpp"

namespace ait::storage {
namespace {

constexpr std::size_t chunk_bytes = 64 * 1024;
static_assert(chunk_bytes % log_alignment_bytes == 0);

Result<std::optional<LogHeader>> read_header(const File& file, std::uint64_t offset) {
    std::array<char, log_header_bytes> bytes{};
    const auto count = file.read_at(offset, bytes);
    if (!count.ok()) return count.error();
    if (count.value() < bytes.size()) return std::optional<LogHeader>{};
    return decode_log_header({bytes.data(), bytes.size()});
}

/// One past the last byte that is not zero at or after `offset`; `offset` where there is none.
Result<std::uint64_t> end_of_nonzero(const File& file, std::uint64_t offset) {
    std::vector<char> chunk(chunk_bytes);
    std::uint64_t end = offset;
    for (std::uint64_t position = offset;; position += chunk.size()) {
        const auto count = file.read_at(position, chunk);
        if (!count.ok()) return count.error();
        const auto filled = std::span(chunk).first(count.value());
        const auto last =
            std::find_if(filled.rbegin(), filled.rend(), [](char c) { return c != 0; });
        if (last != filled.rend()) {
            end = position + static_cast<std::uint64_t>(std::distance(last, filled.rend()));
        }
        if (count.value() < chunk.size()) return end;
    }
}

Status write_zeros(File& file, std::uint64_t begin, std::uint64_t end) {
    const std::string zeros(chunk_bytes, '\0');
    while (begin < end) {
        const auto bytes = std::min<std::uint64_t>(zeros.size(), end - begin);
        auto written = file.write_at(begin, std::string_view(zeros).substr(0, bytes));
        if (!written.ok()) return written;
        begin += bytes;
    }
    return {};
}

}  // namespace

Error log_damaged(const std::string& segment, std::uint64_t offset, std::uint64_t height,
                  const std::string& why) {
    return Error{ErrorCode::corrupt_data, "The block log is damaged.",
                 why + " Segment " + segment + ", offset " + std::to_string(offset) + ", height " +
                     std::to_string(height) + ".",
                 "Stop the node, check the disk, and restore the data directory from a backup or "
                 "start with an empty one and let the node fetch the chain from its peers."};
}

Result<std::unique_ptr<BlockLog>> BlockLog::open(FileSystem& files, std::string directory,
                                                 LogOptions options) {
    std::unique_ptr<BlockLog> log(new BlockLog(files, std::move(directory), options));
    auto loaded = log->load();
    if (!loaded.ok()) return loaded.error();
    return log;
}

/// The oldest goes first, each for good before the next: what a crash leaves is a log that begins
/// later, never one with a hole.
Status BlockLog::destroy(FileSystem& files, const std::string& directory) {
    const auto names = files.list(directory);
    if (!names.ok()) {
        return names.error().code == ErrorCode::not_found ? Status{} : Status(names.error());
    }
    for (const auto& name : names.value()) {
        if (!log_segment_height(name)) continue;
        Status done = files.remove(directory + "/" + name);
        if (done.ok()) done = files.sync_directory(directory);
        if (!done.ok()) return done;
    }
    return {};
}

Status BlockLog::load() {
    auto made = files_->create_directory(directory_);
    if (!made.ok()) return made;
    const auto slash = directory_.rfind('/');
    const auto parent = slash == std::string::npos ? std::string(".") : directory_.substr(0, slash);
    auto synced = files_->sync_directory(parent.empty() ? "/" : parent);
    if (!synced.ok()) return synced;

    auto names = files_->list(directory_);
    if (!names.ok()) return names.error();
    std::erase_if(names.value(),
                  [](const auto& name) { return !log_segment_height(name).has_value(); });
    for (const auto& name : names.value()) {
        auto loaded = load_segment(name, name == names.value().back());
        if (!loaded.ok()) return loaded;
    }
    if (segments_.empty()) log_id_ = from_big_endian(options_.random->bytes(8));
    opening_.segment_count = segments_.size();
    for (const auto& segment : segments_) opening_.record_count += segment.offsets.size();
    return {};
}

Status BlockLog::load_segment(const std::string& name, bool is_newest) {
    const auto name_height = log_segment_height(name).value_or(0);
    auto opened = files_->open(path_of(name), OpenMode::existing);
    if (!opened.ok()) return opened.error();
    const auto size = opened.value()->size();
    if (!size.ok()) return size.error();
    const auto start = read_header(*opened.value(), 0);
    if (!start.ok()) return start.error();

    if (!start.value().has_value() || size.value() < start.value()->payload_bytes) {
        const auto used = end_of_nonzero(*opened.value(), 0);
        if (!used.ok()) return used.error();
        // Its start record and its size are synced before anything follows: making it was
        // interrupted.
        if (is_newest && used.value() <= log_header_bytes) {
            return drop_interrupted_segment(name, std::move(opened).value());
        }
        return log_damaged(name, 0, name_height,
                           "The segment's start does not pass its check, or its end is missing.");
    }
    const LogHeader& header = *start.value();
    if (header.kind != LogRecordKind::segment_start || header.height != name_height) {
        return log_damaged(name, 0, name_height,
                           "The segment's content does not belong to its name.");
    }
    if (!segments_.empty() && header.log_id != log_id_) {
        return log_damaged(name, 0, name_height, "The segment belongs to another log.");
    }
    if (!segments_.empty() && header.height != next_height_) {
        return log_damaged(name, 0, next_height_, "Records are missing before this segment.");
    }
    log_id_ = header.log_id;
    next_height_ = header.height;
    synced_below_ = header.height;
    segments_.push_back(Segment{.name = name,
                                .first_height = header.height,
                                .capacity_bytes = size.value(),
                                .file = std::move(opened).value(),
                                .offsets = {}});
    return scan_records(segments_.back(), is_newest);
}

Status BlockLog::drop_interrupted_segment(const std::string& name, std::unique_ptr<File> file) {
    file.reset();
    auto removed = files_->remove(path_of(name));
    if (!removed.ok()) return removed;
    return files_->sync_directory(directory_);
}

Status BlockLog::scan_records(Segment& segment, bool is_newest) {
    std::uint64_t offset = log_header_bytes;
    while (true) {
        const auto taken = take_record(segment, offset);
        if (!taken.ok()) return taken.error();
        if (!taken.value()) return settle_tail(segment, offset, is_newest);
    }
}

/// Steps over a good record at `offset`; false where there is none.
Result<bool> BlockLog::take_record(Segment& segment, std::uint64_t& offset) {
    const auto read = read_header(*segment.file, offset);
    if (!read.ok()) return read.error();
    if (!read.value().has_value()) return false;
    const LogHeader& header = *read.value();
    const std::uint64_t bytes = log_record_bytes(header.payload_bytes);
    if (header.log_id != log_id_ || header.height != next_height_) return false;
    if (header.synced_below < synced_below_) return false;
    if (bytes > segment.capacity_bytes - offset) return false;
    if (header.kind == LogRecordKind::block) {
        if (header.payload_bytes > log_payload_bytes_max) return false;
        std::string body(bytes - log_header_bytes, '\0');
        const auto count = segment.file->read_at(offset + log_header_bytes, body);
        if (!count.ok()) return count.error();
        if (count.value() < body.size()) return false;
        const auto payload = std::string_view(body).substr(0, header.payload_bytes);
        if (crc32c(payload) != header.payload_checksum) return false;
        const auto padding = std::string_view(body).substr(payload.size());
        if (padding.find_first_not_of('\0') != std::string_view::npos) return false;
        segment.offsets.push_back(offset);
        ++next_height_;
    } else if (header.kind != LogRecordKind::sync_mark) {
        return false;
    }
    synced_below_ = header.synced_below;
    offset += bytes;
    return true;
}

Status BlockLog::settle_tail(Segment& segment, std::uint64_t offset, bool is_newest) {
    tail_offset_ = offset;
    zeroed_until_ = offset;
    const auto used = end_of_nonzero(*segment.file, offset);
    if (!used.ok()) return used.error();
    if (used.value() == offset) return {};
    // A segment is synced before the next one is made.
    if (!is_newest) {
        return log_damaged(segment.name, offset, next_height_, "A record does not pass its check.");
    }
    const auto was_synced = rest_was_synced(segment, offset);
    if (!was_synced.ok()) return was_synced.error();
    if (was_synced.value()) {
        return log_damaged(segment.name, offset, next_height_,
                           "A record that was synced does not pass its check.");
    }
    opening_.bytes_cut = used.value() - offset;
    opening_.cut_segment = segment.name;
    opening_.cut_offset = offset;
    auto zeroed = write_zeros(*segment.file, offset, used.value());
    if (!zeroed.ok()) return zeroed;
    return segment.file->sync();
}

/// True when a header behind the damage claims that the record at next_height_ was durable. A
/// payload cannot forge one: log_id_ is drawn at random and never leaves the node.
Result<bool> BlockLog::rest_was_synced(const Segment& segment, std::uint64_t offset) const {
    std::vector<char> chunk(chunk_bytes + log_header_bytes);
    for (std::uint64_t position = offset;; position += chunk_bytes) {
        const auto count = segment.file->read_at(position, chunk);
        if (!count.ok()) return count.error();
        const std::string_view bytes(chunk.data(), count.value());
        for (std::size_t i = 0; i < chunk_bytes && i + log_header_bytes <= bytes.size();
             i += log_alignment_bytes) {
            const auto header = decode_log_header(bytes.substr(i, log_header_bytes));
            if (!header.has_value() || header->log_id != log_id_) continue;
            if (header->synced_below > next_height_) return true;
        }
        if (bytes.size() < chunk.size()) return false;
    }
}

}  // namespace ait::storage
