#include "runtime/node/membership.hpp"

#include <spdlog/spdlog.h>

#include "actors/ledger/membership.hpp"
#include "runtime/base/codec/msgpack.hpp"
#include "runtime/base/crypto/bech32m.hpp"
#include "runtime/node/handlers.hpp"

namespace ait::node {
namespace {

constexpr std::int64_t ask_again_ms = 1'000;
constexpr std::string_view synced_kind = "validator.synced";

const crypto::SecretKey& key_of(NodeServices& services) {
    auto* const parts = dynamic_cast<ChainParts*>(&services);
    AIT_ASSERT(parts != nullptr);
    return parts->peers().key();
}

void propose(NodeServices& services, const Call& call, std::string body, Respond respond) {
    const Operation* const row = call.operation;
    services.propose({.principal = call.principal.account,
                      .kind = std::string(row->transaction.kind),
                      .body = std::move(body),
                      .blobs = {},
                      .idempotency_key = call.idempotency_key,
                      .salt = 0,
                      .dry_run = call.dry_run,
                      .deadline_unix_ms = call.deadline_unix_ms},
                     [row, respond](Result<consensus::Applied> applied) {
                         if (!applied.ok()) return respond(applied.error());
                         auto text = applied_to_text(applied.value(), row->transaction);
                         if (!text.ok()) return respond(text.error());
                         respond.with_text(std::move(text).value());
                     });
}

Result<ledger::CandidateRecord> candidate_of(const consensus::ChainReader& chain,
                                             const Json& input) {
    const auto owner = crypto::parse_address(input_text(input, "owner"));
    if (!owner.ok()) return owner.error();
    auto candidate = ledger::find_candidate(chain.state(), owner.value());
    if (candidate) return std::move(*candidate);
    return Error{ErrorCode::not_found, "Nobody waits to vote with the stake of this account.",
                 crypto::to_text(owner.value()) + " has not asked, or votes already.",
                 "See aitbc chain validators."};
}

std::string approval(const ledger::CandidateRecord& candidate, const std::string& chain,
                     const Hash& genesis_id, const crypto::SecretKey& key) {
    return encode(ledger::ApproveValidator{
        .owner = candidate.validator.owner,
        .by = key.public_key(),
        .signature =
            ledger::sign_membership(ledger::approval_of(candidate, chain, genesis_id), key)});
}

std::string sync_proof(const ledger::CandidateRecord& candidate, const std::string& chain,
                       const Hash& genesis_id, const crypto::SecretKey& key) {
    return encode(ledger::ValidatorSynced{
        .owner = candidate.validator.owner,
        .signature =
            ledger::sign_membership(ledger::sync_proof_of(candidate, chain, genesis_id), key)});
}

using Say = std::string (*)(const ledger::CandidateRecord& candidate, const std::string& chain,
                            const Hash& genesis_id, const crypto::SecretKey& key);

/// Signs what it has to say of who waits, and brings it to the chain.
template <Say say>
void say_of(NodeServices& services, Call call, Respond respond) {
    std::string body;
    {
        const auto chain = services.reader();
        const auto candidate = candidate_of(*chain, call.input);
        if (!candidate.ok()) return respond(candidate.error());
        const auto& genesis = chain->genesis();
        body = say(candidate.value(), genesis.chain, consensus::genesis_hash(genesis),
                   key_of(services));
    }
    propose(services, call, std::move(body), std::move(respond));
}

void leave(NodeServices& services, Call call, Respond respond) {
    const crypto::SecretKey& key = key_of(services);
    ledger::LeaveValidator wish{.validator = key.public_key(), .signature = {}};
    {
        const auto chain = services.reader();
        const auto& genesis = chain->genesis();
        wish.signature = ledger::sign_membership(
            ledger::leave_of(wish.validator, consensus::epoch_in_force(chain->state()),
                             genesis.chain, consensus::genesis_hash(genesis)),
            key);
    }
    propose(services, call, encode(wish), std::move(respond));
}

constexpr std::array bindings_table{
    Binding{.name = "validator.approve",
            .query = nullptr,
            .command = nullptr,
            .async = &say_of<&approval>},
    Binding{
        .name = synced_kind, .query = nullptr, .command = nullptr, .async = &say_of<&sync_proof>},
    Binding{.name = "validator.leave", .query = nullptr, .command = nullptr, .async = &leave},
};

consensus::SubmissionPtr synced_submission(const consensus::ChainData& data,
                                           const ledger::CandidateRecord& candidate,
                                           const crypto::SecretKey& key) {
    consensus::BatchItem item{
        .principal = {},
        .idempotency_key = {},
        .kind = std::string(synced_kind),
        .body = Blob{sync_proof(candidate, data.genesis().chain, data.genesis_id(), key)},
        .blobs = {}};
    return std::make_shared<consensus::Submission>(
        consensus::EncodedItem(std::move(item)), std::vector<std::string>{}, false, 0,
        [](const Result<consensus::Applied>& answer) {
            if (answer.ok()) {
                spdlog::info("validator_synced_told height={}", answer.value().height);
            } else {
                spdlog::info("validator_synced_refused code={} why=\"{}\"",
                             error_code_row(answer.error().code).name, answer.error().why);
            }
        });
}

}  // namespace

std::span<const Binding> membership_bindings() {
    return bindings_table;
}

std::vector<consensus::SubmissionPtr> MembershipDuty::due() {
    std::vector<consensus::SubmissionPtr> due;
    const std::int64_t now_ms = clock_.monotonic_us() / 1'000;
    if (now_ms < asked_ms_ + ask_again_ms) return due;
    asked_ms_ = now_ms;
    const auto chain = data_.reader();
    ledger::for_each_candidate(chain->state(), [&](const ledger::CandidateRecord& candidate) {
        // The same key may stand in several wishes; each owner answers for its own.
        const bool is_mine = candidate.validator.public_key == key_.public_key();
        if (is_mine && candidate.accepted_height != 0)
            due.push_back(synced_submission(data_, candidate, key_));
        return true;
    });
    return due;
}

}  // namespace ait::node
