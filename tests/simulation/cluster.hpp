#pragma once

// The inside of a run: nodes around real cores, and the queue of everything that is on its way.

#include <array>
#include <memory>
#include <queue>
#include <set>

#include "tests/simulation/world.hpp"

namespace ait::simulation {

class Cluster;

/// Signs as its node, and tells the audit and the node's own list of what is not on disk yet.
class WatchedAuthenticator final : public simplex::Authenticator {
  public:
    WatchedAuthenticator(Cluster& cluster, std::uint32_t node, std::uint32_t member,
                         std::uint64_t epoch)
        : cluster_(cluster), node_(node), hash_(member, epoch) {}
    [[nodiscard]] Signature sign(const simplex::Statement& statement) const override;
    [[nodiscard]] bool verify(std::uint32_t member, const simplex::Statement& statement,
                              const Signature& signature) const override {
        return hash_.verify(member, statement, signature);
    }

  private:
    Cluster& cluster_;
    std::uint32_t node_;
    HashAuthenticator hash_;
};

struct UnsyncedVote {
    simplex::Statement statement{};
    std::uint64_t sequence = 0;  ///< of the Persist that holds it; 0: not known yet
};

struct Node {
    std::uint32_t member = 0;  ///< index in the epoch; a follower's peer number otherwise
    bool is_follower = false;
    bool is_liar = false;  ///< one of two instances with one key
    bool alive = false;
    bool is_unreadable = false;  ///< its journal is a newer version's: it must not vote again
    bool expects_mute = false;   ///< wiped: it says so
    std::uint64_t life = 0;
    std::unique_ptr<WatchedAuthenticator> authenticator{};
    std::optional<simplex::Core> core{};
    Disk disk{};
    Application app{};
    std::vector<UnsyncedVote> unsynced{};
    std::vector<simplex::Statement> synced{};  ///< in this life
    std::int64_t tick_at = 0;                  ///< of the Tick on its way
    std::int64_t sync_ms = 1;
    std::int64_t execute_ms = 0;
    std::int64_t clock_offset_ms = 0;
    bool said_waiting = false;
    bool has_alarmed = false;
    /// Of this life: whose lie in which view it has told of.
    std::set<std::pair<std::uint32_t, std::uint64_t>> lies_told{};
    std::vector<std::pair<std::uint32_t, std::shared_ptr<const std::string>>> last_received{};
    /// Answers to what it asked in an earlier life, which the network may hold back till now.
    std::vector<std::pair<std::uint32_t, std::shared_ptr<const std::string>>> old_answers{};
};

class Cluster {
  public:
    Cluster(const Script& script, const RunOptions& options);
    Verdict run();
    void on_signed(std::uint32_t node, const simplex::Statement& statement);

  private:
    enum class EventKind : std::uint8_t { deliver, tick, sync, executed, action };
    struct Event {
        EventKind kind{};
        std::uint32_t node = 0;
        std::uint32_t from = 0;  ///< peer number of the sender
        std::uint64_t life = 0;
        std::uint64_t value = 0;
        Hash hash{};
        std::shared_ptr<const std::string> bytes{};
        std::optional<simplex::Executed> executed{};
    };
    struct Due {
        std::int64_t at = 0;
        std::uint64_t order = 0;
        std::uint32_t slot = 0;
        bool operator>(const Due& other) const {
            return at != other.at ? at > other.at : order > other.order;
        }
    };

    // cluster.cpp: time and nodes
    void push(std::int64_t at, Event event);
    bool run_until(std::int64_t end_ms);
    void handle(Event& event);
    void start_node(std::uint32_t index);
    void stop_node(std::uint32_t index);
    void step(std::uint32_t index, simplex::Input input);
    void handle_outputs(std::uint32_t index, simplex::Outputs outputs);
    void tell_waiting(std::uint32_t index);
    void trace(std::uint32_t index, std::string_view what);
    [[nodiscard]] bool is_honest(const Node& node) const { return !node.is_liar; }

    // cluster_outputs.cpp: what a shell does with what a core says
    void on_output(std::uint32_t index, simplex::Build& out);
    void on_output(std::uint32_t index, simplex::Execute& out);
    void on_output(std::uint32_t index, simplex::Persist& out);
    void on_output(std::uint32_t index, simplex::Send& out);
    void on_output(std::uint32_t index, simplex::Finalized& out);
    void on_output(std::uint32_t index, simplex::Abandoned& out);
    void on_output(std::uint32_t index, simplex::ReadFinal& out);
    void on_output(std::uint32_t index, simplex::Evidence& out);
    void on_output(std::uint32_t index, simplex::Alarm& out);
    void on_output(std::uint32_t index, simplex::EpochEnded& out);
    void check_send(Node& node, const simplex::Send& send);
    void check_sent_vote(Node& node, const simplex::Statement& statement);
    void transmit(std::uint32_t from_node, std::uint32_t to_node,
                  const std::shared_ptr<const std::string>& bytes);

    // cluster_faults.cpp
    void apply(const Action& action);
    void apply_to_life(ActionKind kind, std::uint32_t index);
    void apply_to_network(ActionKind kind, std::uint32_t index, std::int64_t value);
    void connect(std::uint32_t first, std::uint32_t second, bool up);
    void submit(std::uint32_t index);
    void replay(std::uint32_t index);
    void heal();

    // cluster_liar.cpp: what no honest node would say
    void forge(std::int64_t what);
    void forge_block(std::int64_t what);
    void send_forged(const simplex::Block& block, bool breaks_a_rule);
    void forge_votes();
    void forge_garbage();
    void forge_proof();
    void say(std::uint32_t to_node, std::string bytes);
    [[nodiscard]] simplex::SignedStatement sign_as_liar(const simplex::Statement& statement);

    // run.cpp: the phases and what must hold at their end
    void check_progress(std::uint64_t operations, std::int64_t bound_ms);
    void check_at_end();
    void run_dead_leader();
    [[nodiscard]] bool everybody_has(std::uint64_t operations) const;

    const Script& script_;
    RunOptions options_;
    SeededRandom random_;
    simplex::Config config_{};
    Hash genesis_{};
    Audit audit_;
    std::vector<std::uint32_t> leaders_{};
    std::vector<std::unique_ptr<Node>> nodes_{};
    std::vector<Event> slots_{};
    std::vector<std::uint32_t> free_slots_{};
    std::priority_queue<Due, std::vector<Due>, std::greater<>> queue_{};
    std::vector<std::pair<std::uint32_t, simplex::Input>> local_{};  ///< answers of applications
    std::int64_t now_ms_ = 1'000;
    std::int64_t faults_end_at_ms_ = 0;
    std::uint64_t order_ = 0;
    std::uint64_t next_operation_ = 0;
    std::uint64_t submitted_ = 0;
    std::array<std::array<bool, 16>, 16> cut_{};     ///< [from][to] by peer number
    std::array<std::uint8_t, 16> twin_of_sender_{};  ///< which instance a peer talks with: 1, 2, 3
    std::uint32_t lose_percent_ = 0;
    std::uint8_t lose_kind_ = 0;
    bool healed_ = false;
    bool lies_about_height_ = false;
    std::shared_ptr<const std::string> captured_{};
    Verdict verdict_{};
};

}  // namespace ait::simulation
