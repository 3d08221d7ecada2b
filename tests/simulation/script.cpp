#include "tests/simulation/script.hpp"

#include <algorithm>
#include <array>
#include <numeric>

namespace ait::simulation {
namespace {

inline constexpr std::array action_names{
    "submit",    "crash",        "restart",    "power_cut", "restart_all", "wipe",       "rot",
    "downgrade", "split",        "one_way",    "mend",      "lose_kind",   "lose_some",  "flap",
    "slow_disk", "slow_execute", "clock_jump", "replay",    "forge",       "lie_height", "flood"};

inline constexpr std::array focus_names{"chaos", "slow_network", "dead_leader", "idle"};

inline constexpr std::array bug_names{"none",
                                      "vote_before_durable",
                                      "finalize_after_nullify",
                                      "nullify_after_finalize",
                                      "last_record_wins",
                                      "restored_nullify_not_resent",
                                      "own_votes_not_redelivered",
                                      "own_duplicate_stops_node",
                                      "blocks_indexed_by_height",
                                      "abandoned_not_reported",
                                      "gaps_not_proved",
                                      "proposal_without_proofs",
                                      "body_never_fetched",
                                      "body_asked_of_one_peer",
                                      "finalize_without_body",
                                      "body_size_unchecked",
                                      "timeout_never_grows",
                                      "timeout_reset_by_notarization",
                                      "standstill_resends_all",
                                      "block_time_ahead_accepted",
                                      "block_time_back_accepted",
                                      "timers_wait_for_execution",
                                      "refused_execution_ignored",
                                      "leader_proposes_again",
                                      "future_views_unbounded",
                                      "signature_checked_first",
                                      "epoch_of_header_unchecked",
                                      "newer_guard_record_reset",
                                      "chain_of_header_unchecked",
                                      "dead_leader_never_skipped",
                                      "delivered_before_executed",
                                      "notarize_twice",
                                      "parent_on_trust",
                                      "quorum_one_short",
                                      "vote_counted_twice",
                                      "proof_signatures_unchecked",
                                      "wiped_guard_votes_at_once",
                                      "mute_one_view_short",
                                      "stale_answers_counted",
                                      "restart_drops_votes",
                                      "laggard_not_answered",
                                      "idle_tip_left_unfinal",
                                      "only_leader_starts_clock",
                                      "long_request_ignored",
                                      "liar_asked_forever",
                                      "final_without_ancestors"};
static_assert(bug_names.size() == static_cast<std::size_t>(simplex::Bug::count));

void draw_cluster(Script& script, SeededRandom& random) {
    static constexpr std::array<std::uint32_t, 12> sizes{1, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 7};
    script.members = sizes[random.below(sizes.size())];
    const bool may_lie = script.members >= 4 && random.percent(70);
    script.model = may_lie ? FaultModel::byzantine : FaultModel::crash;
    script.weights.assign(script.members, 1);
    if (random.one_in(6)) {
        for (auto& weight : script.weights) weight = 1 + random.below(3);
    }
    script.delta_ms = random.one_in(4) ? 40 : 100;
    script.delay_ms_max = random.between(2, script.delta_ms / 2);
    script.duplicate_percent = random.one_in(3) ? 10 : 0;
    script.followers = random.one_in(8) ? 1 : 0;
    script.journal_blocks_max =
        random.one_in(3) ? 256 : 1 + static_cast<std::uint32_t>(random.below(4));
}

/// What may be wrong for good: the liar, members that stay dead, wiped and unreadable ones.
class FaultBudget {
  public:
    explicit FaultBudget(const Script& script) : script_(script) {
        const auto total =
            std::accumulate(script.weights.begin(), script.weights.end(), std::uint64_t{0});
        left_ = script.model == FaultModel::byzantine ? (total - 1) / 3 : (total - 1) / 2;
    }
    bool spend(std::uint32_t member) {
        if ((spent_ >> member & 1U) != 0 || script_.weights[member] > left_) return false;
        left_ -= script_.weights[member];
        spent_ |= 1U << member;
        return true;
    }

  private:
    const Script& script_;
    std::uint64_t left_ = 0;
    std::uint32_t spent_ = 0;
};

Action draw_fault(const Script& script, SeededRandom& random, std::int64_t at) {
    static constexpr std::array kinds{
        ActionKind::crash,       ActionKind::crash,     ActionKind::restart,
        ActionKind::restart,     ActionKind::power_cut, ActionKind::restart_all,
        ActionKind::restart_all, ActionKind::split,     ActionKind::split,
        ActionKind::one_way,     ActionKind::mend,      ActionKind::mend,
        ActionKind::lose_kind,   ActionKind::lose_kind, ActionKind::lose_some,
        ActionKind::flap,        ActionKind::slow_disk, ActionKind::slow_execute,
        ActionKind::clock_jump,  ActionKind::replay};
    Action action{.at_ms = at,
                  .kind = kinds[random.below(kinds.size())],
                  .node = static_cast<std::uint32_t>(random.below(script.members))};
    switch (action.kind) {
        case ActionKind::split:
            action.value = static_cast<std::int64_t>(random.below(1ULL << script.members));
            break;
        case ActionKind::one_way:
            action.value = static_cast<std::int64_t>(random.below(2));
            break;
        case ActionKind::lose_kind:
            action.value = random.between(0, 3);
            break;
        case ActionKind::lose_some:
            action.value = random.between(0, 50);
            break;
        case ActionKind::flap:
            action.value = static_cast<std::int64_t>(random.below(script.members));
            break;
        case ActionKind::slow_disk:
            action.value = random.between(1, 2 * script.delta_ms);
            break;
        case ActionKind::slow_execute:
            action.value = random.one_in(3) ? 600'000 : random.between(1, 5 * script.delta_ms);
            break;
        case ActionKind::clock_jump:
            action.value = random.between(-400, 400) * (random.one_in(3) ? 100'000'000 : 1);
            break;
        default:
            break;
    }
    return action;
}

void draw_lasting_faults(Script& script, SeededRandom& random) {
    FaultBudget budget(script);
    if (script.model == FaultModel::byzantine && random.percent(60)) {
        script.liar = static_cast<std::uint32_t>(random.below(script.members));
        script.has_liar = budget.spend(script.liar);
    }
    const auto victim = static_cast<std::uint32_t>(random.below(script.members));
    const std::int64_t at = random.between(1, std::max<std::int64_t>(2, script.faults_end_ms - 1));
    const std::uint64_t choice = random.below(10);
    if (choice < 3 && budget.spend(victim)) {
        script.dead_at_end = 1U << victim;
    } else if (choice < 5 && budget.spend(victim)) {
        script.actions.push_back({at, ActionKind::wipe, victim, 0});
        const std::int64_t back = at + random.between(1, 4 * script.delta_ms);
        script.actions.push_back({back, ActionKind::restart, victim, 0});
        if (random.one_in(3)) {
            const std::int64_t again = back + random.between(1, 20) * script.delta_ms;
            script.actions.push_back({again, ActionKind::wipe, victim, 0});
            script.actions.push_back({again + 3, ActionKind::restart, victim, 0});
        }
    } else if (choice == 5 && budget.spend(victim)) {
        script.actions.push_back({at, ActionKind::downgrade, victim, 0});
        script.actions.push_back({at + script.delta_ms, ActionKind::restart, victim, 0});
    } else if (choice == 6 && script.members > 1) {  // alone, a lost block is lost
        script.actions.push_back({at, ActionKind::rot, victim, 0});
        script.actions.push_back({at + script.delta_ms, ActionKind::restart, victim, 0});
    }
}

void draw_lies(Script& script, SeededRandom& random) {
    if (!script.has_liar) return;
    const auto count = random.between(2, 12);
    for (std::int64_t i = 0; i < count; ++i) {
        const std::uint64_t choice = random.below(16);
        const auto kind = choice == 0   ? ActionKind::flood
                          : choice <= 2 ? ActionKind::lie_height
                                        : ActionKind::forge;
        script.actions.push_back(
            {random.between(1, script.faults_end_ms), kind, script.liar, random.between(0, 79)});
    }
}

}  // namespace

Script draw_script(std::uint64_t seed) {
    SeededRandom random(seed);
    Script script{.seed = seed};
    draw_cluster(script, random);
    const std::uint64_t focus = random.below(20);
    script.focus = focus == 0   ? Focus::slow_network
                   : focus == 1 ? Focus::dead_leader
                   : focus <= 4 ? Focus::idle
                                : Focus::chaos;
    if (script.focus == Focus::dead_leader) {
        script.members = random.one_in(2) ? 4 : 3;
        script.model = script.members == 3 ? FaultModel::crash : FaultModel::byzantine;
        script.weights.assign(script.members, 1);
        script.delta_ms = 100;
        script.delay_ms_max = 10;
        script.dead_at_end = 1U << random.below(script.members);
        script.faults_end_ms = 10 * script.delta_ms;
        return script;
    }
    script.faults_end_ms = script.delta_ms * random.between(8, 40);
    const auto submits = random.between(1, 10);
    for (std::int64_t i = 0; i < submits; ++i) {
        script.actions.push_back({random.between(1, script.faults_end_ms), ActionKind::submit,
                                  static_cast<std::uint32_t>(random.below(script.members)), 0});
    }
    if (script.focus != Focus::slow_network) {
        draw_lasting_faults(script, random);
        draw_lies(script, random);
        const auto faults = random.between(0, 10);
        for (std::int64_t i = 0; i < faults; ++i) {
            script.actions.push_back(
                draw_fault(script, random, random.between(1, script.faults_end_ms)));
        }
    }
    std::stable_sort(script.actions.begin(), script.actions.end(),
                     [](const Action& a, const Action& b) { return a.at_ms < b.at_ms; });
    return script;
}

std::string_view name_of(ActionKind kind) {
    return action_names[static_cast<std::size_t>(kind)];
}

std::string_view name_of(simplex::Bug bug) {
    return bug_names[static_cast<std::size_t>(bug)];
}

std::string to_text(const Script& script) {
    std::string text = "seed " + std::to_string(script.seed) + ", focus " +
                       focus_names[static_cast<std::size_t>(script.focus)] + ": " +
                       std::to_string(script.members) + " members (" +
                       (script.model == FaultModel::byzantine ? "byzantine" : "crash") +
                       ", weights";
    for (const auto weight : script.weights) text += " " + std::to_string(weight);
    text += "), delta " + std::to_string(script.delta_ms) + " ms, delays up to " +
            std::to_string(script.delay_ms_max) + " ms";
    if (script.duplicate_percent != 0)
        text += ", " + std::to_string(script.duplicate_percent) + " % duplicates";
    if (script.followers != 0) text += ", a follower";
    if (script.has_liar) text += ", member " + std::to_string(script.liar) + " lies";
    if (script.dead_at_end != 0)
        text += ", dead for good: mask " + std::to_string(script.dead_at_end);
    text += "\n";
    for (const auto& action : script.actions) {
        text += "  " + std::to_string(action.at_ms) + " ms  node " + std::to_string(action.node) +
                "  " + std::string(name_of(action.kind)) + " " + std::to_string(action.value) +
                "\n";
    }
    return text + "  " + std::to_string(script.faults_end_ms) + " ms  all faults end\n";
}

}  // namespace ait::simulation
