#include "actors/consensus/tip_inquiry.hpp"

#include <algorithm>

namespace ait::consensus {

TipInquiry::TipInquiry(const simplex::Config& config, std::uint64_t first_question)
    // Far from the end of the numbers, whatever is drawn.
    : asked_(first_question >> 1U), answered_(asked_) {
    begin_epoch(config);
}

void TipInquiry::begin_epoch(const simplex::Config& config) {
    self_ = config.self;
    quorum_ = simplex::quorum_weight(config);
    heights_.assign(config.members.size(), std::nullopt);
    weights_.clear();
    for (const auto& member : config.members) weights_.push_back(member.weight);
}

std::uint64_t TipInquiry::ask(std::uint64_t own_height) {
    ++asked_;
    std::fill(heights_.begin(), heights_.end(), std::nullopt);
    if (self_) heights_[*self_] = own_height;
    static_cast<void>(count());
    return asked_;
}

bool TipInquiry::on_answer(std::uint32_t member, const TipWord& word) {
    if (word.question != asked_ || !word.height || member >= heights_.size() || !is_asking())
        return false;
    heights_[member] = *word.height;
    return count();
}

bool TipInquiry::count() {
    std::uint64_t weight = 0;
    std::uint64_t highest = 0;
    for (std::size_t i = 0; i < heights_.size(); ++i) {
        if (!heights_[i]) continue;
        weight += weights_[i];
        highest = std::max(highest, *heights_[i]);
    }
    if (weight < quorum_) return false;
    answered_ = asked_;
    height_ = highest;
    return true;
}

}  // namespace ait::consensus
