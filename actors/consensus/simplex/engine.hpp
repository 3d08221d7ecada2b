#pragma once

// The inside of a Simplex core. Invariants:
//   1  A vote, a proposal, a certificate that counts an own vote, and a final block leave this core
//      only after the records behind them are synced (held_ and release()).
//   2  Every vote passes R1 to R4 twice: here, from ViewState, and in the guard, from its record.
//   3  The work is level-triggered: an input changes what is known, then settle() does whatever the
//      rules allow now. No rule depends on the order in which facts arrive.
//   4  views_ holds views above certified_view_ only; blocks_ holds blocks above tip_ only.
//   5  Timers never touch safety: any of them may fire at any time.

#include <deque>
#include <limits>
#include <map>

#include "actors/consensus/simplex/block_tree.hpp"
#include "actors/consensus/simplex/core.hpp"
#include "actors/consensus/simplex/view_state.hpp"
#include "actors/consensus/simplex/vote_guard.hpp"

namespace ait::consensus::simplex {

inline constexpr std::int64_t never_ms = std::numeric_limits<std::int64_t>::max();

struct PeerState {
    bool connected = false;
    std::uint64_t final_height = 0;  ///< as it says
    std::uint64_t view = 0;          ///< as it says
    std::int64_t tokens = 0;         ///< answers and errors that it may still cost
    std::int64_t tokens_at_ms = 0;
    std::int64_t demoted_until_ms = 0;  ///< it claimed blocks that it did not deliver
    std::int64_t ignored_until_ms = 0;  ///< it sent too many false signatures
    std::int64_t asked_at_ms = -never_ms;
};

/// What a member has done, for skipping it as a leader; a hint only (CONSENSUS 1.8).
struct MemberActivity {
    std::uint64_t last_view = 0;  ///< highest view of a vote seen
    std::optional<SignedStatement> last_vote{};
    std::uint32_t failed_turns = 0;  ///< views it led that were nullified, in a row
    std::uint32_t skipped_turns = 0;
};

/// A block that is certified and not here.
struct Want {
    std::uint64_t view = 0;
    Hash hash{};
    std::int64_t next_ms = 0;
    std::uint32_t attempts = 0;
    std::optional<Peer> asked{};
};

class Core::Engine {
  public:
    Engine(Config config, Restored restored, const Authenticator& authenticator);
    Outputs step(Input input, Now now);
    [[nodiscard]] std::int64_t next_deadline_ms() const;
    [[nodiscard]] Position position() const;
    [[nodiscard]] std::uint64_t blocks_behind() const;
    [[nodiscard]] const Counters& counters() const { return counters_; }
    [[nodiscard]] KeyStanding key_standing() const;

  private:
    /// Whether this key may vote, and if not, what is missing.
    enum class Standing : std::uint8_t {
        follower,
        unsettled,  ///< before Start
        listening,  ///< for own votes from elsewhere
        asking,     ///< the guard's record is lost or old: which views have the others entered?
        muted,      ///< until a view in which nothing can have been forgotten
        voting,
        stopped
    };

    // engine.cpp: inputs
    void take(Start input);
    void take(Received input);
    void take(Tick input);
    void take(WorkWaiting input);
    void take(PeerConnected input);
    void take(PeerGone input);
    void take(Built input);
    void take(NothingToBuild input);
    void take(Executed input);
    void take(Persisted input);
    void take(FinalRead input);
    void take(HoldCatchUp input);
    void settle();

    // engine_restore.cpp
    void restore(Restored restored);
    [[nodiscard]] bool is_of_this_epoch(const JournalContent& journal) const;
    [[nodiscard]] bool is_genuine(const Proof& proof) const;
    void restore_blocks(const JournalContent& content);
    void restore_votes();

    // engine_standing.cpp: may this node vote?
    void begin_standing();
    void update_standing();
    void begin_asking(std::string why);
    void ask_views();
    void on_question(Peer peer, std::string_view message);
    void on_answer(Peer peer, std::string_view message);
    void finish_asking();
    void on_own_vote_from_elsewhere(const Statement& statement);
    [[nodiscard]] bool may_vote(std::uint64_t view) const;

    // engine_messages.cpp: what peers say
    void on_proposal(Peer peer, std::string_view message);
    void on_bundle(Peer peer, std::string_view message);
    void on_block(Peer peer, std::string_view message);
    void on_want_block(Peer peer, std::string_view message);
    void on_want_final(Peer peer, std::string_view message);
    void on_final_blocks(Peer peer, std::string_view message);
    bool take_vote(Peer peer, const SignedStatement& vote);
    void take_proof(Peer peer, const WireProof& wire);
    bool verify(Peer peer, const SignedStatement& vote);
    bool verify_signatures(Peer peer, const Proof& proof);
    void report(const SignedStatement& first, const SignedStatement& second);
    [[nodiscard]] std::optional<BlockHeader> checked_header(const std::string& bytes);
    BlockNode* add_block(const BlockHeader& header, const Hash& hash, BlockPtr block);

    // engine_status.cpp: where peers stand, and answers to those who lack something
    void on_status(Peer peer, std::string_view message, bool is_of_epoch);
    void on_other_epoch(Peer peer, const WirePrefix& prefix);
    void answer_status(Peer peer, const StatusMessage& status);
    void send_status(Audience audience, Peer peer, bool ask);
    [[nodiscard]] BundleMessage what_helps(const StatusMessage& status);
    [[nodiscard]] std::uint64_t first_missing_view() const;
    void tell_once_in_a_while(Peer peer, bool ask);
    void ask_once_in_a_while(Peer peer) { tell_once_in_a_while(peer, true); }
    PeerState* peer_state(Peer peer);
    bool spend(Peer peer, std::int64_t tokens);

    // engine_votes.cpp: what the rules allow
    void record_vote(const SignedStatement& vote);
    void on_certificate(ProofPtr proof);
    void advance();
    void enter(std::uint64_t view);
    void execute_ready();
    [[nodiscard]] bool fits_parent(const BlockNode& node) const;
    [[nodiscard]] bool is_ahead_of_time(const BlockNode& node) const;
    void notarize();
    [[nodiscard]] bool gather_grounds(const BlockNode& node, NotarizeGrounds& grounds) const;
    void finalize();
    void nullify(std::uint64_t view);
    void cast(Result<SignedStatement> vote);
    void journal_chain(const BlockNode& node);
    void journal_certificates();

    // engine_propose.cpp
    void propose();
    [[nodiscard]] bool choose_parent(Build& build) const;
    [[nodiscard]] ProofList proposal_proofs(const BlockNode& node) const;
    [[nodiscard]] bool extends_unfinal_epoch_end(const Hash& parent) const;
    [[nodiscard]] bool tip_is_unfinal() const;
    [[nodiscard]] std::uint64_t notarized_depth() const;

    // engine_final.cpp: delivery in order of height
    void mark_final();
    void deliver();
    void deliver_one(BlockNode& node);
    [[nodiscard]] BlockNode* next_final();
    [[nodiscard]] FinalityProof finality_of(const BlockNode& node) const;
    void abandon_others();
    void begin_journal_anew();

    // engine_catch_up.cpp: blocks that are certified or final elsewhere, and not here
    void refresh_wants();
    void fetch();
    void want_final_blocks();
    [[nodiscard]] std::optional<Peer> next_source(std::uint32_t attempt, const Hash& hash) const;
    [[nodiscard]] bool is_behind() const;
    [[nodiscard]] bool hears_members() const;
    [[nodiscard]] std::vector<Peer> sources() const;
    [[nodiscard]] const Hash* missing_of_final_chain(std::uint64_t& view) const;

    // engine_timers.cpp
    void run_timers();
    void arm();
    void standstill();
    void beacon();
    [[nodiscard]] bool is_active() const;
    [[nodiscard]] bool should_skip(std::uint32_t leader) const;
    [[nodiscard]] std::int64_t timeout_ms() const;

    // engine_outputs.cpp: the gate of invariant 1
    void flush();
    void flush_records();
    void flush_messages();
    void hold(Output output);
    void release();
    void send_now(Audience audience, Peer peer, Priority priority, std::string bytes);
    void alarm(AlarmKind kind, std::string text);

    [[nodiscard]] std::uint32_t leader_of(std::uint64_t view) const {
        return leaders_[view % leaders_.size()];
    }
    [[nodiscard]] std::uint64_t window() const { return 2 * config_.members.size(); }
    [[nodiscard]] bool is_member(Peer peer) const { return peer < config_.members.size(); }
    [[nodiscard]] bool is_self(std::uint32_t member) const { return config_.self == member; }
    [[nodiscard]] std::uint64_t weight_of(const Proof& proof) const;

    Config config_;
    const Authenticator& authenticator_;
    std::uint64_t quorum_;
    std::uint64_t total_weight_ = 0;
    std::vector<std::uint32_t> leaders_;
    VoteGuard guard_;
    JournalWriter writer_{0};
    Counters counters_{};
    Now now_{};

    FinalTip tip_{};
    ViewTable views_{};
    BlockTree blocks_{};
    std::uint64_t view_ = 1;
    std::uint64_t decided_view_ = 0;    ///< highest with any certificate
    std::uint64_t notarized_view_ = 0;  ///< highest notarized
    std::uint64_t certified_view_ = 0;  ///< highest with a finality certificate
    ProofPtr certified_{};              ///< null: the tip came from the store
    ProofPtr entry_{};                  ///< what led into view_
    bool ended_ = false;                ///< the epoch's last block is final
    bool halted_ = false;               ///< the state here differs from what is final

    Standing standing_ = Standing::unsettled;
    std::string asking_why_{};
    bool restarts_journal_ = false;  ///< at the start: it holds more than the guard's first record
    bool guard_doubtful_ = false;    ///< the journal must begin anew before it is trusted
    bool has_voted_ = false;         ///< in this life
    bool was_muted_ = false;         ///< in this life
    std::int64_t listen_until_ms_ = never_ms;
    std::int64_t ask_at_ms_ = never_ms;
    std::vector<std::optional<std::uint64_t>> answers_{};
    std::vector<AlarmKind> early_alarms_{};
    std::string early_alarm_text_{};

    bool work_waiting_ = false;
    std::uint64_t build_view_ = 0;  ///< of the Build that is out
    bool build_is_empty_ = false;
    std::uint64_t idle_view_ = 0;  ///< NothingToBuild was the answer for this view
    std::uint64_t refused_empty_view_ = 0;

    bool armed_ = false;
    bool leader_timer_done_ = false;
    std::int64_t entered_ms_ = 0;
    std::int64_t leader_at_ms_ = never_ms;
    std::int64_t advance_at_ms_ = never_ms;
    std::int64_t resend_at_ms_ = never_ms;
    std::int64_t empty_at_ms_ = never_ms;
    std::int64_t beacon_at_ms_ = never_ms;
    std::int64_t sync_at_ms_ = never_ms;
    std::uint32_t sync_attempts_ = 0;
    std::optional<Peer> sync_peer_{};
    std::uint64_t sync_from_ = 0;
    bool catch_up_held_ = false;

    std::vector<PeerState> members_{};
    std::map<Peer, PeerState> followers_{};
    std::vector<MemberActivity> activity_{};
    std::vector<Want> wants_{};
    std::deque<SignedStatement> reported_{};

    bool changed_ = false;  ///< something that settle() looks at
    std::uint64_t finals_since_restart_ = 0;
    std::uint64_t persist_issued_ = 0;
    std::uint64_t persist_done_ = 0;
    std::vector<std::string> records_{};
    std::vector<SignedStatement> votes_to_journal_{};
    std::vector<SignedStatement> votes_to_send_{};
    std::vector<ProofPtr> proofs_to_send_{};
    std::string proposal_to_send_{};  ///< encoded; empty: none
    std::deque<std::pair<std::uint64_t, Output>> held_{};
    Outputs out_{};
    Outputs work_{};  ///< Execute and Build: what takes long comes after what others wait for
};

}  // namespace ait::consensus::simplex
