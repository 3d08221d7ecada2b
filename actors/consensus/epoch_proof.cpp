#include "actors/consensus/epoch_proof.hpp"

#include "actors/consensus/execution.hpp"
#include "runtime/base/codec/msgpack.hpp"
#include "runtime/base/crypto/merkle.hpp"

namespace ait::consensus {
namespace {

Error refuse(std::string why) {
    return Error{ErrorCode::check_failed, "A change of validators is not proven.", std::move(why),
                 "Ask another node for the proof."};
}

/// Whether a block's due outcome says that these members follow.
bool names(const TransactionOutcome& due, const ValidatorSet& members) {
    if (due.items.size() != 1 || due.items.front().events.empty()) return false;
    const Event& event = due.items.front().events.back();
    return event.kind == epoch_event_kind && event.subject == std::to_string(members.epoch) &&
           event.attributes.size() == 1 && event.attributes.front().key == "members" &&
           event.attributes.front().value == to_hex(set_hash(members).view());
}

Status check_step(const ValidatorSet& before, const EpochStep& step, const std::string& chain,
                  const Hash& genesis_id) {
    const auto header = decode<BlockHeader>(step.header.bytes);
    if (!header.ok()) return refuse("A header cannot be read.");
    const BlockHeader& block = header.value();
    if (block.chain != chain || block.genesis != genesis_id)
        return refuse("A header is of another chain.");
    const Status final = verify_certificate(step.certificate, step.links, genesis_id, before, block,
                                            header_hash(step.header.bytes));
    if (!final.ok()) return refuse(final.error().why);
    if (!crypto::merkle_verify(outcome_leaf(encode(step.due)), block.transaction_count,
                               block.transaction_count + 1, step.due_path, block.outcomes_root)) {
        return refuse("An outcome is not its block's.");
    }
    if (step.members.epoch != block.height || step.members.members.empty() ||
        !names(step.due, step.members)) {
        return refuse("Block " + std::to_string(block.height) + " names other members.");
    }
    return {};
}

}  // namespace

EpochStep step_of(const BlockRecord& record, const std::vector<TransactionOutcome>& outcomes,
                  ValidatorSet members) {
    AIT_ASSERT(!outcomes.empty());
    std::vector<Hash> leaves;
    leaves.reserve(outcomes.size());
    for (const auto& outcome : outcomes) leaves.push_back(outcome_leaf(encode(outcome)));
    return {.header = record.header,
            .certificate = record.certificate,
            .links = record.links,
            .due = outcomes.back(),
            .due_path = crypto::merkle_path(leaves, leaves.size() - 1),
            .members = std::move(members)};
}

Result<ValidatorSet> follow_steps(ValidatorSet members, std::span<const EpochStep> steps,
                                  const std::string& chain, const Hash& genesis_id) {
    for (const auto& step : steps) {
        const Status followed = check_step(members, step, chain, genesis_id);
        if (!followed.ok()) return followed.error();
        members = step.members;
    }
    return members;
}

Result<std::vector<EpochStep>> steps_between(const ChainReader& reader, std::uint64_t from,
                                             std::uint64_t to) {
    std::vector<EpochStep> steps;
    for (const std::uint64_t epoch : epochs_between(reader.state(), from, to)) {
        if (steps.size() == epoch_steps_max) {
            return Error{
                ErrorCode::limit_reached, "The proof would be too long.",
                "The members changed more than " + std::to_string(epoch_steps_max) + " times.", ""};
        }
        auto step = reader.epoch_step(epoch);
        if (!step.ok()) return step.error();
        steps.push_back(std::move(step).value());
    }
    return steps;
}

}  // namespace ait::consensus
