#include "tests/unit/actors/differential/compare.hpp"

#include <algorithm>
#include <limits>

#include "actors/coordinator/job.hpp"
#include "actors/ledger/book.hpp"
#include "actors/miner/registry.hpp"
#include "runtime/base/codec/msgpack.hpp"

namespace ait::differential {
namespace {

using ledger::Asset;
using storage::StateReader;

void compare_purse(const ledger::Balance& real, const Purse& purse, const std::string& where,
                   Finding& found) {
    found.same(where, "available", real.available.micro, purse.available);
    found.same(where, "locked", real.locked.micro, purse.locked);
    found.same(where, "staked", real.staked.micro, purse.staked);
    found.same(where, "unbonding", real.unbonding.micro, purse.unbonding);
}

void compare_accounts(const StateReader& real, const Reference& reference, Finding& found) {
    std::map<Address, std::uint64_t> locked;
    for (const auto& [id, escrow] : reference.books().escrows) {
        locked[escrow.owner] += escrow.amount;
    }
    for (const auto& [address, holder] : reference.books().holders) {
        const std::string where = "account " + to_hex(address.view().substr(0, 4));
        const ledger::Account account = ledger::load_account(real, address);
        found.same(where, "nonce", account.nonce, holder.nonce);
        found.same(where, "movements", account.history_count, holder.movements);
        for (const Asset asset : {Asset::ait, Asset::usdc}) {
            compare_purse(ledger::balance_of(account, asset),
                          holder.purses.at(static_cast<std::size_t>(asset)),
                          where + " " + std::string(name_of(asset)), found);
        }
        found.same(where, "locked against its escrows", holder.purses[0].locked, locked[address]);
    }
}

void compare_supply(const StateReader& real, const Reference& reference, Finding& found) {
    for (const Asset asset : {Asset::ait, Asset::usdc}) {
        const auto supply = ledger::count_supply(real, asset, 1'000'000);
        const std::string where = "supply of " + std::string(name_of(asset));
        const auto index = static_cast<std::size_t>(asset);
        found.same(where, "minted", supply.minted.micro, reference.books().minted.at(index));
        if (!supply.balanced || !supply.complete) found.fail(where + " is not balanced");
        std::uint64_t sum = 0;
        for (const auto& [address, holder] : reference.books().holders) {
            const Purse& purse = holder.purses.at(index);
            sum += purse.available + purse.locked + purse.staked + purse.unbonding;
        }
        found.same(where, "parts", supply.minted.micro, sum);
    }
}

void compare_miners(const StateReader& real, const Reference& reference, Finding& found) {
    std::uint64_t count = 0;
    miner::for_each_miner(real, Address{}, [&](const miner::MinerRecord& record) {
        ++count;
        const std::string where = "miner " + to_hex(record.address.view().substr(0, 4));
        const auto known = reference.books().miners.find(record.address);
        if (known == reference.books().miners.end()) {
            found.fail(where + " is not known to the reference");
            return false;
        }
        const ReferenceMiner& expected = known->second;
        const auto held = reference.held_by(record.address);
        found.same(where, "key", record.public_key, expected.key);
        found.same(where, "status", record.status, expected.status);
        found.same(where, "offer", to_hex(encode(record.offer)), to_hex(encode(expected.offer)));
        found.same(where, "registered", record.registered_at_ms, expected.registered_at_ms);
        found.same(where, "last active", record.last_active_ms, expected.last_active_ms);
        found.same<std::uint64_t>(where, "running", record.jobs_running, held.size());
        found.same(where, "completed", record.jobs_completed, expected.completed);
        found.same(where, "failed", record.jobs_failed, expected.failed);
        found.same(where, "expired", record.jobs_expired, expected.expired);
        found.same(where, "busy time", record.busy_ms, expected.busy_ms);
        found.same(where, "earned", record.earned, expected.earned);
        found.same(where, "served owner", record.served_owner, expected.served_owner);
        found.same(where, "failures in a row", record.failures_in_row, expected.failures_in_row);
        found.same(where, "rest", record.rests_until_ms, expected.rests_until_ms);
        if (coordinator::held_by(real, record.address) != held) {
            found.fail(where + " holds other jobs than the reference says");
        }
        return true;
    });
    found.same<std::uint64_t>("miners", "count", count, reference.books().miners.size());
}

void compare_money(const coordinator::Payment& real, const JobMoney& money,
                   const std::string& where, Finding& found) {
    found.same(where, "payment", real.state, money.state);
    found.same(where, "amount", real.amount, money.amount);
    found.same(where, "pay", real.paid_to_miner, money.to_miner);
    found.same(where, "fee", real.fee, money.fee);
    found.same(where, "refund", real.refunded, money.refunded);
    found.same(where, "funded at", real.funded_at_ms, money.funded_at_ms);
    found.same(where, "settled at", real.settled_at_ms, money.settled_at_ms);
    found.same(where, "payment's operation", real.transaction, money.operation);
    const bool is_settled = real.state == coordinator::PaymentState::paid ||
                            real.state == coordinator::PaymentState::refunded;
    if (is_settled) {
        found.same(where, "pay + fee + refund",
                   real.paid_to_miner.micro + real.fee.micro + real.refunded.micro,
                   real.amount.micro);
    }
}

void compare_work(const coordinator::Job& real, const ReferenceJob& job, const std::string& where,
                  Finding& found) {
    found.same(where, "a lease", real.lease.has_value(), job.lease.has_value());
    if (real.lease && job.lease) {
        found.same(where, "holder", real.lease->miner, job.lease->miner);
        found.same(where, "running attempt", real.lease->attempt, job.lease->attempt);
        found.same(where, "leased at", real.lease->leased_at_ms, job.lease->from_ms);
        found.same(where, "lease's end", real.lease->expires_at_ms, job.lease->until_ms);
        found.same(where, "price", real.lease->price_per_hour, job.lease->price);
    }
    found.same(where, "a delivery", real.delivery.has_value(), job.delivery.has_value());
    if (real.delivery && job.delivery) {
        const coordinator::CompleteJob& said = job.delivery->said;
        found.same(where, "who delivered", real.delivery->miner, job.delivery->miner);
        found.same(where, "key of the delivery", real.delivery->miner_key, job.delivery->key);
        found.same(where, "delivered price", real.delivery->price_per_hour, said.price_per_hour);
        found.same(where, "result", real.delivery->result, said.result);
        found.same(where, "result's size", real.delivery->result_bytes, said.result_bytes);
        found.same(where, "model that ran", real.delivery->model_ran, said.model_ran);
        found.same(where, "reported time", real.delivery->duration_ms, said.duration_ms);
        found.same(where, "counted time", real.delivery->paid_duration_ms,
                   job.delivery->counted_ms);
        found.same(where, "operation", real.delivery->transaction, job.delivery->operation);
        found.same(where, "item", real.delivery->item, job.delivery->item);
    }
    found.same<std::uint64_t>(where, "past attempts", real.past_attempts.size(), job.past.size());
    for (std::size_t i = 0; i < std::min(real.past_attempts.size(), job.past.size()); ++i) {
        const std::string which = where + ", attempt " + std::to_string(i + 1);
        found.same(which, "miner", real.past_attempts[i].miner, job.past[i].miner);
        found.same(which, "from", real.past_attempts[i].leased_at_ms, job.past[i].from_ms);
        found.same(which, "until", real.past_attempts[i].ended_at_ms, job.past[i].until_ms);
        found.same(which, "end", real.past_attempts[i].end, job.past[i].end);
        found.same(which, "error", real.past_attempts[i].error_code, job.past[i].error_code);
    }
}

void compare_job(const coordinator::Job& real, const ReferenceJob& job, Finding& found) {
    const std::string where = "job " + job.id;
    found.same(where, "owner", real.owner, job.owner);
    found.same(where, "type", real.type, job.asked.type);
    found.same(where, "model", real.model, job.asked.model);
    found.same(where, "payload", real.payload, job.asked.payload);
    found.same(where, "payload's size", real.payload_bytes, job.asked.payload_bytes);
    found.same(where, "constraints", to_hex(encode(real.constraints)),
               to_hex(encode(job.asked.constraints)));
    found.same(where, "state", real.state, job.state);
    found.same(where, "attempts", real.attempts, job.attempts);
    found.same(where, "created", real.created_at_ms, job.created_at_ms);
    found.same(where, "queued", real.queued_at_ms, job.queued_at_ms);
    found.same(where, "started", real.started_at_ms, job.started_at_ms);
    found.same(where, "ended", real.completed_at_ms, job.ended_at_ms);
    found.same(where, "expires", real.expires_at_ms, job.expires_at_ms);
    found.same(where, "error", real.error ? real.error->code : "", job.error_code);
    compare_money(real.payment, job.money, where, found);
    compare_work(real, job, where, found);
}

void compare_history(const StateReader& real, const Reference& reference, Finding& found) {
    for (const auto& [address, holder] : reference.books().holders) {
        const std::string where = "history of " + to_hex(address.view().substr(0, 4));
        const auto page = ledger::read_history(real, address, "", holder.history.size() + 1);
        if (!page.ok()) return found.fail(where + " cannot be read");
        const auto& rows = page.value().rows;
        found.same<std::uint64_t>(where, "rows", rows.size(), holder.history.size());
        for (std::size_t i = 0; i < std::min(rows.size(), holder.history.size()); ++i) {
            ledger::HistoryView row = rows[i];
            const auto& expected = holder.history[holder.history.size() - 1 - i];
            // What a due entry did carries a hash of the entry's key, which is layout.
            if (expected.transaction.is_zero()) row.transaction = Hash{};
            found.same(where, "row " + std::to_string(i), to_hex(encode(row)),
                       to_hex(encode(expected)));
        }
    }
}

void compare_due(const StateReader& real, const Reference& reference, Finding& found) {
    const auto entries = consensus::due_entries(real, std::numeric_limits<std::int64_t>::max(),
                                                reference.books().due.size() + 1);
    found.same<std::uint64_t>("due", "count", entries.size(), reference.books().due.size());
    auto expected = reference.books().due.begin();
    for (const auto& entry : entries) {
        if (expected == reference.books().due.end()) return;
        found.same("due", "entry", entry.kind + "/" + entry.id, expected->second);
        found.same("due", "time", entry.at_unix_ms, expected->first);
        ++expected;
    }
}

void compare_lists(const StateReader& real, const Reference& reference, Finding& found) {
    for (const bool unpaid : {false, true}) {
        std::set<std::string> listed;
        coordinator::walk_jobs(real, {}, [&](const coordinator::WalkedJob& walked) {
            if (!unpaid || walked.is_unpaid) listed.emplace(walked.job_id);
            return true;
        });
        std::set<std::string> expected;
        for (const auto& [id, job] : reference.books().jobs) {
            if (!unpaid || job.is_unpaid()) expected.insert(id);
        }
        if (listed != expected) {
            found.fail(std::string("list of ") + (unpaid ? "unpaid" : "all") + " jobs: " +
                       std::to_string(listed.size()) + " are listed, the reference has " +
                       std::to_string(expected.size()) + " or others");
        }
    }
}

}  // namespace

void compare_figures(const StateReader& real, const Reference& reference, Finding& found) {
    compare_accounts(real, reference, found);
    compare_supply(real, reference, found);
    compare_miners(real, reference, found);
    const Books& books = reference.books();
    const auto counters = coordinator::load_counters(real);
    found.same("counters", "jobs ever", counters.sequence_last, books.places);
    const auto next = consensus::next_due(real);
    found.same("due", "next", next.value_or(0), books.due.empty() ? 0 : books.due.begin()->first);
    for (const auto& [id, escrow] : books.escrows) {
        const auto kept = ledger::find_escrow(real, id);
        if (!kept) return found.fail("escrow " + id + " is not there");
        found.same("escrow " + id, "payer", kept->payer, escrow.owner);
        found.same("escrow " + id, "amount", kept->amount.micro, escrow.amount);
    }
}

void compare_jobs(const StateReader& real, const Reference& reference,
                  const std::set<std::string>& ids, Finding& found) {
    for (const std::string& id : ids) {
        const auto kept = coordinator::find_job(real, id);
        const ReferenceJob* expected = reference.find_job(id);
        found.same("job " + id, "in state", kept.has_value(), expected != nullptr);
        if (kept && expected != nullptr) compare_job(*kept, *expected, found);
        const bool is_funded =
            expected != nullptr && expected->money.state == coordinator::PaymentState::funded;
        found.same("job " + id, "escrow", ledger::find_escrow(real, id).has_value(), is_funded);
    }
}

void compare_everything(const StateReader& real, const Reference& reference, Finding& found) {
    std::set<std::string> ids;
    std::map<Address, std::uint64_t> unpaid;
    for (const auto& [id, job] : reference.books().jobs) {
        ids.insert(id);
        if (job.is_unpaid()) ++unpaid[job.owner];
    }
    compare_jobs(real, reference, ids, found);
    for (const auto& [address, holder] : reference.books().holders) {
        found.same("account " + to_hex(address.view().substr(0, 4)), "unpaid jobs",
                   coordinator::unpaid_count(real, address), unpaid[address]);
    }
    found.same("counters", "open jobs", coordinator::load_counters(real).open,
               reference.open_jobs());
    compare_lists(real, reference, found);
    compare_due(real, reference, found);
    compare_history(real, reference, found);
}

}  // namespace ait::differential
