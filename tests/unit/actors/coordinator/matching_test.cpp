#include "actors/coordinator/matching.hpp"

#include "tests/unit/actors/chain_fixture.hpp"

namespace ait::coordinator {
namespace {

miner::MinerRecord good_miner() {
    miner::MinerRecord record{.address = person(9).address, .offer = small_miner()};
    record.offer.types = {"inference"};
    record.offer.models = {{.name = "tiny", .aliases = {"llama3"}}};
    return record;
}

Job good_job() {
    return Job{.id = "job-1",
               .type = "inference",
               .model = "llama3",
               .constraints = {.gpu = "rtx 4090",
                               .min_vram_gb = 24,
                               .models = {"tiny"},
                               .region = "EU-West",
                               .price_max_per_hour = Amount{500'000}}};
}

MatchMoment alive() {
    return {.now_ms = 60'000, .miner_lost_ms = 30'000, .last_heard_ms = 30'000};
}

struct Spoiler {
    MatchRule rule;
    void (*spoil)(Job&, miner::MinerRecord&, MatchMoment&);
};

// Breaks if a rule were not looked at, or another than the right one were blamed.
TEST(Matcher, each_rule_fails_alone_and_says_why_and_what_helps) {
    ASSERT_TRUE(match(good_job(), good_miner(), alive()).is_match());
    const std::array spoilers{
        Spoiler{MatchRule::status, [](Job&, miner::MinerRecord& m,
                                      MatchMoment&) { m.status = miner::MinerStatus::draining; }},
        Spoiler{MatchRule::status,
                [](Job&, miner::MinerRecord& m, MatchMoment&) {
                    m.status = miner::MinerStatus::deregistered;
                }},
        Spoiler{MatchRule::type,
                [](Job& j, miner::MinerRecord&, MatchMoment&) { j.type = "training"; }},
        Spoiler{MatchRule::model,
                [](Job& j, miner::MinerRecord&, MatchMoment&) { j.model = "mistral"; }},
        Spoiler{MatchRule::model, [](Job& j, miner::MinerRecord&,
                                     MatchMoment&) { j.constraints.models.emplace_back("other"); }},
        Spoiler{MatchRule::gpu,
                [](Job& j, miner::MinerRecord&, MatchMoment&) { j.constraints.gpu = "A100"; }},
        Spoiler{MatchRule::memory,
                [](Job& j, miner::MinerRecord&, MatchMoment&) { j.constraints.min_vram_gb = 25; }},
        Spoiler{MatchRule::price, [](Job&, miner::MinerRecord& m,
                                     MatchMoment&) { m.offer.price_per_hour.micro += 1; }},
        Spoiler{MatchRule::region,
                [](Job& j, miner::MinerRecord&, MatchMoment&) { j.constraints.region = "us"; }},
        Spoiler{MatchRule::alive, [](Job&, miner::MinerRecord&, MatchMoment& t) { t.now_ms += 1; }},
        Spoiler{MatchRule::capacity,
                [](Job&, miner::MinerRecord& m, MatchMoment&) { m.jobs_running = 2; }},
        Spoiler{MatchRule::rested,
                [](Job&, miner::MinerRecord& m, MatchMoment&) { m.rests_until_ms = 60'001; }},
        Spoiler{MatchRule::rested,
                [](Job& j, miner::MinerRecord& m, MatchMoment&) {
                    j.past_attempts = {
                        {.miner = m.address, .ended_at_ms = 59'000, .end = AttemptEnd::failed}};
                }},
    };
    for (const Spoiler& spoiler : spoilers) {
        Job job = good_job();
        miner::MinerRecord miner = good_miner();
        MatchMoment moment = alive();
        spoiler.spoil(job, miner, moment);
        const MatchReport report = match(job, miner, moment);
        EXPECT_FALSE(report.is_match()) << name_of(spoiler.rule);
        EXPECT_FALSE(is_match(job, miner, moment)) << name_of(spoiler.rule);
        for (std::size_t i = 0; i < match_rule_count; ++i) {
            const bool spoiled = static_cast<MatchRule>(i) == spoiler.rule;
            EXPECT_EQ(report.rules[i].verdict, spoiled ? Verdict::failed : Verdict::passed)
                << name_of(static_cast<MatchRule>(i));
            EXPECT_FALSE(report.rules[i].why.empty());
            EXPECT_EQ(report.rules[i].remedy.empty(), !spoiled);
        }
    }
}

// Breaks if a job without wishes were held back from a miner that says nothing of itself.
TEST(Matcher, a_job_without_constraints_goes_to_any_active_miner_of_its_type) {
    miner::MinerRecord miner{.address = person(9).address};
    miner.offer.types = {"inference"};
    EXPECT_TRUE(is_match(Job{.type = "inference"}, miner, {}));
    EXPECT_TRUE(is_match(Job{.type = "inference", .model = "whatever"}, miner, {}));
}

// Breaks if unknown heartbeats were taken for death, or shown as life.
TEST(Matcher, unknown_heartbeats_are_unknown_and_do_not_exclude) {
    const MatchReport report = match(good_job(), good_miner(), {});
    EXPECT_TRUE(report.is_match());
    EXPECT_EQ(report.rules[static_cast<std::size_t>(MatchRule::alive)].verdict, Verdict::unknown);
}

// Breaks if `ollama pull llama3` (listed as llama3:latest) could not serve a job for llama3.
TEST(ModelNames, latest_and_case_do_not_matter_but_other_tags_do) {
    const std::vector<miner::ModelOffer> offer{{.name = "Llama3:latest", .aliases = {"chat"}}};
    for (const char* same : {"llama3", "LLAMA3", "llama3:latest", "chat", "Chat:latest"}) {
        EXPECT_TRUE(offers_model(offer, same)) << same;
        EXPECT_EQ(model_behind(offer, same), "Llama3:latest") << same;
    }
    for (const char* other : {"llama3:8b", "llama", "llama33", "", ":latest"}) {
        EXPECT_FALSE(offers_model(offer, other)) << other;
    }
    EXPECT_TRUE(offers_model({}, "anything"));
}

// Breaks if A10 jobs went to A100 owners, or a driver's long names were not recognised.
TEST(GpuNames, words_are_compared_and_not_letters) {
    EXPECT_TRUE(names_gpu("NVIDIA GeForce RTX 4090", "RTX 4090"));
    EXPECT_TRUE(names_gpu("NVIDIA GeForce RTX 4090", "rtx4090"));
    EXPECT_TRUE(names_gpu("NVIDIA A100-SXM4-80GB", "a100"));
    EXPECT_TRUE(names_gpu("H100", ""));
    EXPECT_FALSE(names_gpu("A100", "A10"));
    EXPECT_FALSE(names_gpu("RTX 4090", "RTX 40"));
    EXPECT_FALSE(names_gpu("RTX 4090", "RTX 3090"));
    EXPECT_FALSE(names_gpu("", "RTX 3090"));
}

}  // namespace
}  // namespace ait::coordinator
