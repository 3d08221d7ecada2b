#include "tests/simulation/audit.hpp"

#include <algorithm>
#include <cstring>

#include "tests/simulation/application.hpp"

namespace ait::simulation {
namespace {

using consensus::VoteKind;

inline constexpr std::uint64_t views_max = 20'000;

std::uint64_t key_of(const Hash& hash) {
    std::uint64_t key = 0;
    std::memcpy(&key, hash.bytes.data(), sizeof key);
    return key;
}

std::string place(std::uint32_t member, std::uint64_t view) {
    return " (member " + std::to_string(member) + ", view " + std::to_string(view) + ")";
}

}  // namespace

Audit::Audit(const simplex::Config& config, const Hash& genesis)
    : config_(config),
      genesis_(genesis),
      // The quorum by its definition, not by the code under test.
      quorum_(0),
      chain_{genesis},
      highest_sent_(config.members.size(), 0),
      forgotten_(config.members.size(), 0) {
    std::uint64_t total = 0;
    for (const auto& member : config.members) total += member.weight;
    quorum_ = config.fault_model == FaultModel::byzantine ? 2 * total / 3 + 1 : total / 2 + 1;
}

Audit::View* Audit::at(std::uint64_t view) {
    if (view >= views_max) return nullptr;
    if (view >= views_.size()) views_.resize(view + 16);
    View& found = views_[view];
    if (found.sent_notarize.empty()) {
        found.sent_notarize.resize(config_.members.size());
        found.sent_finalize.resize(config_.members.size());
    }
    return &found;
}

bool Audit::has_quorum(std::uint64_t members) const {
    std::uint64_t weight = 0;
    for (std::size_t i = 0; i < config_.members.size(); ++i) {
        if ((members >> i & 1U) != 0) weight += config_.members[i].weight;
    }
    return weight >= quorum_;
}

bool Audit::is_proved(const std::vector<Voices>& voices, const Hash& block) const {
    return std::any_of(voices.begin(), voices.end(), [&](const Voices& said) {
        return said.block == block && has_quorum(said.members);
    });
}

void Audit::block_made(const Hash& hash, const KnownBlock& block) {
    blocks_.emplace(key_of(hash), block);
    if (View* view = at(block.view)) view->some_block = hash;
}

const KnownBlock* Audit::find(const Hash& hash) const {
    const auto found = blocks_.find(key_of(hash));
    return found == blocks_.end() ? nullptr : &found->second;
}

const Hash* Audit::block_of_view(std::uint64_t view) const {
    if (view >= views_.size() || views_[view].some_block.is_zero()) return nullptr;
    return &views_[view].some_block;
}

void Audit::vote_signed(std::uint32_t member, const simplex::Statement& statement) {
    View* view = at(statement.view);
    if (view == nullptr) return;
    const std::uint64_t bit = std::uint64_t{1} << member;
    if (statement.kind == VoteKind::nullify) {
        view->nullified |= bit;
        return;
    }
    auto& voices = statement.kind == VoteKind::notarize ? view->notarized : view->finalized;
    for (auto& said : voices) {
        if (said.block == statement.block) {
            said.members |= bit;
            return;
        }
    }
    voices.push_back({statement.block, bit});
}

void Audit::vote_sent(std::uint32_t member, const simplex::Statement& statement) {
    View* view = at(statement.view);
    if (view == nullptr) {
        breached("a vote for an absurd view left an honest node");
        return;
    }
    const std::uint64_t bit = std::uint64_t{1} << member;
    const bool is_old = statement.kind == VoteKind::nullify ? (view->sent_nullify & bit) != 0
                        : statement.kind == VoteKind::notarize
                            ? view->sent_notarize[member] == statement.block
                            : view->sent_finalize[member] == statement.block;
    if (is_old) return;  // said again, perhaps from what others told it
    if (statement.view <= forgotten_[member])
        breached("a wiped node voted where it may have voted" + place(member, statement.view));
    highest_sent_[member] = std::max(highest_sent_[member], statement.view);
    if (statement.kind == VoteKind::nullify) {
        view->sent_nullify |= bit;
        if (!view->sent_finalize[member].is_zero())
            breached("R4: nullify after finalize" + place(member, statement.view));
        return;
    }
    const bool is_notarize = statement.kind == VoteKind::notarize;
    Hash& sent = is_notarize ? view->sent_notarize[member] : view->sent_finalize[member];
    if (!sent.is_zero()) {
        breached(std::string(is_notarize ? "R1: two notarize" : "R3: two finalize") +
                 " in one view" + place(member, statement.view));
    }
    sent = statement.block;
    if (is_notarize) {
        check_grounds(member, statement);
        return;
    }
    if ((view->sent_nullify & bit) != 0)
        breached("R3: finalize after nullify" + place(member, statement.view));
    if (!is_proved(view->notarized, statement.block))
        breached("R3: finalize without a notarization" + place(member, statement.view));
}

void Audit::check_grounds(std::uint32_t member, const simplex::Statement& statement) {
    const KnownBlock* block = find(statement.block);
    const std::string where = place(member, statement.view);
    if (block == nullptr) return breached("notarize of a block that nobody made" + where);
    if (block->is_forged) return breached("notarize of a block that breaks a rule" + where);
    if (block->view != statement.view) return breached("notarize of another view's block" + where);
    if (block->parent_view == 0) {
        if (block->parent != genesis_) return breached("R2: a parent from nowhere" + where);
    } else {
        const View* parent = at(block->parent_view);
        if (!is_proved(parent->notarized, block->parent) &&
            !is_proved(parent->finalized, block->parent)) {
            return breached("R2: the parent is not notarized" + where);
        }
    }
    for (std::uint64_t gap = block->parent_view + 1; gap < block->view; ++gap) {
        if (!has_quorum(at(gap)->nullified))
            return breached("R2: a view below the block is not nullified" + where);
    }
}

void Audit::finalized(std::uint32_t node, const simplex::Finalized& final) {
    if (final.height < chain_.size()) {
        if (chain_[final.height] != final.hash) {
            breached("fork: node " + std::to_string(node) + " has another final block at height " +
                     std::to_string(final.height));
        }
        return;
    }
    if (final.height != chain_.size()) return breached("a final block without its ancestors");
    const KnownBlock* block = find(final.hash);
    if (block == nullptr || block->is_forged) return breached("a forged block became final");
    if (block->parent != chain_.back()) return breached("fork: a final block on another parent");
    if ((block->operations & final_operations_) != 0)
        return breached("an operation became final twice");
    final_operations_ |= block->operations;
    chain_.push_back(final.hash);
}

}  // namespace ait::simulation
