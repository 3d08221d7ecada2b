#pragma once

// How a node that lacks very much gets a state instead of executing every block: from whom it asks
// what, what it believes, when it gives up. Pure: no I/O, no clock; what it decides is done by the
// shell (snapshot_desk).
//
// Invariants
//  1. Nothing of a peer is written before it was checked against a manifest that a quorum signed.
//  2. While it holds, something is under way that ends by itself: an answer, a deadline, or giving
//     up; then plain catch-up goes on.
//  3. Who sends a wrong chunk is asked for nothing more; who hangs is asked less and less.

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/consensus/snapshot_wire.hpp"

namespace ait::consensus {

/// A gap of fewer blocks is not worth a question.
inline constexpr std::uint64_t join_gap_blocks_min = 64;
/// A block that is fetched and executed costs about as much as this much of an image.
inline constexpr std::uint64_t image_bytes_per_block = 32 * 1024;

/// Whether an image costs less than the blocks that it stands for.
[[nodiscard]] bool is_worth_joining(std::uint64_t own_height, const Manifest& manifest);

class SnapshotJoin {
  public:
    using Peer = std::uint32_t;  ///< a node that votes or did; numbered by the shell

    // ---- what is to be done ----
    struct Ask {
        Peer peer = 0;
        std::uint64_t above_height = 0;
    };
    struct Want {
        Peer peer = 0;
        Hash root{};
        std::uint32_t index = 0;
    };
    /// Make room for it, and say which chunks are here already: on_begun().
    struct Begin {
        Checkpoint checkpoint{};
        std::vector<EpochStep> epochs{};  ///< what its proof needs, and others will ask for
    };
    /// A chunk that was checked; on_stored() when it is written.
    struct Store {
        std::uint32_t index = 0;
        std::string bytes{};
    };
    /// All chunks are written: make a state of them; on_installed().
    struct Install {};
    struct Actions {
        std::vector<Ask> asks{};
        std::vector<Want> wants{};
        std::optional<Begin> begin{};
        std::vector<Store> stores{};
        bool install = false;
        std::vector<std::string> notes{};  ///< for the log
    };

    struct View {
        std::int64_t steady_ms = 0;
        std::uint64_t own_height = 0;
        /// The highest that any member claims: nobody has to be believed to be asked.
        std::uint64_t claimed_height = 0;
    };

    SnapshotJoin(const Genesis& genesis, const Hash& genesis_id)
        : chain_(genesis.chain), genesis_id_(genesis_id), genesis_set_(genesis_set(genesis)) {}

    void on_link(Peer peer, bool is_up);
    /// What is due now; call it every 100 ms or so, and after each of the others.
    [[nodiscard]] Actions look(const View& view);
    void on_checkpoint(Peer peer, CheckpointAnswer answer);
    void on_chunk(Peer peer, ChunkAnswer answer);
    void on_begun(const Status& begun, const std::vector<bool>& here);
    void on_stored(const Status& stored);
    void on_installed(const Status& installed);

    /// Plain catch-up waits meanwhile.
    [[nodiscard]] bool holds() const { return stage_ != Stage::idle; }
    [[nodiscard]] bool is_done() const { return stage_ == Stage::done; }
    [[nodiscard]] std::uint32_t chunks_here() const { return here_count_; }
    [[nodiscard]] const Checkpoint* checkpoint() const { return chosen_ ? &*chosen_ : nullptr; }

  private:
    enum class Stage : std::uint8_t { idle, asking, beginning, fetching, installing, done };
    struct Request {
        Peer peer = 0;
        std::int64_t until_ms = 0;
    };
    struct Source {
        std::uint32_t requests = 0;        ///< under way
        std::int64_t wait_ms = 0;          ///< how long it may take; grows when it is not enough
        std::int64_t silent_until_ms = 0;  ///< asked for nothing before
    };

    [[nodiscard]] bool is_wanted(const View& view);
    void begin_asking(Actions& actions);
    void ask(Peer peer, Actions& actions);
    [[nodiscard]] Status verify(const CheckpointAnswer& answer) const;
    void choose(Actions& actions);
    void expire();
    void fetch(Actions& actions);
    [[nodiscard]] std::optional<Peer> next_source() const;
    void release(std::uint32_t index);
    void give_up(std::string why, std::int64_t pause_ms);
    void note(std::string text) { notes_.push_back(std::move(text)); }

    std::string chain_;
    Hash genesis_id_;
    ValidatorSet genesis_set_;  ///< what is known without having executed anything
    Stage stage_ = Stage::idle;
    View view_{};
    std::set<Peer> linked_{};
    std::set<Peer> liars_{};

    std::uint64_t height_before_ = 0;  ///< of this node, when it last moved
    std::int64_t moved_at_ms_ = 0;
    bool is_stuck_ = false;  ///< blocks do not come: any image will do
    std::int64_t asks_again_at_ms_ = 0;
    std::int64_t asked_until_ms_ = 0;
    std::set<Peer> asked_{};  ///< and have not answered
    std::optional<Checkpoint> best_{};
    std::vector<EpochStep> best_epochs_{};
    std::set<Peer> offering_{};  ///< who has best_ or chosen_

    std::optional<Checkpoint> chosen_{};
    Hash root_{};
    std::map<Peer, Source> sources_{};
    std::map<std::uint32_t, Request> requests_{};     ///< by chunk
    std::deque<std::uint32_t> missing_{};             ///< not asked for
    std::map<std::uint32_t, std::string> checked_{};  ///< to be written
    std::uint32_t storing_ = 0;
    std::uint32_t here_count_ = 0;
    std::int64_t progress_at_ms_ = 0;
    std::int64_t sources_asked_at_ms_ = 0;
    std::vector<std::string> notes_{};
};

}  // namespace ait::consensus
