#pragma once

// Nodes of a small cluster in one process, for tests of links: each has a key of its own, keeps
// what its transport tells it, and lets a test wait for it with a deadline.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "net/peer/peer_transport.hpp"
#include "runtime/base/crypto/keys.hpp"

namespace ait::net {

inline constexpr std::chrono::seconds peer_wait{20};

namespace test_kind {
inline constexpr std::uint8_t vote = 16;         ///< validators only, at most 1,000 bytes
inline constexpr std::uint8_t certificate = 17;  ///< validators only
inline constexpr std::uint8_t body = 18;         ///< up to 8 MiB
inline constexpr std::uint8_t ask = 19;          ///< answered by `answer`
inline constexpr std::uint8_t answer = 20;
inline constexpr std::uint8_t gossip = 21;
}  // namespace test_kind
std::vector<PeerKind> test_kinds();

struct SeenMessage {
    PublicKey peer{};
    std::uint8_t kind = 0;
    std::uint64_t correlation = 0;
    std::string payload{};
};

class TestNode {
  public:
    /// The seed letter makes the key; keys of different letters differ.
    explicit TestNode(char seed, std::string name = "node");

    [[nodiscard]] const PublicKey& key() const noexcept { return key_; }
    [[nodiscard]] const crypto::SecretKey& secret() const noexcept { return secret_; }
    /// May be changed before start().
    PeerTransport::Options options{};
    /// Called on the I/O thread for each message, besides keeping it; set before start().
    std::function<void(const SeenMessage&)> answer{};

    /// Adds a row for `other`; dialled there if it has started.
    TestNode& knows(const TestNode& other, PeerRole role = PeerRole::validator);
    /// A row for a key at a port of this machine; 0: not dialled.
    TestNode& knows(const PublicKey& key, std::uint16_t port, PeerRole role = PeerRole::validator);
    void start();
    void stop() { transport_->stop(); }
    [[nodiscard]] PeerTransport& operator*() { return *transport_; }
    [[nodiscard]] PeerTransport* operator->() { return transport_.get(); }

    // Each is true when it happened in time.
    bool wait_up(const PublicKey& peer, std::size_t times = 1);
    bool wait_down(const PublicKey& peer, std::size_t times = 1);
    bool wait_messages(std::size_t count);
    bool wait_refusal(PeerEnd why);
    /// Waits until `holds` does; it is asked again after each event.
    bool wait(const std::function<bool()>& holds);
    /// Wakes whoever waits.
    void tell();

    [[nodiscard]] std::vector<SeenMessage> messages();
    [[nodiscard]] std::vector<PeerLinkChange> changes();
    [[nodiscard]] std::vector<PeerRefusal> refusals();
    [[nodiscard]] std::size_t batches();
    /// The figures of the link to `peer`; it must be in the table.
    [[nodiscard]] PeerLinkFigures link(const PublicKey& peer);

  private:
    std::size_t changes_of(const PublicKey& peer, bool is_up);

    crypto::SecretKey secret_;
    PublicKey key_;
    std::mutex mutex_{};
    std::condition_variable changed_{};
    std::uint64_t events_ = 0;
    std::vector<SeenMessage> messages_{};
    std::vector<PeerLinkChange> changes_{};
    std::vector<PeerRefusal> refusals_{};
    std::size_t batches_ = 0;
    std::unique_ptr<PeerTransport> transport_{};  // ends first: its callbacks use the rest
};

/// Two nodes that know each other; `low` has the lower key. Not started.
struct Pair {
    Pair();
    std::unique_ptr<TestNode> low;
    std::unique_ptr<TestNode> high;
    /// Starts both, low dialled by high, and waits for the link.
    bool start();
};

}  // namespace ait::net
