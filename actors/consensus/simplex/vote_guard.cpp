#include "actors/consensus/simplex/vote_guard.hpp"

#include <algorithm>

#include "actors/consensus/simplex/planted.hpp"

namespace ait::consensus::simplex {
namespace {

Error refused(std::string_view rule) {
    return Error{ErrorCode::forbidden, "The vote guard refused to sign.", std::string(rule),
                 "This is a bug of the program; report it with the log."};
}

Error conflicting(std::uint64_t view) {
    return Error{ErrorCode::conflict, "The vote journal contradicts itself.",
                 "Two of its votes for view " + std::to_string(view) + " exclude each other.",
                 "Two processes have used this key. Make a new key for this node."};
}

}  // namespace

VoteGuard::VoteGuard(const Config& config, const Authenticator& authenticator)
    : config_(config), authenticator_(authenticator), quorum_(quorum_weight(config)) {
    if (!config.self) stopped_ = true;
}

Status VoteGuard::restore(const JournalContent& content, const FinalTip& tip) {
    if (!config_.self) return {};
    const PublicKey& key = config_.members[*config_.self].key;
    for (const auto& guard : content.guards) {
        if (guard.chain != config_.chain || guard.genesis != config_.genesis || guard.key != key ||
            guard.epoch > config_.epoch) {
            return Error{
                ErrorCode::unsupported, "The vote journal is not this node's.",
                "It belongs to another chain, key or a later epoch of \"" + guard.chain + "\".",
                "Put the journal back beside its key."};
        }
        // Views go on counting across epochs, so bounds of an earlier one hold here too.
        floor_ = std::max(floor_, guard.floor);
        mute_until_ = std::max(mute_until_, guard.mute_until);
    }
    const bool last_wins = planted(Bug::last_record_wins) && !content.votes.empty();
    for (const auto& vote : content.votes) {
        if (last_wins && vote.statement.view != content.votes.back().statement.view) continue;
        auto taken = restore_vote(vote);
        if (!taken.ok()) return taken;
    }
    // A torn batch may hold a certificate that counts an own vote, and not the vote.
    for (const auto& proof : content.proofs) {
        for (const auto& signature : proof.signatures) {
            if (signature.member != *config_.self) continue;
            auto taken = restore_vote({signature.member, proof.statement, signature.signature});
            if (!taken.ok()) return taken;
        }
    }
    if (tip.view >= floor_) raise_floor(tip.view, tip.hash);
    return {};
}

Status VoteGuard::restore_vote(const SignedStatement& vote) {
    const Statement& statement = vote.statement;
    if (vote.member != *config_.self ||
        !authenticator_.verify(vote.member, statement, vote.signature)) {
        return {};  // of an earlier epoch, where this key had another index or signed other bytes
    }
    if (statement.view <= floor_) return {};
    Entry& said = entry(statement.view);
    switch (statement.kind) {
        case VoteKind::notarize:
            if (said.notarized && *said.notarized != statement.block)
                return conflicting(statement.view);
            said.notarized = statement.block;
            break;
        case VoteKind::nullify:
            if (said.finalized) return conflicting(statement.view);
            said.nullified = true;
            break;
        case VoteKind::finalize:
            if (said.nullified || (said.finalized && *said.finalized != statement.block))
                return conflicting(statement.view);
            said.finalized = statement.block;
            break;
    }
    return {};
}

Status VoteGuard::open_for(std::uint64_t view) const {
    if (stopped_) return refused("This key has been stopped.");
    if (view <= floor_) return refused("The view is final.");
    if (view <= mute_until_) return refused("Votes for this view may have been forgotten.");
    return {};
}

bool VoteGuard::is_quorum(const Proof& proof) const {
    std::uint64_t weight = 0;
    std::int64_t previous = -1;
    for (const auto& vote : proof.signatures) {
        if (vote.member >= config_.members.size()) return false;
        if (static_cast<std::int64_t>(vote.member) <= previous) return false;
        previous = vote.member;
        weight += config_.members[vote.member].weight;
    }
    return weight >= quorum_;
}

Status VoteGuard::check_grounds(std::uint64_t view, const NotarizeGrounds& grounds) const {
    if (grounds.parent_view >= view) return refused("R2: the parent is not older.");
    const Proof* parent = grounds.parent_proof;
    if (parent == nullptr) {
        const bool is_tip = grounds.parent_view == floor_ && grounds.parent == floor_hash_;
        if (!is_tip && !planted(Bug::parent_on_trust))
            return refused("R2: the parent is neither notarized nor final.");
    } else {
        if (parent->statement.kind == VoteKind::nullify ||
            parent->statement.view != grounds.parent_view ||
            parent->statement.block != grounds.parent || !is_quorum(*parent)) {
            return refused("R2: the parent's certificate does not prove it.");
        }
    }
    if (planted(Bug::gaps_not_proved)) return {};
    std::uint64_t expected = grounds.parent_view + 1;
    for (const Proof* proof : grounds.nullified) {
        if (proof->statement.kind != VoteKind::nullify || proof->statement.view != expected ||
            !is_quorum(*proof)) {
            return refused("R2: a view between parent and block is not nullified.");
        }
        ++expected;
    }
    if (expected != view) return refused("R2: a view between parent and block is not nullified.");
    return {};
}

Result<SignedStatement> VoteGuard::notarize(std::uint64_t view, const Hash& block,
                                            const NotarizeGrounds& grounds) {
    auto open = open_for(view);
    if (!open.ok()) return open.error();
    auto grounded = check_grounds(view, grounds);
    if (!grounded.ok()) return grounded.error();
    Entry& said = entry(view);
    const bool may_repeat = planted(Bug::notarize_twice) || planted(Bug::leader_proposes_again);
    if (said.notarized && *said.notarized != block && !may_repeat)
        return refused("R1: another block of this view was notarized.");
    said.notarized = block;
    return sign({.kind = VoteKind::notarize, .view = view, .block = block});
}

Result<SignedStatement> VoteGuard::nullify(std::uint64_t view) {
    auto open = open_for(view);
    if (!open.ok()) return open.error();
    Entry& said = entry(view);
    if (said.finalized && !planted(Bug::nullify_after_finalize))
        return refused("R4: this view was finalized.");
    said.nullified = true;
    return sign({.kind = VoteKind::nullify, .view = view, .block = {}});
}

Result<SignedStatement> VoteGuard::finalize(std::uint64_t view, const Hash& block,
                                            const Proof& notarized) {
    auto open = open_for(view);
    if (!open.ok()) return open.error();
    if (notarized.statement.kind != VoteKind::notarize || notarized.statement.view != view ||
        notarized.statement.block != block || !is_quorum(notarized)) {
        return refused("R3: the block is not notarized.");
    }
    Entry& said = entry(view);
    if (said.nullified && !planted(Bug::finalize_after_nullify))
        return refused("R3: this view was nullified.");
    if (said.finalized && *said.finalized != block)
        return refused("R3: another block of this view was finalized.");
    said.finalized = block;
    return sign({.kind = VoteKind::finalize, .view = view, .block = block});
}

void VoteGuard::raise_floor(std::uint64_t view, const Hash& hash) {
    if (view < floor_) return;
    floor_ = view;
    floor_hash_ = hash;
    std::erase_if(entries_, [&](const Entry& said) { return said.view <= floor_; });
}

void VoteGuard::mute_until(std::uint64_t view) {
    mute_until_ = std::max(mute_until_, view);
}

std::uint64_t VoteGuard::view_max() const {
    return entries_.empty() ? 0 : entries_.back().view;
}

bool VoteGuard::knows(const Statement& statement) const {
    if (statement.view <= floor_ || statement.view <= mute_until_) return true;
    const Entry* said = find(statement.view);
    if (said == nullptr) return false;
    switch (statement.kind) {
        case VoteKind::notarize:
            return said->notarized == statement.block;
        case VoteKind::nullify:
            return said->nullified;
        case VoteKind::finalize:
            return said->finalized == statement.block;
    }
    return false;
}

GuardRecord VoteGuard::record() const {
    return {.chain = config_.chain,
            .genesis = config_.genesis,
            .epoch = config_.epoch,
            .key = config_.members[*config_.self].key,
            .floor = floor_,
            .mute_until = mute_until_};
}

std::vector<SignedStatement> VoteGuard::votes() const {
    std::vector<SignedStatement> votes;
    for (const auto& said : entries_) {
        if (said.notarized) {
            votes.push_back(
                sign({.kind = VoteKind::notarize, .view = said.view, .block = *said.notarized}));
        }
        if (said.nullified)
            votes.push_back(sign({.kind = VoteKind::nullify, .view = said.view, .block = {}}));
        if (said.finalized) {
            votes.push_back(
                sign({.kind = VoteKind::finalize, .view = said.view, .block = *said.finalized}));
        }
    }
    return votes;
}

const VoteGuard::Entry* VoteGuard::find(std::uint64_t view) const {
    const auto at =
        std::lower_bound(entries_.begin(), entries_.end(), view,
                         [](const Entry& said, std::uint64_t v) { return said.view < v; });
    return at != entries_.end() && at->view == view ? &*at : nullptr;
}

VoteGuard::Entry& VoteGuard::entry(std::uint64_t view) {
    const auto at =
        std::lower_bound(entries_.begin(), entries_.end(), view,
                         [](const Entry& said, std::uint64_t v) { return said.view < v; });
    if (at != entries_.end() && at->view == view) return *at;
    return *entries_.insert(at, Entry{.view = view});
}

SignedStatement VoteGuard::sign(const Statement& statement) const {
    return {.member = *config_.self,
            .statement = statement,
            .signature = authenticator_.sign(statement)};
}

}  // namespace ait::consensus::simplex
