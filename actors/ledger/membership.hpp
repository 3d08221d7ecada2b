#pragma once

// Who may vote next: the rules by which a validator asks, is let in, proves that it has the chain,
// and goes. What they plan is in force from the end of their block (consensus/validator_set). Pure.
//
// A node joins in three steps: the owner of its stake asks; a quorum of those who vote approves
// (or, where the genesis says so, the stake is enough); and the node itself signs the hash of a
// block from after that, which it can only know if it has come so far. So nobody is voted in who is
// not there to vote.

#include <functional>
#include <optional>

#include "actors/consensus/rules.hpp"
#include "actors/ledger/membership_messages.hpp"
#include "runtime/base/crypto/keys.hpp"

namespace ait::ledger {

/// More do not wait at once; who has waited longest without anybody's approval gives way.
inline constexpr std::size_t candidates_max = 64;

/// State record, version 1. Key: "validators/candidate/" + owner.
struct CandidateRecord {
    consensus::GenesisValidator validator{};
    std::uint64_t height = 0;              ///< of the block in which it asked
    std::vector<PublicKey> approved_by{};  ///< ascending
    std::uint64_t accepted_height = 0;     ///< 0: it is not let in yet
    Hash accepted_block{};                 ///< of that height; what the node has to sign
    static constexpr auto fields() {
        using R = CandidateRecord;
        return std::tuple{field("validator", &R::validator, ""), field("height", &R::height, ""),
                          field("approved_by", &R::approved_by, "", consensus::validators_max),
                          field("accepted_height", &R::accepted_height, ""),
                          field("accepted_block", &R::accepted_block, "")};
    }
};

std::optional<CandidateRecord> find_candidate(const storage::StateReader& state,
                                              const Address& owner);
/// In the order of their owners. False ends it.
void for_each_candidate(const storage::StateReader& state,
                        const std::function<bool(const CandidateRecord&)>& visit);
/// Weight of those of the set who have let it in.
std::uint64_t approved_weight(const CandidateRecord& candidate, const consensus::ValidatorSet& set);

/// What a validator's key signs to say so.
MembershipStatement approval_of(const CandidateRecord& candidate, const std::string& chain,
                                const Hash& genesis_id);
MembershipStatement sync_proof_of(const CandidateRecord& candidate, const std::string& chain,
                                  const Hash& genesis_id);
MembershipStatement leave_of(const PublicKey& validator, std::uint64_t epoch,
                             const std::string& chain, const Hash& genesis_id);
Signature sign_membership(const MembershipStatement& statement, const crypto::SecretKey& key);

/// The stake of whoever votes stays. Error: forbidden, when `rest` is less than a validator of this
/// owner needs.
Status check_stake_stays(const storage::StateReader& state, const consensus::Genesis& genesis,
                         const Address& owner, Amount rest);

/// Errors: invalid_argument (the key, the weight), forbidden (it has lied, or its stake is short),
/// conflict (it votes already), limit_reached.
Result<consensus::Outcome> apply(storage::StateView& view, const JoinValidator& tx,
                                 const consensus::Context& context);
/// Errors: not_found (nobody asked), forbidden (`by` does not vote), already_exists, check_failed.
Result<consensus::Outcome> apply(storage::StateView& view, const ApproveValidator& tx,
                                 const consensus::Context& context);
/// Errors: not_found, forbidden (not let in, or its stake is short), check_failed, those of
/// plan_joining.
Result<consensus::Outcome> apply(storage::StateView& view, const ValidatorSynced& tx,
                                 const consensus::Context& context);
/// Errors: check_failed, those of plan_leaving.
Result<consensus::Outcome> apply(storage::StateView& view, const LeaveValidator& tx,
                                 const consensus::Context& context);

}  // namespace ait::ledger
