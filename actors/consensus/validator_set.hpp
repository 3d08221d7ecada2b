#pragma once

// Who votes on a chain, epoch by epoch. The genesis names the members of epoch 0; a block that
// changes them is the last of its epoch, and the next one is called by that block's height. Sets
// are part of the state, so that every node that executed a block agrees on who judges the next.
//
// Invariants
//  1. What is signed in an epoch is judged by the set of that epoch, whenever it is judged.
//  2. A set changes in the block that says so, as a whole, at the block's end; never elsewhere.
//  3. No set is empty, no key and no owner is in one twice.

#include <optional>
#include <vector>

#include "actors/consensus/genesis.hpp"
#include "storage/state_view.hpp"

namespace ait::consensus {

inline constexpr std::uint32_t validators_max = 256;

/// State record, version 1. Keys: "validators/now" (not there: the genesis' set is in force), and
/// "validator-sets/" + epoch for each one since epoch 0.
struct ValidatorSet {
    std::uint64_t epoch = 0;  ///< height of the block that made it; 0: the genesis
    FaultModel fault_model = FaultModel::byzantine;
    std::vector<GenesisValidator> members{};  ///< by index; `stake` is what the genesis minted
    static constexpr auto fields() {
        using S = ValidatorSet;
        return std::tuple{field("epoch", &S::epoch, "Its blocks come after this height."),
                          field("fault_model", &S::fault_model, "What members may do wrong."),
                          field("members", &S::members, "By index.", validators_max)};
    }
};

/// Where the set in force stands in the state.
inline constexpr std::string_view set_in_force_key = "validators/now";

ValidatorSet genesis_set(const Genesis& genesis);
/// Of the blocks after this state.
ValidatorSet set_in_force(const storage::StateReader& state, const Genesis& genesis);
/// Its number alone; cheap.
std::uint64_t epoch_in_force(const storage::StateReader& state);
/// Nothing: the chain, as far as this state knows it, has no such epoch.
std::optional<ValidatorSet> set_of_epoch(const storage::StateReader& state, const Genesis& genesis,
                                         std::uint64_t epoch);

/// Those that this state knows, above `from` and up to `to`, ascending.
std::vector<std::uint64_t> epochs_between(const storage::StateReader& state, std::uint64_t from,
                                          std::uint64_t to);

const GenesisValidator* find_member(const ValidatorSet& set, const PublicKey& key);
std::uint64_t total_weight(const ValidatorSet& set);
/// What a header's chain of sets commits to.
Hash set_hash(const ValidatorSet& set);

// ---- what rules do ----

/// The members as they will be after this block, as far as it has come.
std::vector<GenesisValidator> planned_members(const storage::StateReader& state,
                                              const Genesis& genesis);
/// Errors: limit_reached (too many), conflict (its key or its owner is there). Changes nothing
/// then.
Status plan_joining(storage::StateView& view, const Genesis& genesis, GenesisValidator joiner);
/// Errors: not_found, forbidden (nobody would be left). Changes nothing then.
Status plan_leaving(storage::StateView& view, const Genesis& genesis, const PublicKey& key);

/// At a block's end: puts what was planned in force for the blocks after `height`. Nothing: the
/// members stay as they are. Reads what the block wrote and nothing below it, which may be gone by
/// then; `now` is the set in force.
std::optional<ValidatorSet> begin_planned_set(storage::StateView& view, const ValidatorSet& now,
                                              std::uint64_t height);

/// A validator that was proven to lie never votes again. State record, version 1. Key:
/// "validators/liar/" + public key.
struct LiarRecord {
    std::uint64_t epoch = 0;   ///< in which it lied first
    std::uint64_t height = 0;  ///< of the block with the proof
    GenesisValidator validator{};
    static constexpr auto fields() {
        using R = LiarRecord;
        return std::tuple{field("epoch", &R::epoch, ""), field("height", &R::height, ""),
                          field("validator", &R::validator, "")};
    }
};
inline constexpr std::string_view liar_prefix = "validators/liar/";
inline constexpr std::size_t liars_shown_max = 1'024;
/// By key, the first ones if there are too many.
std::vector<LiarRecord> liars(const storage::StateReader& state);

}  // namespace ait::consensus
