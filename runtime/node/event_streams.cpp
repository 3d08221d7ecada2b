#include "runtime/node/event_streams.hpp"

#include <caf/all.hpp>
#include <charconv>
#include <limits>
#include <list>

#include "actors/supervision.hpp"

namespace ait::node {
namespace {

constexpr std::size_t events_per_read = 256;

bool is_wanted(const EventStream& stream, const consensus::Event& event) {
    if (!stream.subject.empty() && event.subject != stream.subject) return false;
    if (stream.kind.empty() || event.kind == stream.kind) return true;
    return event.kind.starts_with(stream.kind + ".");
}

std::string event_frame(const consensus::StoredEvent& stored) {
    const std::string id = std::to_string(stored.height) + "." + std::to_string(stored.index);
    Json attributes = Json::object();
    for (const auto& attribute : stored.event.attributes)
        attributes[attribute.key] = attribute.value;
    const Json body{{"id", id},
                    {"height", stored.height},
                    {"index", stored.index},
                    {"time", to_rfc3339(stored.time_unix_ms)},
                    {"kind", stored.event.kind},
                    {"subject", stored.event.subject},
                    {"attributes", std::move(attributes)}};
    return "id: " + id + "\nevent: " + stored.event.kind + "\ndata: " + dump_json(body) + "\n\n";
}

class Streams {
  public:
    explicit Streams(NodeServices& services) : services_(services) {}

    void open(std::shared_ptr<EventStream> stream) {
        if (streams_.size() >= event_streams_max) {
            std::erase_if(streams_, [](const auto& open) { return open->exchange->is_closed(); });
        }
        if (streams_.size() >= event_streams_max) {
            return stream->exchange->respond(net::plain_error_response(
                503, "overloaded", "Too many event streams are open.", "Try again later.", true));
        }
        if (!stream->exchange->begin_stream(
                200, {{"x-request-id", stream->trace}, {"cache-control", "no-store"}},
                "text/event-stream")) {
            return;
        }
        const auto reader = services_.reader();
        if (stream->snapshot && !send_snapshot(*stream, *reader)) return;
        if (send_events(*stream, *reader)) streams_.push_back(std::move(stream));
    }

    void pump() {
        const auto reader = services_.reader();
        for (auto stream = streams_.begin(); stream != streams_.end();) {
            stream = send_events(**stream, *reader) ? std::next(stream) : streams_.erase(stream);
        }
    }

    /// A comment keeps proxies from closing a quiet stream and finds readers that have gone.
    void tick() {
        for (auto stream = streams_.begin(); stream != streams_.end();) {
            const bool gone =
                !(*stream)->exchange->write(": quiet\n\n") && (*stream)->exchange->is_closed();
            stream = gone ? streams_.erase(stream) : std::next(stream);
        }
        pump();
    }

  private:
    /// False when the stream is over.
    static bool send_snapshot(EventStream& stream, const consensus::ChainReader& reader) {
        auto snapshot = stream.snapshot(reader);
        if (!snapshot.ok()) {
            static_cast<void>(stream.exchange->write(
                "event: error\ndata: " + dump_json(error_to_json(snapshot.error(), stream.trace)) +
                "\n\n"));
            stream.exchange->end();
            return false;
        }
        if (!stream.exchange->write("event: job\ndata: " + snapshot.value().data + "\n\n"))
            return !stream.exchange->is_closed();
        if (snapshot.value().is_last) stream.exchange->end();
        return !snapshot.value().is_last;
    }

    static bool send_events(EventStream& stream, const consensus::ChainReader& reader) {
        if (stream.exchange->is_closed()) return false;
        bool is_touched = false;
        while (true) {
            const auto events = reader.events_after(stream.height, stream.index, events_per_read);
            for (const auto& stored : events) {
                if (is_wanted(stream, stored.event)) {
                    is_touched = true;
                    if (!stream.snapshot && !stream.exchange->write(event_frame(stored))) {
                        return !stream.exchange->is_closed();  // full: go on from here at the next
                                                               // block or tick
                    }
                }
                stream.height = stored.height;
                stream.index = stored.index;
            }
            if (events.size() < events_per_read) break;
        }
        return !is_touched || !stream.snapshot || send_snapshot(stream, reader);
    }

    NodeServices& services_;
    std::list<std::shared_ptr<EventStream>> streams_{};
};

struct StreamState {
    StreamState() = default;
    ~StreamState() {
        if (services != nullptr) services->listeners().remove(listener);
    }
    StreamState(const StreamState&) = delete;
    StreamState& operator=(const StreamState&) = delete;
    std::unique_ptr<Streams> streams{};
    NodeServices* services = nullptr;
    std::uint64_t listener = 0;
};

EventActor::behavior_type behave(EventActor::stateful_pointer<StreamState> self,
                                 NodeServices* services) {
    abort_on_exception(self);
    self->state.streams = std::make_unique<Streams>(*services);
    self->state.services = services;
    self->state.listener = services->listeners().add(
        [actor = caf::actor_cast<caf::weak_actor_ptr>(self)](std::uint64_t) {
            if (const auto strong = actor.lock())
                caf::anon_send(caf::actor_cast<EventActor>(strong), Pump{});
        });
    self->delayed_send(self, std::chrono::milliseconds(event_tick_ms), Tick{});
    Streams* streams = self->state.streams.get();
    return {
        [streams](const OpenStream& message) { streams->open(message.stream); },
        [streams](const Pump&) { streams->pump(); },
        [self, streams](const Tick&) {
            streams->tick();
            self->delayed_send(self, std::chrono::milliseconds(event_tick_ms), Tick{});
        },
    };
}

}  // namespace

EventActor spawn_event_streams(caf::actor_system& system, NodeServices& services) {
    return system.spawn(behave, &services);
}

Result<std::pair<std::uint64_t, std::uint32_t>> parse_event_id(std::string_view text) {
    std::uint64_t height = 0;
    std::uint32_t index = 0;
    const char* end = text.data() + text.size();
    const auto first = std::from_chars(text.data(), end, height);
    if (first.ec == std::errc{} && first.ptr != end && *first.ptr == '.') {
        const auto second = std::from_chars(first.ptr + 1, end, index);
        if (second.ec == std::errc{} && second.ptr == end) return std::pair{height, index};
    }
    return Error{ErrorCode::invalid_argument, "The event id cannot be read.",
                 "\"" + std::string(text.substr(0, 40)) + "\" is not HEIGHT.INDEX.",
                 "Give the id of an event you got."};
}

}  // namespace ait::node
