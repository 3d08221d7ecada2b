#pragma once

// Proof that a validator broke the rules of voting: two statements of one view that an honest
// member never signs both (R1 to R4 of simplex/vote_guard.hpp). It needs no witness: whoever has
// the genesis can check it. It travels as an operation, and a domain that knows stakes rules on it.

#include "actors/consensus/block.hpp"

namespace ait::consensus {

/// The kind of the operation whose body is an Equivocation.
inline constexpr std::string_view evidence_kind = "consensus.evidence";

/// Two contradicting statements with their signatures. `first` is the one with the lower kind, or
/// of equal kinds the one with the lower block hash: one lie has one form, whoever found it.
struct Equivocation {
    PublicKey validator{};
    VoteStatement first{};
    Signature first_signature{};
    VoteStatement second{};
    Signature second_signature{};
    static constexpr auto fields() {
        using E = Equivocation;
        return std::tuple{field("validator", &E::validator, "Whose key signed both."),
                          field("first", &E::first, "One statement."),
                          field("first_signature", &E::first_signature, "Ed25519."),
                          field("second", &E::second, "What contradicts it."),
                          field("second_signature", &E::second_signature, "Ed25519.")};
    }
};

/// Puts the two statements into their order.
Equivocation in_order(Equivocation evidence);

/// That it is about this chain and a member of `set`, and that the two statements contradict each
/// other; no signature is looked at. `set` is that of the statements' epoch; null: there is none. A
/// leader's proposal is its notarize vote, so two proposals are two of those. Notarize and nullify
/// of one view go together: an honest member may sign both. Errors: invalid_argument (of another
/// chain, or no contradiction), not_found (no validator of that epoch, or an epoch that the chain
/// does not know). Pure; any thread.
Status check_contradiction(const Equivocation& evidence, const Genesis& genesis,
                           const ValidatorSet* set);
/// That the validator signed both. Error: check_failed. Two Ed25519 checks: ask this last.
Status check_genuine(const Equivocation& evidence);

}  // namespace ait::consensus
