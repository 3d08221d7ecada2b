#include "actors/consensus/vote_journal.hpp"

#include <utility>

#include "runtime/base/codec/msgpack.hpp"

namespace ait::consensus {
namespace {

constexpr std::uint64_t segment_bytes = 16ULL * 1024 * 1024;

// The first byte of a log record.
constexpr char plain_mark = 'p';
constexpr char restart_mark = 'r';

struct JournalRecords {
    std::vector<Blob> records{};
    static constexpr auto fields() {
        return std::tuple{
            field("records", &JournalRecords::records, "Of one sync.", limits::block_blobs_max)};
    }
};

}  // namespace

Result<VoteJournal::Opened> VoteJournal::open(storage::FileSystem& files,
                                              const std::string& directory) {
    auto log = storage::BlockLog::open(files, directory, {.segment_bytes = segment_bytes});
    if (!log.ok()) return log.error();
    Opened opened;
    opened.journal.reset(new VoteJournal(std::move(log).value()));
    auto& self = *opened.journal;
    opened.is_new = !self.log_->last_height();
    if (opened.is_new) return opened;
    self.next_ = *self.log_->last_height() + 1;
    const Status read = self.log_->for_each(
        *self.log_->first_height(), [&](std::uint64_t, std::string_view payload) -> Status {
            const char mark = payload.empty() ? '\0' : payload.front();
            auto kept = decode<JournalRecords>(payload.substr(payload.empty() ? 0 : 1));
            if ((mark != plain_mark && mark != restart_mark) || !kept.ok()) {
                return Error{ErrorCode::malformed, "The vote journal holds an unknown record.",
                             "It lies in " + directory + ".",
                             "Use the release that wrote it; never delete it while the key votes."};
            }
            if (mark == restart_mark) opened.records.clear();
            for (auto& record : kept.value().records)
                opened.records.push_back(std::move(record.bytes));
            return {};
        });
    if (!read.ok()) return read.error();
    return opened;
}

Status VoteJournal::append(const std::vector<std::string>& records, bool restart) {
    std::size_t bytes = 0;
    for (const auto& record : records) bytes += record.size() + 8;
    Assembly payload(bytes);
    payload.encoded(std::string_view(restart ? &restart_mark : &plain_mark, 1));
    payload.list(field_count<JournalRecords>).list(records.size());
    for (const auto& record : records) payload.blob(record);
    const Status appended = log_->append(next_, payload.take());
    if (!appended.ok()) return appended;
    if (restart) prune_below_ = next_;
    ++next_;
    return {};
}

Status VoteJournal::sync() {
    return log_->sync();
}

Status VoteJournal::prune() {
    if (prune_below_ == 0) return {};
    return log_->prune_below(std::exchange(prune_below_, 0));
}

}  // namespace ait::consensus
