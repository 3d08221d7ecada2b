#pragma once

// Bugs that the simulator plants into its own build of the core, to show that its checks can see.
// In every other build planted() is the constant false and the compiler leaves nothing of it.

#include <cstdint>

namespace ait::consensus::simplex {

enum class Bug : std::uint8_t {
    none,
    vote_before_durable,            // pitfall 1
    finalize_after_nullify,         // pitfall 2, rule R3
    nullify_after_finalize,         // rule R4
    last_record_wins,               // pitfall 3
    restored_nullify_not_resent,    // pitfall 4
    own_votes_not_redelivered,      // pitfall 5
    own_duplicate_stops_node,       // pitfall 6
    blocks_indexed_by_height,       // pitfall 7
    abandoned_not_reported,         // pitfall 8
    gaps_not_proved,                // pitfall 9, rule R2: X between parent and block
    proposal_without_proofs,        // pitfall 9: half the nodes hold only one certificate
    body_never_fetched,             // pitfall 10
    body_asked_of_one_peer,         // pitfall 10
    finalize_without_body,          // pitfalls 10 and 1.5.5
    body_size_unchecked,            // pitfall 11
    timeout_never_grows,            // pitfall 12
    timeout_reset_by_notarization,  // pitfall 12
    standstill_resends_all,         // pitfall 13
    block_time_ahead_accepted,      // pitfall 14
    block_time_back_accepted,       // pitfall 14
    timers_wait_for_execution,      // pitfall 15
    refused_execution_ignored,      // pitfall 16
    leader_proposes_again,          // pitfall 17
    future_views_unbounded,         // pitfall 18
    signature_checked_first,        // pitfall 19
    epoch_of_header_unchecked,      // pitfall 20
    newer_guard_record_reset,       // pitfall 21
    chain_of_header_unchecked,      // pitfall 22
    dead_leader_never_skipped,      // pitfall 23
    delivered_before_executed,      // pitfall 24
    notarize_twice,                 // rule R1
    parent_on_trust,                // rule R2: N(parent)
    quorum_one_short,               // 1.4
    vote_counted_twice,             // 1.1
    proof_signatures_unchecked,     // 1.1
    wiped_guard_votes_at_once,      // 1.5.3
    mute_one_view_short,            // 1.5.3
    stale_answers_counted,          // 1.5.3
    restart_drops_votes,            // 1.3.7: the journal begun anew
    laggard_not_answered,           // 1.3.8
    idle_tip_left_unfinal,          // 1.7
    only_leader_starts_clock,       // 1.7
    long_request_ignored,           // 1.9
    liar_asked_forever,             // 1.9
    final_without_ancestors,        // 1.3.7
    count
};

#ifdef AIT_SIMPLEX_PLANTED
inline thread_local Bug planted_bug = Bug::none;
inline bool planted(Bug bug) {
    return planted_bug == bug;
}
#else
constexpr bool planted(Bug) {
    return false;
}
#endif

}  // namespace ait::consensus::simplex
