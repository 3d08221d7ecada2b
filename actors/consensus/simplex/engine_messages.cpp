// What peers say: cheap checks first, then signatures, then it counts.

#include <algorithm>

#include "actors/consensus/simplex/engine.hpp"
#include "actors/consensus/simplex/planted.hpp"

namespace ait::consensus::simplex {
namespace {

inline constexpr std::size_t blocks_held_max = finality_links_max;
inline constexpr std::size_t reported_max = 256;
inline constexpr std::int64_t bad_signature_tokens = 4;

/// A nullify names no block, the others do.
bool is_well_formed(const Statement& statement) {
    return (statement.kind == VoteKind::nullify) == statement.block.is_zero() && statement.view > 0;
}

}  // namespace

std::uint64_t Core::Engine::weight_of(const Proof& proof) const {
    std::uint64_t weight = 0;
    for (const auto& vote : proof.signatures) weight += config_.members[vote.member].weight;
    return weight;
}

bool Core::Engine::verify(Peer peer, const SignedStatement& vote) {
    ++counters_.signatures_checked;
    if (authenticator_.verify(vote.member, vote.statement, vote.signature)) return true;
    ++counters_.bad_signatures;
    // An honest peer passes on only what it has verified, so this one is not heard for a while.
    PeerState* state = peer_state(peer);
    if (!spend(peer, bad_signature_tokens) && state != nullptr)
        state->ignored_until_ms = now_.steady_ms + 10 * config_.delta_ms;
    return false;
}

void Core::Engine::report(const SignedStatement& first, const SignedStatement& second) {
    const auto is_same = [&](const SignedStatement& known) {
        return known.member == second.member && known.statement.view == second.statement.view;
    };
    if (std::any_of(reported_.begin(), reported_.end(), is_same)) return;
    reported_.push_back(second);
    if (reported_.size() > reported_max) reported_.pop_front();
    out_.push_back(Evidence{first, second});
}

bool Core::Engine::take_vote(Peer peer, const SignedStatement& vote) {
    const Statement& statement = vote.statement;
    if (vote.member >= members_.size() || !is_well_formed(statement)) {
        ++counters_.malformed;
        return false;
    }
    if (planted(Bug::signature_checked_first) && !verify(peer, vote)) return false;
    const bool is_far = statement.view > view_ + window();
    if (statement.view <= certified_view_ || (is_far && !planted(Bug::future_views_unbounded))) {
        ++counters_.outside_window;
        if (is_far) ask_once_in_a_while(peer);
        return false;
    }
    if (is_self(vote.member) && planted(Bug::own_duplicate_stops_node))
        on_own_vote_from_elsewhere(statement);
    const ViewState* state = views_.find(statement.view);
    const Tally::Ballot* ballot =
        state == nullptr ? nullptr : state->tally(statement.kind).find(vote.member);
    if (ballot != nullptr && ballot->block == statement.block) {
        ++counters_.duplicates;
        if (planted(Bug::vote_counted_twice))
            on_certificate(state->tally(statement.kind).proof(statement));
        return ballot->signature == vote.signature;
    }
    if (!verify(peer, vote)) return false;
    if (is_self(vote.member) && !guard_.knows(statement)) on_own_vote_from_elsewhere(statement);
    if (ballot != nullptr) {
        report({vote.member,
                {.kind = statement.kind, .view = statement.view, .block = ballot->block},
                ballot->signature},
               vote);
        return true;  // genuine, but this member's vote of this kind is counted already
    }
    record_vote(vote);
    return true;
}

bool Core::Engine::verify_signatures(Peer peer, const Proof& proof) {
    const ViewState* state = views_.find(proof.statement.view);
    for (const auto& signature : proof.signatures) {
        const Tally::Ballot* ballot =
            state == nullptr ? nullptr : state->tally(proof.statement.kind).find(signature.member);
        const bool is_counted = ballot != nullptr && ballot->block == proof.statement.block &&
                                ballot->signature == signature.signature;
        if (is_counted || planted(Bug::proof_signatures_unchecked)) continue;
        if (!verify(peer, {signature.member, proof.statement, signature.signature})) return false;
    }
    return true;
}

void Core::Engine::take_proof(Peer peer, const WireProof& wire) {
    if (wire.view <= certified_view_) {
        ++counters_.duplicates;
        return;
    }
    const ViewState* state = views_.find(wire.view);
    if (state != nullptr && ((wire.kind == VoteKind::notarize && state->notarized) ||
                             (wire.kind == VoteKind::nullify && state->nullified))) {
        ++counters_.duplicates;
        return;
    }
    auto read = from_wire(wire, members_.size());
    if (!read.ok() || !is_well_formed(read.value().statement) ||
        weight_of(read.value()) < quorum_) {
        ++counters_.malformed;
        return;
    }
    const auto proof = std::make_shared<Proof>(std::move(read).value());
    if (!verify_signatures(peer, *proof)) return;
    // What it teaches of single members: activity, evidence, and whether this key votes elsewhere.
    for (const auto& signature : proof->signatures) {
        const SignedStatement vote{signature.member, proof->statement, signature.signature};
        if (is_self(vote.member) && !guard_.knows(vote.statement))
            on_own_vote_from_elsewhere(vote.statement);
        if (vote.statement.view <= certified_view_) return;  // the votes before completed it
        const Tally::Ballot* ballot =
            views_.at(vote.statement.view).tally(vote.statement.kind).find(vote.member);
        if (ballot == nullptr) {
            record_vote(vote);
        } else if (ballot->block != vote.statement.block) {
            report({vote.member,
                    {vote.statement.kind, vote.statement.view, ballot->block},
                    ballot->signature},
                   vote);
        }
    }
    on_certificate(proof);
}

std::optional<BlockHeader> Core::Engine::checked_header(const std::string& bytes) {
    auto header = read_header(bytes);
    if (!header.ok()) {
        ++counters_.malformed;
        return std::nullopt;
    }
    const BlockHeader& read = header.value();
    const bool chain_ok = (read.chain == config_.chain && read.genesis == config_.genesis) ||
                          planted(Bug::chain_of_header_unchecked);
    const bool epoch_ok = read.epoch == config_.epoch || planted(Bug::epoch_of_header_unchecked);
    const bool leader_ok = read.leader == config_.members[leader_of(read.view)].key;
    if (read.version != 1 || !chain_ok || !epoch_ok || !leader_ok || read.view == 0 ||
        read.parent_view >= read.view || read.height == 0) {
        ++counters_.bad_blocks;
        return std::nullopt;
    }
    return std::move(header).value();
}

BlockNode* Core::Engine::add_block(const BlockHeader& header, const Hash& hash, BlockPtr block) {
    if (blocks_.size() >= blocks_held_max) return nullptr;
    if (planted(Bug::blocks_indexed_by_height)) {
        for (const auto& node : blocks_.nodes()) {
            if (node->height == header.height) return nullptr;
        }
    }
    changed_ = true;
    const bool is_certified = certified_ && certified_->statement.block == hash;
    return &blocks_.add({.hash = hash,
                         .view = header.view,
                         .height = header.height,
                         .parent_view = header.parent_view,
                         .parent = header.parent,
                         .time_unix_ms = header.time_unix_ms,
                         .transaction_count = header.transaction_count,
                         .block = std::move(block),
                         .final = is_certified ? certified_ : nullptr});
}

void Core::Engine::on_proposal(Peer peer, std::string_view message) {
    auto read = decode_message<ProposalMessage>(message);
    if (!read.ok()) {
        ++counters_.malformed;
        return;
    }
    ProposalMessage& proposal = read.value();
    if (proposal.body.bytes.size() > config_.body_bytes_max && !planted(Bug::body_size_unchecked)) {
        ++counters_.bad_blocks;
        return;
    }
    const auto header = checked_header(proposal.header.bytes);
    if (!header) return;
    const Hash hash = header_hash(proposal.header.bytes);
    const SignedStatement vote{
        leader_of(header->view), {VoteKind::notarize, header->view, hash}, proposal.signature};
    for (const auto& proof : proposal.proofs.list) take_proof(peer, proof);
    if (is_self(vote.member) && guard_.knows(vote.statement) && blocks_.find(hash) != nullptr)
        return;  // an echo of this node's own
    if (!take_vote(peer, vote)) return;
    if (header->view <= certified_view_) return;
    ViewState& state = views_.at(header->view);
    if (state.proposal && !planted(Bug::notarize_twice)) return;
    state.proposal = hash;
    if (header->transaction_count > 0 && extends_unfinal_epoch_end(header->parent))
        state.proposal_bad = true;
    if (blocks_.find(hash) == nullptr) {
        add_block(*header, hash,
                  std::make_shared<Block>(
                      Block{std::move(proposal.header.bytes), std::move(proposal.body.bytes)}));
    }
    changed_ = true;
}

void Core::Engine::on_bundle(Peer peer, std::string_view message) {
    const auto bundle = decode_message<BundleMessage>(message);
    if (!bundle.ok()) {
        ++counters_.malformed;
        return;
    }
    // Certificates first: they make single votes below needless.
    for (const auto& proof : bundle.value().proofs.list) take_proof(peer, proof);
    for (const auto& vote : bundle.value().votes) take_vote(peer, from_wire(vote));
}

void Core::Engine::on_block(Peer peer, std::string_view message) {
    auto read = decode_message<BlockMessage>(message);
    if (!read.ok()) {
        ++counters_.malformed;
        return;
    }
    BlockMessage& answer = read.value();
    const auto want = std::find_if(wants_.begin(), wants_.end(),
                                   [&](const Want& wanted) { return wanted.hash == answer.hash; });
    if (want == wants_.end()) {
        ++counters_.duplicates;
        return;
    }
    if (answer.header.bytes.empty()) {
        // It does not have it: the next peer, at once; after a whole round of them, a pause.
        const bool is_round = want->attempts % members_.size() == 0;
        if (want->asked == peer && !is_round) want->next_ms = now_.steady_ms;
        want->asked.reset();
        return;
    }
    const auto header = checked_header(answer.header.bytes);
    if (!header || header_hash(answer.header.bytes) != answer.hash ||
        answer.body.bytes.size() > config_.body_bytes_max) {
        ++counters_.bad_blocks;
        spend(peer, bad_signature_tokens);
        want->next_ms = now_.steady_ms;
        return;
    }
    const Hash hash = answer.hash;
    wants_.erase(want);
    if (blocks_.find(hash) == nullptr) {
        add_block(*header, hash,
                  std::make_shared<Block>(
                      Block{std::move(answer.header.bytes), std::move(answer.body.bytes)}));
    }
}

void Core::Engine::on_want_block(Peer peer, std::string_view message) {
    const auto want = decode_message<WantBlockMessage>(message);
    if (!want.ok()) {
        ++counters_.malformed;
        return;
    }
    BlockMessage answer{.view = want.value().view, .hash = want.value().block};
    const BlockNode* node = blocks_.find(answer.hash);
    // Over its budget a peer is told that there is nothing, never left without an answer.
    if (node != nullptr && spend(peer, 1)) {
        answer.header.bytes = node->block->header;
        answer.body.bytes = node->block->body;
    }
    send_now(Audience::one, peer,
             answer.header.bytes.empty() ? Priority::certificate : Priority::body,
             encode_message(WireKind::block, config_.epoch, answer));
    if (node == nullptr) send_status(Audience::one, peer, false);  // it may be final here
}

void Core::Engine::on_want_final(Peer peer, std::string_view message) {
    const auto want = decode_message<WantFinalMessage>(message);
    if (!want.ok()) {
        ++counters_.malformed;
        return;
    }
    const WantFinalMessage& asked = want.value();
    if (planted(Bug::long_request_ignored) && asked.count > config_.final_blocks_per_answer_max)
        return;
    // More than is allowed is cut; nothing is answered too, with the height that is here.
    const std::uint32_t count = std::min(asked.count, config_.final_blocks_per_answer_max);
    if (asked.from_height == 0 || asked.from_height > tip_.height || count == 0 ||
        !spend(peer, 1)) {
        take(FinalRead{.peer = peer, .from_height = asked.from_height, .blocks = {}});
        return;
    }
    out_.push_back(ReadFinal{peer, asked.from_height, count});
}

}  // namespace ait::consensus::simplex
