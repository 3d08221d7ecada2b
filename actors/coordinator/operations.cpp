#include "actors/coordinator/operations.hpp"

#include "actors/coordinator/explain.hpp"
#include "actors/coordinator/submission.hpp"
#include "actors/coordinator/views.hpp"
#include "actors/paging.hpp"

namespace ait::coordinator {
namespace {

/// Jobs that one page of a filtered list looks at.
constexpr std::size_t jobs_scanned_max = 10'000;

ViewMoment moment_of(const QueryContext& context, bool with_queue_position) {
    return ViewMoment{
        .now_ms = context.chain.block_time_unix_ms(),
        .height = context.chain.height(),
        .attempts_max = static_cast<std::uint32_t>(context.chain.genesis().parameters.attempts_max),
        .with_queue_position = with_queue_position};
}

Result<Json> get_job(const QueryContext& context, const Json& input) {
    const auto job = resolve_job(context.chain.state(), input_text(input, "job_id"));
    if (!job.ok()) return job.error();
    return to_json_value(view_of(context.chain.state(), job.value(), moment_of(context, true)));
}

Result<Json> get_result(const QueryContext& context, const Json& input) {
    const auto found = resolve_job(context.chain.state(), input_text(input, "job_id"));
    if (!found.ok()) return found.error();
    const Job& job = found.value();
    if (job.state != JobState::completed) return no_result(job);
    const auto bytes = context.chain.blob(job.delivery->result);
    if (!bytes) {
        return Error{ErrorCode::unavailable, "The result of job " + job.id + " is not here.",
                     "This node does not keep the bytes of " + to_hex(job.delivery->result.view()) +
                         " any more.",
                     "Ask another node; aitbc client receipt " + job.id + " still proves it."};
    }
    JobResultView view = result_of(job, *bytes);
    const auto position = context.chain.find_operation(job.delivery->transaction);
    if (position) view.proof.block_height = position->height;
    return to_json_value(view);
}

/// Whose jobs a list shows: named, the caller's, or everybody's.
Result<std::optional<Address>> owner_wanted(const QueryContext& context, const Json& input) {
    if (input_flag(input, "all")) return std::optional<Address>{};
    const std::string text = input_text(input, "owner");
    if (!text.empty()) {
        const auto address = crypto::parse_address(text);
        if (!address.ok()) return address.error();
        return std::optional<Address>{address.value()};
    }
    if (context.principal.account.is_zero()) return std::optional<Address>{};
    return std::optional<Address>{context.principal.account};
}

/// One page of jobs that pass `take`, which also makes the row.
template <class Take>
Result<Json> list_page(const QueryContext& context, const Json& input, Take take) {
    const auto rows = rows_wanted(input);
    if (!rows.ok()) return rows.error();
    auto position = cursor_position(input);
    if (!position.ok()) return position.error();
    const auto owner = owner_wanted(context, input);
    if (!owner.ok()) return owner.error();
    const auto& state = context.chain.state();
    Json items = Json::array();
    std::string next;
    std::size_t scanned = 0;
    const bool only_unpaid = input_flag(input, "unpaid");
    const JobWalk walk{.owner = owner.value(), .from = std::move(position).value()};
    walk_jobs(state, walk, [&](const WalkedJob& at) {
        if (items.size() == rows.value() || scanned == jobs_scanned_max) {
            next = to_hex(at.position);
            return false;
        }
        ++scanned;
        if (only_unpaid && !at.is_unpaid) return true;
        const auto job = find_job(state, at.job_id);
        AIT_ASSERT(job.has_value());
        if (auto row = take(*job)) items.push_back(std::move(*row));
        return true;
    });
    return page_answer(std::move(items), next);
}

Result<Json> list_jobs(const QueryContext& context, const Json& input) {
    const auto status = enum_from_name<JobState>(input_text(input, "status"));
    const std::string type = input_text(input, "type");
    const ViewMoment moment = moment_of(context, false);
    return list_page(context, input, [&](const Job& job) -> std::optional<Json> {
        if (status && job.state != *status) return std::nullopt;
        if (!type.empty() && job.type != type) return std::nullopt;
        return to_json_value(view_of(context.chain.state(), job, moment));
    });
}

Result<Json> list_receipts(const QueryContext& context, const Json& input) {
    const auto status = enum_from_name<PaymentState>(input_text(input, "status"));
    return list_page(context, input, [&](const Job& job) -> std::optional<Json> {
        if (!job.delivery) return std::nullopt;
        if (status && job.payment.state != *status) return std::nullopt;
        return to_json_value(receipt_row_of(job));
    });
}

Result<Json> explain_job(const QueryContext& context, const Json& input) {
    const auto rows = rows_wanted(input);
    if (!rows.ok()) return rows.error();
    const auto job = resolve_job(context.chain.state(), input_text(input, "job_id"));
    if (!job.ok()) return job.error();
    return to_json_value(explain(context.chain.state(), job.value(),
                                 {.parameters = context.chain.genesis().parameters,
                                  .now_ms = context.chain.block_time_unix_ms(),
                                  .height = context.chain.height(),
                                  .miners_shown_max = rows.value()}));
}

Result<Proposal> propose_submit(const QueryContext&, const Json& input) {
    auto submission = read_submission(input);
    if (!submission.ok()) return submission.error();
    return Proposal{.body = encode(submission.value().job),
                    .blobs = {std::move(submission.value().payload)}};
}

Result<Proposal> propose_batch(const QueryContext&, const Json& input) {
    auto submissions = read_batch(input);
    if (!submissions.ok()) return submissions.error();
    SubmitBatch tx;
    Proposal proposal;
    for (Submission& submission : submissions.value()) {
        tx.jobs.push_back(std::move(submission.job));
        proposal.blobs.push_back(std::move(submission.payload));
    }
    proposal.body = encode(tx);
    return proposal;
}

Result<Proposal> propose_results(const QueryContext&, const Json& input) {
    auto deliveries = read_results(input);
    if (!deliveries.ok()) return deliveries.error();
    return Proposal{.body = encode(deliveries.value().tx),
                    .blobs = std::move(deliveries.value().results)};
}

Result<Proposal> propose_cancel(const QueryContext& context, const Json& input) {
    const auto job = resolve_job(context.chain.state(), input_text(input, "job_id"));
    if (!job.ok()) return job.error();
    return Proposal{.body = encode(CancelJob{job.value().id})};
}

constexpr std::array table{
    Binding{.name = "job.submit", .command = &propose_submit},
    Binding{.name = "job.batch_submit", .command = &propose_batch},
    Binding{.name = "job.get", .query = &get_job},
    Binding{.name = "job.result", .query = &get_result},
    Binding{.name = "job.cancel", .command = &propose_cancel},
    Binding{.name = "job.pay", .command = &propose<PayJob>},
    Binding{.name = "job.list", .query = &list_jobs},
    Binding{.name = "job.receipts", .query = &list_receipts},
    Binding{.name = "job.explain", .query = &explain_job},
    Binding{.name = "job.lease", .command = &propose<LeaseJobs>},
    Binding{.name = "job.renew", .command = &propose<RenewLeases>},
    Binding{.name = "job.complete", .command = &propose<CompleteJob>},
    Binding{.name = "job.complete_batch", .command = &propose<CompleteJobs>},
    Binding{.name = "job.deliver", .command = &propose_results},
    Binding{.name = "job.fail", .command = &propose<FailJob>},
};

}  // namespace

std::span<const Binding> bindings() {
    return table;
}

}  // namespace ait::coordinator
