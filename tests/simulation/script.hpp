#pragma once

// A schedule as data: what kind of cluster, and which faults hit it when. Everything smaller
// (message delays, losses) is drawn from the script's seed while it runs, so a script replays
// exactly, and stays a readable list when it is shrunk.

#include <string>
#include <vector>

#include "actors/consensus/simplex/planted.hpp"
#include "actors/consensus/simplex/types.hpp"
#include "tests/simulation/random.hpp"

namespace ait::simulation {

namespace simplex = consensus::simplex;

enum class ActionKind : std::uint8_t {
    submit,        ///< an operation arrives at the node and is gossiped
    crash,         ///< the node stops; unsynced writes are lost in part
    restart,       ///< a stopped node starts from its disk
    power_cut,     ///< all nodes stop at once
    restart_all,   ///< all stopped nodes start
    wipe,          ///< the node stops and loses its disk
    rot,           ///< one record near the end of the stopped node's journal is damaged
    downgrade,     ///< a record of a newer version stands in the stopped node's journal
    split,         ///< links between two groups are cut; `value` is a mask of members
    one_way,       ///< the node hears nobody, or nobody hears it
    mend,          ///< all links work again
    lose_kind,     ///< messages of one kind are lost; `value` is the kind, 0: none
    lose_some,     ///< `value` per cent of all messages are lost
    flap,          ///< a connection is reported lost and found again
    slow_disk,     ///< syncs of the node take long; `value` in milliseconds
    slow_execute,  ///< executions of the node take long
    clock_jump,    ///< the node's wall clock jumps by `value` milliseconds (signed)
    replay,        ///< the last messages to the node arrive again, many times
    forge,         ///< the liar says something that no honest node would; `value` chooses what
    lie_height,    ///< the liar claims blocks that nobody has
    flood          ///< the liar votes for views far ahead
};

struct Action {
    std::int64_t at_ms = 0;
    ActionKind kind = ActionKind::submit;
    std::uint32_t node = 0;
    std::int64_t value = 0;
};

/// What is looked at beside safety.
enum class Focus : std::uint8_t {
    chaos,         ///< after the faults end, the chain goes on
    slow_network,  ///< messages take longer than delta, always: timeouts must grow
    dead_leader,   ///< one member is gone: its turns must soon cost nothing
    idle           ///< nothing arrives after the faults: what was begun is finished
};

struct Script {
    std::uint64_t seed = 0;
    Focus focus = Focus::chaos;
    std::uint32_t members = 4;
    std::vector<std::uint64_t> weights{};
    FaultModel model = FaultModel::byzantine;
    std::int64_t delta_ms = 100;
    std::int64_t delay_ms_max = 40;
    std::uint32_t duplicate_percent = 0;
    bool has_liar = false;  ///< member `liar` runs twice with one key, and forges
    std::uint32_t liar = 0;
    std::uint32_t dead_at_end = 0;  ///< mask of members that stay dead
    std::uint32_t followers = 0;
    std::uint32_t journal_blocks_max = 4;
    std::int64_t faults_end_ms = 0;
    std::vector<Action> actions{};
};

/// Draws a schedule. The same seed gives the same script.
Script draw_script(std::uint64_t seed);
/// One line a fact, for people.
std::string to_text(const Script& script);
std::string_view name_of(ActionKind kind);
std::string_view name_of(simplex::Bug bug);

}  // namespace ait::simulation
