#include "tests/simulation/epochs.hpp"

#include <algorithm>
#include <queue>
#include <set>

#include "actors/consensus/simplex/wire.hpp"
#include "runtime/base/codec/msgpack.hpp"
#include "tests/simulation/epochs_node.hpp"

namespace ait::simulation {
namespace {

using consensus::VoteKind;

constexpr std::int64_t delta_ms = 50;
constexpr std::uint64_t events_max = 60'000;

class EpochsCluster {
  public:
    EpochsCluster(std::uint64_t seed, BoundaryBug bug) : random_(seed ^ 0xe90c5ULL), bug_(bug) {
        genesis_.bytes[0] = 0xee;
        nodes_ = 4 + static_cast<std::uint32_t>(random_.below(3));
        model_ = random_.one_in(2) ? FaultModel::crash : FaultModel::byzantine;
        lose_percent_ = random_.one_in(2) ? 0 : static_cast<std::uint32_t>(random_.below(30));
        const auto first = 2 + static_cast<std::uint32_t>(random_.below(nodes_ - 2));
        for (std::uint32_t i = 0; i < first; ++i) genesis_members_.push_back(i);
        chain_.push_back(genesis_);
        sets_[0] = genesis_members_;
        for (std::uint32_t i = 0; i < nodes_; ++i) {
            peers_.push_back(std::make_unique<EpochsNode>());
            simplex::Config config = config_of(i, 0, genesis_members_);
            peers_[i]->disk.set_first_record(simplex::first_guard_record(config, key_of(i)));
        }
    }

    EpochsVerdict run() {
        for (std::uint32_t i = 0; i < nodes_; ++i) start(i);
        const std::int64_t faults_end = now_ms_ + delta_ms * random_.between(20, 80);
        const auto actions = random_.between(2, 14);
        for (std::int64_t i = 0; i < actions; ++i)
            push(random_.between(now_ms_ + 1, faults_end), {.kind = EventKind::fault});
        const auto submits = random_.between(3, epoch_operations_max);
        for (std::int64_t i = 0; i < submits; ++i)
            push(random_.between(now_ms_ + 1, faults_end), {.kind = EventKind::submit});
        if (run_until(faults_end)) heal();
        verdict_.final_height = chain_.size() - 1;
        verdict_.epochs = sets_.size() - 1;
        return verdict_;
    }

    void on_signed(std::uint32_t node, std::uint64_t epoch) {
        const auto set = sets_.find(epoch);
        if (set == sets_.end() || !contains(set->second, node))
            breach("a node votes in an epoch of which it is no member");
    }

    /// What is signed and lost in a crash was never said.
    void on_said(std::uint32_t node, std::uint64_t epoch, const simplex::Statement& statement) {
        auto& said = said_[{epoch, node, statement.view}];
        const bool notarizes = statement.kind == VoteKind::notarize;
        if (notarizes && said.notarized && *said.notarized != statement.block)
            breach("a key notarizes two blocks of one view");
        if (notarizes) said.notarized = statement.block;
        if (statement.kind == VoteKind::finalize) said.finalizes = true;
        if (statement.kind == VoteKind::nullify) said.nullifies = true;
        if (said.finalizes && said.nullifies) breach("a key finalizes and nullifies one view");
    }

  private:
    enum class EventKind : std::uint8_t { deliver, tick, sync, submit, fault };
    struct Event {
        EventKind kind{};
        std::uint32_t node = 0;
        std::uint32_t from = 0;
        std::uint64_t life = 0;
        std::uint64_t number = 0;
        std::shared_ptr<const std::string> bytes{};
    };
    struct Due {
        std::int64_t at = 0;
        std::uint64_t order = 0;
        Event event{};
        bool operator>(const Due& other) const {
            return at != other.at ? at > other.at : order > other.order;
        }
    };
    struct Said {
        std::optional<Hash> notarized{};
        bool finalizes = false;
        bool nullifies = false;
    };

    static bool contains(const Members& members, std::uint32_t node) {
        return std::find(members.begin(), members.end(), node) != members.end();
    }
    static PublicKey key_of(std::uint32_t node) {
        PublicKey key;
        key.bytes[0] = static_cast<std::uint8_t>(node + 1);
        return key;
    }
    [[nodiscard]] simplex::Config config_of(std::uint32_t node, std::uint64_t epoch,
                                            const Members& members) {
        simplex::Config config{.chain = "simulated", .epoch = epoch};
        config.genesis.bytes[0] = 7;
        config.fault_model = model_;
        config.delta_ms = delta_ms;
        config.timeout_ms_max = 12 * delta_ms;
        config.body_bytes_max = 64;
        config.final_blocks_per_answer_max = 4;
        config.journal_blocks_max = 3;
        config.incarnation = random_.next();
        for (std::uint32_t i = 0; i < members.size(); ++i) {
            config.members.push_back({.key = key_of(members[i])});
            if (members[i] == node) config.self = i;
        }
        return config;
    }
    void breach(std::string text) {
        if (verdict_.failure.empty())
            verdict_.failure = std::to_string(now_ms_) + " ms: " + std::move(text);
    }

    // ---- time ----

    void push(std::int64_t at, Event event) { queue_.push({at, order_++, std::move(event)}); }

    bool run_until(std::int64_t end_ms, const std::function<bool()>& is_done = nullptr) {
        while (!queue_.empty() && queue_.top().at <= end_ms) {
            const Due due = queue_.top();
            queue_.pop();
            now_ms_ = std::max(now_ms_, due.at);
            handle(due.event);
            if (++verdict_.events > events_max) breach("the cluster never comes to rest");
            if (!verdict_.failure.empty()) return false;
            if (is_done && is_done()) return true;
        }
        now_ms_ = std::max(now_ms_, end_ms);
        return true;
    }

    void handle(const Event& event) {
        if (event.kind == EventKind::submit) return submit();
        if (event.kind == EventKind::fault) return fault();
        EpochsNode& peer = *peers_[event.node];
        if (!peer.alive || (event.kind != EventKind::deliver && event.life != peer.life)) return;
        switch (event.kind) {
            case EventKind::deliver:
                return step(event.node,
                            simplex::Received{number_of(peer, event.from), *event.bytes});
            case EventKind::tick:
                if (peer.tick_at != now_ms_) return;
                peer.tick_at = 0;
                return step(event.node, simplex::Tick{});
            case EventKind::sync:
                return on_synced(event.node, event.number);
            case EventKind::submit:
            case EventKind::fault:
                return;
        }
    }

    void on_synced(std::uint32_t node, std::uint64_t number) {
        EpochsNode& peer = *peers_[node];
        const std::uint64_t sequence = peer.disk.sync_through(number);
        if (peer.ending_height && peer.disk.log().size() >= *peer.ending_height)
            return begin_epoch(node);
        if (sequence != 0) step(node, simplex::Persisted{sequence});
    }

    // ---- faults ----

    void submit() {
        if (next_operation_ == epoch_operations_max) return;
        const std::uint64_t operation = std::uint64_t{1} << next_operation_++;
        submitted_ |= operation;
        for (std::uint32_t i = 0; i < nodes_; ++i) {
            if (!peers_[i]->alive || random_.one_in(4)) continue;
            peers_[i]->app.learn(operation);
            step(i, simplex::WorkWaiting{true});
        }
    }

    void fault() {
        const auto node = static_cast<std::uint32_t>(random_.below(nodes_));
        switch (random_.below(6)) {
            case 0:
            case 1:
                return stop(node);
            case 2:
                return start(node);
            case 3:
                split_ = random_.below(std::uint64_t{1} << nodes_);
                return;
            case 4:
                split_ = 0;
                return;
            default:
                peers_[node]->sync_ms = random_.between(1, 3 * delta_ms);
        }
    }

    void heal() {
        split_ = 0;
        lose_percent_ = 0;
        for (std::uint32_t i = 0; i < nodes_; ++i) {
            peers_[i]->sync_ms = 1;
            start(i);
        }
        for (std::uint32_t i = 0; i < nodes_; ++i) {
            peers_[i]->app.learn(submitted_);
            step(i, simplex::WorkWaiting{submitted_ != 0});
        }
        const auto is_done = [this] {
            return std::all_of(peers_.begin(), peers_.end(), [this](const auto& peer) {
                return peer->alive && peer->app.final().operations == submitted_;
            });
        };
        if (!run_until(now_ms_ + 400 * delta_ms, is_done) || is_done()) return;
        for (std::uint32_t i = 0; i < nodes_; ++i) {
            if (peers_[i]->app.final().operations == submitted_) continue;
            return breach("node " + std::to_string(i) + " stands still in epoch " +
                          std::to_string(peers_[i]->config.epoch) + " of " +
                          std::to_string(sets_.rbegin()->first));
        }
    }

    // ---- lives ----

    void read_log(EpochsNode& peer) {
        peer.sets.clear();
        peer.sets[0] = genesis_members_;
        std::uint64_t height = 0;
        for (const auto& block : peer.disk.log()) {
            ++height;
            const Members& last = peer.sets.rbegin()->second;
            Members next = members_after(last, operations_of(*block.block), nodes_);
            if (next != last) peer.sets[height] = std::move(next);
        }
    }

    void seat(std::uint32_t node, simplex::Restored restored) {
        EpochsNode& peer = *peers_[node];
        auto newest = peer.sets.rbegin()->first;
        if (bug_ == BoundaryBug::newest_set_judges && sets_.rbegin()->first > newest) {
            newest = sets_.rbegin()->first;
            peer.sets[newest] = sets_.rbegin()->second;
        }
        peer.config = config_of(node, newest, peer.sets.at(newest));
        peer.core.reset();
        peer.voice = std::make_unique<Voice>([this, node, newest] { on_signed(node, newest); },
                                             peer.config.self.value_or(255), peer.config.epoch);
        peer.core.emplace(peer.config, std::move(restored), *peer.voice);
        peer.ending_height.reset();
        peer.tick_at = 0;
    }

    void start(std::uint32_t node) {
        EpochsNode& peer = *peers_[node];
        if (peer.alive) return;
        peer.alive = true;
        ++peer.life;
        read_log(peer);
        peer.app.open(genesis_, peer.disk.log());
        seat(node, {.tip = peer.app.tip(), .journal = peer.disk.journal()});
        step(node, simplex::Start{});
        for (std::uint32_t other = 0; other < nodes_; ++other) {
            if (other == node || !peers_[other]->alive) continue;
            step(node, simplex::PeerConnected{number_of(peer, other)});
            step(other, simplex::PeerConnected{number_of(*peers_[other], node)});
        }
    }

    void stop(std::uint32_t node) {
        EpochsNode& peer = *peers_[node];
        if (!peer.alive) return;
        peer.alive = false;
        peer.core.reset();
        peer.disk.crash(random_);
        for (std::uint32_t other = 0; other < nodes_; ++other) {
            if (peers_[other]->alive)
                step(other, simplex::PeerGone{number_of(*peers_[other], node)});
        }
    }

    /// As the shell does: the last block of the epoch is durable, and the next core begins on it.
    void begin_epoch(std::uint32_t node) {
        EpochsNode& peer = *peers_[node];
        // What the core before had written is behind it: answers of the disk to that are not ours.
        if (bug_ != BoundaryBug::switch_before_durable)
            static_cast<void>(peer.disk.sync_through(~std::uint64_t{0}));
        const auto key = peer.core->key_standing();
        const std::uint64_t height = peer.app.tip().height;
        const Members& last = peer.sets.rbegin()->second;
        peer.sets[height] = members_after(last, peer.last_operations, nodes_);
        ++peer.life;
        seat(node, {.tip = peer.app.tip(),
                    .journal = {},
                    .guard_missing = key == simplex::KeyStanding::doubtful,
                    .begins_epoch = true,
                    .key_stopped = key == simplex::KeyStanding::stopped});
        step(node, simplex::Start{});
        for (std::uint32_t other = 0; other < nodes_; ++other) {
            if (other != node && peers_[other]->alive)
                step(node, simplex::PeerConnected{number_of(peer, other)});
        }
        if (peer.app.waiting() != 0) step(node, simplex::WorkWaiting{true});
    }

    // ---- cores ----

    void step(std::uint32_t first, simplex::Input input) {
        if (!peers_[first]->alive) return;
        std::vector<simplex::Input> inputs;
        inputs.push_back(std::move(input));
        EpochsNode& peer = *peers_[first];
        for (std::size_t i = 0; i < inputs.size() && verdict_.failure.empty(); ++i) {
            simplex::Input next = std::move(inputs[i]);
            auto outputs = peer.core->step(std::move(next), {now_ms_, 1'700'000'000'000 + now_ms_});
            for (auto& output : outputs) {
                verdict_.trace_hash =
                    (verdict_.trace_hash ^ output.index()) * 0x100000001b3ULL + first;
                std::visit([&](auto& each) { perform(first, each, inputs); }, output);
            }
        }
        const auto deadline = peer.core->next_deadline_ms();
        if (deadline && (peer.tick_at == 0 || *deadline < peer.tick_at)) {
            peer.tick_at = std::max(*deadline, now_ms_ + 1);
            push(peer.tick_at, {.kind = EventKind::tick, .node = first, .life = peer.life});
        }
        if (bug_ == BoundaryBug::switch_before_durable && peer.ending_height) begin_epoch(first);
    }

    [[nodiscard]] bool ends_epoch(const EpochsNode& peer, const simplex::Block& block) const {
        const Members& members = peer.sets.at(peer.config.epoch);
        return members_after(members, operations_of(block), nodes_) != members;
    }

    using Inputs = std::vector<simplex::Input>;
    void perform(std::uint32_t node, simplex::Build& out, Inputs& inputs) {
        EpochsNode& peer = *peers_[node];
        auto block = peer.app.build(out, peer.config, 1'700'000'000'000 + now_ms_);
        if (!block) {
            inputs.emplace_back(simplex::NothingToBuild{out.view});
            return;
        }
        const bool ends = ends_epoch(peer, *block);
        inputs.emplace_back(
            simplex::Built{out.view, std::make_shared<simplex::Block>(std::move(*block)), ends});
    }
    void perform(std::uint32_t node, simplex::Execute& out, Inputs& inputs) {
        EpochsNode& peer = *peers_[node];
        const auto header = decode<consensus::BlockHeader>(out.block->header);
        if (!header.ok() || header.value().epoch != peer.config.epoch)
            breach("a block of another epoch is executed");
        inputs.emplace_back(
            simplex::Executed{.hash = out.hash,
                              .ok = peer.app.execute(out.hash, out.parent, *out.block),
                              .ends_epoch = ends_epoch(peer, *out.block)});
    }
    void perform(std::uint32_t node, simplex::Persist& out, Inputs&) {
        write(
            node,
            {.sequence = out.sequence, .restart = out.restart, .records = std::move(out.records)});
    }
    void write(std::uint32_t node, Disk::Batch batch) {
        EpochsNode& peer = *peers_[node];
        const std::uint64_t number = peer.disk.write(std::move(batch));
        push(now_ms_ + peer.sync_ms,
             {.kind = EventKind::sync, .node = node, .life = peer.life, .number = number});
    }
    void listen(std::uint32_t node, const std::string& bytes) {
        const EpochsNode& peer = *peers_[node];
        const auto prefix = simplex::read_wire_prefix(bytes);
        if (!prefix.ok()) return breach("a message that nobody can read");
        if (prefix.value().kind == simplex::WireKind::proposal) {
            const auto proposal = simplex::decode_message<simplex::ProposalMessage>(bytes).value();
            const auto header = decode<consensus::BlockHeader>(proposal.header.bytes).value();
            on_said(
                node, prefix.value().epoch,
                {VoteKind::notarize, header.view, consensus::header_hash(proposal.header.bytes)});
        }
        if (prefix.value().kind != simplex::WireKind::bundle) return;
        const auto bundle = simplex::decode_message<simplex::BundleMessage>(bytes).value();
        for (const auto& vote : bundle.votes) {
            if (vote.member == peer.config.self)
                on_said(node, prefix.value().epoch, simplex::from_wire(vote).statement);
        }
    }
    void perform(std::uint32_t node, simplex::Send& out, Inputs&) {
        EpochsNode& peer = *peers_[node];
        listen(node, out.bytes);
        const auto bytes = std::make_shared<const std::string>(std::move(out.bytes));
        for (std::uint32_t other = 0; other < nodes_; ++other) {
            if (other == node) continue;
            const bool is_meant =
                out.audience == simplex::Audience::everybody ||
                (out.audience == simplex::Audience::members &&
                 contains(peer.sets.at(peer.config.epoch), other)) ||
                (out.audience == simplex::Audience::one && node_of(peer, out.peer) == other);
            if (is_meant) transmit(node, other, bytes);
        }
    }
    void transmit(std::uint32_t from, std::uint32_t to,
                  const std::shared_ptr<const std::string>& bytes) {
        const bool is_cut = ((split_ >> from ^ split_ >> to) & 1U) != 0;
        if (is_cut || !peers_[to]->alive || random_.percent(lose_percent_)) return;
        const std::int64_t delay = random_.one_in(20) && lose_percent_ != 0
                                       ? random_.between(1, 12 * delta_ms)
                                       : random_.between(1, delta_ms / 2);
        push(now_ms_ + delay,
             {.kind = EventKind::deliver, .node = to, .from = from, .bytes = bytes});
    }
    void perform(std::uint32_t node, simplex::Finalized& out, Inputs& inputs) {
        EpochsNode& peer = *peers_[node];
        const auto header = decode<consensus::BlockHeader>(out.block->header);
        if (!header.ok() || !peer.app.finalize(out)) return breach("a final block out of order");
        if (out.height < chain_.size()) {
            if (chain_[out.height] != out.hash) breach("two final blocks stand at one height");
        } else {
            const Members& last = sets_.rbegin()->second;
            if (header.value().epoch != sets_.rbegin()->first)
                breach("a final block goes on after the end of its epoch");
            Members next = members_after(last, operations_of(*out.block), nodes_);
            chain_.push_back(out.hash);
            if (next != last) sets_[out.height] = std::move(next);
        }
        judge(header.value(), out);
        write(node, {.final = simplex::FinalBlock{out.block, out.proof}});
        peer.last_operations = operations_of(*out.block);
        if (peer.app.waiting() == 0) inputs.emplace_back(simplex::WorkWaiting{false});
    }
    /// By those who voted then, as anybody may who reads it later.
    void judge(const consensus::BlockHeader& header, const simplex::Finalized& out) {
        const auto set = sets_.find(header.epoch);
        if (set == sets_.end()) return breach("a final block of no epoch");
        const HashAuthenticator judge(0, header.epoch);
        const auto config = config_of(0, header.epoch, set->second);
        if (!simplex::verify_finality(out.proof, out.block->header, config, judge).ok())
            breach("a proof of finality fails");
    }
    void perform(std::uint32_t node, simplex::Abandoned& out, Inputs&) {
        peers_[node]->app.abandon(out.hash);
    }
    void perform(std::uint32_t node, simplex::ReadFinal& out, Inputs& inputs) {
        const auto& log = peers_[node]->disk.log();
        simplex::FinalRead answer{.peer = out.peer, .from_height = out.from_height};
        for (std::uint64_t height = out.from_height;
             height <= log.size() && answer.blocks.size() < out.count; ++height)
            answer.blocks.push_back(log[height - 1]);
        inputs.emplace_back(std::move(answer));
    }
    void perform(std::uint32_t, simplex::Evidence&, Inputs&) { breach("evidence without a liar"); }
    void perform(std::uint32_t, simplex::Alarm& out, Inputs&) {
        breach("a false alarm: " + out.text);
    }
    void perform(std::uint32_t node, simplex::EpochEnded& out, Inputs&) {
        peers_[node]->ending_height = out.height;
    }

    SeededRandom random_;
    BoundaryBug bug_;
    Hash genesis_{};
    FaultModel model_{};
    std::uint32_t nodes_ = 0;
    std::uint32_t lose_percent_ = 0;
    std::uint64_t split_ = 0;
    Members genesis_members_{};
    std::vector<std::unique_ptr<EpochsNode>> peers_{};
    std::vector<Hash> chain_{};                ///< final, by height
    std::map<std::uint64_t, Members> sets_{};  ///< what it says, by epoch
    std::map<std::tuple<std::uint64_t, std::uint32_t, std::uint64_t>, Said> said_{};
    std::priority_queue<Due, std::vector<Due>, std::greater<>> queue_{};
    std::int64_t now_ms_ = 1'000;
    std::uint64_t order_ = 0;
    std::uint32_t next_operation_ = 0;
    std::uint64_t submitted_ = 0;
    EpochsVerdict verdict_{};
};

}  // namespace

EpochsVerdict run_epochs(std::uint64_t seed, BoundaryBug boundary, simplex::Bug bug) {
    const simplex::Bug before = std::exchange(simplex::planted_bug, bug);
    EpochsVerdict verdict = EpochsCluster(seed, boundary).run();
    simplex::planted_bug = before;
    return verdict;
}

}  // namespace ait::simulation
