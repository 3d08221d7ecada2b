#include "actors/consensus/open_block.hpp"

#include "actors/consensus/submissions.hpp"
#include "runtime/base/limits.hpp"

namespace ait::consensus {
namespace {

ParentState& standing_on(ParentState& state, const storage::StateReader& published,
                         const storage::WriteSet* unpublished) {
    state.stand_on(published, unpublished);
    return state;
}

}  // namespace

std::optional<std::string> ParentState::get(std::string_view key) const {
    if (unpublished_ == nullptr) return published_->get(key);
    return storage::StateOver(*unpublished_, *published_).get(key);
}

std::optional<std::string_view> ParentState::look(std::string_view key, std::string& space) const {
    if (unpublished_ == nullptr) return published_->look(key, space);
    return storage::StateOver(*unpublished_, *published_).look(key, space);
}

void ParentState::scan(std::string_view prefix, std::string_view from, const Visit& visit) const {
    if (unpublished_ == nullptr) return published_->scan(prefix, from, visit);
    storage::StateOver(*unpublished_, *published_).scan(prefix, from, visit);
}

OpenBlock::OpenBlock(Parent parent, const storage::StateReader& published,
                     const storage::WriteSet* unpublished, std::int64_t now_unix_ms)
    : parent_(std::move(parent)),
      builder_(parent_.rules,
               {parent_.genesis, parent_.genesis_hash, parent_.tip,
                standing_on(state_, published, unpublished)},
               now_unix_ms) {}

bool OpenBlock::has_room_for(const Submission& submission, std::size_t divided_by) const {
    if (operations_ == 0) return true;
    return operations_ < limits::block_transactions_max / divided_by &&
           bytes_ + submission.bytes() <= limits::block_bytes_max / divided_by &&
           blobs_ + submission.blobs().size() <= limits::block_blobs_max / divided_by;
}

Admission OpenBlock::add(const Submission& submission, Applied& applied) {
    ++operations_;
    bytes_ += submission.bytes();
    blobs_ += submission.blobs().size();
    Admission admission = admit(builder_, submission, applied);
    if (std::holds_alternative<ItemOutcome>(admission)) {
        has_items_ |= std::holds_alternative<EncodedItem>(submission.operation());
        sidecars_.insert(sidecars_.end(), submission.blobs().begin(), submission.blobs().end());
    }
    return admission;
}

}  // namespace ait::consensus
