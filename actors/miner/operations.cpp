#include "actors/miner/operations.hpp"

#include <algorithm>

#include "actors/coordinator/job.hpp"
#include "actors/coordinator/matching.hpp"
#include "actors/ledger/book.hpp"
#include "actors/miner/registration.hpp"
#include "actors/miner/registry.hpp"
#include "actors/paging.hpp"

namespace ait::miner {
namespace {

constexpr std::size_t miners_scanned_max = 10'000;
constexpr std::uint64_t ms_per_hour = 3'600'000;

/// The miner that the row's miner_id names, or the caller's own.
Result<MinerRecord> miner_wanted(const QueryContext& context, const Json& input) {
    Address address = context.principal.account;
    if (const std::string text = input_text(input, "miner_id"); !text.empty()) {
        const auto parsed = parse_miner(text);
        if (!parsed.ok()) return parsed.error();
        address = parsed.value();
    } else if (address.is_zero()) {
        return Error{ErrorCode::invalid_argument, "Which miner?",
                     "No id is given and the caller has no account.",
                     "Give its id: aitbc miner list."};
    }
    auto record = find_miner(context.chain.state(), address);
    if (!record) {
        return Error{ErrorCode::not_found, "There is no such miner.",
                     miner_id_of(address) + " is not registered.",
                     "Register it: aitbc miner register, or see aitbc miner list."};
    }
    return std::move(*record);
}

Result<Json> get_miner(const QueryContext& context, const Json& input) {
    const auto record = miner_wanted(context, input);
    if (!record.ok()) return record.error();
    return to_json_value(to_view(record.value()));
}

Result<Json> list_miners(const QueryContext& context, const Json& input) {
    const auto rows = rows_wanted(input);
    if (!rows.ok()) return rows.error();
    auto position = cursor_position(input);
    if (!position.ok()) return position.error();
    Address from;
    if (!position.value().empty()) {
        const auto address = fixed_from_bytes<Address>(position.value());
        if (!address.ok()) return address.error();
        from = address.value();
    }
    const auto status = enum_from_name<MinerStatus>(input_text(input, "status"));
    const std::string model = input_text(input, "model");
    Json items = Json::array();
    std::string next;
    std::size_t scanned = 0;
    for_each_miner(context.chain.state(), from, [&](const MinerRecord& record) {
        if (items.size() == rows.value() || scanned == miners_scanned_max) {
            next = to_hex(record.address.view());
            return false;
        }
        ++scanned;
        const bool wanted =
            (!status || record.status == *status) &&
            (model.empty() || coordinator::offers_model(record.offer.models, model));
        if (wanted) items.push_back(to_json_value(to_view(record)));
        return true;
    });
    return page_answer(std::move(items), next);
}

/// At most a miner's concurrency: one page, whatever the cursor.
Result<Json> list_jobs(const QueryContext& context, const Json& input) {
    const auto rows = rows_wanted(input);
    if (!rows.ok()) return rows.error();
    const auto begin = cursor_position(input);
    if (!begin.ok()) return begin.error();
    const auto record = miner_wanted(context, input);
    if (!record.ok()) return record.error();
    Json items = Json::array();
    for (const auto& id : coordinator::held_by(context.chain.state(), record.value().address)) {
        if (id < begin.value()) continue;
        if (items.size() == rows.value()) return page_answer(std::move(items), to_hex(id));
        const auto job = coordinator::find_job(context.chain.state(), id);
        AIT_ASSERT(job.has_value());
        AIT_ASSERT(job->lease.has_value());
        items.push_back(
            to_json_value(MinerJobView{.job_id = job->id,
                                       .attempt = job->lease->attempt,
                                       .type = job->type,
                                       .model = job->model,
                                       .price_per_hour = job->lease->price_per_hour,
                                       .leased_at = UnixMs{job->lease->leased_at_ms},
                                       .lease_expires_at = UnixMs{job->lease->expires_at_ms}}));
    }
    return page_answer(std::move(items), {});
}

Result<Json> get_earnings(const QueryContext& context, const Json& input) {
    const auto rows = rows_wanted(input);
    if (!rows.ok()) return rows.error();
    const auto found = miner_wanted(context, input);
    if (!found.ok()) return found.error();
    const MinerRecord& record = found.value();
    EarningsView view{.miner_id = miner_id_of(record.address),
                      .earned = record.earned,
                      .jobs_completed = record.jobs_completed,
                      .jobs_failed = record.jobs_failed,
                      .jobs_expired = record.jobs_expired,
                      .busy_ms = record.busy_ms};
    if (record.busy_ms > 0) {
        // A short busy time can extrapolate past any amount; it is cut there.
        const uint128 hourly =
            static_cast<uint128>(record.earned.micro) * ms_per_hour / record.busy_ms;
        view.per_busy_hour.micro =
            static_cast<std::uint64_t>(std::min<uint128>(hourly, amount_max.micro));
    }
    const auto page =
        ledger::read_history(context.chain.state(), record.address, "", ledger::history_rows_max);
    if (!page.ok()) return page.error();
    for (const auto& row : page.value().rows) {
        if (view.recent.size() == rows.value()) break;
        if (row.kind != ledger::MovementKind::job_pay) continue;
        view.recent.push_back({row.time, row.job_id, row.amount, row.transaction});
    }
    return to_json_value(view);
}

Result<Proposal> propose_registration(const QueryContext&, const Json& input) {
    const auto registration = compose_registration(input);
    if (!registration.ok()) return registration.error();
    return Proposal{.body = encode(registration.value())};
}

constexpr std::array table{
    Binding{.name = "miner.register", .command = &propose_registration},
    Binding{.name = "miner.drain", .command = &propose<DrainMiner>},
    Binding{.name = "miner.deregister", .command = &propose<DeregisterMiner>},
    Binding{.name = "miner.get", .query = &get_miner},
    Binding{.name = "miner.list", .query = &list_miners},
    Binding{.name = "miner.jobs", .query = &list_jobs},
    Binding{.name = "miner.earnings", .query = &get_earnings},
};

}  // namespace

std::span<const Binding> bindings() {
    return table;
}

}  // namespace ait::miner
