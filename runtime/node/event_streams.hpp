#pragma once

// Server-sent events over the chain's event store. A stream is a cursor: what a slow reader has not
// taken yet stays in the store, so nothing is queued in memory beyond the socket's bound, and
// Last-Event-ID resumes exactly.

#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "actors/services.hpp"
#include "net/http_server.hpp"

namespace ait::node {

inline constexpr std::size_t event_streams_max = 1'024;
inline constexpr std::int64_t event_tick_ms = 5'000;

/// What one reader wants. `snapshot` instead of raw events: called when an event about `subject`
/// has come (and once at the start); its JSON is sent as an event named "job".
struct EventStream {
    std::shared_ptr<net::HttpExchange> exchange{};
    std::string trace{};
    std::uint64_t height = 0;  ///< send what comes after (height, index)
    std::uint32_t index = 0;
    std::string kind{};     ///< this kind, or all that begin with it and a dot; empty = all
    std::string subject{};  ///< empty = all
    struct Snapshot {
        std::string data{};
        bool is_last = false;
    };
    std::function<Result<Snapshot>(const consensus::ChainReader&)> snapshot{};
};

struct OpenStream {
    std::shared_ptr<EventStream> stream{};
};
struct Pump {};
struct Tick {};

}  // namespace ait::node

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::node::OpenStream)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::node::Pump)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::node::Tick)

namespace ait::node {

using EventActor =
    caf::typed_actor<caf::reacts_to<OpenStream>, caf::reacts_to<Pump>, caf::reacts_to<Tick>>;

/// `services` outlives the actor.
EventActor spawn_event_streams(caf::actor_system& system, NodeServices& services);

/// "42.3" -> (42, 3). Error: invalid_argument.
Result<std::pair<std::uint64_t, std::uint32_t>> parse_event_id(std::string_view text);

}  // namespace ait::node
