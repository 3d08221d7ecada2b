#include "peer_nodes.hpp"

#include <algorithm>
#include <utility>

#include "runtime/base/crypto/hash.hpp"

namespace ait::net {

std::vector<PeerKind> test_kinds() {
    constexpr std::uint32_t mib = 1U << 20U;
    return {
        {test_kind::vote, "vote", PeerPriority::vote, 1'000, 0},
        {test_kind::certificate, "certificate", PeerPriority::certificate, 64 * 1024, 0},
        {test_kind::body, "body", PeerPriority::body, 8 * mib, 8 * mib},
        {test_kind::ask, "ask", PeerPriority::catch_up, mib, mib, test_kind::answer},
        {test_kind::answer, "answer", PeerPriority::catch_up, mib, mib},
        {test_kind::gossip, "gossip", PeerPriority::gossip, mib, mib},
    };
}

TestNode::TestNode(char seed, std::string name)
    : secret_(std::move(crypto::SecretKey::from_seed(std::string(32, seed))).value()),
      key_(secret_.public_key()) {
    options.key = &secret_;
    options.name = std::move(name);
    options.role = PeerRole::validator;
    options.cluster = crypto::blake2b_256("cluster");
    options.kinds = test_kinds();
    options.backoff_ms_min = 5;
    options.backoff_ms_max = 40;
    // Long enough that a machine under load is never taken for dead; tests of death say otherwise.
    options.dead_ms = 15'000;
    options.heartbeat_ms = 100;
    options.handshake_ms_max = 15'000;
    options.connect_ms_max = 15'000;
    options.callbacks.on_messages = [this](const PublicKey& peer,
                                           std::span<const PeerFrame> frames) {
        std::vector<SeenMessage> seen;
        for (const PeerFrame& frame : frames) {
            seen.push_back({peer, frame.kind, frame.correlation, std::string(frame.payload)});
        }
        if (answer) std::ranges::for_each(seen, answer);
        const std::lock_guard lock(mutex_);
        ++batches_;
        ++events_;
        messages_.insert(messages_.end(), seen.begin(), seen.end());
        changed_.notify_all();
    };
    options.callbacks.on_link = [this](const PeerLinkChange& change) {
        const std::lock_guard lock(mutex_);
        ++events_;
        changes_.push_back(change);
        changed_.notify_all();
    };
    options.callbacks.on_refusal = [this](const PeerRefusal& refusal) {
        const std::lock_guard lock(mutex_);
        ++events_;
        refusals_.push_back(refusal);
        changed_.notify_all();
    };
}

TestNode& TestNode::knows(const TestNode& other, PeerRole role) {
    return knows(other.key(), other.transport_ ? other.transport_->port() : std::uint16_t{0}, role);
}

TestNode& TestNode::knows(const PublicKey& key, std::uint16_t port, PeerRole role) {
    KnownPeer peer{.key = key, .port = port, .role = role};
    if (port != 0) peer.host = "127.0.0.1";
    options.peers.push_back(std::move(peer));
    return *this;
}

void TestNode::start() {
    auto started = PeerTransport::start(options);
    if (!started.ok()) std::fputs(render_error(started.error()).c_str(), stderr);
    transport_ = std::move(started).value();
}

bool TestNode::wait(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + peer_wait;
    std::unique_lock lock(mutex_);
    for (;;) {
        const std::uint64_t seen = events_;
        lock.unlock();
        if (holds()) return true;
        lock.lock();
        const bool has_more = changed_.wait_until(lock, deadline, [&] { return events_ != seen; });
        if (!has_more || std::chrono::steady_clock::now() > deadline) return false;
    }
}

void TestNode::tell() {
    const std::lock_guard lock(mutex_);
    ++events_;
    changed_.notify_all();
}

std::size_t TestNode::changes_of(const PublicKey& peer, bool is_up) {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::ranges::count_if(changes_, [&](const auto& change) {
        return change.peer == peer && change.is_up == is_up;
    }));
}

bool TestNode::wait_up(const PublicKey& peer, std::size_t times) {
    return wait([&] { return changes_of(peer, true) >= times; });
}

bool TestNode::wait_down(const PublicKey& peer, std::size_t times) {
    return wait([&] { return changes_of(peer, false) >= times; });
}

bool TestNode::wait_messages(std::size_t count) {
    return wait([&] {
        const std::lock_guard lock(mutex_);
        return messages_.size() >= count;
    });
}

bool TestNode::wait_refusal(PeerEnd why) {
    return wait([&] {
        const std::lock_guard lock(mutex_);
        return std::ranges::any_of(refusals_,
                                   [&](const auto& refusal) { return refusal.why == why; });
    });
}

std::vector<SeenMessage> TestNode::messages() {
    const std::lock_guard lock(mutex_);
    return messages_;
}

std::vector<PeerLinkChange> TestNode::changes() {
    const std::lock_guard lock(mutex_);
    return changes_;
}

std::vector<PeerRefusal> TestNode::refusals() {
    const std::lock_guard lock(mutex_);
    return refusals_;
}

std::size_t TestNode::batches() {
    const std::lock_guard lock(mutex_);
    return batches_;
}

PeerLinkFigures TestNode::link(const PublicKey& peer) {
    const PeerFigures figures = transport_->figures();
    const auto found = std::ranges::find(figures.links, peer, &PeerLinkFigures::key);
    AIT_ASSERT(found != figures.links.end());
    return *found;
}

Pair::Pair()
    : low(std::make_unique<TestNode>('a', "a")), high(std::make_unique<TestNode>('b', "b")) {
    if (high->key() < low->key()) std::swap(low, high);
}

bool Pair::start() {
    low->knows(*high);
    low->start();
    high->knows(*low);
    high->start();
    return low->wait_up(high->key()) && high->wait_up(low->key());
}

}  // namespace ait::net
