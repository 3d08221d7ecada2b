// From a step to what is signed and sent: names become ids, the nonce becomes the account's next.

#include "actors/ledger/book.hpp"
#include "runtime/base/codec/msgpack.hpp"
#include "runtime/base/crypto/hash.hpp"
#include "tests/unit/actors/differential/duel.hpp"

namespace ait::differential {
namespace {

constexpr std::uint64_t blocks_to_live = 10;

Address address_of(std::uint32_t number) {
    return number < people_count ? person(number).address : Address{};
}

std::uint32_t small(std::uint64_t number) {
    return static_cast<std::uint32_t>(number);
}

Body transfer_of(const Step& step) {
    ledger::Transfer tx{.to = address_of(step.other), .amount = Amount{step.amount}};
    if (step.flavour % 4 == 3) tx.asset = ledger::Asset::usdc;
    if (step.flavour % 2 == 1) tx.memo = "thanks";
    if (step.twist == Twist::bad_memo) tx.memo = "\x1b[31m";
    if (step.twist == Twist::long_memo) tx.memo = std::string(limits::memo_bytes_max + 1, 'm');
    if (step.twist == Twist::for_another) tx.to = ledger::faucet_address();
    return tx;
}

Body batch_of(const Step& step) {
    coordinator::SubmitBatch batch;
    Step one = step;
    one.number = 0;
    for (std::uint64_t i = 0; i < step.number; ++i) {
        // A fault is in one job only, and all of the batch is refused for it.
        one.twist = i == step.number / 2 ? step.twist : Twist::none;
        one.flavour = step.flavour + small(i % 3);
        batch.jobs.push_back(submission_of(one));
    }
    return batch;
}

coordinator::CompleteJob completion_of(const Step& step, const ReferenceJob* job,
                                       const std::string& id) {
    coordinator::CompleteJob tx{.job_id = id,
                                .attempt = small(step.number),
                                .result = result_of(step.flavour),
                                .result_bytes = 6,
                                .model_ran = "tiny",
                                .prompt_tokens = 3,
                                .completion_tokens = 5,
                                .duration_ms = step.amount,
                                .started_at = UnixMs{1},
                                .ended_at = UnixMs{2}};
    if (job != nullptr) tx.payload = job->asked.payload;
    if (job != nullptr && job->lease) tx.price_per_hour = job->lease->price;
    if (step.twist == Twist::wrong_payload) tx.payload = payload_of(step.flavour + 1);
    if (step.twist == Twist::wrong_price) ++tx.price_per_hour.micro;
    if (step.twist == Twist::no_result) tx.result_bytes = 0;
    if (step.twist == Twist::bad_word) tx.model_ran = "";
    if (step.twist == Twist::ended_before_started) tx.started_at = UnixMs{3};
    return tx;
}

/// Some of what the miner holds, and the named job as the step says.
std::vector<coordinator::CompleteJob> completions_of(const Step& step, const Reference& reference,
                                                     const std::string& id) {
    constexpr std::size_t held_max = 3;
    std::vector<coordinator::CompleteJob> results;
    if (step.twist == Twist::no_payload) return results;
    results.push_back(completion_of(step, reference.find_job(id), id));
    Step plain = step;
    plain.twist = Twist::none;
    for (const std::string& held : reference.held_by(address_of(step.who))) {
        if (results.size() > held_max) break;
        const ReferenceJob* job = reference.find_job(held);
        plain.number = job->lease->attempt;
        results.push_back(completion_of(plain, job, held));
    }
    return results;
}

Body delivery_of(const std::vector<coordinator::CompleteJob>& results) {
    coordinator::DeliverResults tx;
    for (const auto& result : results) {
        tx.results.push_back({.job_id = result.job_id,
                              .attempt = result.attempt,
                              .result = result.result,
                              .result_bytes = result.result_bytes,
                              .model_ran = result.model_ran,
                              .prompt_tokens = result.prompt_tokens,
                              .completion_tokens = result.completion_tokens,
                              .duration_ms = result.duration_ms});
    }
    return tx;
}

Body raw_of(const Step& step) {
    if (step.twist == Twist::unknown_kind) return RawBody{.kind = "no.such", .bytes = ""};
    static const std::vector<std::string> kinds{"ledger.transfer", "job.submit", "job.complete",
                                                "miner.register"};
    return RawBody{.kind = kinds.at(step.flavour % kinds.size()), .bytes = "\xC1"};
}

}  // namespace

Body Duel::body_of(const Step& step) const {
    const std::string id = id_of(step.job);
    const Address self = address_of(step.twist == Twist::for_another ? step.other : step.who);
    switch (step.op) {
        case Op::transfer:
            return transfer_of(step);
        case Op::stake:
            return ledger::Stake{Amount{step.amount}};
        case Op::unstake:
            return ledger::Unstake{Amount{step.amount}};
        case Op::faucet:
            return ledger::FaucetRequest{address_of(step.other), Amount{step.amount}};
        case Op::submit:
            return submission_of(step);
        case Op::batch:
            return batch_of(step);
        case Op::cancel:
            return coordinator::CancelJob{id};
        case Op::pay:
            return coordinator::PayJob{id, Amount{step.amount}};
        case Op::lease:
            return coordinator::LeaseJobs{self, small(step.number)};
        case Op::renew: {
            coordinator::RenewLeases tx{.miner = self};
            if (step.twist == Twist::some_ids) tx.job_ids = {id, "job-none"};
            return tx;
        }
        case Op::release:
            return coordinator::ReleaseLeases{.miner = self,
                                              .jobs = {{id, small(step.number)}, {"job-none", 1}}};
        case Op::complete:
            return completion_of(step, reference_.find_job(id), id);
        case Op::complete_all:
            return coordinator::CompleteJobs{completions_of(step, reference_, id)};
        case Op::deliver:
            return delivery_of(completions_of(step, reference_, id));
        case Op::fail:
            return coordinator::FailJob{
                .job_id = id,
                .attempt = small(step.number),
                .error_code = step.twist == Twist::bad_word ? "" : "engine_failed",
                .message = "It broke.",
                .retryable = step.twist != Twist::not_retryable};
        case Op::enroll:
            return offer_of(step);
        case Op::drain:
            return miner::DrainMiner{.reason = step.flavour % 2 == 1 ? "maintenance" : ""};
        case Op::leave:
            return miner::DeregisterMiner{.force = step.twist == Twist::forced};
        case Op::raw:
            return raw_of(step);
        case Op::seal:
            break;
    }
    AIT_ASSERT(false);  // a seal asks for nothing
    return RawBody{};
}

Duel::Asked Duel::ask(const Step& step) const {
    Asked asked{.body = body_of(step)};
    asked.caller.who = address_of(step.who);
    if (step.key != 0) asked.caller.idempotency_key = "key-" + std::to_string(step.key);
    const bool is_submission = step.op == Op::submit || step.op == Op::batch;
    if (is_submission && step.twist != Twist::payload_missing) {
        for (std::uint32_t i = 0; i < 4; ++i) asked.caller.blobs.push_back(payload_of(i));
    }
    const bool is_result =
        step.op == Op::complete || step.op == Op::complete_all || step.op == Op::deliver;
    if (is_result && step.twist != Twist::result_missing) {
        asked.caller.blobs.push_back(result_of(step.flavour));
    }
    if (step.is_signed) {
        sign(step, asked);
    } else {
        asked.item = consensus::BatchItem{.principal = asked.caller.who,
                                          .idempotency_key = asked.caller.idempotency_key,
                                          .kind = kind_of(asked.body),
                                          .body = {bytes_of(asked.body)},
                                          .blobs = asked.caller.blobs};
        asked.caller.operation = consensus::item_hash(*asked.item);
    }
    return asked;
}

void Duel::sign(const Step& step, Asked& asked) const {
    const std::uint64_t height = reference_.books().height;
    const Person& signer = person(step.who);
    asked.caller.key = signer.public_key;
    asked.nonce = reference_.nonce_of(signer.address) + 1 +
                  static_cast<std::uint64_t>(std::int64_t{step.nonce_shift});
    asked.expiry_height = height + blocks_to_live;
    if (step.twist == Twist::expired) asked.expiry_height = height - 1;
    if (step.twist == Twist::far_ahead) {
        asked.expiry_height = height + limits::expiry_heights_ahead_max + 1;
    }
    const consensus::UnsignedTransaction content{.chain = genesis_.chain,
                                                 .genesis = genesis_hash_,
                                                 .signer = signer.public_key,
                                                 .nonce = asked.nonce,
                                                 .expiry_height = asked.expiry_height,
                                                 .idempotency_key = asked.caller.idempotency_key,
                                                 .kind = kind_of(asked.body),
                                                 .body = {bytes_of(asked.body)},
                                                 .blobs = asked.caller.blobs};
    asked.caller.operation = crypto::blake2b_256(encode(content));
    if (!options_.with_real) return;
    asked.transaction =
        consensus::VerifiedTransaction{.wire = consensus::sign_transaction(content, signer.key),
                                       .hash = asked.caller.operation,
                                       .content = content};
}

}  // namespace ait::differential
