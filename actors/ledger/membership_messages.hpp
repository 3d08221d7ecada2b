#pragma once

// How a validator comes and goes, as bodies of transactions and their answers. A node speaks with
// its own key inside the body, because whoever brings it to the chain has no say in it.

#include <string>
#include <tuple>
#include <vector>

#include "actors/consensus/validator_set.hpp"

namespace ait::ledger {

/// "validator.join", signed by the owner of the stake: asks that this key may vote. Asked again, it
/// replaces what was asked before.
struct JoinValidator {
    PublicKey validator{};
    std::string name{};
    std::uint64_t weight = 1;
    static constexpr auto fields() {
        using T = JoinValidator;
        return std::tuple{field("validator", &T::validator, "Key of the node that is to vote."),
                          field("name", &T::name, "For people.", 64),
                          optional_field("weight", &T::weight, "Share in the quorum.")};
    }
};

/// "validator.approve": a validator lets in who asked.
struct ApproveValidator {
    Address owner{};
    PublicKey by{};
    Signature signature{};
    static constexpr auto fields() {
        using T = ApproveValidator;
        return std::tuple{field("owner", &T::owner, "Whose stake answers for it."),
                          field("by", &T::by, "Key of a node that votes."),
                          field("signature", &T::signature, "Its Ed25519 signature.")};
    }
};

/// "validator.synced": the node that was let in has the chain up to there. It votes from the next
/// epoch on.
struct ValidatorSynced {
    Address owner{};
    Signature signature{};
    static constexpr auto fields() {
        using T = ValidatorSynced;
        return std::tuple{field("owner", &T::owner, "Whose stake answers for it."),
                          field("signature", &T::signature, "Its Ed25519 signature.")};
    }
};

/// "validator.leave". The owner of the stake may ask too, and then needs no signature of the node.
struct LeaveValidator {
    PublicKey validator{};
    Signature signature{};
    static constexpr auto fields() {
        using T = LeaveValidator;
        return std::tuple{field("validator", &T::validator, "Key of the node that votes no more."),
                          optional_field("signature", &T::signature, "Its Ed25519 signature.")};
    }
};

/// What a validator's key signs in these bodies, under the domain tag "validator/1".
enum class MembershipAct : std::uint8_t { approve, synced, leave };

}  // namespace ait::ledger

namespace ait {
template <>
struct EnumNames<ledger::MembershipAct> {
    static constexpr std::array<std::string_view, 3> names{"approve", "synced", "leave"};
};
}  // namespace ait

namespace ait::ledger {

inline constexpr std::string_view membership_domain = "validator/1";

struct MembershipStatement {
    std::string chain{};
    Hash genesis{};
    MembershipAct act = MembershipAct::approve;
    PublicKey validator{};  ///< who comes or goes
    Address owner{};
    std::uint64_t weight = 0;
    /// approve: when it asked; synced: of the block that it has; leave: the epoch.
    std::uint64_t height = 0;
    Hash block{};  ///< synced: of that height
    static constexpr auto fields() {
        using S = MembershipStatement;
        return std::tuple{field("chain", &S::chain, "Chain.", 64),
                          field("genesis", &S::genesis, "Genesis hash."),
                          field("act", &S::act, "What is said."),
                          field("validator", &S::validator, "Who comes or goes."),
                          field("owner", &S::owner, "Whose stake answers for it."),
                          field("weight", &S::weight, "Share in the quorum."),
                          field("height", &S::height, "Which of several."),
                          field("block", &S::block, "Its hash.")};
    }
};

struct MembershipAnswer {
    PublicKey validator{};
    std::string name{};
    Address owner{};
    std::uint64_t weight = 0;
    std::string status{};
    std::uint64_t approved_weight = 0;
    std::uint64_t needed_weight = 0;
    static constexpr auto fields() {
        using T = MembershipAnswer;
        return std::tuple{
            field("validator", &T::validator, "Key of the node."),
            field("name", &T::name, "For people."),
            field("owner", &T::owner, "Whose stake answers for it; approve names it."),
            field("weight", &T::weight, "Share in the quorum."),
            field("status", &T::status, "asks, syncs, joins or leaves."),
            field("approved_weight", &T::approved_weight, "Of those who have let it in."),
            field("needed_weight", &T::needed_weight, "That must.")};
    }
};

}  // namespace ait::ledger
