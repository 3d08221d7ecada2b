#pragma once

// Why somebody who knows the genesis alone may believe the members of a later epoch: each block
// that changed them, final by those before, commits to those after (execution.hpp,
// epoch_event_kind). So receipts and checkpoints of any epoch can be judged without executing what
// lies between.

#include "actors/consensus/reader.hpp"

namespace ait::consensus {

/// As many changes of members as a proof may span.
inline constexpr std::uint32_t epoch_steps_max = 4'096;

/// One change of members.
struct EpochStep {
    Blob header{};  ///< of the last block of the epoch before
    Certificate certificate{};
    std::vector<Blob> links{};
    TransactionOutcome due{};  ///< its last outcome, which names the members
    std::vector<Hash> due_path{};
    ValidatorSet members{};  ///< of the epoch that it begins
    static constexpr auto fields() {
        using S = EpochStep;
        return std::tuple{
            field("header", &S::header, "Encoded header."),
            field("certificate", &S::certificate, "Its finality."),
            field("links", &S::links, "Headers to what is certified.", finality_links_max),
            field("due", &S::due, "Its last outcome."),
            field("due_path", &S::due_path, "Merkle path.", 64),
            field("members", &S::members, "Who votes after it.")};
    }
};

/// Of a block that changed the members into these.
EpochStep step_of(const BlockRecord& record, const std::vector<TransactionOutcome>& outcomes,
                  ValidatorSet members);
/// The members after the last step, from those before the first. Errors: check_failed, malformed.
Result<ValidatorSet> follow_steps(ValidatorSet members, std::span<const EpochStep> steps,
                                  const std::string& chain, const Hash& genesis_id);
/// The steps from after epoch `from` up to epoch `to`, in order. Errors: not_found (a step or an
/// epoch is not here), limit_reached.
Result<std::vector<EpochStep>> steps_between(const ChainReader& reader, std::uint64_t from,
                                             std::uint64_t to);

}  // namespace ait::consensus
