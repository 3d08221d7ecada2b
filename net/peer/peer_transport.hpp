#pragma once

// Links between the nodes of a cluster: one mutual TLS 1.3 connection a pair, each end proved to be
// the configured Ed25519 key, on which typed frames travel by urgency through bounded queues. Who
// dials, when to try again, what to refuse and when a peer is dead is decided here; what the frames
// mean is the caller's. Format and handshake: net/peer/README.md.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/peer/peer_types.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/crypto/keys.hpp"
#include "runtime/base/result.hpp"

namespace ait::net {

class PeerCore;

/// All functions but the constructor may be called from any thread, never block (stop() waits for
/// the I/O thread), and may be called from the callbacks, stop() and the destructor excepted.
class PeerTransport {
  public:
    /// Callbacks run on the I/O thread, one at a time; they must not block or throw.
    struct Callbacks {
        /// All messages of one read of one link, in their order, but for replies to request().
        std::function<void(const PublicKey& peer, std::span<const PeerFrame> frames)> on_messages{};
        /// Messages of a peer come only between its up and its down.
        std::function<void(const PeerLinkChange& change)> on_link{};
        /// For logs and for the operator; at most one a second for each reason.
        std::function<void(const PeerRefusal& refusal)> on_refusal{};
    };
    struct Options {
        std::string host = "127.0.0.1";          ///< address to listen at; empty: do not listen
        std::uint16_t port = 0;                  ///< 0: the system picks
        const crypto::SecretKey* key = nullptr;  ///< this node's; read during start() only
        std::string name{};                      ///< what this node calls itself
        PeerRole role = PeerRole::follower;
        Hash cluster{};             ///< both ends of a link must hold the same
        std::uint64_t version = 1;  ///< of the caller's protocol; must be the same too
        std::vector<PeerKind> kinds{};
        std::vector<KnownPeer> peers{};
        std::array<PeerQueueRule, peer_priority_count> queues = peer_queue_rules_default;

        std::uint32_t handshake_ms_max = 5'000;  ///< from the connection to the link
        std::uint32_t connect_ms_max = 1'000;    ///< of dialling
        std::uint32_t heartbeat_ms = 1'000;
        std::uint32_t dead_ms = 3'000;      ///< without an answer to a heartbeat
        std::uint32_t backoff_ms_min = 50;  ///< between attempts' starts; doubles, with jitter
        std::uint32_t backoff_ms_max = 1'000;
        std::uint32_t peers_max = 256;
        std::uint32_t handshakes_max = 64;  ///< connections that are no link yet
        std::uint32_t handshakes_per_address_max = 16;
        /// Who knocks more often waits at the door: a TLS handshake costs what a vote costs.
        std::uint32_t accepts_per_second_max = 500;
        std::uint32_t requests_in_flight_max = 16'384;  ///< of one peer
        /// A peer that sends more is read more slowly; 0: as fast as it comes.
        std::uint64_t inbound_bytes_per_second_max = 0;
        Callbacks callbacks{};
        const Clock* clock = &system_clock();
        Random* random = &system_random();
    };

    /// Listens, begins to dial, starts the I/O thread. Errors: invalid_argument (a table that
    /// contradicts itself), conflict (port taken), unavailable.
    static Result<std::unique_ptr<PeerTransport>> start(Options options);
    ~PeerTransport();
    PeerTransport(const PeerTransport&) = delete;
    PeerTransport& operator=(const PeerTransport&) = delete;

    /// Ends all links (each on_link down), answers all requests (cancelled) and joins the I/O
    /// thread. Afterwards everything is refused with unavailable. May be called twice.
    void stop();

    /// The port really bound; 0 when it does not listen.
    [[nodiscard]] std::uint16_t port() const noexcept;

    /// Queues one message. ok means queued (or dropped by the policy of its priority), not arrived:
    /// what is queued or under way when the link ends is lost. Errors: not_found (unknown peer),
    /// unavailable (link down), overloaded (queue full), invalid_argument (unknown kind),
    /// too_large.
    Status send(const PublicKey& peer, std::uint8_t kind, std::uint64_t correlation,
                std::string_view payload);
    /// The same without a copy of a long payload.
    Status send(const PublicKey& peer, std::uint8_t kind, std::uint64_t correlation,
                PeerPayload payload);
    struct Broadcast {
        std::size_t queued = 0;   ///< links that took it
        std::size_t refused = 0;  ///< links whose queue was full
    };
    /// To all links that are up, or to those of `peers`; the payload is shared.
    Broadcast broadcast(std::uint8_t kind, PeerPayload payload);
    Broadcast broadcast(std::uint8_t kind, PeerPayload payload, std::span<const PublicKey> peers);

    /// What request() gives: the reply, or the error that the peer replied, or deadline_exceeded,
    /// unavailable (the link ended), cancelled (the transport stops).
    using Reply = std::function<void(Result<std::string> reply)>;
    /// Asks; `kind` has a reply_kind. Errors as send(), and limit_reached (too many in flight);
    /// then `on_reply` is not called. Else it is called once, on the I/O thread.
    Status request(const PublicKey& peer, std::uint8_t kind, std::string_view payload,
                   std::uint32_t timeout_ms, Reply on_reply);
    /// Answers a frame that on_messages gave; `request_kind` and `correlation` are the frame's.
    Status reply(const PublicKey& peer, std::uint8_t request_kind, std::uint64_t correlation,
                 std::string_view payload);
    Status reply_error(const PublicKey& peer, std::uint8_t request_kind, std::uint64_t correlation,
                       const Error& error);

    /// Adds a peer or changes its row. A changed name or address takes effect with the next
    /// connection, a changed role at once. Errors: limit_reached, invalid_argument.
    Status put_peer(KnownPeer peer);
    /// Ends its link and forgets it. Error: not_found.
    Status remove_peer(const PublicKey& peer);
    /// What this node calls itself from the next handshake on.
    void set_role(PeerRole role);

    /// Tries to connect as a link would, and says what was met. Without `expected`, any key is
    /// fine. `on_end` is called once, on the I/O thread, after at most `timeout_ms`.
    void probe(std::string host, std::uint16_t port, std::optional<PublicKey> expected,
               std::uint32_t timeout_ms, std::function<void(PeerProbe)> on_end);

    [[nodiscard]] bool is_up(const PublicKey& peer) const;
    [[nodiscard]] PeerFigures figures() const;

  private:
    explicit PeerTransport(std::shared_ptr<PeerCore> core);
    std::shared_ptr<PeerCore> core_;
};

}  // namespace ait::net
