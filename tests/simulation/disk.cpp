#include "tests/simulation/disk.hpp"

#include <algorithm>

namespace ait::simulation {

std::uint64_t Disk::write(Batch batch) {
    batch.number = next_number_++;
    pending_.push_back(std::move(batch));
    return pending_.back().number;
}

void Disk::apply(Batch& batch, std::size_t records_max) {
    if (batch.final) log_.push_back(*batch.final);
    const std::size_t count = std::min(records_max, batch.records.size());
    // The older files go only when the new one is safe as a whole.
    if (batch.restart && count == batch.records.size()) journal_.clear();
    for (std::size_t i = 0; i < count; ++i) journal_.push_back(std::move(batch.records[i]));
    if (batch.sequence != 0 && count > 0) wiped_ = false;
}

std::uint64_t Disk::sync_through(std::uint64_t number) {
    std::uint64_t sequence = 0;
    while (!pending_.empty() && pending_.front().number <= number) {
        apply(pending_.front(), pending_.front().records.size());
        sequence = std::max(sequence, pending_.front().sequence);
        pending_.pop_front();
    }
    return sequence;
}

void Disk::crash(SeededRandom& random) {
    const std::size_t whole = random.below(pending_.size() + 1);
    for (std::size_t i = 0; i < whole; ++i) {
        apply(pending_.front(), pending_.front().records.size());
        pending_.pop_front();
    }
    if (!pending_.empty() && !pending_.front().final)
        apply(pending_.front(), random.below(pending_.front().records.size() + 1));
    pending_.clear();
}

void Disk::wipe() {
    journal_.clear();
    log_.clear();
    pending_.clear();
    wiped_ = true;
}

void Disk::rot(SeededRandom& random) {
    if (journal_.size() < 2) return;
    const std::size_t back = 1 + random.below(std::min<std::size_t>(3, journal_.size() - 1));
    journal_.erase(journal_.end() - static_cast<std::ptrdiff_t>(back));
}

void Disk::downgrade() {
    if (!journal_.empty()) journal_.back()[0] = '\x7f';
}

}  // namespace ait::simulation
