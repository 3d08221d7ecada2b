#include "actors/coordinator/job.hpp"

namespace ait::coordinator {
namespace {

using consensus::keyed;
using storage::StateReader;
using storage::StateView;

constexpr std::string_view record_prefix = "job/record/";
constexpr std::string_view owner_prefix = "job/owner/";
constexpr std::string_view unpaid_count_prefix = "job/unpaid_count/";
constexpr std::string_view held_prefix = "job/held/";
constexpr std::string_view counters_key = "job/counters";
/// In the owner's list, of a job that can still be paid.
constexpr std::string_view unpaid_mark = "u";

struct UnpaidCount {
    std::uint64_t count = 0;
    static constexpr auto fields() { return std::tuple{field("count", &UnpaidCount::count, "")}; }
};

/// Time counts down, so that a scan meets the newest first.
std::string owner_key(const Job& job) {
    AIT_ASSERT(job.created_at_ms >= 0);
    return keyed(owner_prefix, job.owner.view(),
                 big_endian(~static_cast<std::uint64_t>(job.created_at_ms)) + job.id);
}

constexpr std::size_t owner_id_offset = Address::size + sizeof(std::uint64_t);

std::string held_key(const Address& miner, std::string_view job_id) {
    return keyed(held_prefix, miner.view(), job_id);
}

}  // namespace

std::optional<Job> find_job(const StateReader& reader, std::string_view job_id) {
    return consensus::load_record<Job>(reader, keyed(record_prefix, job_id));
}

bool has_job(const StateReader& reader, std::string_view job_id) {
    return reader.has(keyed(record_prefix, job_id));
}

Result<Job> resolve_job(const StateReader& reader, std::string_view text) {
    std::vector<std::string> ids;
    const std::string prefix = keyed(record_prefix, text);
    reader.scan(prefix, prefix, [&](std::string_view key, std::string_view) {
        ids.emplace_back(key.substr(record_prefix.size()));
        return ids.front() != text && ids.size() < 2;
    });
    const std::string name(text.substr(0, limits::id_bytes_max));
    if (text.empty() || ids.empty()) {
        return Error{ErrorCode::not_found, "There is no such job.",
                     "No job's id is or begins with \"" + name + "\".",
                     "List your jobs: aitbc client list."};
    }
    if (ids.size() > 1) {
        return Error{ErrorCode::ambiguous, "Several jobs could be meant.",
                     "\"" + name + "\" begins " + ids[0] + " and " + ids[1] + ".",
                     "Give more of the id."};
    }
    auto job = find_job(reader, ids.front());
    AIT_ASSERT(job.has_value());
    return std::move(*job);
}

void store_job(StateView& view, const Job& job) {
    AIT_ASSERT(!job.id.empty());
    AIT_ASSERT((job.state == JobState::processing) == job.lease.has_value());
    AIT_ASSERT((job.state == JobState::completed) == job.delivery.has_value());
    consensus::store_record(view, keyed(record_prefix, job.id), job);
}

Counters load_counters(const StateReader& reader) {
    return consensus::load_record<Counters>(reader, counters_key).value_or(Counters{});
}

void store_counters(StateView& view, const Counters& counters) {
    consensus::store_record(view, std::string(counters_key), counters);
}

void insert_job(StateView& view, const Job& job) {
    AIT_ASSERT(job.payment.state == PaymentState::unfunded);
    view.put(owner_key(job), std::string(unpaid_mark));
}

void walk_records(const StateReader& reader, std::string_view after,
                  const std::function<bool(const Job&)>& visit) {
    const std::string from =
        keyed(record_prefix, after) + (after.empty() ? "" : std::string(1, '\0'));
    reader.scan(record_prefix, from, [&](std::string_view, std::string_view bytes) {
        const auto job = consensus::decode_record<Job>(bytes);
        AIT_ASSERT(job.ok());
        return visit(job.value());
    });
}

void erase_job(StateView& view, const Job& job) {
    AIT_ASSERT(is_terminal(job.state));
    view.erase(owner_key(job));
    view.erase(keyed(record_prefix, job.id));
}

std::uint64_t unpaid_count(const StateReader& reader, const Address& owner) {
    const auto record =
        consensus::load_record<UnpaidCount>(reader, keyed(unpaid_count_prefix, owner.view()));
    return record ? record->count : 0;
}

void store_unpaid_count(StateView& view, const Address& owner, std::uint64_t count) {
    std::string key = keyed(unpaid_count_prefix, owner.view());
    if (count == 0) {
        view.erase(key);
    } else {
        consensus::store_record(view, std::move(key), UnpaidCount{count});
    }
}

void remove_unpaid(StateView& view, const Job& job) {
    std::string key = owner_key(job);
    AIT_ASSERT(view.get(key) == unpaid_mark);
    const std::uint64_t count = unpaid_count(view, job.owner);
    AIT_ASSERT(count > 0);
    view.put(std::move(key), "");
    store_unpaid_count(view, job.owner, count - 1);
}

void add_held(StateView& view, const Address& miner, std::string_view job_id) {
    view.put(held_key(miner, job_id), "");
}

void remove_held(StateView& view, const Address& miner, std::string_view job_id) {
    view.erase(held_key(miner, job_id));
}

std::vector<std::string> held_by(const StateReader& reader, const Address& miner) {
    std::vector<std::string> ids;
    const std::string prefix = keyed(held_prefix, miner.view());
    reader.scan(prefix, prefix, [&](std::string_view key, std::string_view) {
        ids.emplace_back(key.substr(prefix.size()));
        return true;
    });
    AIT_ASSERT(ids.size() <= limits::lease_jobs_max);  // a miner's concurrency bounds it
    return ids;
}

void walk_jobs(const StateReader& reader, const JobWalk& walk,
               const std::function<bool(const WalkedJob&)>& visit) {
    const std::string prefix =
        walk.owner ? keyed(owner_prefix, walk.owner->view()) : std::string(owner_prefix);
    const std::string from = walk.from.empty() ? prefix : keyed(owner_prefix, walk.from);
    reader.scan(prefix, from, [&](std::string_view key, std::string_view value) {
        const std::string_view position = key.substr(owner_prefix.size());
        AIT_ASSERT(position.size() > owner_id_offset);
        return visit({.position = position,
                      .job_id = position.substr(owner_id_offset),
                      .is_unpaid = value == unpaid_mark});
    });
}

}  // namespace ait::coordinator
