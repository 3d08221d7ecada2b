// One end of a link between two processes over mutual TLS, for tests/benchmarks/transport: `serve`
// counts and echoes, `drive` sends and measures. Messages are typed records of about 200 bytes; in
// mode `actors` they go from actor to actor through a proxy, in mode `typed` from program to
// program.

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <caf/all.hpp>
#include <charconv>
#include <condition_variable>
#include <cstdio>
#include <future>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "net/peer/peer_actors.hpp"
#include "runtime/base/crypto/hash.hpp"

namespace ait::net {

/// What travels: a typed record as jobs and votes are, 200 bytes encoded.
struct Load {
    std::uint64_t sequence = 0;
    PublicKey account{};
    Hash content{};
    std::string model{};
    Blob payload{};
    std::int64_t deadline_unix_ms = 0;

    static constexpr auto fields() {
        return std::tuple{field("sequence", &Load::sequence, "Its number."),
                          field("account", &Load::account, "Whose."),
                          field("content", &Load::content, "Of what."),
                          field("model", &Load::model, "For which model."),
                          field("payload", &Load::payload, "Bytes."),
                          field("deadline_unix_ms", &Load::deadline_unix_ms, "Until when.")};
    }
};
struct Echo {
    Load load{};
    static constexpr auto fields() { return std::tuple{field("load", &Echo::load, "Comes back.")}; }
};
struct CountAsked {
    std::uint64_t unused = 0;
    static constexpr auto fields() {
        return std::tuple{field("unused", &CountAsked::unused, "Nothing.")};
    }
};
struct Count {
    std::uint64_t messages = 0;
    static constexpr auto fields() {
        return std::tuple{field("messages", &Count::messages, "How many came.")};
    }
};

}  // namespace ait::net

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::net::Load)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::net::Echo)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::net::CountAsked)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ait::net::Count)

namespace ait::net {
namespace {

constexpr std::uint8_t load_kind = 16;
constexpr std::uint8_t ask_kind = 17;
constexpr std::uint8_t answer_kind = 18;
constexpr std::uint8_t typed_load_kind = 19;
constexpr std::uint8_t typed_echo_kind = 20;
constexpr std::uint8_t typed_count_kind = 21;
constexpr std::uint16_t counter_number = 1;
constexpr std::uint64_t batch_messages = 10'000;
constexpr std::uint32_t patience_ms = 60'000;
constexpr std::chrono::seconds patience{60};

using Counter = caf::typed_actor<caf::reacts_to<Load>, caf::replies_to<Echo>::with<Echo>,
                                 caf::replies_to<CountAsked>::with<Count>>;
using Clockwork = std::chrono::steady_clock;

struct Report {
    double messages_per_second = 0;
    std::vector<double> request_us{};
};

Load load_of(std::uint64_t sequence) {
    Load load;
    load.sequence = sequence;
    load.account.bytes.fill(7);
    load.content.bytes.fill(9);
    load.model = "llama-3.2-1b-instruct";
    load.payload.bytes.assign(90, 'p');
    load.deadline_unix_ms = 1'800'000'000'000;
    return load;
}

/// Keys for this measurement only.
crypto::SecretKey key_of(char seed) {
    return std::move(crypto::SecretKey::from_seed(std::string(32, seed))).value();
}

[[noreturn]] void fail(const std::string& why) {
    std::fprintf(stderr, "transport_load: %s\n", why.c_str());
    std::exit(1);
}

void need(const Status& status) {
    if (!status.ok()) fail(render_error(status.error()));
}

PeerTransport::Options options_of(const crypto::SecretKey& key) {
    constexpr std::uint32_t bytes_max = 4'096;
    PeerTransport::Options options;
    options.key = &key;
    options.name = "load";
    options.role = PeerRole::validator;
    options.cluster = crypto::blake2b_256("transport benchmark");
    for (const std::uint8_t kind : {load_kind, answer_kind, typed_load_kind}) {
        options.kinds.push_back({kind, "load", PeerPriority::body, bytes_max, bytes_max});
    }
    for (const std::uint8_t kind : {ask_kind, typed_echo_kind, typed_count_kind}) {
        options.kinds.push_back(
            {kind, "ask", PeerPriority::body, bytes_max, bytes_max, answer_kind});
    }
    // Bytes bound the queue here; the frames are small.
    options.queues[static_cast<std::size_t>(PeerPriority::body)] = {8U << 20U, 1U << 20U,
                                                                    PeerQueuePolicy::refuse};
    return options;
}

PeerMessages messages() {
    PeerMessages made;
    made.add<Load>(1, load_kind)
        .add_request<Echo, Echo>(2, ask_kind)
        .add_request<CountAsked, Count>(3, ask_kind);
    return made;
}

/// The runtime's own choice (ARCHITECTURE: sharing, as many threads as cores).
struct NodeScheduler : caf::actor_system_config {
    NodeScheduler() {
        set("scheduler.policy", caf::atom("sharing"));
        set("scheduler.max-threads", std::max(1U, std::thread::hardware_concurrency()));
    }
};

/// Takes an argument, because CAF's spawn() of a function without one trips libstdc++'s assertions.
Counter::behavior_type count(Counter::pointer /*self*/, std::shared_ptr<std::uint64_t> messages) {
    return {[messages](const Load&) { ++*messages; }, [](Echo& echo) { return std::move(echo); },
            [messages](const CountAsked&) { return Count{*messages}; }};
}

/// The other side of mode `typed`: decodes each message, counts, echoes.
class TypedServer {
  public:
    void open(PeerTransport& transport) { transport_ = &transport; }
    void on_messages(const PublicKey& peer, std::span<const PeerFrame> frames) {
        for (const PeerFrame& frame : frames) {
            if (frame.kind == typed_load_kind) {
                if (decode<Load>(frame.payload).ok()) ++count_;
            } else if (frame.kind == typed_echo_kind) {
                const auto echo = decode<Echo>(frame.payload);
                if (echo.ok()) answer(peer, frame, encode(echo.value()));
            } else if (frame.kind == typed_count_kind) {
                answer(peer, frame, encode(Count{count_}));
            }
        }
    }

  private:
    void answer(const PublicKey& peer, const PeerFrame& frame, const std::string& bytes) {
        if (PeerTransport* const transport = transport_) {
            need(transport->reply(peer, frame.kind, frame.correlation, bytes));
        }
    }
    std::atomic<PeerTransport*> transport_ = nullptr;
    std::uint64_t count_ = 0;
};

/// Until standard input ends.
void serve() {
    NodeScheduler config;
    caf::actor_system system{config};
    const crypto::SecretKey key = key_of('s');
    PeerActors actors(system, {.messages = messages()});
    TypedServer typed;
    PeerTransport::Options options = options_of(key);
    options.peers.push_back({.key = key_of('d').public_key(), .role = PeerRole::validator});
    options.callbacks.on_link = [&](const PeerLinkChange& change) { actors.on_link(change); };
    options.callbacks.on_messages = [&](const PublicKey& peer, std::span<const PeerFrame> frames) {
        actors.on_messages(peer, frames);
        typed.on_messages(peer, frames);
    };
    auto transport = PeerTransport::start(std::move(options));
    if (!transport.ok()) fail(render_error(transport.error()));
    actors.open(*transport.value());
    typed.open(*transport.value());
    const auto counter = system.spawn(count, std::make_shared<std::uint64_t>(0));
    actors.publish(counter_number, counter, {1, 2, 3});
    fmt::print("{}\n", transport.value()->port());
    std::fflush(stdout);
    while (std::getchar() != EOF) {
    }
    transport.value()->stop();
    actors.close();
    caf::anon_send_exit(counter, caf::exit_reason::user_shutdown);
}

double rate_of(std::uint64_t messages, Clockwork::time_point began) {
    return static_cast<double>(messages) /
           std::chrono::duration<double>(Clockwork::now() - began).count();
}

double since_us(Clockwork::time_point began) {
    return std::chrono::duration<double, std::micro>(Clockwork::now() - began).count();
}

// ---- mode actors ----

/// At most two batches are under way: the receiver's word about the first is awaited before the
/// third is sent.
double actors_rate(caf::actor_system& system, const Counter& proxy, std::uint64_t messages) {
    caf::scoped_actor self{system};
    std::uint64_t counted = 0;
    const auto ask = [&] { return self->request(proxy, patience, CountAsked{}); };
    const auto hear = [&](auto& asked) {
        asked.receive([&](const Count& count) { counted = count.messages; },
                      [&](const caf::error& error) { fail(to_string(error)); });
    };
    auto first = ask();
    hear(first);
    const std::uint64_t before = counted;
    const auto began = Clockwork::now();
    auto waiting = ask();
    for (std::uint64_t sent = 0; sent < messages;) {
        const std::uint64_t until = std::min(messages, sent + batch_messages);
        for (; sent < until; ++sent) caf::anon_send(proxy, load_of(sent));
        auto next = ask();
        hear(waiting);
        waiting = std::move(next);
    }
    hear(waiting);
    if (counted - before != messages)
        fail(fmt::format("{} of {} came", counted - before, messages));
    return rate_of(messages, began);
}

/// One request after the other, by an actor that is woken by each answer.
struct Asker {
    Asker() = default;
    std::vector<double> took_us{};
    Clockwork::time_point began{};
};
void ask_next(caf::stateful_actor<Asker>* self, const Counter& proxy, std::size_t requests,
              std::promise<std::vector<double>>* done) {
    if (self->state.took_us.size() == requests) {
        done->set_value(std::move(self->state.took_us));
        self->quit();
        return;
    }
    self->state.began = Clockwork::now();
    self->request(proxy, patience, Echo{load_of(self->state.took_us.size())})
        .then(
            [=](const Echo&) {
                self->state.took_us.push_back(since_us(self->state.began));
                ask_next(self, proxy, requests, done);
            },
            [=](const caf::error& error) { fail(self->system().render(error)); });
}

std::vector<double> actors_requests(caf::actor_system& system, const Counter& proxy,
                                    std::size_t requests) {
    std::promise<std::vector<double>> done;
    system.spawn(ask_next, proxy, requests, &done);
    return done.get_future().get();
}

// ---- mode typed ----

Result<std::string> ask(PeerTransport& transport, const PublicKey& peer, std::uint8_t kind,
                        const std::string& bytes) {
    std::promise<Result<std::string>> reply;
    need(transport.request(peer, kind, bytes, patience_ms,
                           [&](Result<std::string> came) { reply.set_value(std::move(came)); }));
    return reply.get_future().get();
}

std::uint64_t typed_count(PeerTransport& transport, const PublicKey& peer) {
    const auto reply = ask(transport, peer, typed_count_kind, encode(CountAsked{}));
    if (!reply.ok()) fail(render_error(reply.error()));
    return decode<Count>(reply.value()).value().messages;
}

double typed_rate(PeerTransport& transport, const PublicKey& peer, std::uint64_t messages) {
    const std::uint64_t before = typed_count(transport, peer);
    const auto began = Clockwork::now();
    for (std::uint64_t i = 0; i < messages; ++i) {
        const std::string bytes = encode(load_of(i));
        for (;;) {
            const Status sent = transport.send(peer, typed_load_kind, 0, bytes);
            if (sent.ok()) break;
            if (sent.error().code != ErrorCode::overloaded) fail(render_error(sent.error()));
            std::this_thread::yield();
        }
    }
    std::uint64_t counted = before;
    // A full queue refuses the question too; then there is time to let it drain.
    while (counted - before < messages) counted = typed_count(transport, peer);
    return rate_of(messages, began);
}

std::vector<double> typed_requests(PeerTransport& transport, const PublicKey& peer,
                                   std::size_t requests) {
    std::vector<double> took_us;
    for (std::size_t i = 0; i < requests; ++i) {
        const auto began = Clockwork::now();
        const auto reply = ask(transport, peer, typed_echo_kind, encode(Echo{load_of(i)}));
        if (!reply.ok() || !decode<Echo>(reply.value()).ok()) fail("an echo did not come back");
        took_us.push_back(since_us(began));
    }
    return took_us;
}

// ---- the driving side ----

struct Drive {
    std::uint16_t port = 0;
    bool is_typed = false;
    std::uint64_t messages = 300'000;
    std::uint64_t requests = 3'000;
};

void print(Report report) {
    std::ranges::sort(report.request_us);
    const auto at = [&](double part) {
        const auto index =
            static_cast<std::size_t>(part * static_cast<double>(report.request_us.size() - 1));
        return report.request_us[index];
    };
    fmt::print(
        "{{\"messages_per_second\":{:.0f},\"p50_us\":{:.1f},\"p99_us\":{:.1f},"
        "\"message_bytes\":{}}}\n",
        report.messages_per_second, at(0.5), at(0.99), encode(load_of(1'000'000)).size());
}

void drive(const Drive& wanted) {
    NodeScheduler config;
    caf::actor_system system{config};
    const crypto::SecretKey key = key_of('d');
    const PublicKey peer = key_of('s').public_key();
    PeerActors actors(system, {.messages = messages()});
    std::promise<void> is_up;
    PeerTransport::Options options = options_of(key);
    options.host.clear();
    options.peers.push_back(
        {.key = peer, .host = "127.0.0.1", .port = wanted.port, .role = PeerRole::validator});
    options.callbacks.on_messages = [&](const PublicKey& from, std::span<const PeerFrame> frames) {
        actors.on_messages(from, frames);
    };
    options.callbacks.on_link = [&](const PeerLinkChange& change) {
        actors.on_link(change);
        if (change.is_up) is_up.set_value();
    };
    auto started = PeerTransport::start(std::move(options));
    if (!started.ok()) fail(render_error(started.error()));
    PeerTransport& transport = *started.value();
    actors.open(transport);
    if (is_up.get_future().wait_for(patience) != std::future_status::ready) fail("no link");
    Report report;
    if (wanted.is_typed) {
        report.request_us = typed_requests(transport, peer, wanted.requests);
        report.messages_per_second = typed_rate(transport, peer, wanted.messages);
    } else {
        const auto proxy = actors.proxy<Counter>(peer, counter_number);
        if (!proxy.ok()) fail(render_error(proxy.error()));
        report.request_us = actors_requests(system, proxy.value(), wanted.requests);
        report.messages_per_second = actors_rate(system, proxy.value(), wanted.messages);
    }
    print(std::move(report));
    transport.stop();
    actors.close();
}

template <class Number>
void read_number(std::string_view text, Number& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) fail("not a number");
}

}  // namespace
}  // namespace ait::net

int main(int count, char** arguments) {
    using namespace ait::net;
    const std::vector<std::string_view> words(arguments + 1, arguments + count);
    if (words == std::vector<std::string_view>{"serve"}) {
        serve();
        return 0;
    }
    if (words.size() != 5 || words[0] != "drive") {
        fail("usage: transport_load serve | drive PORT actors|typed MESSAGES REQUESTS");
    }
    Drive wanted;
    read_number(words[1], wanted.port);
    wanted.is_typed = words[2] == "typed";
    read_number(words[3], wanted.messages);
    read_number(words[4], wanted.requests);
    if (wanted.requests == 0 || wanted.messages == 0) fail("at least one of each");
    drive(wanted);
    return 0;
}
