#include "actors/coordinator/views.hpp"

#include <algorithm>

#include "actors/coordinator/queue.hpp"
#include "actors/miner/gpu_spec.hpp"
#include "actors/miner/registry.hpp"
#include "runtime/base/codec/json.hpp"
#include "runtime/base/crypto/hash.hpp"

namespace ait::coordinator {
namespace {

using storage::StateReader;

std::uint64_t span_ms(std::int64_t from, std::int64_t until) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(until - from, 0));
}

std::optional<JobMinerView> miner_of(const StateReader& reader, const Job& job) {
    if (!job.lease && !job.delivery) return std::nullopt;
    const Address& address = job.lease ? job.lease->miner : job.delivery->miner;
    const auto record = miner::find_miner(reader, address);
    JobMinerView view{
        .miner_id = miner::miner_id_of(address),
        .address = address,
        .price_per_hour = job.lease ? job.lease->price_per_hour : job.delivery->price_per_hour};
    if (!record) return view;
    view.region = record->offer.region;
    for (const auto& gpu : record->offer.gpus) {
        view.gpu += (view.gpu.empty() ? "" : ", ") + miner::to_text(gpu);
    }
    return view;
}

std::optional<JobPaymentView> payment_of(const Job& job) {
    const Payment& payment = job.payment;
    if (payment.state == PaymentState::unfunded) return std::nullopt;
    const bool held = payment.state == PaymentState::funded;
    return JobPaymentView{.state = payment.state,
                          .payer = job.owner,
                          .amount = payment.amount,
                          .escrow = held ? payment.amount : Amount{},
                          .paid_to_miner = payment.paid_to_miner,
                          .fee = payment.fee,
                          .refunded = payment.refunded,
                          .paid_duration_ms = job.delivery ? job.delivery->paid_duration_ms : 0,
                          .transaction = payment.transaction,
                          .funded_at = UnixMs{payment.funded_at_ms},
                          .settled_at = UnixMs{payment.settled_at_ms}};
}

std::uint64_t queued_ms(const Job& job, std::int64_t now_ms) {
    if (job.queued_at_ms == 0) return 0;
    if (job.started_at_ms >= job.queued_at_ms) return span_ms(job.queued_at_ms, job.started_at_ms);
    return span_ms(job.queued_at_ms, is_terminal(job.state) ? job.completed_at_ms : now_ms);
}

/// The part of a result that the model wrote: Ollama says response, others text or content.
std::string text_in(const Json& result) {
    if (result.is_string()) return result.get<std::string>();
    if (!result.is_object()) return {};
    for (const std::string_view name : {"text", "response", "content"}) {
        const auto found = result.find(name);
        if (found != result.end() && found->is_string()) return found->get<std::string>();
    }
    return {};
}

}  // namespace

JobView view_of(const StateReader& reader, const Job& job, const ViewMoment& moment) {
    JobView view{.job_id = job.id,
                 .status = job.state,
                 .payment_state = job.payment.state,
                 .type = job.type,
                 .model = job.model,
                 .owner = job.owner,
                 .attempts = job.attempts,
                 .attempts_max = moment.attempts_max,
                 .created_at = UnixMs{job.created_at_ms},
                 .queued_at = UnixMs{job.queued_at_ms},
                 .started_at = UnixMs{job.started_at_ms},
                 .completed_at = UnixMs{job.completed_at_ms},
                 .expires_at = UnixMs{job.expires_at_ms},
                 .queued_ms = queued_ms(job, moment.now_ms),
                 .miner = miner_of(reader, job),
                 .payment = payment_of(job),
                 .constraints = job.constraints,
                 .payload = job.payload,
                 .height = moment.height};
    if (moment.with_queue_position) view.queue_position = queue_position(reader, job);
    if (job.lease) view.duration_ms = span_ms(job.lease->leased_at_ms, moment.now_ms);
    if (job.error) view.error = JobErrorView{job.error->code, job.error->message};
    if (job.delivery) {
        view.model_ran = job.delivery->model_ran;
        view.duration_ms = job.delivery->duration_ms;
        view.prompt_tokens = job.delivery->prompt_tokens;
        view.completion_tokens = job.delivery->completion_tokens;
        view.result = job.delivery->result;
        view.result_transaction = job.delivery->transaction;
    }
    return view;
}

ReceiptRowView receipt_row_of(const Job& job) {
    AIT_ASSERT(job.delivery.has_value());
    return ReceiptRowView{.job_id = job.id,
                          .payment_state = job.payment.state,
                          .miner_id = miner::miner_id_of(job.delivery->miner),
                          .model_ran = job.delivery->model_ran,
                          .duration_ms = job.delivery->duration_ms,
                          .paid_to_miner = job.payment.paid_to_miner,
                          .fee = job.payment.fee,
                          .completed_at = UnixMs{job.completed_at_ms},
                          .transaction = job.delivery->transaction};
}

Error no_result(const Job& job) {
    AIT_ASSERT(job.state != JobState::completed);
    const std::string what = "Job " + job.id + " has no result.";
    const std::string again = "Submit it again: aitbc client submit.";
    const std::string reason =
        job.error ? job.error->code + ": " + job.error->message : std::string{};
    switch (job.state) {
        case JobState::failed:
            return {ErrorCode::job_failed, what, "It failed. " + reason, again};
        case JobState::cancelled:
            return {ErrorCode::cancelled, what, "Its owner cancelled it.", again};
        case JobState::expired:
            return {ErrorCode::expired, what, "It expired. " + reason,
                    "Submit it again with a longer --ttl."};
        case JobState::pending:
        case JobState::queued:
        case JobState::processing:
        case JobState::completed:
            break;
    }
    return {ErrorCode::not_ready, "Job " + job.id + " has no result yet.",
            "It is " + std::string(name_of(job.state)) + ".",
            "Wait for it: aitbc client result " + job.id + " --wait."};
}

JobResultView result_of(const Job& job, std::string_view bytes) {
    AIT_ASSERT(job.delivery.has_value());
    const Delivery& delivery = *job.delivery;
    const auto parsed = parse_json(bytes);
    // A result that is not JSON is shown as text; dump_json replaces what is not UTF-8.
    const Json result = parsed.ok() ? parsed.value() : Json(std::string(bytes));
    return JobResultView{
        .job_id = job.id,
        .status = job.state,
        .payment_state = job.payment.state,
        .model = delivery.model_ran,
        .text = text_in(result),
        .result = JsonText{dump_json(result)},
        .prompt_tokens = delivery.prompt_tokens,
        .completion_tokens = delivery.completion_tokens,
        .duration_ms = delivery.duration_ms,
        .completed_at = UnixMs{job.completed_at_ms},
        .proof = {.tx_hash = delivery.transaction,
                  .miner_id = miner::miner_id_of(delivery.miner),
                  .miner_key = delivery.miner_key,
                  .input_hash = job.payload,
                  .output_hash = delivery.result,
                  .output_matches = crypto::blake2b_256(bytes) == delivery.result}};
}

}  // namespace ait::coordinator
