#include "net/http_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <csignal>
#include <future>
#include <optional>
#include <thread>

#include "net/http_core.hpp"
#include "net/http_listen.hpp"
#include "net/http_serialise.hpp"
#include "net/http_session.hpp"

namespace ait::net {

namespace asio = boost::asio;
using ErrorCodeAsio = boost::system::error_code;

namespace {

constexpr int accepted_at_once_max = 8;        // a crowd at the door must not hold up those inside
constexpr std::int64_t accept_pause_ms = 100;  ///< after the process ran out of descriptors
constexpr int displace_candidates_max = 32;

/// One listening socket: waits until it is readable and takes what is there.
class Acceptor : public std::enable_shared_from_this<Acceptor> {
  public:
    Acceptor(std::shared_ptr<HttpCore> core, int fd, bool is_local)
        : core_(std::move(core)),
          listener_(core_->io),
          pause_(core_->io),
          fd_(fd),
          is_local_(is_local) {}
    ~Acceptor() {
        if (listener_.is_open()) listener_.release();  // whoever opened the socket closes it
    }
    Acceptor(const Acceptor&) = delete;
    Acceptor& operator=(const Acceptor&) = delete;

    bool open() {
        ErrorCodeAsio error;
        listener_.assign(fd_, error);
        return !error;
    }
    void wait() {
        listener_.async_wait(asio::posix::stream_descriptor::wait_read,
                             [self = shared_from_this()](const ErrorCodeAsio& error) {
                                 if (!error) self->accept_all();
                             });
    }
    void close() {
        if (!listener_.is_open()) return;
        is_closed_ = true;
        listener_.release();
        pause_.cancel();
    }

  private:
    void accept_all();
    void take(FileDescriptor connection, const sockaddr_storage& from);

    std::shared_ptr<HttpCore> core_;
    asio::posix::stream_descriptor listener_;
    asio::steady_timer pause_;
    int fd_;
    bool is_local_;
    bool is_closed_ = false;
};

HttpPeer describe_peer(int fd, bool is_local, const sockaddr_storage& from) {
    HttpPeer peer{.is_local_socket = is_local};
    if (is_local) {
        ucred credentials{};
        socklen_t length = sizeof credentials;
        // Without credentials nobody is trusted: -1 is no user's id.
        const bool known = ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0;
        peer.uid = known ? credentials.uid : static_cast<std::uint32_t>(-1);
        return peer;
    }
    char text[INET6_ADDRSTRLEN] = {};
    if (from.ss_family == AF_INET) {
        inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&from)->sin_addr, text,
                  sizeof text);
    } else {
        inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&from)->sin6_addr, text,
                  sizeof text);
    }
    peer.address = text;
    return peer;
}

void turn_away(HttpCore& core, int fd, HttpRefusal refusal) {
    core.count(refusal);
    static const std::string answer = serialise_response(
        plain_error_response(503, "overloaded", "The server has no room for another connection.",
                             "Close idle connections, or try again in a moment.", true),
        HttpFraming{.is_head = false, .is_http_1_0 = false, .keep_alive = false});
    // Best effort: there is no room to wait for a peer that does not take it.
    (void)::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)::shutdown(fd, SHUT_WR);
}

void Acceptor::accept_all() {
    for (int i = 0; i < accepted_at_once_max && !is_closed_; ++i) {
        sockaddr_storage from{};
        socklen_t length = sizeof from;
        FileDescriptor connection(::accept4(fd_, reinterpret_cast<sockaddr*>(&from), &length,
                                            SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (connection.is_open()) {
            take(std::move(connection), from);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EAGAIN) break;
        // Out of descriptors: whoever waits longest gives up its own for whoever knocks.
        if ((errno == EMFILE || errno == ENFILE) && core_->displace(/*newcomer_holds=*/0)) continue;
        // Nobody waits, or memory is short: the socket stays readable, so pause, do not spin.
        core_->count(HttpRefusal::connections_full);
        pause_.expires_after(std::chrono::milliseconds(accept_pause_ms));
        pause_.async_wait([self = shared_from_this()](const ErrorCodeAsio& error) {
            if (!error && !self->is_closed_) self->wait();
        });
        return;
    }
    if (!is_closed_) wait();
}

void Acceptor::take(FileDescriptor connection, const sockaddr_storage& from) {
    HttpCore& core = *core_;
    ++core.connections_total;
    HttpPeer peer = describe_peer(connection.get(), is_local_, from);
    const auto entry = core.connections_by_address.find(peer.address);
    const std::uint32_t held = entry == core.connections_by_address.end() ? 0 : entry->second;
    if (held >= core.options.connections_per_address_max) {
        turn_away(core, connection.get(), HttpRefusal::address_full);
        return;
    }
    if (core.sessions.size() >= core.options.connections_max && !core.displace(held)) {
        turn_away(core, connection.get(), HttpRefusal::connections_full);
        return;
    }
    HttpSession::Socket socket(core.io);
    ErrorCodeAsio error;
    const int family = is_local_ ? AF_UNIX : from.ss_family;
    const int protocol = is_local_ ? 0 : IPPROTO_TCP;
    socket.assign(asio::generic::stream_protocol(family, protocol), connection.get(), error);
    if (error) {
        turn_away(core, connection.get(), HttpRefusal::connections_full);
        return;
    }
    const int fd = connection.release();
    if (!is_local_) {
        ++core.connections_by_address[peer.address];
        const int on = 1;  // answers are written whole: waiting to fill packets only delays them
        (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    auto session = std::make_shared<HttpSession>(core_, std::move(socket), std::move(peer));
    core.sessions.emplace(session.get(), session);
    ++core.connections_open;
    session->start();
}

}  // namespace

void HttpCore::forget(HttpSession& session, const std::string& address) {
    const auto held = connections_by_address.find(address);
    if (held != connections_by_address.end() && --held->second == 0) {
        connections_by_address.erase(held);
    }
    const std::size_t erased = sessions.erase(&session);
    AIT_ASSERT(erased == 1);
    const std::lock_guard lock(idle_mutex);
    --connections_open;
    idle.notify_all();
}

bool HttpCore::displace(std::uint32_t newcomer_holds) {
    HttpSession* victim = nullptr;
    std::uint32_t victim_holds = newcomer_holds;
    int candidates = 0;
    for (HttpSession* const session : waiting) {
        if (++candidates > displace_candidates_max) break;
        const std::uint32_t holds = connections_by_address.at(session->peer().address);
        if (holds <= victim_holds) continue;
        victim = session;
        victim_holds = holds;
    }
    if (victim == nullptr) return false;
    count(HttpRefusal::displaced);
    victim->close();
    return true;
}

struct HttpServer::Parts {
    explicit Parts(std::shared_ptr<HttpCore> given)
        : core(std::move(given)), tick(core->io), work(core->io.get_executor()) {}

    void add(int fd, bool is_local) {
        acceptors.push_back(std::make_shared<Acceptor>(core, fd, is_local));
    }
    void arm_tick();
    void start_thread();
    void close_acceptors();
    void stop();
    /// Runs `task` on the I/O thread and waits for its end.
    template <class Task>
    void run_and_wait(Task task) {
        AIT_ASSERT(std::this_thread::get_id() != core->thread_id.load());
        std::promise<void> done;
        asio::post(core->io, [&] {
            task();
            done.set_value();
        });
        done.get_future().wait();
    }

    std::shared_ptr<HttpCore> core;
    std::optional<UnixListener> unix_listener{};
    std::optional<TcpListener> tcp_listener{};
    std::uint16_t tcp_port = 0;
    std::vector<std::shared_ptr<Acceptor>> acceptors{};
    asio::steady_timer tick;
    asio::executor_work_guard<asio::io_context::executor_type> work;
    std::int64_t tick_ms = 250;
    std::thread thread{};
};

void HttpServer::Parts::arm_tick() {
    tick.expires_after(std::chrono::milliseconds(tick_ms));
    tick.async_wait([this](const ErrorCodeAsio& error) {
        if (error) return;
        const std::int64_t now_ms = HttpCore::now_ms();
        std::vector<std::shared_ptr<HttpSession>>
            sessions;  // a check may take one out of the table
        sessions.reserve(core->sessions.size());
        for (const auto& [key, session] : core->sessions) sessions.push_back(session);
        for (const auto& session : sessions) session->check_deadlines(now_ms);
        arm_tick();
    });
}

void HttpServer::Parts::start_thread() {
    // Signals belong to the threads that expect them.
    sigset_t all{};
    sigset_t before{};
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread = std::thread([core = core] {
        core->thread_id = std::this_thread::get_id();
        core->io.run();
        core->thread_id = std::thread::id();  // the system may give the id to another thread
    });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void HttpServer::Parts::close_acceptors() {
    run_and_wait([this] {
        for (const auto& acceptor : acceptors) acceptor->close();
        acceptors.clear();
    });
    unix_listener.reset();
    tcp_listener.reset();
}

void HttpServer::Parts::stop() {
    if (!thread.joinable()) return;
    close_acceptors();
    run_and_wait([this] {
        tick.cancel();
        while (!core->sessions.empty()) {
            const auto session = core->sessions.begin()->second;
            session->close();
        }
    });
    {
        const std::lock_guard lock(core->post_mutex);
        core->is_stopped = true;
    }
    work.reset();
    thread.join();  // the loop ends by itself once the cancelled operations have come back
}

HttpServer::HttpServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

HttpServer::~HttpServer() {
    parts_->stop();
}

Result<std::unique_ptr<HttpServer>> HttpServer::open(Options options, Handler handler) {
    AIT_ASSERT(handler != nullptr);
    auto core = std::make_shared<HttpCore>(std::move(options), std::move(handler));
    auto parts = std::make_unique<Parts>(core);
    const Options& given = core->options;
    if (!given.unix_socket_path.empty()) {
        auto listener = UnixListener::open(given.unix_socket_path);
        if (!listener.ok()) return listener.error();
        parts->unix_listener.emplace(std::move(listener).value());
        parts->add(parts->unix_listener->fd(), true);
    }
    if (given.tcp_enabled) {
        auto listener = listen_tcp(given.tcp_host, given.tcp_port, given.tcp_port_may_move);
        if (!listener.ok()) return listener.error();
        parts->tcp_port = listener.value().port;
        parts->tcp_listener.emplace(std::move(listener).value());
        parts->add(parts->tcp_listener->socket.get(), false);
    }
    for (const auto& acceptor : parts->acceptors) {
        if (!acceptor->open()) {
            return Error{ErrorCode::unavailable, "The node cannot watch its listening socket.",
                         "The system's event queue refused it.", "Check the open-files limit."};
        }
    }
    for (const auto& acceptor : parts->acceptors) acceptor->wait();
    const std::uint32_t shortest_ms =
        std::min({given.header_timeout_ms, given.idle_timeout_ms, given.rate_grace_ms});
    parts->tick_ms = std::clamp<std::int64_t>(shortest_ms / 4, 5, 250);
    parts->arm_tick();
    parts->start_thread();
    return std::unique_ptr<HttpServer>(new HttpServer(std::move(parts)));
}

std::uint16_t HttpServer::tcp_port() const noexcept {
    return parts_->tcp_port;
}

void HttpServer::stop_accepting() {
    parts_->close_acceptors();
}

bool HttpServer::drain(std::chrono::milliseconds timeout) {
    HttpCore& core = *parts_->core;
    core.is_draining = true;
    parts_->close_acceptors();
    parts_->run_and_wait([&core] {
        std::vector<std::shared_ptr<HttpSession>> sessions;
        for (const auto& [key, session] : core.sessions) sessions.push_back(session);
        for (const auto& session : sessions) session->close_if_idle();
    });
    std::unique_lock lock(core.idle_mutex);
    return core.idle.wait_for(lock, timeout, [&core] { return core.connections_open == 0; });
}

HttpCounters HttpServer::counters() const {
    const HttpCore& core = *parts_->core;
    HttpCounters counters;
    counters.connections_open = core.connections_open;
    counters.connections_total = core.connections_total;
    counters.requests_in_flight = core.requests_in_flight;
    counters.requests_total = core.requests_total;
    for (std::size_t i = 0; i < http_refusal_count; ++i) {
        counters.refused_total[i] = core.refused_total[i];
    }
    counters.received_bytes_total = core.received_bytes_total;
    counters.sent_bytes_total = core.sent_bytes_total;
    return counters;
}

std::string_view http_refusal_name(HttpRefusal refusal) noexcept {
    switch (refusal) {
        case HttpRefusal::connections_full:
            return "connections_full";
        case HttpRefusal::address_full:
            return "address_full";
        case HttpRefusal::header_timeout:
            return "header_timeout";
        case HttpRefusal::header_too_large:
            return "header_too_large";
        case HttpRefusal::body_too_slow:
            return "body_too_slow";
        case HttpRefusal::body_too_large:
            return "body_too_large";
        case HttpRefusal::bodies_full:
            return "bodies_full";
        case HttpRefusal::malformed:
            return "malformed";
        case HttpRefusal::expectation:
            return "expectation";
        case HttpRefusal::reader_too_slow:
            return "reader_too_slow";
        case HttpRefusal::displaced:
            return "displaced";
    }
    return "unknown";
}

}  // namespace ait::net
