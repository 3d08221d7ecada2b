#pragma once

// Everything that goes into a Simplex core and everything that comes out of it. A core does
// nothing else: the shell that drives it owns sockets, disk, clock, pool and state.

#include <variant>

#include "actors/consensus/simplex/types.hpp"

namespace ait::consensus::simplex {

/// Index of a connection, given by the application: members are 0..n-1 by their index in the epoch
/// (the transport has proved who they are), followers come above.
using Peer = std::uint32_t;

// ---- inputs ----

/// First input of a core, once.
struct Start {};
/// Bytes of one Send of a peer, as they came.
struct Received {
    Peer peer = 0;
    std::string bytes{};
};
/// The deadline passed, or just time.
struct Tick {};
/// Whether an operation waits that is old enough to be worth a block.
struct WorkWaiting {
    bool waiting = false;
};
struct PeerConnected {
    Peer peer = 0;
};
struct PeerGone {
    Peer peer = 0;
};
/// Answers Build: the block, executed already on the parent's overlay.
struct Built {
    std::uint64_t view = 0;
    BlockPtr block{};
    bool ends_epoch = false;  ///< its execution changed the members
};
/// Answers Build: nothing is worth a block. WorkWaiting{true} asks again.
struct NothingToBuild {
    std::uint64_t view = 0;
};
/// Answers Execute.
struct Executed {
    Hash hash{};
    bool ok = false;
    bool ends_epoch = false;  ///< its execution changed the members
    /// The body is not the one that the header names (its transactions' root differs): says nothing
    /// about the block, which is fetched from somebody else. `ok` is false.
    bool body_differs = false;
    std::string reason{};  ///< of a refusal, for the alarm
};
/// Answers Persist: these records and all before them are synced to disk.
struct Persisted {
    std::uint64_t sequence = 0;
};
/// Answers ReadFinal with consecutive blocks; fewer than asked or none is an answer too.
struct FinalRead {
    Peer peer = 0;
    std::uint64_t from_height = 0;
    std::vector<FinalBlock> blocks{};
};
/// A whole state is on its way here: do not fetch blocks that it stands for. What peers send by
/// themselves is taken as before.
struct HoldCatchUp {
    bool holds = false;
};

using Input = std::variant<Start, Received, Tick, WorkWaiting, PeerConnected, PeerGone, Built,
                           NothingToBuild, Executed, Persisted, FinalRead, HoldCatchUp>;

// ---- outputs ----

/// Build and execute a block on this parent, whose overlay the application has. Answer once, with
/// Built or NothingToBuild; a Build for a later view makes an unanswered one void.
struct Build {
    std::uint64_t view = 0;
    Hash parent{};
    std::uint64_t parent_view = 0;
    std::uint64_t height = 0;           ///< of the new block
    std::int64_t time_unix_ms_min = 0;  ///< the block's time must not be below
    bool empty = false;                 ///< no transactions: only to make its parent final
    PublicKey leader{};                 ///< this node's
};
/// Execute on the parent's overlay, which was executed before (or is the final state).
struct Execute {
    Hash hash{};
    Hash parent{};
    std::uint64_t height = 0;
    BlockPtr block{};
};
/// Append the records to the journal and sync; then answer Persisted. Several may be on their way;
/// they are written in order. `restart`: these records replace all that were written before (begin
/// a new file, and delete the older ones after it is synced).
struct Persist {
    std::uint64_t sequence = 0;
    bool restart = false;
    std::vector<std::string> records{};
};

/// In the order in which a link sends them.
enum class Priority : std::uint8_t { vote, certificate, body, catch_up };

enum class Audience : std::uint8_t {
    one,       ///< Send::peer
    members,   ///< each connected member but this node
    everybody  ///< followers too
};
struct Send {
    Audience audience = Audience::one;
    Peer peer = 0;
    Priority priority = Priority::vote;
    std::string bytes{};
};
/// Once a block, in order of height, after its execution succeeded. Append it to the log, publish
/// its overlay, answer its clients.
struct Finalized {
    Hash hash{};
    std::uint64_t height = 0;
    std::uint64_t view = 0;
    BlockPtr block{};
    FinalityProof proof{};
};
/// A block that was built or executed here and can no longer become final: drop its overlay; its
/// operations return to the pool.
struct Abandoned {
    Hash hash{};
};
/// Read final blocks from the store; the core bounds what it sends of them.
struct ReadFinal {
    Peer peer = 0;
    std::uint64_t from_height = 0;
    std::uint32_t count = 0;
};
/// Two statements of one member that an honest one never signs both.
struct Evidence {
    SignedStatement first{};
    SignedStatement second{};
};
enum class AlarmKind : std::uint8_t {
    key_used_elsewhere,    ///< another process votes with this node's key; votes stop for good
    guard_missing,         ///< the guard's record is lost or old; mute until the others answered
    guard_unreadable,      ///< written by a newer version or another chain; votes stop for good
    guard_refused,         ///< the vote guard stopped a vote: a bug of this program
    state_diverged,        ///< a final block's execution gives other roots here
    final_block_conflict,  ///< two final blocks exclude each other: too many members lie
    journal_damaged        ///< its tail was cut; what was cut had not been promised
};
struct Alarm {
    AlarmKind kind{};
    std::string text{};
};
/// The block at `height`, the last of this epoch, is final; a core of the next epoch starts from
/// it. This core answers peers as before and signs nothing more.
struct EpochEnded {
    Hash hash{};
    std::uint64_t height = 0;
};

using Output = std::variant<Build, Execute, Persist, Send, Finalized, Abandoned, ReadFinal,
                            Evidence, Alarm, EpochEnded>;
using Outputs = std::vector<Output>;

}  // namespace ait::consensus::simplex
