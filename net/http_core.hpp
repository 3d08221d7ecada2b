#pragma once

// What the parts of the server share: the I/O loop, limits, counters and the table of connections.
// Inner header of the server: it brings in Asio, so only the .cpp files of the server include it.

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "net/http_server.hpp"
#include "runtime/base/clock.hpp"

namespace ait::net {

class HttpSession;

/// Invariants:
///  1. Sessions are touched on the I/O thread only; other threads reach them through run().
///  2. After `is_stopped` nothing is posted any more, so nothing waits in the loop for ever.
struct HttpCore {
    HttpCore(HttpServer::Options given, HttpServer::Handler given_handler)
        : options(std::move(given)), handler(std::move(given_handler)) {}

    /// Runs `task` on the I/O thread: now if this is it, else soon; never after the end.
    template <class Task>
    void run(Task&& task) {
        if (std::this_thread::get_id() == thread_id.load()) {
            std::forward<Task>(task)();
            return;
        }
        const std::lock_guard lock(post_mutex);
        if (is_stopped) return;
        // One wake-up for all that gathers until the loop gets to it: a block answers many at once.
        tasks.emplace_back(std::forward<Task>(task));
        if (tasks.size() == 1) boost::asio::post(io, [this] { run_tasks(); });
    }
    void run_tasks() {
        std::vector<std::function<void()>> taken;
        {
            const std::lock_guard lock(post_mutex);
            taken.swap(tasks);
        }
        for (const auto& task : taken) task();
    }
    [[nodiscard]] static std::int64_t now_ms() { return system_clock().monotonic_us() / 1000; }
    void count(HttpRefusal refusal) { ++refused_total[static_cast<std::size_t>(refusal)]; }
    /// Forgets a connection that has closed.
    void forget(HttpSession& session, const std::string& address);
    /// Makes a place for a newcomer whose address holds `newcomer_holds` connections: of those TCP
    /// connections that have waited longest without a request under way, the one whose address
    /// holds most is closed. Nobody loses a place to an address that holds as many itself, so a
    /// flood from a few addresses only displaces its own. False when nobody is closed.
    [[nodiscard]] bool displace(std::uint32_t newcomer_holds);

    const HttpServer::Options options;
    const HttpServer::Handler handler;
    boost::asio::io_context io{1};
    std::atomic<std::thread::id> thread_id{};
    std::mutex post_mutex{};
    bool is_stopped = false;
    std::vector<std::function<void()>> tasks{};
    std::atomic<bool> is_draining = false;

    // The I/O thread's own.
    std::unordered_map<HttpSession*, std::shared_ptr<HttpSession>> sessions{};
    std::unordered_map<std::string, std::uint32_t> connections_by_address{};
    /// TCP connections without a request under way, in the order in which they began to wait.
    /// Bytes that drip in change nothing: only a whole request is progress.
    std::list<HttpSession*> waiting{};

    // Woken when the last connection closes.
    std::mutex idle_mutex{};
    std::condition_variable idle{};

    std::atomic<std::size_t> bodies_bytes = 0;  ///< of all bodies being read or with the handler
    std::atomic<std::uint64_t> connections_open = 0;
    std::atomic<std::uint64_t> connections_total = 0;
    std::atomic<std::uint64_t> requests_in_flight = 0;
    std::atomic<std::uint64_t> requests_total = 0;
    std::atomic<std::uint64_t> received_bytes_total = 0;
    std::atomic<std::uint64_t> sent_bytes_total = 0;
    std::array<std::atomic<std::uint64_t>, http_refusal_count> refused_total{};
};

/// The part that one request's body holds of the memory for all bodies; gives it back when it goes.
class BodyShare {
  public:
    explicit BodyShare(HttpCore& core) noexcept : core_(&core) {}
    BodyShare(BodyShare&& other) noexcept
        : core_(other.core_), bytes_(std::exchange(other.bytes_, 0)) {}
    BodyShare& operator=(BodyShare&&) = delete;
    ~BodyShare() { core_->bodies_bytes -= bytes_; }

    /// False when all bodies together would pass their limit.
    [[nodiscard]] bool grow_to(std::size_t bytes) noexcept {
        if (bytes <= bytes_) return true;
        const std::size_t more = bytes - bytes_;
        if (core_->bodies_bytes.fetch_add(more) + more > core_->options.bodies_bytes_max) {
            core_->bodies_bytes -= more;
            return false;
        }
        bytes_ = bytes;
        return true;
    }

  private:
    HttpCore* core_;
    std::size_t bytes_ = 0;
};

}  // namespace ait::net
