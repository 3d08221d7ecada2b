// The part of a snapshot desk that talks with others: answers, and the questions of a node that
// lacks very much.

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "actors/consensus/chain_opening.hpp"
#include "actors/consensus/snapshot_desk.hpp"
#include "actors/consensus/snapshot_open.hpp"

namespace ait::consensus {
namespace {

// Who asks more often gets no answer: a manifest may be long, and a chunk is read from the disk.
constexpr std::int64_t answer_pause_ms = 200;
constexpr std::uint32_t reads_of_one_max = 4;
constexpr std::uint32_t reads_max = 16;

}  // namespace

std::size_t SnapshotDesk::on_message(const PublicKey& peer, std::string_view message) {
    const auto kind = read_snapshot_kind(message);
    if (!kind.ok()) return 1;
    if (!is_on()) return 0;
    const auto member = member_of(peer);
    switch (kind.value()) {
        case SnapshotKind::vote: {
            const auto vote = decode_snapshot<CheckpointVote>(message);
            if (!vote.ok() || !member) return 1;
            on_vote(*member, vote.value());
            return 0;
        }
        case SnapshotKind::want_checkpoint: {
            const auto want = decode_snapshot<WantCheckpoint>(message);
            if (want.ok()) on_want_checkpoint(peer, want.value());
            return want.ok() ? 0 : 1;
        }
        case SnapshotKind::checkpoint: {
            if (!join_.holds()) return 0;  // nobody asked: not worth reading
            auto answer = decode_snapshot<CheckpointAnswer>(message);
            const auto source = source_of(peer);
            if (!answer.ok() || !source) return 1;
            join_.on_checkpoint(*source, std::move(answer).value());
            break;
        }
        case SnapshotKind::want_chunk: {
            const auto want = decode_snapshot<WantChunk>(message);
            if (want.ok()) on_want_chunk(peer, want.value());
            return want.ok() ? 0 : 1;
        }
        case SnapshotKind::chunk: {
            if (!join_.holds()) return 0;
            auto answer = decode_snapshot<ChunkAnswer>(message);
            const auto source = source_of(peer);
            if (!answer.ok() || !source) return 1;
            join_.on_chunk(*source, std::move(answer).value());
            break;
        }
    }
    view_.steady_ms = steady_ms();
    act(join_.look(view_));
    return 0;
}

void SnapshotDesk::on_want_checkpoint(const PublicKey& peer, const WantCheckpoint& want) {
    std::int64_t& answered_at_ms = answered_at_ms_[peer];
    if (answered_at_ms != 0 && steady_ms() - answered_at_ms < answer_pause_ms) return;
    answered_at_ms = steady_ms();
    CheckpointAnswer answer;
    if (!proved_.empty() && proved_.back().manifest.height > want.above_height) {
        const auto reader = parts_.data.reader();
        auto steps = steps_between(*reader, 0, proved_.back().manifest.epoch);
        if (steps.ok()) {
            answer.checkpoint = proved_.back();
            answer.epochs = std::move(steps).value();
        }
    }
    send(peer, encode_snapshot(SnapshotKind::checkpoint, answer));
}

void SnapshotDesk::on_want_chunk(const PublicKey& peer, const WantChunk& want) {
    ChunkAnswer refused{
        .root = want.root, .index = want.index, .refusal = ChunkRefusal::gone, .bytes = {}};
    const auto known = std::find(proved_roots_.begin(), proved_roots_.end(), want.root);
    if (known == proved_roots_.end())
        return send(peer, encode_snapshot(SnapshotKind::chunk, refused));
    if (reads_ == reads_max || reads_of_[peer] == reads_of_one_max) {
        refused.refusal = ChunkRefusal::busy;
        return send(peer, encode_snapshot(SnapshotKind::chunk, refused));
    }
    const auto place = static_cast<std::size_t>(known - proved_roots_.begin());
    serve_chunk(peer, want, proved_[place].manifest.height);
}

void SnapshotDesk::serve_chunk(const PublicKey& peer, const WantChunk& want, std::uint64_t height) {
    ++reads_;
    ++reads_of_[peer];
    light([this, peer, want, height, open = open_] {
        auto bytes = open->read(height, want.root, want.index);
        ChunkAnswer answer{.root = want.root,
                           .index = want.index,
                           .refusal = bytes.ok() ? ChunkRefusal::none : ChunkRefusal::gone,
                           .bytes = {}};
        if (bytes.ok()) {
            answer.bytes.bytes = std::move(bytes).value();
        } else {
            spdlog::warn("checkpoint_chunk_not_read height={} chunk={} why=\"{}\"", height,
                         want.index, bytes.error().why);
        }
        send(peer, encode_snapshot(SnapshotKind::chunk, answer));
        parts_.post([this, peer] {
            --reads_;
            if (--reads_of_[peer] == 0) reads_of_.erase(peer);
        });
    });
}

// ---- this node's own questions ----

void SnapshotDesk::on_link(const PublicKey& peer, bool is_up) {
    if (const auto source = source_of(peer)) join_.on_link(*source, is_up);
    if (!is_up) answered_at_ms_.erase(peer);
}

void SnapshotDesk::look(const simplex::Position& position) {
    if (!is_on()) return;
    view_ = {.steady_ms = steady_ms(), .own_height = position.final_height, .claimed_height = 0};
    for (const std::uint64_t height : position.peer_heights)
        view_.claimed_height = std::max(view_.claimed_height, height);
    act(join_.look(view_));
    if (own_ && own_->signatures.empty() && view_.steady_ms >= votes_again_at_ms_) vote();
}

void SnapshotDesk::act(SnapshotJoin::Actions actions) {
    for (const auto& text : actions.notes) spdlog::warn("snapshot_join detail=\"{}\"", text);
    for (const auto& ask : actions.asks) {
        send(sources_[ask.peer],
             encode_snapshot(SnapshotKind::want_checkpoint, WantCheckpoint{ask.above_height}));
    }
    for (const auto& want : actions.wants) {
        send(sources_[want.peer],
             encode_snapshot(SnapshotKind::want_chunk, WantChunk{want.root, want.index}));
    }
    if (actions.begin) begin(std::move(*actions.begin));
    for (auto& store : actions.stores) {
        light([this, image = incoming_, store = std::move(store)] {
            const Status stored = image->write(store.index, store.bytes);
            parts_.post([this, image, stored] {
                if (image == incoming_) join_.on_stored(stored);
            });
        });
    }
    if (actions.install) install();
}

void SnapshotDesk::begin(SnapshotJoin::Begin wanted) {
    Checkpoint& checkpoint = wanted.checkpoint;
    incoming_epochs_ = std::move(wanted.epochs);
    spdlog::info("snapshot_join_began height={} own_height={} bytes={} chunks={}",
                 checkpoint.manifest.height, view_.own_height, image_bytes(checkpoint.manifest),
                 checkpoint.manifest.chunks.size());
    heavy([this, files = files_, checkpoint = std::move(checkpoint)]() mutable {
        auto image = files.begin(checkpoint);
        std::vector<bool> here(checkpoint.manifest.chunks.size());
        for (std::uint32_t index = 0; image.ok() && index < here.size(); ++index)
            here[index] = !stops_ && image.value()->read(index).ok();
        const Status begun = image.ok() ? Status{} : Status(image.error());
        const std::shared_ptr<ImageFile> file =
            image.ok() ? std::move(image).value() : std::unique_ptr<ImageFile>();
        parts_.post([this, begun, here = std::move(here), file] {
            incoming_ = file;
            spdlog::info("snapshot_join_fetches chunks_here={} chunks={}",
                         std::count(here.begin(), here.end(), true), here.size());
            join_.on_begun(begun, here);
        });
    });
}

void SnapshotDesk::install() {
    heavy([this, image = std::exchange(incoming_, nullptr),
           epochs = std::exchange(incoming_epochs_, {}), genesis = parts_.data.genesis(),
           genesis_id = parts_.data.genesis_id(), started_us = parts_.clock.monotonic_us()] {
        Status installed = image->sync();
        if (installed.ok()) {
            installed = import_image(*image,
                                     {.directory = joining_directory(parts_.place.state_directory),
                                      .database = parts_.place.database,
                                      .genesis = genesis,
                                      .genesis_id = genesis_id,
                                      .epochs = epochs},
                                     stops_);
        }
        if (installed.ok()) {
            spdlog::info("snapshot_installed height={} took_ms={}", image->manifest().height,
                         (parts_.clock.monotonic_us() - started_us) / 1'000);
        }
        parts_.post([this, installed] {
            join_.on_installed(installed);
            if (join_.is_done() && parts_.place.on_joined) parts_.place.on_joined();
        });
    });
}

}  // namespace ait::consensus
