#pragma once

// Checkpoints of one chain on this node: makes them at their heights, has them proved by the other
// members, gives them to those who ask, and takes one where this node lacks very much. The chain's
// actor owns it and calls it; what takes long runs on two threads of its own, and comes back
// through `post`.

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "actors/consensus/chain_data.hpp"
#include "actors/consensus/checkpoint_making.hpp"
#include "actors/consensus/checkpoint_votes.hpp"
#include "actors/consensus/peer_links.hpp"
#include "actors/consensus/simplex/core.hpp"
#include "actors/consensus/snapshot_join.hpp"
#include "actors/consensus/task_thread.hpp"

namespace ait::consensus {

/// Where checkpoints lie, and what to do when one was taken.
struct SnapshotPlace {
    std::string directory{};        ///< of the images; empty: none are made and none taken
    std::string state_directory{};  ///< of the state that a taken one replaces
    storage::FileSystem* files = nullptr;
    storage::Database::Options database{};
    /// Each height that is a multiple of it gets one; the same on all members, or they find no
    /// quorum. 0: none are made here.
    std::uint64_t checkpoint_blocks = 0;
    /// A state lies ready (joining_directory): open the chain again. Called once, by the actor.
    std::function<void()> on_joined{};
};

/// For people.
struct SnapshotState {
    std::uint64_t checkpoint_height = 0;  ///< of the newest proved one here
    std::uint64_t joining_height = 0;     ///< of the one that is being fetched; 0: none is
    std::uint32_t chunks_here = 0;
    std::uint32_t chunk_count = 0;
};

class SnapshotDesk {
  public:
    using Post = std::function<void(std::function<void()>)>;
    struct Parts {
        ChainData& data;
        PeerLinks& links;
        const crypto::SecretKey& node_key;
        const Clock& clock;
        const simplex::Config& config;
        SnapshotPlace place;
        /// Has the actor call it; any thread.
        Post post;
    };
    explicit SnapshotDesk(Parts parts);
    /// Ends the threads.
    ~SnapshotDesk();
    SnapshotDesk(const SnapshotDesk&) = delete;
    SnapshotDesk& operator=(const SnapshotDesk&) = delete;

    /// Whether the block of this height is to be published with `makes_image`; then on_published().
    [[nodiscard]] bool makes_image_at(std::uint64_t height) const;
    void on_published(std::uint64_t height);

    /// How many messages could not be read: one or none.
    [[nodiscard]] std::size_t on_message(const PublicKey& peer, std::string_view message);
    void on_link(const PublicKey& peer, bool is_up);
    /// The configuration has other members; those of `linked` are to be reached.
    void begin_epoch(ValidatorSet members, const std::vector<PublicKey>& linked);
    void look(const simplex::Position& position);

    /// Blocks are not to be fetched meanwhile.
    [[nodiscard]] bool holds() const { return join_.holds(); }
    [[nodiscard]] SnapshotState state() const;

  private:
    struct Open;  ///< of the light thread
    [[nodiscard]] bool is_on() const { return !parts_.place.directory.empty(); }
    [[nodiscard]] std::optional<std::uint32_t> member_of(const PublicKey& key) const;
    /// By which number the join knows a node that is or was a member; nothing for others.
    std::optional<std::uint32_t> source_of(const PublicKey& key);
    [[nodiscard]] std::int64_t steady_ms() const { return parts_.clock.monotonic_us() / 1'000; }
    void send(const PublicKey& peer, std::string message);
    void heavy(TaskThread::Task task);
    void light(TaskThread::Task task);

    // snapshot_desk.cpp: own images
    void load();
    void on_loaded(std::vector<Checkpoint> proved);
    [[nodiscard]] bool is_known_proof(const Checkpoint& checkpoint) const;
    void make(std::uint64_t height);
    void on_made(const Result<Checkpoint>& made);
    void vote();
    void settle();
    void on_proved(const Checkpoint& checkpoint, const Status& kept);
    void add_proved(Checkpoint checkpoint);
    void drop(std::uint64_t height);
    void on_vote(std::uint32_t member, const CheckpointVote& vote);

    // snapshot_serving.cpp: others' questions, and this node's own
    void on_want_checkpoint(const PublicKey& peer, const WantCheckpoint& want);
    void on_want_chunk(const PublicKey& peer, const WantChunk& want);
    void serve_chunk(const PublicKey& peer, const WantChunk& want, std::uint64_t height);
    void act(SnapshotJoin::Actions actions);
    void begin(SnapshotJoin::Begin wanted);
    void install();

    Parts parts_;
    ImageFiles files_;
    CheckpointVotes votes_;
    SnapshotJoin join_;
    std::vector<PublicKey> sources_{};  ///< of images, by their number
    SnapshotJoin::View view_{};
    std::deque<Checkpoint> proved_{};         ///< oldest first; what is served
    std::deque<Hash> proved_roots_{};         ///< of these
    std::optional<Checkpoint> own_{};         ///< made here, not proved yet
    std::deque<CheckpointVote> own_votes_{};  ///< the last ones, oldest first
    bool is_making_ = true;                   ///< until what is on disk is known
    std::int64_t votes_again_at_ms_ = 0;
    std::map<std::uint32_t, std::int64_t> vote_heard_at_ms_{};  ///< by member
    std::map<PublicKey, std::int64_t> answered_at_ms_{};
    std::map<PublicKey, std::uint32_t> reads_of_{};  ///< chunks being read for each
    std::uint32_t reads_ = 0;
    std::shared_ptr<ImageFile> incoming_{};
    std::vector<EpochStep> incoming_epochs_{};
    std::shared_ptr<Open> open_;
    std::atomic<bool> stops_{false};
    TaskThread heavy_;
    TaskThread light_;
};

}  // namespace ait::consensus
