#include "tests/benchmarks/load_loop.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "runtime/base/clock.hpp"

namespace ait::benchmarks {
namespace {

constexpr std::size_t receive_bytes = 64 * 1024;
constexpr std::size_t answer_bytes_max = 4 * 1024 * 1024;
constexpr int events_max = 64;
constexpr int look_at_clock_ms = 20;

Error failed(std::string what) {
    return Error{ErrorCode::unavailable, std::move(what), std::strerror(errno), ""};
}

struct Connection {
    net::FileDescriptor socket{};
    std::string out{};
    std::size_t sent = 0;
    std::string received{};
    std::int64_t started_us = 0;
    Step step = Step::submit;
    bool is_waiting_to_send = false;
    bool is_done = false;
};

class Loop {
  public:
    Loop(Protocol& protocol, const LoadOptions& options)
        : protocol_(protocol), options_(options), connections_(options.connections) {}

    Result<LoadFigures> run() {
        const Status opened = open();
        if (!opened.ok()) return opened.error();
        const std::int64_t started_us = now_us();
        measure_from_us_ = started_us + options_.warm_up_ms * 1'000;
        for (std::size_t i = 0; i < connections_.size(); ++i) {
            if (const Status begun = begin_request(i); !begun.ok()) return begun.error();
        }
        while (done_ < connections_.size()) {
            const Status turned = turn();
            if (!turned.ok()) return turned.error();
            const Status timely = look_at_clock(now_us());
            if (!timely.ok()) return timely.error();
        }
        return figures_;
    }

  private:
    static std::int64_t now_us() { return system_clock().monotonic_us(); }

    Status open() {
        poll_ = net::FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
        if (!poll_.is_open()) return failed("epoll is not to be had.");
        for (std::size_t i = 0; i < connections_.size(); ++i) {
            auto socket = connect_to(options_.endpoints[i % options_.endpoints.size()], i);
            if (!socket.ok()) return socket.error();
            epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
            if (::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, socket.value().get(), &event) != 0)
                return failed("epoll refused a socket.");
            connections_[i].socket = std::move(socket).value();
        }
        return {};
    }

    Status turn() {
        std::array<epoll_event, events_max> events{};
        const int count = ::epoll_wait(poll_.get(), events.data(), events_max, look_at_clock_ms);
        if (count < 0 && errno != EINTR) return failed("epoll failed.");
        for (int i = 0; i < count; ++i) {
            const epoll_event& event = events[static_cast<std::size_t>(i)];
            const std::size_t index = event.data.u64;
            const Status served =
                (event.events & EPOLLOUT) != 0 ? send_rest(index) : receive(index);
            if (!served.ok()) return served;
        }
        return {};
    }

    Status begin_request(std::size_t index) {
        Connection& connection = connections_[index];
        connection.out.clear();
        connection.sent = 0;
        const auto step = protocol_.next_request(index, connection.out);
        if (!step) {
            connection.is_done = true;
            ++done_;
            return {};
        }
        connection.step = *step;
        connection.started_us = now_us();
        return send_rest(index);
    }

    Status send_rest(std::size_t index) {
        Connection& connection = connections_[index];
        while (connection.sent < connection.out.size()) {
            const ssize_t sent =
                ::send(connection.socket.get(), connection.out.data() + connection.sent,
                       connection.out.size() - connection.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent < 0 && errno == EINTR) continue;
            if (sent < 0 && errno == EAGAIN) return wait_to_send(index, true);
            if (sent < 0) return failed("A connection broke while a request was sent.");
            connection.sent += static_cast<std::size_t>(sent);
        }
        return wait_to_send(index, false);
    }

    Status wait_to_send(std::size_t index, bool wait) {
        Connection& connection = connections_[index];
        if (connection.is_waiting_to_send == wait) return {};
        connection.is_waiting_to_send = wait;
        epoll_event event{.events = wait ? EPOLLIN | EPOLLOUT : EPOLLIN, .data = {.u64 = index}};
        if (::epoll_ctl(poll_.get(), EPOLL_CTL_MOD, connection.socket.get(), &event) != 0)
            return failed("epoll refused a socket.");
        return {};
    }

    Status receive(std::size_t index) {
        Connection& connection = connections_[index];
        const ssize_t size =
            ::recv(connection.socket.get(), space_.data(), space_.size(), MSG_DONTWAIT);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) return {};
        if (size < 0) return failed("A connection broke while an answer was awaited.");
        if (size == 0) {
            return Error{ErrorCode::unavailable, "The server closed a connection.",
                         "A " + std::string(step_names[static_cast<std::size_t>(connection.step)]) +
                             " was under way.",
                         "Look at the server's log."};
        }
        std::string_view bytes(space_.data(), static_cast<std::size_t>(size));
        if (!connection.received.empty()) {
            connection.received += bytes;
            bytes = connection.received;
        }
        const auto taken = protocol_.take_answer(index, bytes);
        if (!taken.ok()) return taken.error();
        if (taken.value() == 0) return keep_part(connection, bytes);
        if (taken.value() != bytes.size()) {
            return Error{ErrorCode::malformed, "The server sent more than one answer.",
                         "A " + std::string(step_names[static_cast<std::size_t>(connection.step)]) +
                             " was under way.",
                         ""};
        }
        connection.received.clear();
        count_answer(connection);
        return begin_request(index);
    }

    static Status keep_part(Connection& connection, std::string_view bytes) {
        if (bytes.size() > answer_bytes_max) {
            return Error{ErrorCode::too_large, "An answer does not end.",
                         std::to_string(bytes.size()) + " bytes came.", ""};
        }
        if (connection.received.empty()) connection.received = bytes;
        return {};
    }

    void count_answer(const Connection& connection) {
        if (!is_measuring_) return;
        ++figures_.requests;
        figures_.latency[static_cast<std::size_t>(connection.step)].add(now_us() -
                                                                        connection.started_us);
    }

    Status look_at_clock(std::int64_t at_us) {
        if (!is_measuring_ && !is_over_ && at_us >= measure_from_us_) begin_measuring(at_us);
        const bool has_enough =
            options_.jobs_max != 0 && protocol_.jobs_done() >= options_.jobs_max;
        if (is_measuring_ && (at_us >= measure_until_us_ || has_enough)) end_measuring(at_us);
        if (is_over_ && at_us > measure_until_us_ + options_.patience_ms * 1'000) {
            return Error{ErrorCode::deadline_exceeded, "The last answers stay away.",
                         std::to_string(connections_.size() - done_) + " connections wait.",
                         "Look at the server's log."};
        }
        return {};
    }

    void begin_measuring(std::int64_t at_us) {
        is_measuring_ = true;
        measure_from_us_ = at_us;
        // From now, not from the plan: a machine that stood still must not shorten the measurement.
        measure_until_us_ = at_us + options_.measure_ms * 1'000;
        jobs_before_ = protocol_.jobs_done();
        figures_.cpu = read_cpu_times(options_.server_pids);
    }

    void end_measuring(std::int64_t at_us) {
        is_measuring_ = false;
        is_over_ = true;
        measure_until_us_ = at_us;
        figures_.measured_us = at_us - measure_from_us_;
        figures_.jobs = protocol_.jobs_done() - jobs_before_;
        figures_.cpu = read_cpu_times(options_.server_pids) - figures_.cpu;
        protocol_.stop();
    }

    Protocol& protocol_;
    const LoadOptions options_;
    std::vector<Connection> connections_;
    net::FileDescriptor poll_{};
    std::array<char, receive_bytes> space_{};
    LoadFigures figures_{};
    std::size_t done_ = 0;
    std::uint64_t jobs_before_ = 0;
    std::int64_t measure_from_us_ = 0;
    std::int64_t measure_until_us_ = 0;
    bool is_measuring_ = false;
    bool is_over_ = false;
};

}  // namespace

Result<net::FileDescriptor> connect_to(const Endpoint& endpoint, std::size_t client) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    if (::inet_pton(AF_INET, endpoint.host.c_str(), &address.sin_addr) != 1) {
        return Error{ErrorCode::invalid_argument, "The address cannot be read.",
                     "\"" + endpoint.host + "\" is no IPv4 address.", "Use 127.0.0.1:PORT."};
    }
    net::FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket.is_open()) return failed("A socket is not to be had.");
    if (endpoint.host.starts_with("127.")) {
        sockaddr_in own{};
        own.sin_family = AF_INET;
        own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + static_cast<std::uint32_t>(client / 64));
        // POSIX wants this cast: every address family shares one parameter type.
        if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0)
            return failed("An address of this machine was refused.");
    }
    const auto* name = reinterpret_cast<const sockaddr*>(&address);
    if (::connect(socket.get(), name, sizeof address) != 0) {
        return failed("Nobody listens at " + endpoint.host + ":" + std::to_string(endpoint.port) +
                      ".");
    }
    const int on = 1;
    if (::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        return failed("TCP_NODELAY was refused.");
    return socket;
}

Result<LoadFigures> run_load(Protocol& protocol, const LoadOptions& options) {
    return Loop(protocol, options).run();
}

}  // namespace ait::benchmarks
