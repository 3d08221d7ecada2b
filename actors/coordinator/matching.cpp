#include "actors/coordinator/matching.hpp"

#include <algorithm>

#include "actors/coordinator/patience.hpp"
#include "actors/miner/gpu_spec.hpp"
#include "runtime/base/clock.hpp"

namespace ait::coordinator {
namespace {

using miner::MinerRecord;
using miner::ModelOffer;

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lowered(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), lower);
    return out;
}

bool same_text(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

/// "llama3:latest" is "llama3".
std::string_view without_latest(std::string_view name) {
    constexpr std::string_view latest = ":latest";
    if (name.size() > latest.size() && same_text(name.substr(name.size() - latest.size()), latest))
        name.remove_suffix(latest.size());
    return name;
}

/// Whether two names have the same normal form.
bool same_model(std::string_view a, std::string_view b) {
    return same_text(without_latest(a), without_latest(b));
}

/// Letters and digits in runs: "A100-80GB" is a 100 80 gb, so that A10 is not found in A100.
std::vector<std::string> gpu_words(std::string_view name) {
    enum class Run : std::uint8_t { none, letters, digits };
    std::vector<std::string> words;
    Run run = Run::none;
    for (const char raw : name) {
        const char c = lower(raw);
        const Run kind = c >= '0' && c <= '9'   ? Run::digits
                         : c >= 'a' && c <= 'z' ? Run::letters
                                                : Run::none;
        if (kind != Run::none && kind != run) words.emplace_back();
        if (kind != Run::none) words.back() += c;
        run = kind;
    }
    return words;
}

/// Rounded up: a card sold with 24 GB reports 24564 MiB.
std::uint32_t memory_gb(std::uint32_t memory_mb) {
    return memory_mb / 1'024 + (memory_mb % 1'024 != 0 ? 1 : 0);
}

std::uint32_t largest_memory_gb(const MinerRecord& miner) {
    std::uint32_t largest = 0;
    for (const auto& gpu : miner.offer.gpus) largest = std::max(largest, memory_gb(gpu.memory_mb));
    return largest;
}

std::string model_list(const std::vector<ModelOffer>& models) {
    constexpr std::size_t shown_max = 8;
    std::string text;
    for (std::size_t i = 0; i < std::min(models.size(), shown_max); ++i) {
        text += (i == 0 ? "" : ", ") + models[i].name;
    }
    return models.size() > shown_max ? text + ", ..." : text;
}

std::string gpu_list(const MinerRecord& miner) {
    if (miner.offer.gpus.empty()) return "no GPU";
    std::string text;
    for (const auto& gpu : miner.offer.gpus) {
        text += (text.empty() ? "" : ", ") + miner::to_text(gpu);
    }
    return text;
}

bool takes_work(const Job&, const MinerRecord& miner) {
    return miner.status == miner::MinerStatus::active;
}

bool does_type(const Job& job, const MinerRecord& miner) {
    const auto& types = miner.offer.types;
    return std::find(types.begin(), types.end(), job.type) != types.end();
}

bool has_models(const Job& job, const MinerRecord& miner) {
    if (!job.model.empty() && !offers_model(miner.offer.models, job.model)) return false;
    return std::all_of(
        job.constraints.models.begin(), job.constraints.models.end(),
        [&](const std::string& model) { return offers_model(miner.offer.models, model); });
}

bool has_gpu(const Job& job, const MinerRecord& miner) {
    if (job.constraints.gpu.empty()) return true;
    return std::any_of(
        miner.offer.gpus.begin(), miner.offer.gpus.end(),
        [&](const miner::GpuSpec& gpu) { return names_gpu(gpu.model, job.constraints.gpu); });
}

bool has_memory(const Job& job, const MinerRecord& miner) {
    return largest_memory_gb(miner) >= job.constraints.min_vram_gb;
}

bool is_cheap_enough(const Job& job, const MinerRecord& miner) {
    const auto& max = job.constraints.price_max_per_hour;
    return !max || miner.offer.price_per_hour <= *max;
}

bool is_in_region(const Job& job, const MinerRecord& miner) {
    return job.constraints.region.empty() || same_text(job.constraints.region, miner.offer.region);
}

bool has_capacity(const MinerRecord& miner) {
    return miner.jobs_running < miner.offer.concurrency;
}

bool is_alive(const MatchMoment& moment) {
    return !moment.last_heard_ms || moment.now_ms - *moment.last_heard_ms <= moment.miner_lost_ms;
}

/// When the miner has waited long enough, for this job and for any.
std::int64_t rested_at_ms(const Job& job, const MinerRecord& miner, const MatchMoment& moment) {
    return std::max(miner.rests_until_ms, retry_at_ms(job, miner.address, moment.lease_ms));
}

RuleVerdict verdict(bool passed, std::string why, std::string remedy) {
    if (passed) return {Verdict::passed, std::move(why), ""};
    return {Verdict::failed, std::move(why), std::move(remedy)};
}

RuleVerdict alive_verdict(const MatchMoment& moment) {
    if (!moment.last_heard_ms) {
        return {Verdict::unknown, "Heartbeats are known to the miner's own node only.", ""};
    }
    const auto silent_ms = std::max<std::int64_t>(moment.now_ms - *moment.last_heard_ms, 0);
    return verdict(is_alive(moment),
                   "Last heard of " + std::to_string(silent_ms) + " ms ago; lost after " +
                       std::to_string(moment.miner_lost_ms) + " ms.",
                   "Start the miner again: aitbc miner start.");
}

RuleVerdict rested_verdict(const Job& job, const MinerRecord& miner, const MatchMoment& moment) {
    const std::int64_t rested_at = rested_at_ms(job, miner, moment);
    if (rested_at <= moment.now_ms) return verdict(true, "It has no failure to rest from.", "");
    const std::string until = to_rfc3339(rested_at);
    const std::string why = rested_at == miner.rests_until_ms
                                ? "It failed " + std::to_string(miner.failures_in_row) +
                                      " times in a row and rests until " + until + "."
                                : "It failed this job and may have it again at " + until + ".";
    return verdict(false, why, "Wait until then; any other miner may have the job at once.");
}

std::string models_wanted(const Job& job) {
    std::string text = job.model;
    for (const auto& model : job.constraints.models) {
        text += (text.empty() ? "" : ", ") + model;
    }
    return text.empty() ? "any model" : "\"" + text + "\"";
}

}  // namespace

bool MatchReport::is_match() const {
    return std::none_of(rules.begin(), rules.end(),
                        [](const RuleVerdict& rule) { return rule.verdict == Verdict::failed; });
}

std::string normal_model_name(std::string_view name) {
    return lowered(without_latest(name));
}

std::string model_behind(const std::vector<ModelOffer>& models, std::string_view wanted) {
    for (const ModelOffer& model : models) {
        const bool same =
            same_model(model.name, wanted) ||
            std::any_of(model.aliases.begin(), model.aliases.end(),
                        [&](const std::string& alias) { return same_model(alias, wanted); });
        if (same) return model.name;
    }
    return {};
}

bool offers_model(const std::vector<ModelOffer>& models, std::string_view wanted) {
    return models.empty() || !model_behind(models, wanted).empty();
}

bool names_gpu(std::string_view name, std::string_view wanted) {
    const auto words = gpu_words(name);
    const auto needed = gpu_words(wanted);
    return std::search(words.begin(), words.end(), needed.begin(), needed.end()) != words.end() ||
           needed.empty();
}

bool is_match_of_class(const Job& job, const MinerRecord& miner, const MatchMoment& moment) {
    return takes_work(job, miner) && does_type(job, miner) && has_models(job, miner) &&
           has_gpu(job, miner) && has_memory(job, miner) && is_cheap_enough(job, miner) &&
           is_in_region(job, miner) && has_capacity(miner) && is_alive(moment) &&
           miner.rests_until_ms <= moment.now_ms;
}

bool is_match(const Job& job, const MinerRecord& miner, const MatchMoment& moment) {
    return is_match_of_class(job, miner, moment) &&
           rested_at_ms(job, miner, moment) <= moment.now_ms;
}

MatchReport match(const Job& job, const MinerRecord& miner, const MatchMoment& moment) {
    MatchReport report;
    const auto set = [&report](MatchRule rule, RuleVerdict value) {
        report.rules[static_cast<std::size_t>(rule)] = std::move(value);
    };
    const Constraints& wants = job.constraints;
    const auto& offer = miner.offer;
    set(MatchRule::status,
        verdict(takes_work(job, miner), "It is " + std::string(name_of(miner.status)) + ".",
                "The miner registers again: aitbc miner register."));
    set(MatchRule::type, verdict(does_type(job, miner), "The job is \"" + job.type + "\".",
                                 "Register the miner with --types " + job.type + "."));
    set(MatchRule::model,
        verdict(has_models(job, miner),
                "The job asks for " + models_wanted(job) + "; the miner offers " +
                    (offer.models.empty() ? "any" : model_list(offer.models)) + ".",
                "Ask for a model that the miner offers, or register it with an alias."));
    set(MatchRule::gpu,
        verdict(has_gpu(job, miner),
                "The job asks for " + (wants.gpu.empty() ? "any GPU" : "\"" + wants.gpu + "\"") +
                    "; the miner has " + gpu_list(miner) + ".",
                "Leave out the constraint gpu, or name one that the miner has."));
    set(MatchRule::memory, verdict(has_memory(job, miner),
                                   "The job asks for " + std::to_string(wants.min_vram_gb) +
                                       " GB; the miner's largest GPU has " +
                                       std::to_string(largest_memory_gb(miner)) + " GB.",
                                   "Lower the constraint min_vram_gb."));
    set(MatchRule::price,
        verdict(
            is_cheap_enough(job, miner),
            "The miner asks " + to_text(offer.price_per_hour) + " AIT an hour; the job allows " +
                (wants.price_max_per_hour ? to_text(*wants.price_max_per_hour) : "any price") + ".",
            "Raise the constraint price_max_per_hour to " + to_text(offer.price_per_hour) + "."));
    set(MatchRule::region,
        verdict(is_in_region(job, miner),
                "The job asks for " + (wants.region.empty() ? "any region" : wants.region) +
                    "; the miner is in " + (offer.region.empty() ? "none" : offer.region) + ".",
                "Leave out the constraint region."));
    set(MatchRule::alive, alive_verdict(moment));
    set(MatchRule::capacity, verdict(has_capacity(miner),
                                     "It runs " + std::to_string(miner.jobs_running) + " of " +
                                         std::to_string(offer.concurrency) + " jobs.",
                                     "Wait until it is done with one, or raise its concurrency."));
    set(MatchRule::rested, rested_verdict(job, miner, moment));
    AIT_ASSERT(report.is_match() == is_match(job, miner, moment));
    return report;
}

}  // namespace ait::coordinator
