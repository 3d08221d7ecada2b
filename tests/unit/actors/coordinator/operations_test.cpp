#include "actors/coordinator/operations.hpp"

#include <set>

#include "actors/binding.hpp"
#include "actors/coordinator/explain.hpp"
#include "actors/coordinator/submission.hpp"
#include "actors/ledger/operations.hpp"
#include "actors/miner/operations.hpp"
#include "tests/unit/actors/chain_fixture.hpp"

namespace ait::coordinator {
namespace {

const Person alice = person(1);
const Person rig = person(9);

/// The test chain as a query sees it; blobs are given by the test, there are no blocks.
class FakeReader final : public consensus::ChainReader {
  public:
    explicit FakeReader(TestChain& chain) : chain_(chain) {}
    [[nodiscard]] const consensus::Genesis& genesis() const override { return chain_.genesis(); }
    [[nodiscard]] std::uint64_t height() const override { return chain_.height; }
    [[nodiscard]] std::int64_t block_time_unix_ms() const override { return chain_.now_ms; }
    [[nodiscard]] const storage::StateReader& state() const override { return chain_.state(); }
    [[nodiscard]] Result<std::optional<consensus::StoredBlock>> block(
        std::uint64_t) const override {
        return std::optional<consensus::StoredBlock>{};
    }
    [[nodiscard]] std::optional<consensus::OperationPosition> find_operation(
        const Hash&) const override {
        return std::nullopt;
    }
    [[nodiscard]] std::vector<consensus::StoredEvent> events_after(std::uint64_t, std::uint32_t,
                                                                   std::size_t) const override {
        return {};
    }
    [[nodiscard]] std::optional<std::string> blob(const Hash& hash) const override {
        const auto found = blobs.find(hash);
        return found == blobs.end() ? std::nullopt : std::optional<std::string>(found->second);
    }
    std::map<Hash, std::string> blobs{};

  private:
    TestChain& chain_;
};

class JobQueries : public testing::Test {
  protected:
    Result<Json> ask(std::string_view name, const Json& input) {
        for (const auto& list : {ledger::bindings(), bindings(), miner::bindings()}) {
            for (const Binding& binding : list) {
                if (binding.name == name)
                    return binding.query({reader_, caller_, chain_.now_ms}, input);
            }
        }
        return Error{};
    }
    Json answer(std::string_view name, const Json& input) {
        auto result = ask(name, input);
        EXPECT_TRUE(result.ok()) << name << ": " << result.error().why;
        return result.ok() ? result.value() : Json();
    }
    std::string submit(SubmitJob tx = small_job()) {
        return chain_.accept<SubmitAnswer>("job.submit", alice, tx).job_id;
    }

    TestChain chain_{};
    FakeReader reader_{chain_};
    Principal caller_{.role = Role::member, .account = alice.address};
};

// Breaks if a result could be asked for and a wrong one shown, or a failure answered "not ready".
TEST_F(JobQueries, a_result_is_there_only_when_the_job_has_completed) {
    (void)chain_.accept<miner::MinerView>("miner.register", rig, small_miner());
    const std::string id = submit();
    EXPECT_EQ(ask("job.result", {{"job_id", id}}).error().code, ErrorCode::not_ready);
    const auto leased =
        chain_.accept<LeaseAnswer>("job.lease", rig, LeaseJobs{rig.address, 1}).jobs;
    ASSERT_EQ(leased.size(), 1U);
    CompleteJob done = result_for(leased[0], 5);
    const std::string bytes = R"({"response":"Hello!","done":true})";
    done.result = crypto::blake2b_256(bytes);
    chain_.blobs.push_back(done.result);
    (void)chain_.accept<CompleteAnswer>("job.complete", rig, done);
    EXPECT_EQ(ask("job.result", {{"job_id", id}}).error().code, ErrorCode::unavailable);
    reader_.blobs[done.result] = bytes;
    const Json result = answer("job.result", {{"job_id", id}});
    EXPECT_EQ(result["text"], "Hello!");
    EXPECT_EQ(result["model"], "tiny");
    EXPECT_EQ(result["result"]["done"], true);
    EXPECT_EQ(result["proof"]["output_matches"], true);
    reader_.blobs[done.result] = "other";
    EXPECT_EQ(answer("job.result", {{"job_id", id}})["proof"]["output_matches"], false);

    const std::string gone = submit();
    (void)chain_.accept<CancelAnswer>("job.cancel", alice, CancelJob{gone});
    EXPECT_EQ(ask("job.result", {{"job_id", gone}}).error().code, ErrorCode::cancelled);
    EXPECT_EQ(ask("job.result", {{"job_id", "job-none"}}).error().code, ErrorCode::not_found);
}

// Breaks if status left out what scenario 1.2 asks for, or prefixes named the wrong job.
TEST_F(JobQueries, a_status_names_position_miner_and_time_and_takes_a_unique_prefix) {
    (void)chain_.accept<miner::MinerView>("miner.register", rig, small_miner());
    const std::string first = submit();
    chain_.advance(1'000);
    const std::string second = submit();
    EXPECT_EQ(answer("job.get", {{"job_id", second}})["queue_position"], 2);
    EXPECT_EQ(ask("job.get", {{"job_id", "job-"}}).error().code, ErrorCode::ambiguous);
    EXPECT_EQ(ask("job.get", {{"job_id", ""}}).error().code, ErrorCode::not_found);
    (void)chain_.accept<LeaseAnswer>("job.lease", rig, LeaseJobs{rig.address, 1});
    chain_.advance(2'500);
    const Json view = answer("job.get", {{"job_id", first.substr(0, first.size() - 1)}});
    EXPECT_EQ(view["job_id"], first);
    EXPECT_EQ(view["status"], "processing");
    EXPECT_EQ(view["miner"]["gpu"], "1x RTX 4090 24GB");
    EXPECT_EQ(view["duration_ms"], 2'500);
    EXPECT_EQ(view["queued_ms"], 1'000);
    EXPECT_TRUE(view["queue_position"].is_null());
    EXPECT_EQ(answer("miner.jobs", {{"miner_id", miner::miner_id_of(rig.address)}})["items"].size(),
              1U);
}

// Breaks if pages of a list overlapped, left jobs out, or showed those of others.
TEST_F(JobQueries, lists_are_paged_newest_first_and_filtered) {
    std::vector<std::string> ids;
    for (int i = 0; i < 5; ++i) {
        ids.insert(ids.begin(), submit());
        chain_.advance(10);
    }
    (void)chain_.accept<SubmitAnswer>("job.submit", rig, small_job());
    (void)chain_.accept<CancelAnswer>("job.cancel", alice, CancelJob{ids[2]});
    std::vector<std::string> seen;
    Json input{{"limit", 2}};
    while (true) {
        const Json page = answer("job.list", input);
        for (const auto& item : page["items"]) seen.push_back(item["job_id"]);
        if (page["next_cursor"].is_null()) break;
        input["cursor"] = page["next_cursor"];
    }
    EXPECT_EQ(seen, ids);
    EXPECT_EQ(answer("job.list", {{"all", true}})["items"].size(), 6U);
    EXPECT_EQ(answer("job.list", {{"status", "cancelled"}})["items"].size(), 1U);
    EXPECT_EQ(answer("job.list", {{"unpaid", true}})["items"].size(), 4U);
    EXPECT_EQ(answer("job.receipts", Json::object())["items"].size(), 0U);
    EXPECT_FALSE(ask("job.list", {{"limit", 0}}).ok());
    EXPECT_FALSE(ask("job.list", {{"cursor", "xyz"}}).ok());
}

// Breaks if an owner could not find out why nobody takes the job.
TEST_F(JobQueries, an_explanation_names_the_rule_that_each_miner_fails_and_the_time_of_each_state) {
    const std::string early = submit();
    EXPECT_NE(
        answer("job.explain", {{"job_id", early}})["summary"].get<std::string>().find("no miner"),
        std::string::npos);
    (void)chain_.accept<miner::MinerView>("miner.register", rig, small_miner());
    SubmitJob picky = small_job();
    picky.constraints.min_vram_gb = 80;
    const std::string id = submit(picky);
    const Json view = answer("job.explain", {{"job_id", id}});
    EXPECT_EQ(view["miners_known"], 1);
    EXPECT_EQ(view["miners_eligible"], 0);
    for (const auto& rule : view["miners"][0]["rules"]) {
        EXPECT_EQ(rule["verdict"] == "failed", rule["rule"] == "memory") << rule.dump();
    }
    (void)chain_.accept<LeaseAnswer>("job.lease", rig, LeaseJobs{rig.address, 1});
    chain_.advance(30'000);
    chain_.advance(500);
    const Json stages = answer("job.explain", {{"job_id", early}})["stages"];
    ASSERT_EQ(stages.size(), 3U);
    EXPECT_EQ(stages[1]["stage"], "processing");
    EXPECT_EQ(stages[1]["ms"], 30'000);
    EXPECT_EQ(stages[2]["ms"], 500);
}

// Breaks if balances in JSON were other than what scenario 3.2 shows.
TEST_F(JobQueries, a_balance_shows_available_staked_locked_and_total) {
    chain_.fund(alice, 10_ait);
    (void)chain_.accept<ledger::StakeAnswer>("ledger.stake", alice, ledger::Stake{3_ait});
    const std::string id = submit();
    (void)chain_.accept<PayAnswer>("job.pay", alice, PayJob{id, 2_ait});
    const Json view = answer("account.get", {{"address", crypto::to_text(alice.address)}});
    EXPECT_EQ(view["available"], "5.000000");
    EXPECT_EQ(view["staked"], "3.000000");
    EXPECT_EQ(view["locked"], "2.000000");
    EXPECT_EQ(view["total"], "10.000000");
    EXPECT_EQ(answer("supply.get", Json::object())["balanced"], true);
}

// Breaks if a binding had no row, a row of ours no binding, or a transaction kind another name.
TEST(OperationTables, rows_and_bindings_agree) {
    const std::set<std::string_view> elsewhere{"job.receipt", "tx.receipt",    "job.watch",
                                               "miner.poll",  "miner.session", "miner.heartbeat"};
    const auto check = [&](std::span<const Operation> rows, std::span<const Binding> bound) {
        std::set<std::string_view> names;
        for (const Binding& binding : bound) {
            EXPECT_TRUE(names.insert(binding.name).second) << binding.name;
        }
        for (const Operation& row : rows) {
            const bool ours = row.kind != OperationKind::client && !elsewhere.contains(row.name);
            EXPECT_EQ(names.erase(row.name), ours ? 1U : 0U) << row.name;
            EXPECT_EQ(row.kind == OperationKind::command, row.transaction.kind == row.name);
            for (const Parameter& parameter : row.parameters) {
                EXPECT_EQ(parameter.kind == ValueKind::choice, !parameter.choices.empty());
            }
        }
        EXPECT_TRUE(names.empty());
    };
    check(ledger::operations, ledger::bindings());
    check(operations, bindings());
    check(miner::operations, miner::bindings());
}

// Breaks if the command of scenario 1.1 did not become the payload that miners get.
TEST(Submission, reads_the_scenarios_command) {
    const auto read = read_submission(
        {{"type", "inference"}, {"model", "llama3"}, {"data", {{"prompt", "Hello AITBC"}}}});
    ASSERT_TRUE(read.ok()) << read.error().why;
    EXPECT_EQ(read.value().payload, R"({"prompt":"Hello AITBC"})");
    EXPECT_EQ(read.value().job.model, "llama3");
    EXPECT_EQ(read.value().job.payload, crypto::blake2b_256(read.value().payload));
    EXPECT_EQ(read.value().job.payload_bytes, read.value().payload.size());
}

// Breaks if data did not lie over the flags, or constraints were read differently in two spellings.
TEST(Submission, data_lies_over_flags_and_both_forms_of_constraints_work) {
    const auto read =
        read_submission({{"prompt", "flag"},
                         {"model", "flag"},
                         {"data", {{"prompt", "data"}, {"model", "data"}, {"temperature", 0}}},
                         {"ttl", 60},
                         {"constraint", {"min_vram_gb=24", "price_max_per_hour=1.5", "model=tiny"}},
                         {"constraints", {{"gpu", "RTX 4090"}}}});
    ASSERT_TRUE(read.ok()) << read.error().why;
    EXPECT_EQ(read.value().payload, R"({"prompt":"data","temperature":0})");
    EXPECT_EQ(read.value().job.model, "data");
    EXPECT_EQ(read.value().job.ttl_ms, 60'000U);
    EXPECT_EQ(read.value().job.constraints.gpu, "RTX 4090");
    EXPECT_EQ(read.value().job.constraints.min_vram_gb, 24U);
    EXPECT_EQ(read.value().job.constraints.price_max_per_hour, Amount{1'500'000});
    EXPECT_EQ(read.value().job.constraints.models, std::vector<std::string>{"tiny"});
}

// Breaks if a job that no miner can run were taken from the edge.
TEST(Submission, refuses_what_is_no_job) {
    for (const Json& input :
         {Json::object(), Json{{"data", {{"prompt", ""}}}}, Json{{"data", {{"prompt", 5}}}},
          Json{{"data", {{"messages", Json::array()}}}}, Json{{"data", "text"}},
          Json{{"prompt", "x"}, {"ttl", 0}}, Json{{"prompt", "x"}, {"ttl", -1}},
          Json{{"prompt", "x"}, {"constraint", {"gpu"}}},
          Json{{"prompt", "x"}, {"constraint", {"colour=red"}}},
          Json{{"prompt", "x"}, {"constraint", {"min_vram_gb=many"}}},
          Json{{"prompt", "x"}, {"constraints", {{"colour", "red"}}}},
          Json{{"data", {{"prompt", "x"}, {"model", 5}}}}}) {
        EXPECT_FALSE(read_submission(input).ok()) << input.dump();
    }
    EXPECT_EQ(read_submission({{"type", "training"},
                               {"data", {{"text", std::string(limits::prompt_bytes_max, 'x')}}}})
                  .error()
                  .code,
              ErrorCode::too_large);
    EXPECT_TRUE(read_submission({{"type", "training"}}).ok());
    const auto batch = read_batch({{"jobs", {Json{{"prompt", "x"}}, Json::object()}}});
    ASSERT_FALSE(batch.ok());
    EXPECT_NE(batch.error().why.find("Job 1"), std::string::npos);
}

}  // namespace
}  // namespace ait::coordinator
