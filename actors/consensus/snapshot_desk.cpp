#include "actors/consensus/snapshot_desk.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "actors/consensus/chain_opening.hpp"
#include "actors/consensus/snapshot_open.hpp"

namespace ait::consensus {
namespace {

/// The newest, and one more for those who are in the middle of it.
constexpr std::size_t proved_kept = 2;
constexpr std::int64_t vote_again_ms = 2'000;
constexpr std::int64_t vote_pause_ms = 20;
constexpr std::size_t heavy_waiting_max = 8;
constexpr std::size_t light_waiting_max = 128;

void log_failure(std::string_view event, std::uint64_t height, const Error& error) {
    spdlog::warn("{} height={} what=\"{}\" why=\"{}\"", event, height, error.what, error.why);
}

/// All of its chunks are there and right.
bool is_whole(const ImageFile& image, const std::atomic<bool>& stops) {
    for (std::uint32_t index = 0; index < image.manifest().chunks.size(); ++index) {
        if (stops || !image.read(index).ok()) return false;
    }
    return true;
}

}  // namespace

SnapshotDesk::SnapshotDesk(Parts parts)
    : parts_(std::move(parts)),
      files_(parts_.place.files == nullptr ? storage::posix_file_system() : *parts_.place.files,
             parts_.place.directory),
      votes_(parts_.data.genesis().chain, parts_.data.genesis_id(), parts_.data.validators()),
      join_(parts_.data.genesis(), parts_.data.genesis_id()),
      open_(std::make_shared<Open>(files_)),
      heavy_(heavy_waiting_max),
      light_(light_waiting_max) {
    if (is_on()) load();
}

SnapshotDesk::~SnapshotDesk() {
    stops_ = true;
}

std::optional<std::uint32_t> SnapshotDesk::member_of(const PublicKey& key) const {
    const auto& members = parts_.config.members;
    const auto found = std::find_if(members.begin(), members.end(),
                                    [&](const auto& member) { return member.key == key; });
    if (found == members.end()) return std::nullopt;
    return static_cast<std::uint32_t>(found - members.begin());
}

std::optional<std::uint32_t> SnapshotDesk::source_of(const PublicKey& key) {
    const auto found = std::find(sources_.begin(), sources_.end(), key);
    const auto number = static_cast<std::uint32_t>(found - sources_.begin());
    if (found != sources_.end()) return number;
    if (!member_of(key)) return std::nullopt;
    sources_.push_back(key);
    return number;
}

void SnapshotDesk::send(const PublicKey& peer, std::string message) {
    parts_.links.send(peer, PeerMessage::snapshot,
                      std::make_shared<const std::string>(std::move(message)));
}

/// Both queues are bounded by what the actor has under way, so they are never full.
void SnapshotDesk::heavy(TaskThread::Task task) {
    const bool is_taken = heavy_.put(std::move(task));
    AIT_ASSERT(is_taken);
}

void SnapshotDesk::light(TaskThread::Task task) {
    const bool is_taken = light_.put(std::move(task));
    AIT_ASSERT(is_taken);
}

// ---- what lies here from an earlier life ----

void SnapshotDesk::load() {
    heavy([this, files = files_]() mutable {
        std::vector<Checkpoint> proved;
        std::optional<Error> failure;
        Status done = files.open();
        const auto heights =
            done.ok() ? files.heights() : Result<std::vector<std::uint64_t>>(done.error());
        if (!heights.ok()) failure = heights.error();
        for (const std::uint64_t height :
             heights.ok() ? heights.value() : std::vector<std::uint64_t>{}) {
            if (stops_) return;
            const auto image = files.find(height);
            const bool is_proved = image.ok() && is_known_proof(image.value()->checkpoint());
            if (is_proved && is_whole(*image.value(), stops_)) {
                proved.push_back(image.value()->checkpoint());
            } else if (!is_proved) {
                done = files.remove(height);
                if (!done.ok()) failure = done.error();
            }  // else it was on its way here; it may be gone on with
        }
        if (failure) log_failure("checkpoints_not_read", 0, *failure);
        parts_.post([this, proved = std::move(proved)] { on_loaded(proved); });
    });
}

bool SnapshotDesk::is_known_proof(const Checkpoint& checkpoint) const {
    const auto reader = parts_.data.reader();
    const auto members =
        set_of_epoch(reader->state(), parts_.data.genesis(), checkpoint.manifest.epoch);
    return members && verify_checkpoint(checkpoint, parts_.data.genesis_id(), *members).ok();
}

void SnapshotDesk::begin_epoch(ValidatorSet members, const std::vector<PublicKey>& linked) {
    votes_ =
        CheckpointVotes(parts_.data.genesis().chain, parts_.data.genesis_id(), std::move(members));
    vote_heard_at_ms_.clear();
    own_votes_.clear();
    if (own_) drop(own_->manifest.height);  // those who could have proved it vote no more
    own_.reset();
    // An image that is on its way proves itself: who had it before may still bring it.
    for (const auto& key : linked) on_link(key, true);
}

void SnapshotDesk::on_loaded(std::vector<Checkpoint> proved) {
    is_making_ = false;
    for (auto& checkpoint : proved) add_proved(std::move(checkpoint));
}

void SnapshotDesk::add_proved(Checkpoint checkpoint) {
    proved_roots_.push_back(root_of(checkpoint.manifest));
    proved_.push_back(std::move(checkpoint));
    while (proved_.size() > proved_kept) {
        drop(proved_.front().manifest.height);
        proved_.pop_front();
        proved_roots_.pop_front();
    }
}

void SnapshotDesk::drop(std::uint64_t height) {
    light([height, open = open_] {
        const Status removed = open->remove(height);
        if (!removed.ok()) log_failure("checkpoint_not_removed", height, removed.error());
    });
}

// ---- own images ----

bool SnapshotDesk::makes_image_at(std::uint64_t height) const {
    const std::uint64_t every = parts_.place.checkpoint_blocks;
    return is_on() && parts_.config.self && every != 0 && height % every == 0 && !is_making_ &&
           !join_.holds();
}

void SnapshotDesk::on_published(std::uint64_t height) {
    is_making_ = true;
    make(height);
}

void SnapshotDesk::make(std::uint64_t height) {
    const std::uint64_t previous = proved_.empty() ? 0 : proved_.back().manifest.height;
    heavy([this, height, previous, files = files_, started_us = parts_.clock.monotonic_us(),
           genesis = parts_.data.genesis(), genesis_id = parts_.data.genesis_id()]() mutable {
        const auto store = parts_.data.store().image(height);
        Result<Checkpoint> made = store.ok() ? Checkpoint{} : Result<Checkpoint>(store.error());
        if (store.ok()) {
            auto before =
                previous != 0 ? files.find(previous) : Result<std::unique_ptr<ImageFile>>(nullptr);
            const ImageFile* const known = before.ok() ? before.value().get() : nullptr;
            made = make_image({genesis, genesis_id, *store.value(), known}, files, stops_);
            // What lies there may have rotted; the blocks say the same.
            if (!made.ok() && known != nullptr)
                made = make_image({genesis, genesis_id, *store.value(), nullptr}, files, stops_);
        }
        if (made.ok()) {
            spdlog::info("checkpoint_made height={} bytes={} chunks={} took_ms={}", height,
                         image_bytes(made.value().manifest), made.value().manifest.chunks.size(),
                         (parts_.clock.monotonic_us() - started_us) / 1'000);
        } else {
            log_failure("checkpoint_not_made", height, made.error());
        }
        parts_.post([this, made = std::move(made)] { on_made(made); });
    });
}

void SnapshotDesk::on_made(const Result<Checkpoint>& made) {
    is_making_ = false;
    if (!made.ok()) return;
    // It was begun in an epoch that is over: nobody signs it any more.
    if (!parts_.config.self || made.value().manifest.epoch != parts_.config.epoch)
        return drop(made.value().manifest.height);
    if (own_) drop(own_->manifest.height);  // too few said the same in time
    own_ = made.value();
    const CheckpointStatement statement = statement_of(own_->manifest);
    own_votes_.push_back({.height = statement.height,
                          .root = statement.root,
                          .signature = sign_checkpoint(statement, parts_.node_key)});
    if (own_votes_.size() > proved_kept) own_votes_.pop_front();
    static_cast<void>(votes_.take(*parts_.config.self, own_votes_.back()));
    vote();
    settle();
}

void SnapshotDesk::vote() {
    votes_again_at_ms_ = steady_ms() + vote_again_ms;
    const std::string message = encode_snapshot(SnapshotKind::vote, own_votes_.back());
    for (std::uint32_t member = 0; member < parts_.config.members.size(); ++member) {
        if (member != parts_.config.self) send(parts_.config.members[member].key, message);
    }
}

void SnapshotDesk::on_vote(std::uint32_t member, const CheckpointVote& vote) {
    // Each may cost a look at a signature; what is dropped is told again.
    std::int64_t& heard_at_ms = vote_heard_at_ms_[member];
    if (heard_at_ms != 0 && steady_ms() - heard_at_ms < vote_pause_ms) return;
    heard_at_ms = steady_ms();
    if (votes_.take(member, vote) == CheckpointVotes::Taken::added) settle();
    // Whoever still asks for votes of what is proved here has missed this node's.
    if (own_ && own_->manifest.height == vote.height) return;
    for (const auto& own : own_votes_) {
        if (own.height == vote.height && member != parts_.config.self)
            send(parts_.config.members[member].key, encode_snapshot(SnapshotKind::vote, own));
    }
}

void SnapshotDesk::settle() {
    if (!own_ || !own_->signatures.empty()) return;
    if (votes_.is_contradicted(own_->manifest)) {
        spdlog::error(
            "checkpoint_differs height={} note=\"a quorum has another state at this height: "
            "compare the releases of the nodes, and let this one begin anew\"",
            own_->manifest.height);
        drop(own_->manifest.height);
        own_.reset();
        return;
    }
    own_->signatures = votes_.proof_of(own_->manifest);
    if (own_->signatures.empty()) return;
    light([this, files = files_, checkpoint = *own_]() mutable {
        const Status kept = files.prove(checkpoint);
        parts_.post([this, checkpoint, kept] { on_proved(checkpoint, kept); });
    });
}

void SnapshotDesk::on_proved(const Checkpoint& checkpoint, const Status& kept) {
    if (own_ && own_->manifest.height == checkpoint.manifest.height) own_.reset();
    if (!kept.ok()) {
        log_failure("checkpoint_not_kept", checkpoint.manifest.height, kept.error());
        return drop(checkpoint.manifest.height);
    }
    spdlog::info("checkpoint_proved height={} signatures={}", checkpoint.manifest.height,
                 checkpoint.signatures.size());
    add_proved(checkpoint);
}

SnapshotState SnapshotDesk::state() const {
    SnapshotState state;
    if (!proved_.empty()) state.checkpoint_height = proved_.back().manifest.height;
    if (const Checkpoint* joining = join_.checkpoint()) {
        state.joining_height = joining->manifest.height;
        state.chunks_here = join_.chunks_here();
        state.chunk_count = static_cast<std::uint32_t>(joining->manifest.chunks.size());
    }
    return state;
}

}  // namespace ait::consensus
