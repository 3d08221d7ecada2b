#pragma once

// A chain of three domains in memory: operations are applied one at a time as a block would, on an
// overlay that a refusal drops, and due entries when the clock is moved. Each refusal is checked to
// have written nothing even before the overlay is dropped.

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "actors/coordinator/job.hpp"
#include "actors/coordinator/state.hpp"
#include "actors/ledger/book.hpp"
#include "actors/ledger/state.hpp"
#include "actors/miner/registry.hpp"
#include "actors/miner/state.hpp"
#include "runtime/base/crypto/hash.hpp"

namespace ait {

inline Amount operator""_ait(unsigned long long units) {
    return Amount{units * micro_per_unit};
}

/// A made-up account; rules never look behind the key.
struct Person {
    PublicKey key{};
    Address address{};
};

inline Person person(std::uint8_t number) {
    Person who;
    who.key.bytes.fill(number);
    who.address = crypto::address_of(who.key);
    return who;
}

class TestChain {
  public:
    static constexpr std::int64_t start_ms = 1'700'000'000'000;

    explicit TestChain(consensus::ChainParameters parameters = development()) {
        genesis_.chain = "test";
        genesis_.time = UnixMs{start_ms};
        genesis_.parameters = parameters;
        storage::StateView view(state_);
        const Status status = ledger::domain_rules().genesis(view, genesis_);
        EXPECT_TRUE(status.ok());
        state_.apply(view.take_writes());
    }

    static consensus::ChainParameters development() {
        consensus::ChainParameters parameters;
        parameters.jobs_unfunded = UnfundedJobs::accept;
        parameters.faucet_enabled = true;
        parameters.faucet_supply = 1'000'000_ait;
        parameters.faucet_request_max = 10'000_ait;
        return parameters;
    }

    /// Applies one operation in a block of its own.
    template <Described Tx>
    Result<consensus::Outcome> apply(std::string_view kind, const Person& who, const Tx& tx) {
        const consensus::Rule rule = find_rule(kind);
        consensus::Context context = next_context();
        context.authority = rule.authority;
        context.principal = who.address;
        if (rule.authority == consensus::Authority::account) context.signer = who.key;
        storage::StateView view(state_);
        auto outcome = rule.apply(view, encode(tx), context);
        if (outcome.ok()) {
            state_.apply(view.take_writes());
        } else {
            EXPECT_TRUE(view.writes().empty()) << kind << ": " << outcome.error().why;
        }
        return outcome;
    }

    /// Applies it and reads the answer; a refusal fails the test.
    template <Described Answer, Described Tx>
    Answer accept(std::string_view kind, const Person& who, const Tx& tx) {
        auto outcome = apply(kind, who, tx);
        EXPECT_TRUE(outcome.ok()) << kind << ": " << outcome.error().what << " "
                                  << outcome.error().why;
        if (!outcome.ok()) return Answer{};
        events = outcome.value().events;
        auto answer = decode<Answer>(outcome.value().response);
        EXPECT_TRUE(answer.ok());
        return answer.ok() ? answer.value() : Answer{};
    }

    /// The code with which it is refused; state must not change.
    template <Described Tx>
    ErrorCode refuse(std::string_view kind, const Person& who, const Tx& tx) {
        const auto before = state_.entries();
        const auto outcome = apply(kind, who, tx);
        EXPECT_FALSE(outcome.ok()) << kind << " was applied";
        EXPECT_EQ(state_.entries(), before);
        if (outcome.ok()) return ErrorCode::internal;
        EXPECT_FALSE(outcome.error().what.empty());
        EXPECT_FALSE(outcome.error().why.empty());
        return outcome.error().code;
    }

    /// Moves block time and applies all that is due, in order.
    void advance(std::int64_t ms) {
        const std::int64_t until = now_ms + ms;
        while (true) {
            const auto at = consensus::next_due(state_);
            if (!at || *at > until) break;
            now_ms = std::max(now_ms, *at);
            apply_due();
        }
        now_ms = until;
    }

    void fund(const Person& who, Amount amount) {
        (void)accept<ledger::FaucetAnswer>("ledger.faucet", who,
                                           ledger::FaucetRequest{who.address, amount});
    }

    [[nodiscard]] ledger::Balance balance(const Address& address,
                                          ledger::Asset asset = ledger::Asset::ait) const {
        return ledger::balance_of(ledger::load_account(state_, address), asset);
    }
    [[nodiscard]] coordinator::Job job(std::string_view id) const {
        const auto found = coordinator::find_job(state_, id);
        EXPECT_TRUE(found.has_value()) << id;
        return found.value_or(coordinator::Job{});
    }
    [[nodiscard]] ledger::SupplyView supply(ledger::Asset asset = ledger::Asset::ait) const {
        return ledger::count_supply(state_, asset, 1'000'000);
    }
    [[nodiscard]] storage::MemoryState& state() { return state_; }
    [[nodiscard]] consensus::Genesis& genesis() { return genesis_; }

    consensus::Context next_context() {
        ++height;
        return consensus::Context{.genesis = genesis_,
                                  .height = height,
                                  .block_time_unix_ms = now_ms,
                                  .operation = crypto::blake2b_256(std::to_string(height)),
                                  .blobs = blobs};
    }

    std::int64_t now_ms = start_ms;
    std::uint64_t height = 0;
    /// Sidecars that every operation brings, for tests that are not about them.
    std::vector<Hash> blobs{crypto::blake2b_256("payload"), crypto::blake2b_256("result")};
    std::vector<consensus::Event> events{};  ///< of the last accepted operation or due entry

  private:
    static std::array<consensus::DomainRules, 3> domains() {
        return {ledger::domain_rules(), coordinator::domain_rules(), miner::domain_rules()};
    }

    static consensus::Rule find_rule(std::string_view kind) {
        for (const auto& domain : domains()) {
            for (const auto& rule : domain.rules) {
                if (rule.kind == kind) return rule;
            }
        }
        ADD_FAILURE() << "no rule " << kind;
        return {};
    }

    void apply_due() {
        for (const auto& entry :
             consensus::due_entries(state_, now_ms, limits::due_entries_per_block_max)) {
            if (!state_.get(entry.key)) continue;  // an entry before it took it back
            storage::StateView view(state_);
            view.erase(entry.key);
            for (const auto& domain : domains()) {
                for (const auto& rule : domain.due_rules) {
                    if (rule.kind == entry.kind)
                        events = rule.apply(view, entry.id, next_context());
                }
            }
            state_.apply(view.take_writes());
        }
    }

    consensus::Genesis genesis_{};
    storage::MemoryState state_{};
};

// ---- what most tests of jobs begin with ------------------------------------------------------

inline coordinator::SubmitJob small_job(std::string model = "llama3") {
    return coordinator::SubmitJob{
        .model = std::move(model), .payload = crypto::blake2b_256("payload"), .payload_bytes = 7};
}

inline miner::RegisterMiner small_miner(Amount price = Amount{500'000}) {
    return miner::RegisterMiner{.gpus = {{.model = "RTX 4090", .count = 1, .memory_mb = 24'564}},
                                .price_per_hour = price,
                                .concurrency = 2,
                                .region = "eu-west"};
}

inline coordinator::CompleteJob result_for(const coordinator::LeasedJob& leased,
                                           std::uint64_t duration_ms) {
    return coordinator::CompleteJob{.job_id = leased.job_id,
                                    .attempt = leased.attempt,
                                    .payload = leased.payload,
                                    .result = crypto::blake2b_256("result"),
                                    .result_bytes = 6,
                                    .model_ran = "tiny",
                                    .duration_ms = duration_ms,
                                    .started_at = UnixMs{1},
                                    .ended_at = UnixMs{2},
                                    .price_per_hour = leased.price_per_hour};
}

}  // namespace ait
