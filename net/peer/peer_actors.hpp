#pragma once

// Actors of other nodes, addressed like those of one's own: a proxy here has the remote actor's
// typed interface, and a published actor gets what proxies elsewhere send, as if they were beside
// it. Messages travel over a PeerTransport; when a link ends, its proxies end too, so that monitors
// get a down_msg and requests an error.

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "net/peer/peer_messages.hpp"
#include "net/peer/peer_transport.hpp"

namespace ait::net {

/// Any thread, but for open() and close(). Handlers of proxies run in the sending actor's thread;
/// nothing here blocks.
class PeerActors {
  public:
    struct Options {
        PeerMessages messages{};
        /// A request that nobody answers is given up after it; actors set shorter ones themselves.
        std::uint32_t request_ms_max = 30'000;
        /// Requests of peers that actors here have not answered yet.
        std::uint32_t incoming_max = 16'384;
    };
    PeerActors(caf::actor_system& system, Options options);
    ~PeerActors();
    PeerActors(const PeerActors&) = delete;
    PeerActors& operator=(const PeerActors&) = delete;

    /// The transport that carries everything from now on; its on_messages and on_link must call the
    /// functions of the same names here, from the first call on.
    void open(PeerTransport& transport);
    /// Ends all proxies. Before the transport or the actor system goes.
    void close();

    /// Delivers the frames of kinds that `messages` uses, and passes over all others.
    void on_messages(const PublicKey& peer, std::span<const PeerFrame> frames);
    void on_link(const PeerLinkChange& change);

    /// Lets peers reach an actor under `number`, with messages of these numbers only. A later call
    /// with the same number replaces the actor.
    template <class Handle>
    void publish(std::uint16_t number, const Handle& actor, std::vector<std::uint16_t> accepted) {
        publish_any(number, caf::actor_cast<caf::strong_actor_ptr>(actor), std::move(accepted));
    }
    /// The actor that `peer` publishes as `number`. Error: unavailable (no link). Ends with the
    /// link: ask again when it is back.
    template <class Handle>
    Result<Handle> proxy(const PublicKey& peer, std::uint16_t number) {
        auto any = proxy_any(peer, number);
        if (!any.ok()) return any.error();
        // The one place that trusts the caller's word for the interface of a number.
        return caf::actor_cast<Handle>(any.value());
    }
    /// Frames that named no published actor, or a message that it does not take.
    [[nodiscard]] std::uint64_t stray_total() const noexcept;

  private:
    struct Shared;
    void publish_any(std::uint16_t number, caf::strong_actor_ptr actor,
                     std::vector<std::uint16_t> accepted);
    Result<caf::actor> proxy_any(const PublicKey& peer, std::uint16_t number);

    std::shared_ptr<Shared> shared_;
};

}  // namespace ait::net
