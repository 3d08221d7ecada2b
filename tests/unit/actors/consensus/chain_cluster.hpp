#pragma once

// Several replicated chains in one process: real logs, stores, journals and threads, and links that
// a test can cut. Messages between nodes go straight into the other's mailbox.

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <caf/all.hpp>
#include <chrono>
#include <condition_variable>
#include <future>
#include <set>

#include "actors/consensus/chain_opening.hpp"
#include "actors/consensus/replicated_chain.hpp"
#include "tests/unit/actors/consensus/ask_chain.hpp"
#include "tests/unit/actors/consensus/temporary_folder.hpp"
#include "tests/unit/actors/consensus/toy_domain.hpp"

namespace ait::consensus {

inline constexpr std::chrono::seconds patience{20};

/// Which nodes hear each other. Any thread.
class Wires {
  public:
    void put(const PublicKey& key, ReplicatedChainActor actor) {
        const std::lock_guard lock(mutex_);
        for (const auto& [other, handle] : nodes_) {
            if (!is_cut(key, other)) {
                caf::anon_send(handle, PeerLinked{key, true});
                caf::anon_send(actor, PeerLinked{other, true});
            }
        }
        nodes_.emplace(key, std::move(actor));
    }
    void take(const PublicKey& key) {
        const std::lock_guard lock(mutex_);
        nodes_.erase(key);
        for (const auto& [other, handle] : nodes_) caf::anon_send(handle, PeerLinked{key, false});
    }
    void cut(const PublicKey& one, const PublicKey& other) {
        const std::lock_guard lock(mutex_);
        cut_.insert(std::minmax(one, other));
        tell(one, other, false);
    }
    /// Messages are lost, and neither side has noticed: as after a cable was pulled.
    void cut_unnoticed(const PublicKey& one, const PublicKey& other) {
        const std::lock_guard lock(mutex_);
        cut_.insert(std::minmax(one, other));
    }
    void mend(const PublicKey& one, const PublicKey& other) {
        const std::lock_guard lock(mutex_);
        cut_.erase(std::minmax(one, other));
        tell(one, other, true);
    }
    void send(const PublicKey& from, const PublicKey& to, PeerMessage kind,
              const std::string& bytes) {
        const std::lock_guard lock(mutex_);
        const auto node = nodes_.find(to);
        if (node == nodes_.end() || is_cut(from, to)) return;
        caf::anon_send(node->second, FromPeers{{PeerDelivery{from, kind, bytes}}});
    }

  private:
    [[nodiscard]] bool is_cut(const PublicKey& one, const PublicKey& other) const {
        return cut_.contains(std::minmax(one, other));
    }
    void tell(const PublicKey& one, const PublicKey& other, bool is_up) {
        const auto a = nodes_.find(one);
        const auto b = nodes_.find(other);
        if (a == nodes_.end() || b == nodes_.end()) return;
        caf::anon_send(a->second, PeerLinked{other, is_up});
        caf::anon_send(b->second, PeerLinked{one, is_up});
    }

    std::mutex mutex_{};
    std::map<PublicKey, ReplicatedChainActor> nodes_{};
    std::set<std::pair<PublicKey, PublicKey>> cut_{};
};

class WiredLinks final : public PeerLinks {
  public:
    WiredLinks(Wires& wires, PublicKey self) : wires_(wires), self_(self) {}
    void send(const PublicKey& peer, PeerMessage kind,
              std::shared_ptr<const std::string> bytes) override {
        wires_.send(self_, peer, kind, *bytes);
    }
    void broadcast(std::span<const PublicKey> peers, PeerMessage kind,
                   std::shared_ptr<const std::string> bytes) override {
        for (const auto& peer : peers) wires_.send(self_, peer, kind, *bytes);
    }
    void set_validators(std::span<const PublicKey> /*keys*/) override {}

  private:
    Wires& wires_;
    PublicKey self_;
};

/// One run of one node; destroying it stops without draining, as a crash would.
class ClusterNode {
  public:
    ClusterNode(const std::string& folder, const Genesis& genesis, const crypto::SecretKey& key,
                Wires& wires, bool is_key_fresh = true, std::uint64_t checkpoint_blocks = 0)
        : wires_(wires), links_(wires, key.public_key()), key_(key) {
        // Made here, before there are threads: the library is not built for the sanitizer, which
        // would miss that whoever comes first makes it for all.
        static_cast<void>(spdlog::default_logger_raw());
        std::filesystem::create_directories(folder);
        auto opened = open_chain({.files = storage::posix_file_system(),
                                  .log_directory = folder + "/log",
                                  .state_directory = folder + "/state",
                                  .genesis = genesis,
                                  .rules = toy::rules(),
                                  .clock = system_clock()});
        AIT_ASSERT(opened.ok());
        database_ = std::move(opened.value().database);
        data = std::move(opened.value().data);
        auto journal = VoteJournal::open(storage::posix_file_system(), folder + "/votes");
        AIT_ASSERT(journal.ok());
        journal_ = std::move(journal.value().journal);
        const auto config = simplex_config(genesis, data->validators(), key.public_key(),
                                           from_big_endian(system_random().bytes(8)));
        simplex::Restored restored;
        restored.tip = {data->tip().height, data->tip().view, data->tip().hash,
                        data->tip().time_unix_ms};
        restored.journal = std::move(journal.value().records);
        restored.guard_missing = journal.value().is_new && !is_key_fresh;
        if (journal.value().is_new && is_key_fresh) {
            restored.journal = {simplex::first_guard_record(config, key.public_key())};
            AIT_ASSERT(journal_->append(restored.journal, true).ok() && journal_->sync().ok());
        }
        writer_.emplace([](const Error& error) {
            ADD_FAILURE() << render_error(error);
            std::abort();
        });
        listeners_.add([this](std::uint64_t) {
            const std::lock_guard lock(mutex_);
            changed_.notify_all();
        });
        system_.emplace(system_config_.set("scheduler.policy", caf::atom("sharing")));
        actor_ =
            spawn_replicated_chain(*system_, {.data = *data,
                                              .journal = *journal_,
                                              .writer = *writer_,
                                              .links = links_,
                                              .node_key = key_,
                                              .clock = system_clock(),
                                              .listeners = listeners_,
                                              .figures = figures,
                                              .replication = replication,
                                              .on_fatal =
                                                  [](const Error& error) {
                                                      ADD_FAILURE() << render_error(error);
                                                      std::abort();
                                                  },
                                              .config = config,
                                              .restored = std::move(restored),
                                              .block_wait_ms = 2,
                                              .snapshots = snapshots(folder, checkpoint_blocks)});
        wires_.put(key_.public_key(), actor_);
    }
    ~ClusterNode() {
        wires_.take(key_.public_key());
        caf::anon_send_exit(actor_, caf::exit_reason::user_shutdown);
        actor_ = nullptr;
        writer_->stop();  // its jobs tell the actor, which may go on for a moment
        system_.reset();
        data.reset();  // before the database that it lies in
    }
    ClusterNode(const ClusterNode&) = delete;
    ClusterNode& operator=(const ClusterNode&) = delete;

    std::future<Result<Applied>> send(Submission::Operation operation, bool dry_run = false,
                                      std::vector<std::string> blobs = {}) {
        return ask_chain(actor_, std::move(operation), dry_run, std::move(blobs));
    }

    /// Waits until the node has published this height.
    [[nodiscard]] bool reaches(std::uint64_t height) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, patience,
                                 [&] { return data->reader()->height() >= height; });
    }
    /// Waits until a state lies ready that the next start takes.
    [[nodiscard]] bool has_joined() {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, patience, [&] { return has_joined_; });
    }
    [[nodiscard]] Hash hash_at(std::uint64_t height) const {
        const auto block = data->reader()->block(height);
        return block.ok() && block.value() ? header_hash(block.value()->record.header.bytes)
                                           : Hash{};
    }
    [[nodiscard]] const PublicKey& id() const { return id_; }

    std::unique_ptr<ChainData> data{};
    ChainFigures figures{};
    ReplicationFigures replication{};

  private:
    SnapshotPlace snapshots(const std::string& folder, std::uint64_t checkpoint_blocks) {
        if (checkpoint_blocks == 0) return {};
        return {.directory = folder + "/checkpoints",
                .state_directory = folder + "/state",
                .checkpoint_blocks = checkpoint_blocks,
                .on_joined = [this] {
                    const std::lock_guard lock(mutex_);
                    has_joined_ = true;
                    changed_.notify_all();
                }};
    }

    Wires& wires_;
    WiredLinks links_;
    const crypto::SecretKey& key_;
    PublicKey id_ = key_.public_key();
    std::unique_ptr<storage::Database> database_{};
    std::unique_ptr<VoteJournal> journal_{};
    std::optional<DurableWriter> writer_{};
    BlockListeners listeners_{};
    std::mutex mutex_{};
    std::condition_variable changed_{};
    bool has_joined_ = false;
    caf::actor_system_config system_config_{};
    std::optional<caf::actor_system> system_{};
    ReplicatedChainActor actor_{};
};

/// A toy chain of several validators on disks of their own.
class ChainCluster {
  public:
    static constexpr std::size_t nodes_max = 16;

    explicit ChainCluster(std::size_t count, FaultModel fault_model = FaultModel::byzantine) {
        chain.genesis.validators.clear();
        chain.genesis.parameters.fault_model = fault_model;
        chain.genesis.parameters.message_delay_ms = 30;
        keys.reserve(nodes_max);  // nodes refer to theirs
        for (std::size_t i = 0; i < count; ++i) {
            keys.push_back(toy::key_of(static_cast<char>('A' + i)));
            chain.genesis.validators.push_back(
                {"node-" + std::to_string(i), keys.back().public_key(), 1});
        }
        chain.id = genesis_hash(chain.genesis);
        nodes.resize(count);
    }
    ClusterNode& start(std::size_t index) {
        nodes[index] =
            std::make_unique<ClusterNode>(folder.path + "/" + std::to_string(index), chain.genesis,
                                          keys[index], wires, true, checkpoint_blocks);
        return *nodes[index];
    }
    /// The disk was lost, and with it what the key has voted.
    ClusterNode& start_without_guard(std::size_t index) {
        nodes[index] =
            std::make_unique<ClusterNode>(folder.path + "/" + std::to_string(index), chain.genesis,
                                          keys[index], wires, false, checkpoint_blocks);
        return *nodes[index];
    }
    void start_all() {
        for (std::size_t i = 0; i < nodes.size(); ++i) start(i);
    }
    /// A node that the genesis does not name.
    std::size_t add_follower() {
        const std::size_t index = keys.size();
        AIT_ASSERT(index < nodes_max);
        keys.push_back(toy::key_of(static_cast<char>('A' + index)));
        nodes.resize(keys.size());
        start(index);
        return index;
    }
    void stop(std::size_t index) { nodes[index].reset(); }
    void wipe(std::size_t index) {
        std::filesystem::remove_all(folder.path + "/" + std::to_string(index));
    }
    /// Cuts a node off from all others, or lets it back.
    void isolate(std::size_t index, bool is_cut) {
        for (std::size_t i = 0; i < keys.size(); ++i) {
            if (i == index) continue;
            if (is_cut)
                wires.cut(keys[index].public_key(), keys[i].public_key());
            else
                wires.mend(keys[index].public_key(), keys[i].public_key());
        }
    }

    std::uint64_t checkpoint_blocks = 0;  ///< for those who start from now on
    TemporaryFolder folder{};
    toy::Chain chain{};
    std::vector<crypto::SecretKey> keys{};
    Wires wires{};
    std::vector<std::unique_ptr<ClusterNode>> nodes{};
};

}  // namespace ait::consensus
