#include "tests/unit/actors/differential/duel.hpp"

#include <algorithm>
#include <array>

#include "actors/coordinator/state.hpp"
#include "actors/ledger/book.hpp"
#include "actors/ledger/state.hpp"
#include "actors/miner/state.hpp"
#include "runtime/base/codec/msgpack.hpp"
#include "runtime/base/crypto/hash.hpp"
#include "tests/unit/actors/differential/compare.hpp"

namespace ait::differential {
namespace {

const consensus::RuleSet& rules() {
    static const consensus::RuleSet set(
        std::array{ledger::domain_rules(), coordinator::domain_rules(), miner::domain_rules()},
        &ledger::take_nonce);
    return set;
}

std::string shown(const Verdict& verdict) {
    if (const auto* answer = std::get_if<std::string>(&verdict))
        return "applied " + to_hex(*answer);
    return outcome_of(verdict);
}

/// Answers as they are compared: without the words of refusals inside.
std::string plain_answer(const Body& body, std::string answer) {
    const bool has_words = std::holds_alternative<coordinator::CompleteJobs>(body) ||
                           std::holds_alternative<coordinator::DeliverResults>(body);
    if (!has_words) return answer;
    auto results = decode<coordinator::ResultsAnswer>(answer);
    AIT_ASSERT(results.ok());
    for (auto& result : results.value().results) result.why.clear();
    return encode(results.value());
}

/// Ids of jobs in the keys that a block wrote, wherever in the key they stand.
std::set<std::string> jobs_in(const storage::WriteSet& writes) {
    constexpr std::string_view mark = "job-";
    constexpr std::size_t id_size = 4 + 26;
    std::set<std::string> ids;
    for (const auto& [key, value] : writes) {
        const std::size_t at = key.find(mark);
        if (at != std::string::npos && at + id_size <= key.size()) {
            ids.insert(key.substr(at, id_size));
        }
    }
    return ids;
}

}  // namespace

void Tally::add(const Tally& other) {
    operations += other.operations;
    blocks += other.blocks;
    chains += other.chains;
    for (const auto& [name, count] : other.verdicts) verdicts[name] += count;
    for (const auto& [name, count] : other.endings) endings[name] += count;
}

Duel::Duel(const DuelOptions& options)
    : options_(options),
      genesis_(genesis_of(options.shape)),
      genesis_hash_(consensus::genesis_hash(genesis_)),
      reference_(genesis_),
      clock_ms_(genesis_.time.ms) {
    if (!options_.with_real) return;
    auto start = consensus::execute_genesis(rules(), genesis_);
    AIT_ASSERT(start.ok());
    state_.apply(start.value().writes);
    tip_ = start.value().tip;
}

consensus::BlockBuilder::Parent Duel::parent() const {
    return {.genesis = genesis_, .genesis_hash = genesis_hash_, .tip = tip_, .state = state_};
}

void Duel::open() {
    if (is_open_) return;
    is_open_ = true;
    has_items_ = false;
    reference_.begin_block(clock_ms_);
    if (options_.with_real) builder_.emplace(rules(), parent(), clock_ms_);
}

Difference Duel::take(const Step& step) {
    if (step.op == Op::seal) {
        open();
        return close(step.ms);
    }
    // In a block, signed transactions come before what a node does for others.
    if (is_open_ && step.is_signed && has_items_) {
        if (auto difference = close(0)) return difference;
    }
    open();
    return operate(step);
}

Difference Duel::close(std::int64_t advance_ms) {
    is_open_ = false;
    clock_ms_ += advance_ms;
    ++tally_.blocks;
    if (!options_.with_real) return std::nullopt;
    const consensus::ExecutedBlock block = std::move(*builder_).seal(node_key());
    builder_.reset();
    state_.apply(block.writes);
    tip_ = block.tip();
    consensus::BlockRecord record;
    record.header.bytes = block.encoded_header;
    for (const auto& wire : block.transactions) record.transactions.push_back({wire});
    records_.push_back(std::move(record));
    return compare_block(block);
}

Difference Duel::compare_block(const consensus::ExecutedBlock& block) {
    if (auto difference = check_payments(block)) return difference;
    Finding found;
    found.same("block", "height", block.header.height, reference_.books().height);
    found.same("block", "time", block.header.time_unix_ms, reference_.books().now_ms);
    for (const auto& [who, nonce] : nonces_) {
        found.same("account " + to_hex(who.view().substr(0, 4)), "nonce",
                   ledger::load_account(state_, who).nonce, nonce);
    }
    compare_figures(state_, reference_, found);
    std::set<std::string> touched = jobs_in(block.writes);
    touched.insert(reference_.books().touched.begin(), reference_.books().touched.end());
    compare_jobs(state_, reference_, touched, found);
    if (block.header.height % options_.full_every == 0) {
        compare_everything(state_, reference_, found);
        census(state_, reference_, found);
    }
    if (found.text().empty()) return std::nullopt;
    return "after block " + std::to_string(block.header.height) + ": " + found.text();
}

/// Every job is paid or refunded at most once, whatever the reference thinks.
Difference Duel::check_payments(const consensus::ExecutedBlock& block) {
    for (const auto& encoded : block.outcomes) {
        const auto outcome = decode<consensus::TransactionOutcome>(encoded);
        AIT_ASSERT(outcome.ok());
        for (const auto& item : outcome.value().items) {
            for (const auto& event : item.events) {
                const bool is_end = event.kind == "job.paid" || event.kind == "job.refunded";
                if (!is_end) continue;
                ++tally_.endings[event.kind];
                if (++settlements_[event.subject] == 1) continue;
                return "payment: " + event.subject + " was settled twice";
            }
        }
    }
    return std::nullopt;
}

Difference Duel::operate(const Step& step) {
    const Asked asked = ask(step);
    const Verdict expected =
        step.is_signed
            ? reference_.transaction(asked.caller, asked.nonce, asked.expiry_height, asked.body)
            : reference_.item(asked.caller, asked.body);
    has_items_ = has_items_ || !step.is_signed;
    ++tally_.operations;
    ++tally_.verdicts[kind_of(asked.body) + " " + outcome_of(expected)];
    learn(step, expected, asked.body);
    if (!options_.with_real) return std::nullopt;
    const auto real = real_verdict(asked);
    if (!real.ok()) return "form: " + real.error().what + " " + real.error().why;
    if (real.value() == expected) {
        if (step.is_signed && std::holds_alternative<std::string>(expected)) {
            nonces_[asked.caller.who] = asked.nonce;
        }
        return std::nullopt;
    }
    return to_text(step) + " is " + shown(real.value()) + ", the reference says " + shown(expected);
}

Result<Verdict> Duel::real_verdict(const Asked& asked) {
    consensus::Admission admission;
    if (asked.item) {
        admission = builder_->add_item(*asked.item);
    } else if (options_.verifies) {
        auto verified =
            consensus::verify_transaction(asked.transaction->wire, genesis_.chain, genesis_hash_);
        if (!verified.ok()) return verified.error();
        admission = builder_->add_transaction(verified.value());
    } else {
        admission = builder_->add_transaction(*asked.transaction);
    }
    if (const auto* outcome = std::get_if<consensus::ItemOutcome>(&admission)) {
        return Verdict{plain_answer(asked.body, outcome->response.bytes)};
    }
    if (const auto* none = std::get_if<consensus::NoEffect>(&admission)) {
        return Verdict{plain_answer(asked.body, none->outcome.response.bytes)};
    }
    if (const auto* duplicate = std::get_if<consensus::Duplicate>(&admission)) {
        return Verdict{duplicate->operation};
    }
    return Verdict{std::get<Error>(admission).code};
}

std::string Duel::id_of(const JobName& name) const {
    const auto id = ids_.find(name);
    return id == ids_.end() ? "job-none" : id->second;
}

JobName Duel::known_as(const std::string& id) const {
    const auto name = names_.find(id);
    return name == names_.end() ? JobName{} : name->second;
}

void Duel::remember(const JobName& name, const std::string& id) {
    ids_[name] = id;
    names_[id] = name;
}

void Duel::learn(const Step& step, const Verdict& verdict, const Body& body) {
    const auto* answer = std::get_if<std::string>(&verdict);
    if (answer == nullptr) return;
    if (std::holds_alternative<coordinator::SubmitJob>(body)) {
        remember(step.job, decode<coordinator::SubmitAnswer>(*answer).value().job_id);
    }
    if (!std::holds_alternative<coordinator::SubmitBatch>(body)) return;
    std::uint32_t index = 0;
    const auto batch = decode<coordinator::SubmitBatchAnswer>(*answer);
    for (const auto& job : batch.value().jobs) {
        remember({step.job.step, index++}, job.job_id);
    }
}

Difference Duel::finish() {
    if (is_open_) {
        if (auto difference = close(0)) return difference;
    }
    ++tally_.chains;
    for (const auto& [id, job] : reference_.books().jobs) {
        if (job.has_ended()) ++tally_.endings[std::string(name_of(job.state))];
    }
    if (!options_.with_real) return std::nullopt;
    Finding found;
    compare_everything(state_, reference_, found);
    census(state_, reference_, found);
    if (!found.text().empty()) return "at the end: " + found.text();
    return replay();
}

/// The log from genesis on a fresh state gives the same blocks and the same state.
Difference Duel::replay() const {
    storage::MemoryState state;
    auto start = consensus::execute_genesis(rules(), genesis_);
    if (!start.ok()) return "replay: " + start.error().why;
    state.apply(start.value().writes);
    consensus::Tip tip = start.value().tip;
    for (const auto& record : records_) {
        const auto block =
            consensus::execute_block(rules(), {genesis_, genesis_hash_, tip, state}, record);
        if (!block.ok()) return "replay: " + block.error().what + " " + block.error().why;
        state.apply(block.value().writes);
        tip = block.value().tip();
    }
    if (tip.state_commitment != tip_.state_commitment) return "replay: another state commitment";
    if (tip.hash != tip_.hash) return "replay: another head";
    if (state.entries() != state_.entries()) return "replay: another state";
    return std::nullopt;
}

}  // namespace ait::differential
