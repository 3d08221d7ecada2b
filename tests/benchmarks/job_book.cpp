#include "tests/benchmarks/job_book.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "runtime/base/assert.hpp"

namespace ait::benchmarks {
namespace {

constexpr std::uint64_t was_submitted = 1;
constexpr std::uint64_t was_leased = 2;
constexpr std::uint64_t was_completed = 4;
constexpr std::size_t sample_max = 512;
constexpr std::size_t entries_min = 1'024;

/// Multiply and fold over words of eight bytes; not for bytes that an enemy chooses.
std::uint64_t hash_of(std::string_view text) {
    std::uint64_t hash = 0x9E3779B97F4A7C15ULL ^ text.size();
    while (!text.empty()) {
        std::uint64_t word = 0;
        const std::size_t size = std::min(text.size(), sizeof word);
        std::memcpy(&word, text.data(), size);
        hash = (hash ^ word) * 0xD6E8FEB86659FD93ULL;
        hash ^= hash >> 32;
        text.remove_prefix(size);
    }
    hash *= 0xD6E8FEB86659FD93ULL;
    return std::max<std::uint64_t>(hash ^ (hash >> 29), 1);
}

}  // namespace

JobBook::JobBook(std::size_t jobs_expected)
    : entries_(std::bit_ceil(std::max(entries_min, jobs_expected * 2))) {}

JobBook::Entry& JobBook::entry_of(std::string_view job_id) {
    if (used_ * 2 >= entries_.size()) grow();
    const std::uint64_t hash = hash_of(job_id);
    const std::size_t mask = entries_.size() - 1;
    std::size_t at = hash & mask;
    while (entries_[at].hash != 0 && entries_[at].hash != hash) at = (at + 1) & mask;
    if (entries_[at].hash == 0) {
        entries_[at].hash = hash;
        ++used_;
    }
    return entries_[at];
}

void JobBook::grow() {
    std::vector<Entry> larger(entries_.size() * 2);
    const std::size_t mask = larger.size() - 1;
    for (const Entry& entry : entries_) {
        if (entry.hash == 0) continue;
        std::size_t at = entry.hash & mask;
        while (larger[at].hash != 0) at = (at + 1) & mask;
        larger[at] = entry;
    }
    entries_ = std::move(larger);
}

void JobBook::submitted(std::string_view job_id) {
    Entry& entry = entry_of(job_id);
    ++totals_.submitted;
    if ((entry.marks & was_submitted) != 0) ++totals_.submitted_twice;
    entry.marks |= was_submitted;
}

void JobBook::leased(std::string_view job_id) {
    Entry& entry = entry_of(job_id);
    ++totals_.leased;
    if ((entry.marks & was_leased) != 0) ++totals_.leased_twice;
    entry.marks |= was_leased;
}

void JobBook::completed(std::string_view job_id) {
    Entry& entry = entry_of(job_id);
    AIT_ASSERT((entry.marks & was_leased) != 0);
    ++totals_.completed;
    if ((entry.marks & was_completed) != 0) ++totals_.completed_twice;
    entry.marks |= was_completed;
    if (totals_.completed % sample_every_ != 0) return;
    sample_.emplace_back(job_id);
    if (sample_.size() < sample_max) return;
    for (std::size_t i = 0; i < sample_max / 2; ++i) sample_[i] = std::move(sample_[i * 2 + 1]);
    sample_.resize(sample_max / 2);
    sample_every_ *= 2;
}

std::uint64_t JobBook::count_unfinished() const {
    return static_cast<std::uint64_t>(
        std::count_if(entries_.begin(), entries_.end(), [](const Entry& entry) {
            return (entry.marks & was_submitted) != 0 && (entry.marks & was_completed) == 0;
        }));
}

std::uint64_t JobBook::count_foreign() const {
    return static_cast<std::uint64_t>(
        std::count_if(entries_.begin(), entries_.end(), [](const Entry& entry) {
            return (entry.marks & was_leased) != 0 && (entry.marks & was_submitted) == 0;
        }));
}

}  // namespace ait::benchmarks
