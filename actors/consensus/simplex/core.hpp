#pragma once

// One member's (or follower's) part in Simplex for one epoch of one chain, as a pure machine: the
// same inputs give the same outputs. It reads no clock, draws no random number, touches no disk.
// Protocol and proof: Chan and Pass, TCC 2023; the rules R1 to R4 stand in vote_guard.hpp.

#include "actors/consensus/simplex/authenticator.hpp"
#include "actors/consensus/simplex/io.hpp"

namespace ait::consensus::simplex {

/// What a node finds on its disk.
struct Restored {
    FinalTip tip{};  ///< the last block of the store; genesis at first
    /// The journal, oldest record first. A torn tail is left out by the reader's checksum; if
    /// several files are there (a restart was cut off), all of them.
    std::vector<std::string> journal{};
    /// The disk should hold a guard record and does not: the node may have voted and forgotten.
    /// False with an empty journal means: this key never voted. Whoever makes a key decides that,
    /// by writing first_guard_record() beside it.
    bool guard_missing = false;
    /// The core of the epoch before ran in this process up to the tip, and the journal is still
    /// its: this one begins it anew before it says anything.
    bool begins_epoch = false;
    /// The core before was stopped for good, and so is its key.
    bool key_stopped = false;
};

/// The journal's first record, to be written where a node's key is made; of a node that does not
/// vote yet too, or nobody would know later that it never has.
std::string first_guard_record(const Config& config, const PublicKey& key);

/// What becomes of a key at the end of its epoch.
enum class KeyStanding : std::uint8_t {
    sound,
    doubtful,  ///< it may have said what is not recorded, and nobody has vouched for it yet
    stopped    ///< it must not be used any more
};

/// What messages came to nothing, by reason.
struct Counters {
    std::uint64_t malformed = 0;       ///< bytes that no encoder of ours writes
    std::uint64_t other_epoch = 0;     ///< of another chain, genesis or epoch
    std::uint64_t outside_window = 0;  ///< views too far ahead, or already final
    std::uint64_t duplicates = 0;      ///< known before a signature was looked at
    std::uint64_t bad_signatures = 0;
    std::uint64_t bad_blocks = 0;        ///< headers that break a rule
    std::uint64_t refused_requests = 0;  ///< over a peer's budget
    std::uint64_t signatures_checked = 0;
};

/// Where a core stands, for operators and tests.
struct Position {
    std::uint64_t view = 0;
    std::uint64_t final_height = 0;        ///< delivered by Finalized
    std::uint64_t final_view = 0;          ///< highest view with a finality certificate
    std::uint64_t final_height_known = 0;  ///< highest that a certificate or several peers show
    Hash final_hash{};
    std::uint32_t leader = 0;      ///< member index, of the current view
    bool may_vote = false;         ///< false: follower, listening, mute or stopped
    bool active = false;           ///< timers run
    std::uint64_t views_held = 0;  ///< above the final one; a gauge of memory
    std::uint64_t blocks_held = 0;
    std::vector<std::uint64_t> peer_heights{};  ///< as members last said, by index
};

class Core {
  public:
    /// `authenticator` outlives the core. Asserts that the members are 1..members_max, weights are
    /// positive and their sum fits 63 bits, and `self` is one of them: the caller checked genesis.
    Core(Config config, Restored restored, const Authenticator& authenticator);
    ~Core();
    Core(Core&&) noexcept;
    Core& operator=(Core&&) noexcept;
    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;

    /// Total: no input, however wrong, does more than count. The first one is Start.
    [[nodiscard]] Outputs step(Input input, Now now);
    /// When to call step with Tick, in steady milliseconds; none: nothing is waited for.
    [[nodiscard]] std::optional<std::int64_t> next_deadline_ms() const;

    [[nodiscard]] Position position() const;
    /// By how much the highest claim of a member is above what was delivered here. Cheap.
    [[nodiscard]] std::uint64_t blocks_behind() const;
    [[nodiscard]] const Counters& counters() const;
    /// For Restored of the next epoch's core.
    [[nodiscard]] KeyStanding key_standing() const;

  private:
    class Engine;
    std::unique_ptr<Engine> engine_;
};

}  // namespace ait::consensus::simplex
