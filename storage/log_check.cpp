#include "storage/log_check.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "runtime/base/assert.hpp"
#include "storage/checksum.hpp"
#include "storage/log.hpp"
#include "storage/log_record.hpp"

namespace ait::storage {

LogCheck::LogCheck(FileSystem& files, std::string directory, std::uint64_t height_through)
    : files_(&files), directory_(std::move(directory)), height_through_(height_through) {}

Status LogCheck::list() {
    auto names = files_->list(directory_);
    if (!names.ok()) return names.error();
    for (auto& name : names.value()) {
        const auto first = log_segment_height(name);
        if (first.has_value() && *first <= height_through_) names_.push_back(std::move(name));
    }
    is_listed_ = true;
    return {};
}

Result<std::uint64_t> LogCheck::step(std::uint64_t bytes_max) {
    if (!is_listed_) {
        auto listed = list();
        if (!listed.ok()) return listed.error();
    }
    std::uint64_t bytes = 0;
    while (!is_done() && bytes < std::max<std::uint64_t>(bytes_max, 1)) {
        auto read = file_ == nullptr ? open_segment() : check_record();
        if (!read.ok()) {
            close_segment();
            return read;
        }
        bytes += read.value();
    }
    return bytes;
}

Result<std::uint64_t> LogCheck::open_segment() {
    const auto& name = names_[next_];
    height_ = log_segment_height(name).value_or(0);
    offset_ = 0;
    const auto after = next_ + 1 < names_.size() ? log_segment_height(names_[next_ + 1])
                                                 : std::optional<std::uint64_t>();
    height_end_ = std::min(after.value_or(height_through_ + 1), height_through_ + 1);
    auto opened = files_->open(directory_ + "/" + name, OpenMode::existing);
    if (!opened.ok() && opened.error().code == ErrorCode::not_found) {
        close_segment();  // pruned meanwhile
        return std::uint64_t{0};
    }
    if (!opened.ok()) return opened.error();
    file_ = std::move(opened).value();
    std::array<char, log_header_bytes> bytes{};
    const auto count = file_->read_at(0, bytes);
    if (!count.ok()) return count.error();
    const auto start = count.value() < bytes.size()
                           ? std::nullopt
                           : decode_log_header({bytes.data(), bytes.size()});
    if (!start.has_value() || start->kind != LogRecordKind::segment_start ||
        start->height != height_) {
        return damaged("The segment's start does not pass its check.");
    }
    log_id_ = start->log_id;
    offset_ = log_header_bytes;
    return std::uint64_t{log_header_bytes};
}

Result<std::uint64_t> LogCheck::check_record() {
    if (height_ >= height_end_) {
        close_segment();
        return std::uint64_t{0};
    }
    std::array<char, log_header_bytes> bytes{};
    auto count = file_->read_at(offset_, bytes);
    if (!count.ok()) return count.error();
    const auto header = count.value() < bytes.size()
                            ? std::nullopt
                            : decode_log_header({bytes.data(), bytes.size()});
    const bool belongs = header.has_value() && header->log_id == log_id_ &&
                         header->height == height_ &&
                         header->kind != LogRecordKind::segment_start &&
                         header->payload_bytes <= log_payload_bytes_max;
    if (!belongs) return damaged("A record that was synced does not pass its check.");
    const auto record_bytes = log_record_bytes(header->payload_bytes);
    if (header->kind == LogRecordKind::block) {
        std::string payload(header->payload_bytes, '\0');
        count = file_->read_at(offset_ + log_header_bytes, payload);
        if (!count.ok()) return count.error();
        if (count.value() < payload.size() || crc32c(payload) != header->payload_checksum)
            return damaged("A record that was synced does not pass its check.");
        ++height_;
    }
    offset_ += record_bytes;
    return record_bytes;
}

void LogCheck::close_segment() {
    AIT_ASSERT(next_ <= names_.size());
    file_.reset();
    if (next_ < names_.size()) ++next_;
}

Error LogCheck::damaged(const std::string& why) const {
    return log_damaged(directory_ + "/" + names_[next_], offset_, height_, why);
}

}  // namespace ait::storage
