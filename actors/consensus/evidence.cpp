#include "actors/consensus/evidence.hpp"

#include <utility>

#include "runtime/base/codec/msgpack.hpp"

namespace ait::consensus {
namespace {

Error refuse(ErrorCode code, std::string why) {
    return Error{code, "This is no evidence against a validator.", std::move(why),
                 "Send the two statements as they were signed, of this chain."};
}

bool is_before(const VoteStatement& a, const VoteStatement& b) {
    return std::pair(a.kind, a.block.view()) < std::pair(b.kind, b.block.view());
}

/// `a` comes before `b`. Nullify and finalize exclude each other (R3, R4); of notarize and of
/// finalize there is one a view (R1). A finalize for a block other than the one that was notarized
/// is honest: a quorum may have been for that one.
bool contradicts(const VoteStatement& a, const VoteStatement& b) {
    if (a.kind == VoteKind::nullify) return b.kind == VoteKind::finalize;
    return a.kind == b.kind && a.block != b.block;
}

bool is_well_formed(const VoteStatement& statement) {
    return statement.view > 0 && (statement.kind == VoteKind::nullify) == statement.block.is_zero();
}

std::string text_of(const VoteStatement& statement) {
    std::string text(name_of(statement.kind));
    if (statement.kind != VoteKind::nullify)
        text += " " + to_hex(statement.block.view().substr(0, 8));
    return text;
}

}  // namespace

Equivocation in_order(Equivocation evidence) {
    if (is_before(evidence.second, evidence.first)) {
        std::swap(evidence.first, evidence.second);
        std::swap(evidence.first_signature, evidence.second_signature);
    }
    return evidence;
}

Status check_contradiction(const Equivocation& evidence, const Genesis& genesis,
                           const ValidatorSet* set) {
    const VoteStatement& first = evidence.first;
    const VoteStatement& second = evidence.second;
    if (first.view != second.view || first.epoch != second.epoch || first.chain != second.chain ||
        first.genesis != second.genesis) {
        return refuse(ErrorCode::invalid_argument,
                      "The two statements are not of one view of one chain and epoch.");
    }
    if (!is_well_formed(first) || !is_well_formed(second))
        return refuse(ErrorCode::invalid_argument, "No validator makes such a statement.");
    if (!is_before(first, second)) {
        return refuse(ErrorCode::invalid_argument,
                      "The two statements are the same, or not in their order.");
    }
    if (!contradicts(first, second)) {
        return refuse(ErrorCode::invalid_argument, "An honest validator may sign both " +
                                                       text_of(first) + " and " + text_of(second) +
                                                       " in one view.");
    }
    if (set == nullptr) {
        return refuse(ErrorCode::not_found,
                      "The chain knows no epoch " + std::to_string(first.epoch) + ".");
    }
    AIT_ASSERT(set->epoch == first.epoch);
    if (find_member(*set, evidence.validator) == nullptr) {
        return refuse(ErrorCode::not_found, to_hex(evidence.validator.view()) +
                                                " is no validator of \"" + genesis.chain +
                                                "\" in epoch " + std::to_string(set->epoch) + ".");
    }
    if (first.chain != genesis.chain || first.genesis != genesis_hash(genesis)) {
        return refuse(ErrorCode::invalid_argument,
                      "The statements are about another chain, that of genesis " +
                          to_hex(first.genesis.view()) + ".");
    }
    return {};
}

Status check_genuine(const Equivocation& evidence) {
    for (const auto& [statement, signature] :
         {std::pair(&evidence.first, &evidence.first_signature),
          std::pair(&evidence.second, &evidence.second_signature)}) {
        if (crypto::verify(evidence.validator, vote_domain, encode(*statement), *signature))
            continue;
        return Error{ErrorCode::check_failed, "The evidence is not genuine.",
                     "The signature under " + text_of(*statement) + " of view " +
                         std::to_string(statement->view) + " is not of validator " +
                         to_hex(evidence.validator.view()) + ".",
                     "Nothing was taken; whoever sent this made it up."};
    }
    return {};
}

}  // namespace ait::consensus
