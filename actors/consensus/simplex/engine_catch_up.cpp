// Blocks that are certified or final elsewhere and not here. Answers are explicit, so whoever has
// nothing is left at once for the next; nobody alone defines how far the chain has come.

#include <algorithm>

#include "actors/consensus/simplex/engine.hpp"
#include "actors/consensus/simplex/planted.hpp"

namespace ait::consensus::simplex {
namespace {

inline constexpr std::size_t wants_max = 16;

}  // namespace

const Hash* Core::Engine::missing_of_final_chain(std::uint64_t& view) const {
    if (!certified_ || certified_view_ <= tip_.view) return nullptr;
    const Hash* hash = &certified_->statement.block;
    view = certified_view_;
    for (const BlockNode* node = blocks_.find(*hash); node != nullptr; node = blocks_.find(*hash)) {
        hash = &node->parent;
        view = node->parent_view;
        if (*hash == tip_.hash) return nullptr;
    }
    return hash;
}

void Core::Engine::take(HoldCatchUp input) {
    if (catch_up_held_ == input.holds) return;
    catch_up_held_ = input.holds;
    changed_ = true;
}

void Core::Engine::refresh_wants() {
    std::vector<Want> wants;
    const auto add = [&](std::uint64_t view, const Hash& hash) {
        if (wants.size() == wants_max || blocks_.find(hash) != nullptr || hash == tip_.hash) return;
        const auto known = std::find_if(wants_.begin(), wants_.end(),
                                        [&](const Want& want) { return want.hash == hash; });
        if (known != wants_.end())
            wants.push_back(*known);
        else  // what is on its way gets the time to arrive
            wants.push_back({view, hash, now_.steady_ms + config_.delta_ms / 2, 0, std::nullopt});
    };
    if (!ended_ && !catch_up_held_ && !planted(Bug::body_never_fetched)) {
        std::uint64_t view = 0;
        const Hash* missing = missing_of_final_chain(view);
        if (missing != nullptr) add(view, *missing);
        for (const auto& state : views_) {
            // What is above a hole in the final chain cannot be executed yet.
            if (!state->notarized || missing != nullptr) continue;
            // Ancestors of what is notarized are notarized (L4), also where this node only holds
            // the nullification of their view.
            const Hash* hash = &state->notarized->statement.block;
            std::uint64_t missing_view = state->view;
            for (const BlockNode* node = blocks_.find(*hash); node != nullptr && *hash != tip_.hash;
                 node = blocks_.find(*hash)) {
                hash = &node->parent;
                missing_view = node->parent_view;
            }
            if (missing_view > tip_.view) add(missing_view, *hash);
        }
    }
    wants_ = std::move(wants);
    if (!is_behind()) {
        sync_at_ms_ = never_ms;
        sync_attempts_ = 0;
    } else if (sync_at_ms_ == never_ms) {
        sync_at_ms_ = now_.steady_ms + (config_.self ? config_.delta_ms / 2 : 0);
    }
}

bool Core::Engine::is_behind() const {
    if (ended_ || halted_ || catch_up_held_) return false;
    std::uint64_t view = 0;
    if (certified_view_ > tip_.view && missing_of_final_chain(view) != nullptr) return true;
    const auto is_ahead = [&](const PeerState& peer) {
        return peer.connected && peer.final_height > tip_.height;
    };
    const bool is_told =
        std::any_of(members_.begin(), members_.end(), is_ahead) ||
        (!hears_members() && std::any_of(followers_.begin(), followers_.end(),
                                         [&](const auto& each) { return is_ahead(each.second); }));
    return is_told && std::none_of(blocks_.nodes().begin(), blocks_.nodes().end(),
                                   [](const auto& node) { return node->is_final; });
}

bool Core::Engine::hears_members() const {
    std::uint64_t weight = 0;
    for (std::uint32_t i = 0; i < members_.size(); ++i) {
        if (is_self(i) || members_[i].connected) weight += config_.members[i].weight;
    }
    return weight >= quorum_;
}

/// Whom final blocks may be asked of. Members first; where they are not to be reached, anybody: the
/// members of a far epoch may be gone for good, and what is final proves itself.
std::vector<Peer> Core::Engine::sources() const {
    std::vector<Peer> peers;
    for (Peer peer = 0; peer < members_.size(); ++peer) {
        if (!is_self(peer) && members_[peer].connected) peers.push_back(peer);
    }
    if (hears_members()) return peers;
    for (const auto& [peer, state] : followers_) {
        if (state.connected) peers.push_back(peer);
    }
    return peers;
}

void Core::Engine::fetch() {
    for (Want& want : wants_) {
        if (want.next_ms > now_.steady_ms) continue;
        want.next_ms = now_.steady_ms + 2 * config_.delta_ms;
        const auto source = next_source(want.attempts++, want.hash);
        want.asked = source;
        if (!source) continue;
        send_now(Audience::one, *source, Priority::certificate,
                 encode_message(WireKind::want_block, config_.epoch,
                                WantBlockMessage{.view = want.view, .block = want.hash}));
    }
    if (sync_at_ms_ <= now_.steady_ms) want_final_blocks();
}

std::optional<Peer> Core::Engine::next_source(std::uint32_t attempt, const Hash& hash) const {
    if (planted(Bug::body_asked_of_one_peer)) return is_self(0) ? 1 : 0;
    // Begin somewhere else for each block and node, so that not all ask the same one.
    const std::size_t count = members_.size();
    const std::size_t begin = hash.bytes[0] + config_.self.value_or(0);
    for (std::size_t step = 0; step < count; ++step) {
        const auto peer = static_cast<Peer>((begin + attempt + step) % count);
        if (!is_self(peer) && members_[peer].connected) return peer;
    }
    return std::nullopt;
}

void Core::Engine::want_final_blocks() {
    const std::int64_t pause = config_.delta_ms * std::min<std::int64_t>(2 + sync_attempts_, 10);
    sync_at_ms_ = now_.steady_ms + pause;
    std::optional<Peer> best;
    const std::vector<Peer> peers = sources();
    for (std::size_t step = 0; step < peers.size(); ++step) {
        const Peer peer =
            peers[(step + (planted(Bug::liar_asked_forever) ? 0 : sync_attempts_)) % peers.size()];
        const PeerState& state = *peer_state(peer);
        const bool is_demoted = state.demoted_until_ms > now_.steady_ms;
        if (is_demoted && !planted(Bug::liar_asked_forever)) continue;
        // Who claims enough comes first; failing that, anybody may have it by now.
        if (state.final_height > tip_.height) {
            best = peer;
            break;
        }
        if (!best) best = peer;
    }
    ++sync_attempts_;
    if (!best) return;
    sync_peer_ = best;
    sync_from_ = tip_.height + 1;
    const std::uint32_t count_asked =
        config_.final_blocks_per_answer_max + (planted(Bug::long_request_ignored) ? 1U : 0U);
    send_now(Audience::one, *best, Priority::catch_up,
             encode_message(WireKind::want_final, config_.epoch,
                            WantFinalMessage{.from_height = sync_from_, .count = count_asked}));
}

void Core::Engine::on_final_blocks(Peer peer, std::string_view message) {
    auto read = decode_message<FinalBlocksMessage>(message);
    if (!read.ok()) {
        ++counters_.malformed;
        return;
    }
    if (sync_peer_ != peer || read.value().from_height != sync_from_) {
        ++counters_.duplicates;
        return;
    }
    sync_peer_.reset();
    FinalBlocksMessage& answer = read.value();
    PeerState& state = *peer_state(peer);
    std::uint64_t expected = sync_from_;
    bool brought_something = false;
    ProofPtr last;
    for (auto& final : answer.blocks) {
        const auto header = checked_header(final.header.bytes);
        if (!header || header->height != expected++ ||
            final.body.bytes.size() > config_.body_bytes_max) {
            break;
        }
        if (header->height <= tip_.height) continue;
        const Hash hash = header_hash(final.header.bytes);
        counters_.signatures_checked += final.proof.certificate.signatures.size();
        const auto proven =
            verify_finality(final.proof, final.header.bytes, config_, authenticator_);
        if (!proven.ok()) {
            ++counters_.bad_signatures;
            break;
        }
        BlockNode* node = blocks_.find(hash);
        if (node == nullptr) {
            node = add_block(*header, hash,
                             std::make_shared<Block>(Block{std::move(final.header.bytes),
                                                           std::move(final.body.bytes)}));
        }
        if (node == nullptr) break;
        node->is_final = true;
        node->proof = std::move(final.proof);
        brought_something = true;
        last.reset();
        if (node->proof.links.empty()) {
            last = std::make_shared<Proof>(
                Proof{{VoteKind::finalize, node->view, hash}, node->proof.certificate.signatures});
        }
    }
    // The newest certificate is worth as much as one that came by itself.
    if (last) on_certificate(std::move(last));
    const bool takes_back = answer.final_height < state.final_height;
    if (!brought_something && takes_back && !planted(Bug::liar_asked_forever)) {
        // It claimed blocks that it does not have: others first, for a while. (Who has them and is
        // only busy keeps its turn; the turns go round anyway.)
        state.final_height = answer.final_height;
        state.demoted_until_ms =
            std::max(state.demoted_until_ms, now_.steady_ms + 20 * config_.delta_ms);
    }
    sync_at_ms_ = brought_something ? never_ms : now_.steady_ms + config_.delta_ms;
    changed_ = true;
}

}  // namespace ait::consensus::simplex
