#include "actors/consensus/evidence_desk.hpp"

#include <spdlog/spdlog.h>

#include "runtime/base/codec/msgpack.hpp"

namespace ait::consensus {
namespace {

constexpr std::int64_t ask_again_ms = 1'000;
constexpr std::size_t cases_max = 2 * validators_max;

VoteStatement full_statement(const simplex::Config& config, const simplex::Statement& statement) {
    return {.chain = config.chain,
            .genesis = config.genesis,
            .epoch = config.epoch,
            .kind = statement.kind,
            .view = statement.view,
            .block = statement.block};
}

}  // namespace

std::string tell_of_lie(const ValidatorSet& members, const simplex::Evidence& found) {
    const GenesisValidator& validator = members.members.at(found.first.member);
    spdlog::warn("consensus_evidence validator={} name=\"{}\" view={} first={} second={}",
                 to_hex(validator.public_key.view()), validator.name, found.first.statement.view,
                 name_of(found.first.statement.kind), name_of(found.second.statement.kind));
    return "Validator " + validator.name +
           " has signed two statements that contradict each other: it lies, or its key is in use "
           "on two machines.";
}

SubmissionPtr evidence_submission(const Equivocation& evidence, Submission::Done done) {
    BatchItem item{.principal = {},
                   .idempotency_key = {},
                   .kind = std::string(evidence_kind),
                   .body = Blob{encode(evidence)},
                   .blobs = {}};
    return std::make_shared<Submission>(EncodedItem(std::move(item)), std::vector<std::string>{},
                                        false, 0, std::move(done));
}

bool EvidenceDesk::take(const simplex::Evidence& found) {
    const std::uint32_t member = found.first.member;
    AIT_ASSERT(member == found.second.member);
    AIT_ASSERT(member < config_.members.size());  // the core has verified its signatures
    const PublicKey& key = config_.members[member].key;
    if (member == config_.self || cases_.contains(key)) return false;
    // Of those who vote no more, only what the chain has not ruled on yet.
    std::erase_if(cases_, [&](const auto& each) {
        return cases_.size() >= cases_max && *each.second.stage == Stage::done;
    });
    if (cases_.size() >= cases_max) return false;
    cases_.emplace(
        key, Case{.evidence = in_order({.validator = key,
                                        .first = full_statement(config_, found.first.statement),
                                        .first_signature = found.first.signature,
                                        .second = full_statement(config_, found.second.statement),
                                        .second_signature = found.second.signature}),
                  .stage = std::make_shared<std::atomic<Stage>>(Stage::waiting)});
    return true;
}

std::vector<SubmissionPtr> EvidenceDesk::to_submit(std::int64_t steady_ms) {
    std::vector<SubmissionPtr> submissions;
    if (config_.fault_model == FaultModel::crash) return submissions;
    for (auto& [key, each] : cases_) {
        if (*each.stage != Stage::waiting || steady_ms < each.not_before_ms) continue;
        *each.stage = Stage::asked;
        each.not_before_ms = steady_ms + ask_again_ms;
        submissions.push_back(evidence_submission(
            each.evidence,
            [stage = each.stage, validator = to_hex(key.view())](const Result<Applied>& answer) {
                const bool is_open = !answer.ok() && error_code_row(answer.error().code).retryable;
                *stage = is_open ? Stage::waiting : Stage::done;
                if (answer.ok()) {
                    spdlog::warn("consensus_evidence_proven validator={} height={} operation={}",
                                 validator, answer.value().height,
                                 to_hex(answer.value().operation.view()));
                } else {
                    spdlog::info("consensus_evidence_refused validator={} code={} detail=\"{}\"",
                                 validator, error_code_row(answer.error().code).name,
                                 answer.error().why);
                }
            }));
    }
    return submissions;
}

}  // namespace ait::consensus
