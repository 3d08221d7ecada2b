#pragma once

// Which miner may have which job: one verdict per rule, with the values that decided and what
// would change it. The same function picks jobs inside apply and explains them on read. Pure.

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "actors/coordinator/job.hpp"
#include "actors/miner/registry.hpp"

namespace ait::coordinator {

inline constexpr std::size_t match_rule_count = EnumNames<MatchRule>::names.size();

struct RuleVerdict {
    Verdict verdict = Verdict::passed;
    std::string why{};
    std::string remedy{};
};

/// By MatchRule.
struct MatchReport {
    std::array<RuleVerdict, match_rule_count> rules{};
    /// No rule failed. A rule that is unknown does not speak against a miner.
    [[nodiscard]] bool is_match() const;
};

/// What is known of a miner's life at the time of the question.
struct MatchMoment {
    std::int64_t now_ms = 0;
    std::int64_t miner_lost_ms = 0;
    std::int64_t lease_ms = 30'000;
    /// When the miner was last heard of, where the asker knows: heartbeats are not in state.
    std::optional<std::int64_t> last_heard_ms{};
};

MatchReport match(const Job& job, const miner::MinerRecord& miner, const MatchMoment& moment);
/// The part of a match that holds for all jobs of the same type, model and constraints.
bool is_match_of_class(const Job& job, const miner::MinerRecord& miner, const MatchMoment& moment);
/// match(...).is_match() without the words, for the queue.
bool is_match(const Job& job, const miner::MinerRecord& miner, const MatchMoment& moment);

/// One spelling for comparison: lower case, without a trailing ":latest".
std::string normal_model_name(std::string_view name);
/// True when a miner that offers these answers to `wanted`; an empty offer answers to all.
bool offers_model(const std::vector<miner::ModelOffer>& models, std::string_view wanted);
/// The model of the offer that answers to `wanted`: what really runs. Empty when none does.
std::string model_behind(const std::vector<miner::ModelOffer>& models, std::string_view wanted);
/// True when the words of `wanted` stand together in `name`: "RTX 4090" in "NVIDIA GeForce RTX
/// 4090".
bool names_gpu(std::string_view name, std::string_view wanted);

}  // namespace ait::coordinator
