#include "actors/consensus/snapshot_join.hpp"

#include <algorithm>
#include <utility>

namespace ait::consensus {
namespace {

constexpr std::int64_t asking_ms = 1'500;
constexpr std::int64_t ask_pause_ms = 10'000;  // after nobody had anything
constexpr std::int64_t failure_pause_ms = 30'000;
constexpr std::int64_t stuck_ms = 10'000;
constexpr std::int64_t no_progress_ms = 30'000;
constexpr std::int64_t sources_again_ms = 1'000;
constexpr std::int64_t chunk_wait_ms = 4'000;
constexpr std::int64_t chunk_wait_ms_max = 60'000;
constexpr std::int64_t busy_pause_ms = 200;
constexpr std::uint32_t requests_of_a_source_max = 2;
constexpr std::uint32_t requests_max = 8;

}  // namespace

bool is_worth_joining(std::uint64_t own_height, const Manifest& manifest) {
    if (manifest.height < own_height + join_gap_blocks_min) return false;
    return image_bytes(manifest) / image_bytes_per_block <= manifest.height - own_height;
}

void SnapshotJoin::on_link(Peer peer, bool is_up) {
    if (is_up) {
        linked_.insert(peer);
        return;
    }
    linked_.erase(peer);
    asked_.erase(peer);
    sources_.erase(peer);
    std::vector<std::uint32_t> lost;
    for (const auto& [index, request] : requests_) {
        if (request.peer == peer) lost.push_back(index);
    }
    for (const std::uint32_t index : lost) release(index);
}

/// The chunk is to be asked for again.
void SnapshotJoin::release(std::uint32_t index) {
    const auto request = requests_.find(index);
    if (request == requests_.end()) return;
    const auto source = sources_.find(request->second.peer);
    if (source != sources_.end()) --source->second.requests;
    requests_.erase(request);
    missing_.push_front(index);
}

void SnapshotJoin::give_up(std::string why, std::int64_t pause_ms) {
    if (!why.empty()) note(std::move(why));
    stage_ = Stage::idle;
    asks_again_at_ms_ = view_.steady_ms + pause_ms;
    moved_at_ms_ = view_.steady_ms;
    chosen_.reset();
    best_.reset();
    offering_.clear();
    asked_.clear();
    sources_.clear();
    requests_.clear();
    missing_.clear();
    checked_.clear();
    storing_ = 0;
    here_count_ = 0;
}

SnapshotJoin::Actions SnapshotJoin::look(const View& view) {
    view_ = view;
    Actions actions;
    if (stage_ == Stage::idle && is_wanted(view)) begin_asking(actions);
    if (stage_ == Stage::asking && (asked_.empty() || view.steady_ms >= asked_until_ms_))
        choose(actions);
    if (stage_ == Stage::fetching) {
        expire();
        fetch(actions);
    }
    actions.notes = std::exchange(notes_, {});
    return actions;
}

bool SnapshotJoin::is_wanted(const View& view) {
    const bool is_behind = view.claimed_height > view.own_height;
    if (!is_behind || view.own_height != height_before_ || moved_at_ms_ == 0) {
        height_before_ = view.own_height;
        moved_at_ms_ = view.steady_ms;
    }
    is_stuck_ = view.steady_ms - moved_at_ms_ >= stuck_ms;
    const bool is_far = is_behind && view.claimed_height - view.own_height >= join_gap_blocks_min;
    return (is_far || is_stuck_) && view.steady_ms >= asks_again_at_ms_ && !linked_.empty();
}

void SnapshotJoin::ask(Peer peer, Actions& actions) {
    if (liars_.contains(peer)) return;
    asked_.insert(peer);
    actions.asks.push_back({peer, view_.own_height});
}

void SnapshotJoin::begin_asking(Actions& actions) {
    stage_ = Stage::asking;
    asked_until_ms_ = view_.steady_ms + asking_ms;
    best_.reset();
    offering_.clear();
    asked_.clear();
    for (const Peer peer : linked_) ask(peer, actions);
}

void SnapshotJoin::on_checkpoint(Peer peer, CheckpointAnswer answer) {
    // An answer that nobody waits for would only cost: its signatures are not even looked at.
    if (asked_.erase(peer) == 0 || !answer.checkpoint) return;
    Checkpoint& offered = *answer.checkpoint;
    if (stage_ == Stage::fetching) {
        if (root_of(offered.manifest) == root_)
            sources_.try_emplace(peer, Source{.wait_ms = chunk_wait_ms});
        return;
    }
    if (stage_ != Stage::asking) return;
    if (best_ && offered.manifest.height < best_->manifest.height) return;
    if (best_ && offered.manifest == best_->manifest) {
        offering_.insert(peer);
        return;
    }
    const Status proved = verify(answer);
    if (!proved.ok()) {
        liars_.insert(peer);
        return note("a member offers what is not proved: " + proved.error().why);
    }
    // Two proved ones of one height cannot be, where fewer lie than may; the first one stays.
    if (best_ && offered.manifest.height == best_->manifest.height) return;
    best_ = std::move(offered);
    best_epochs_ = std::move(answer.epochs);
    offering_ = {peer};
}

Status SnapshotJoin::verify(const CheckpointAnswer& answer) const {
    const auto members = follow_steps(genesis_set_, answer.epochs, chain_, genesis_id_);
    if (!members.ok()) return members.error();
    return verify_checkpoint(*answer.checkpoint, genesis_id_, members.value());
}

void SnapshotJoin::choose(Actions& actions) {
    const bool is_good = best_ && best_->manifest.height > view_.own_height &&
                         (is_stuck_ || is_worth_joining(view_.own_height, best_->manifest));
    // Nothing: blocks it is.
    if (!is_good) return give_up("", ask_pause_ms);
    chosen_ = std::exchange(best_, {});
    root_ = root_of(chosen_->manifest);
    asked_.clear();
    for (const Peer peer : offering_) {
        if (linked_.contains(peer)) sources_.try_emplace(peer, Source{.wait_ms = chunk_wait_ms});
    }
    stage_ = Stage::beginning;
    actions.begin = Begin{*chosen_, std::exchange(best_epochs_, {})};
}

void SnapshotJoin::on_begun(const Status& begun, const std::vector<bool>& here) {
    if (stage_ != Stage::beginning) return;
    if (!begun.ok()) return give_up(begun.error().what + " " + begun.error().why, failure_pause_ms);
    AIT_ASSERT(here.size() == chosen_->manifest.chunks.size());
    for (std::uint32_t index = 0; index < here.size(); ++index) {
        if (here[index])
            ++here_count_;
        else
            missing_.push_back(index);
    }
    stage_ = Stage::fetching;
    progress_at_ms_ = view_.steady_ms;
    sources_asked_at_ms_ = view_.steady_ms;
}

/// Who has not answered in time gets longer the next time, and less to do.
void SnapshotJoin::expire() {
    std::vector<std::uint32_t> late;
    for (const auto& [index, request] : requests_) {
        if (request.until_ms <= view_.steady_ms) late.push_back(index);
    }
    for (const std::uint32_t index : late) {
        const Peer peer = requests_.at(index).peer;
        release(index);
        const auto source = sources_.find(peer);
        if (source == sources_.end()) continue;
        source->second.silent_until_ms = view_.steady_ms + source->second.wait_ms;
        source->second.wait_ms = std::min(2 * source->second.wait_ms, chunk_wait_ms_max);
    }
}

std::optional<SnapshotJoin::Peer> SnapshotJoin::next_source() const {
    std::optional<Peer> best;
    std::uint32_t least = requests_of_a_source_max;
    for (const auto& [peer, source] : sources_) {
        if (source.requests >= least || source.silent_until_ms > view_.steady_ms) continue;
        least = source.requests;
        best = peer;
    }
    return best;
}

void SnapshotJoin::fetch(Actions& actions) {
    for (auto& [index, bytes] : checked_) actions.stores.push_back({index, std::move(bytes)});
    storing_ += static_cast<std::uint32_t>(checked_.size());
    checked_.clear();
    if (here_count_ == chosen_->manifest.chunks.size()) {
        stage_ = Stage::installing;
        actions.install = true;
        return;
    }
    while (!missing_.empty() && requests_.size() + storing_ < requests_max) {
        const auto source = next_source();
        if (!source) break;
        const std::uint32_t index = missing_.front();
        missing_.pop_front();
        ++sources_[*source].requests;
        requests_[index] = {*source, view_.steady_ms + sources_[*source].wait_ms};
        actions.wants.push_back({*source, root_, index});
    }
    if (view_.steady_ms - progress_at_ms_ >= no_progress_ms) {
        return give_up("no member brings the rest of the image of height " +
                           std::to_string(chosen_->manifest.height) + "; what is here stays",
                       sources_again_ms);
    }
    // Others may have it by now.
    if (view_.steady_ms - sources_asked_at_ms_ < sources_again_ms) return;
    sources_asked_at_ms_ = view_.steady_ms;
    for (const Peer peer : linked_) {
        if (!sources_.contains(peer)) ask(peer, actions);
    }
}

void SnapshotJoin::on_chunk(Peer peer, ChunkAnswer answer) {
    const auto request = requests_.find(answer.index);
    if (stage_ != Stage::fetching || answer.root != root_ || request == requests_.end() ||
        request->second.peer != peer) {
        return;  // too late, or never asked for
    }
    release(answer.index);
    const auto source = sources_.find(peer);
    if (answer.refusal == ChunkRefusal::gone) {
        sources_.erase(peer);
        return;
    }
    if (answer.refusal == ChunkRefusal::busy) {
        if (source != sources_.end())
            source->second.silent_until_ms = view_.steady_ms + busy_pause_ms;
        return;
    }
    const Status verified = verify_chunk(chosen_->manifest, answer.index, answer.bytes.bytes);
    if (!verified.ok()) {
        liars_.insert(peer);
        on_link(peer, false);
        linked_.insert(peer);
        return note("member " + std::to_string(peer) +
                    " sends wrong chunks: " + verified.error().why);
    }
    missing_.pop_front();  // release() put it there
    progress_at_ms_ = view_.steady_ms;
    checked_.emplace(answer.index, std::move(answer.bytes.bytes));
}

void SnapshotJoin::on_stored(const Status& stored) {
    if (stage_ != Stage::fetching || storing_ == 0) return;
    --storing_;
    if (!stored.ok())
        return give_up(stored.error().what + " " + stored.error().why, failure_pause_ms);
    ++here_count_;
}

void SnapshotJoin::on_installed(const Status& installed) {
    if (stage_ != Stage::installing) return;
    if (!installed.ok())
        return give_up(installed.error().what + " " + installed.error().why, failure_pause_ms);
    stage_ = Stage::done;
}

}  // namespace ait::consensus
