#include "runtime/node/hosted_chains.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <mutex>

#include "actors/node/views.hpp"
#include "net/http_listen.hpp"
#include "runtime/base/process_limits.hpp"
#include "runtime/config/paths.hpp"

namespace ait::node {
namespace {

constexpr std::string_view hosting_kind = "chain.host";
constexpr std::chrono::seconds leave_timeout{10};

HostedChainView view_of(const HostedChain& chain, bool is_default, const std::string& problem) {
    HostedNow now{.is_default = is_default, .is_failed = !problem.empty(), .problem = problem};
    if (const auto replication = chain.replication()) {
        now.height_known = replication->position.final_height_known;
        now.is_joining = replication->snapshot.joining_height != 0;
        // Nothing is counted yet in the first moment after a start.
        now.reaches_quorum = replication->quorum_weight != 0 &&
                             replication->reachable_weight >= replication->quorum_weight;
    }
    return hosted_chain_view(chain.peers(), *chain.reader(), now);
}

/// Whether the address can be listened on now. Another program may still come first: then the chain
/// is hosted, says that it is without links, and tries again at the next start.
Status check_listen(const config::PeerSection& peers) {
    if (peers.nodes.empty()) return {};
    const auto trial = net::listen_tcp(peers.listen_host, peers.listen_port, false);
    return trial.ok() ? Status{} : Status(trial.error());
}

}  // namespace

HostedChains::HostedChains(ChainHost host, std::string data_dir)
    : host_(std::move(host)), data_dir_(std::move(data_dir)) {}

HostedChains::~HostedChains() {
    stop_hosting();
}

std::string HostedChains::folder_of(const std::string& name) const {
    return config::layout_of(data_dir_).chains + "/" + name;
}

std::unique_ptr<HostedChain> HostedChains::make(const ChainPlan& plan) const {
    return std::make_unique<HostedChain>(host_, ChainHome{.folder = folder_of(plan.genesis.chain),
                                                          .genesis = plan.genesis,
                                                          .peers = plan.peers,
                                                          .is_default = false});
}

Status HostedChains::open(ChainHome first) {
    main_ = std::make_unique<HostedChain>(host_, std::move(first));
    const Status opened = main_->open();
    if (!opened.ok()) return opened;
    const auto names = hosted_names(data_dir_);
    if (!names.ok()) return names.error();
    for (const auto& name : names.value()) open_further(name);
    return {};
}

void HostedChains::open_further(const std::string& name) {
    auto entry = std::make_shared<Entry>();
    Status opened;
    auto plan = read_chain(folder_of(name), host_.config.peer.name);
    if (plan.ok()) {
        entry->plan = std::move(plan).value();
        auto chain = make(entry->plan);
        const Status room = check_room(entry->plan);
        opened = room.ok() ? chain->open() : room;
        if (opened.ok()) entry->chain = std::move(chain);
    } else {
        entry->plan.genesis.chain = name;
        opened = plan.error();
    }
    if (!opened.ok()) {
        spdlog::error("chain_not_opened chain={} what=\"{}\" why=\"{}\"", name, opened.error().what,
                      opened.error().why);
        // Anybody may read this; the rest may name files of the machine.
        entry->problem = "It could not be opened; the node's log says why.";
    }
    further_.push_back(std::move(entry));
}

Status HostedChains::start(caf::actor_system& system) {
    system_ = &system;
    main_->start(system);
    const Status linked = main_->link();
    if (!linked.ok()) return linked;
    for (const auto& entry : further_) {
        if (entry->chain) static_cast<void>(enter(entry));
    }
    return {};
}

HostedChainView HostedChains::enter(const EntryPtr& entry) {
    entry->chain->start(*system_);
    const Status linked = entry->chain->link();
    if (!linked.ok()) {
        entry->problem = linked.error().what + " " + linked.error().why;
        spdlog::error("chain_not_linked chain={} what=\"{}\" why=\"{}\"", entry->chain->name(),
                      linked.error().what, linked.error().why);
    }
    entry->chain->probe().look();
    spdlog::info("chain_hosted chain={} height={}", entry->chain->name(),
                 entry->chain->height_at_start());
    return view_of(*entry->chain, false, entry->problem);
}

void HostedChains::stop_hosting() {
    {
        const std::lock_guard lock(hosting_mutex_);
        is_ending_ = true;
    }
    opener_.join();
}

bool HostedChains::drain(std::chrono::milliseconds at_most) {
    const auto until = std::chrono::steady_clock::now() + at_most;
    std::vector<std::future<void>> drained;
    for (auto* chain : all()) drained.push_back(chain->drain());
    for (auto& one : drained) {
        if (one.wait_until(until) != std::future_status::ready) return false;
    }
    return true;
}

void HostedChains::stop() {
    stop_hosting();
    if (main_) main_->stop();
    for (const auto& entry : further_) {
        if (entry->chain) entry->chain->stop();
    }
}

std::vector<HostedChains::EntryPtr> HostedChains::entries() const {
    const std::shared_lock lock(mutex_);
    std::vector<EntryPtr> staying;
    for (const auto& entry : further_) {
        if (!entry->has_left) staying.push_back(entry);
    }
    return staying;
}

std::vector<HostedChain*> HostedChains::all() const {
    std::vector<HostedChain*> chains;
    if (main_) chains.push_back(main_.get());
    for (const auto& entry : entries()) {
        if (entry->chain) chains.push_back(entry->chain.get());
    }
    return chains;
}

Result<HostedChain*> HostedChains::find(std::string_view name) const {
    if (name.empty() || name == main_->name()) return main_.get();
    const std::shared_lock lock(mutex_);
    for (const auto& entry : further_) {
        if (entry->plan.genesis.chain != name || entry->has_left) continue;
        if (entry->chain) return entry->chain.get();
        return Error{ErrorCode::unavailable, "The chain " + std::string(name) + " is not open.",
                     entry->problem, "See the node's log: aitbc admin logs"};
    }
    return Error{ErrorCode::not_found,
                 "This node hosts no chain \"" + std::string(name.substr(0, 64)) + "\".",
                 "Nothing was done on any other.",
                 "See which it hosts: aitbc chain list; have it host one more: aitbc chain join "
                 "--genesis FILE"};
}

std::vector<HostedChainView> HostedChains::views() const {
    std::vector<HostedChainView> views{view_of(*main_, true, "")};
    for (const auto& entry : entries()) {
        if (entry->chain) {
            views.push_back(view_of(*entry->chain, false, entry->problem));
            continue;
        }
        const auto& genesis = entry->plan.genesis;
        HostedChainView view{
            .chain = genesis.chain, .sync = SyncState::error, .problem = entry->problem};
        if (!genesis.validators.empty()) {
            view.genesis = consensus::genesis_hash(genesis);
            view.validators = genesis.validators.size();
            view.is_validator = consensus::is_validator(genesis, host_.key.public_key());
        }
        views.push_back(std::move(view));
    }
    return views;
}

void HostedChains::host(ChainWish wish, Done done) {
    const Status admitted = host_.drain_gate.admit(hosting_kind);
    if (!admitted.ok()) return done(admitted.error());
    const Status begun = begin_change([this, wish = std::move(wish), done] {
        auto hosted = host_now(wish);
        end_change();
        done(std::move(hosted));
    });
    if (!begun.ok()) done(begun.error());
}

void HostedChains::leave(std::string name, Left done) {
    const Status begun = begin_change([this, name = std::move(name), done] {
        auto left = leave_now(name);
        end_change();
        done(std::move(left));
    });
    if (!begun.ok()) done(begun.error());
}

Status HostedChains::begin_change(std::function<void()> work) {
    const std::lock_guard lock(hosting_mutex_);
    if (is_ending_) {
        return Error{ErrorCode::unavailable, "The node is stopping.", "",
                     "Ask again when it runs."};
    }
    if (is_changing_) {
        return Error{ErrorCode::overloaded, "Another chain is being opened or left.",
                     "One is at a time.", "Try again in a second."};
    }
    is_changing_ = true;
    boost::asio::post(opener_, std::move(work));
    return {};
}

void HostedChains::end_change() {
    const std::lock_guard lock(hosting_mutex_);
    is_changing_ = false;
}

std::size_t HostedChains::further_count() const {
    const std::shared_lock lock(mutex_);
    return further_.size();
}

HostedChains::EntryPtr HostedChains::find_further(std::string_view name) const {
    const std::shared_lock lock(mutex_);
    for (const auto& entry : further_) {
        if (entry->plan.genesis.chain == name) return entry;
    }
    return nullptr;
}

Result<LeftChainView> HostedChains::leave_now(const std::string& name) {
    if (name == main_->name()) {
        return Error{ErrorCode::conflict, "The default chain cannot be left.",
                     "The node runs on " + name + ".",
                     "Configure another: node.chain and node.genesis_file."};
    }
    const auto found = find(name);
    if (!found.ok() && found.error().code == ErrorCode::not_found) return found.error();
    const EntryPtr entry = find_further(name);
    const std::string folder = folder_of(name);
    const Status withdrawn = withdraw_manifest(folder);
    if (!withdrawn.ok()) return withdrawn.error();
    {
        const std::unique_lock lock(mutex_);
        entry->has_left = true;
    }
    LeftChainView view{.chain = name, .folder = folder};
    if (entry->chain) {
        // What was taken is answered; what cannot become final in time is not waited for.
        static_cast<void>(entry->chain->drain().wait_for(leave_timeout));
        entry->chain->unlink();
        view.height = entry->chain->reader()->height();
    }
    spdlog::info("chain_left chain={} height={} folder={}", name, view.height, folder);
    return view;
}

Status HostedChains::check_room(const ChainPlan& plan) const {
    const auto& name = plan.genesis.chain;
    const EntryPtr present = find_further(name);
    if (present && present->has_left) {
        return Error{ErrorCode::conflict, "The chain " + name + " was left just now.",
                     "Its folder is open until the node starts anew.", "Restart the node first."};
    }
    if (present || name == main_->name()) {
        return Error{ErrorCode::conflict, "This node hosts a chain " + name + " already.", "",
                     "Look at it: aitbc chain info --chain " + name};
    }
    const std::uint64_t descriptors = raise_descriptor_limit();
    const std::size_t fitting = std::min<std::size_t>(
        hosted_chains_max,
        1 + further_chains_that_fit(host_.config.gateway.connections_max, descriptors));
    // One that was left still has its files open.
    const std::size_t count = 1 + further_count();
    if (count < fitting) return {};
    return Error{ErrorCode::limit_reached, "This node can host no further chain.",
                 "It has " + std::to_string(count) + "; the program hosts " +
                     std::to_string(hosted_chains_max) + " at most, and the " +
                     std::to_string(descriptors) + " files that it may have open suffice for " +
                     std::to_string(fitting) + ".",
                 "Host it on another node, or raise the limit of open files."};
}

Result<HostedChainView> HostedChains::host_now(const ChainWish& wish) {
    auto plan = plan_chain(wish, {.key = host_.key.public_key(),
                                  .name = host_.config.peer.name,
                                  .now_unix_ms = host_.clock.now_unix_ms()});
    if (!plan.ok()) return plan.error();
    if (const Status room = check_room(plan.value()); !room.ok()) return room.error();
    if (auto refusal = host_.disk_watch.refusal()) return std::move(*refusal);
    if (const Status free = check_listen(plan.value().peers); !free.ok()) return free.error();
    auto entry = std::make_shared<Entry>();
    entry->plan = std::move(plan).value();
    const auto& genesis = entry->plan.genesis;
    if (wish.dry_run) {
        return HostedChainView{
            .chain = genesis.chain,
            .genesis = consensus::genesis_hash(genesis),
            .time = genesis.time,
            .validators = genesis.validators.size(),
            .is_validator = consensus::is_validator(genesis, host_.key.public_key()),
            .sync = entry->plan.peers.nodes.empty() ? SyncState::synced : SyncState::cut_off};
    }
    const std::string folder = folder_of(genesis.chain);
    const Status prepared = prepare_chain(
        folder, entry->plan, {.is_new = wish.is_new, .now_unix_ms = host_.clock.now_unix_ms()});
    if (!prepared.ok()) return prepared.error();
    entry->chain = make(entry->plan);
    const Status opened = entry->chain->open();
    if (!opened.ok()) return opened.error();
    const Status kept = write_manifest(folder, entry->plan.manifest);
    if (!kept.ok()) return kept.error();
    auto view = enter(entry);
    const std::unique_lock lock(mutex_);
    further_.push_back(std::move(entry));
    return view;
}

}  // namespace ait::node
