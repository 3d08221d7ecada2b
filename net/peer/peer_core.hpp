#pragma once

// What the parts of the transport share: the I/O loop, the table of peers and the rules by which
// connections become links. Inner header: it brings in Asio, so only .cpp files of net/peer include
// it.

#include <array>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <cstring>
#include <list>
#include <memory>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "net/peer/frame.hpp"
#include "net/peer/handshake.hpp"
#include "net/peer/peer_transport.hpp"
#include "net/peer/pending_requests.hpp"
#include "net/peer/send_queue.hpp"
#include "net/peer/tls.hpp"
#include "runtime/base/clock.hpp"

namespace ait::net {

class PeerConnection;
using ErrorCodeAsio = boost::system::error_code;

/// One configured peer, with or without a link.
struct PeerSlot {
    PeerSlot(boost::asio::io_context& io, KnownPeer given,
             const std::array<PeerQueueRule, peer_priority_count>& queues)
        : key(given.key), row(std::move(given)), queue(queues), role(row.role), redial(io) {}

    const PublicKey key;

    std::mutex mutex{};  ///< guards what follows, up to the next comment
    KnownPeer row;
    SendQueue queue;
    PendingRequests requests{};
    bool is_up = false;
    bool is_flushing = false;                  ///< a flush is posted or waits for the socket
    PeerLinkFigures told{};                    ///< the figures that change rarely
    std::shared_ptr<PeerConnection> writer{};  ///< the link, for flush_here()

    // Any thread.
    std::atomic<PeerRole> role = PeerRole::follower;  ///< written with the row
    std::atomic<std::int64_t> rtt_us = -1;
    std::atomic<std::int64_t> skew_us = 0;
    std::atomic<std::int64_t> last_heard_ms = 0;
    std::atomic<std::uint64_t> sent_bytes = 0;
    std::atomic<std::uint64_t> sent_frames = 0;
    std::atomic<std::uint64_t> received_bytes = 0;
    std::atomic<std::uint64_t> received_frames = 0;
    std::atomic<std::uint64_t> skipped_frames = 0;
    std::atomic<std::int64_t> flushed_us = 0;  ///< when something was written last

    // The I/O thread's own.
    std::shared_ptr<PeerConnection> link{};
    std::shared_ptr<PeerConnection> chosen{};    ///< by us, the lower key; not a link yet
    std::shared_ptr<PeerConnection> outgoing{};  ///< dialled; not a link yet
    boost::asio::steady_timer redial;
    std::uint32_t backoff_ms = 0;
    std::int64_t dialled_us = 0;  ///< when the last attempt began
    bool is_removed = false;
};

struct PublicKeyHash {
    std::size_t operator()(const PublicKey& key) const noexcept {
        std::size_t hash = 0;  // keys are configured, so their first bytes will do
        std::memcpy(&hash, key.bytes.data(), sizeof hash);
        return hash;
    }
};

/// Invariants:
///  1. Connections, timers and sockets are touched on the I/O thread only; others use run().
///  2. After `is_stopped` nothing is posted any more, so nothing waits in the loop for ever.
///  3. A slot's `is_up` is true exactly while its `link` is set and on_link(up) was the last call.
///  4. No lock is held while a callback runs.
class PeerCore : public std::enable_shared_from_this<PeerCore> {
  public:
    PeerCore(PeerTransport::Options given, std::shared_ptr<const TlsIdentity> own_identity);

    // ---- any thread ----
    /// Runs `task` on the I/O thread, soon; false: never, the transport has stopped.
    template <class Task>
    bool run(Task&& task) {
        const std::lock_guard lock(post_mutex_);
        if (!is_stopped_) boost::asio::post(io, std::forward<Task>(task));
        return !is_stopped_;
    }
    [[nodiscard]] bool is_io_thread() const noexcept {
        return std::this_thread::get_id() == io_thread_id_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::shared_ptr<PeerSlot> find(const PublicKey& key) const;
    [[nodiscard]] std::vector<std::shared_ptr<PeerSlot>> slots() const;
    /// Makes sure that an expired request is noticed. Needs no lock.
    void watch_deadline(std::int64_t deadline_us);
    static std::int64_t now_us() { return system_clock().monotonic_us(); }

    // ---- the I/O thread ----
    Status listen();
    void start_thread();
    void stop();  ///< any thread but this one
    void dial(const std::shared_ptr<PeerSlot>& slot);
    /// `spent_us` of the pause is over already.
    void dial_later(const std::shared_ptr<PeerSlot>& slot, std::int64_t spent_us = 0);
    void drop(const std::shared_ptr<PeerSlot>& slot);
    void probe(const std::shared_ptr<PeerConnection>& connection);

    [[nodiscard]] Hello own_hello() const;
    /// What speaks against this peer, once its greeting is known; nothing: go on.
    [[nodiscard]] std::optional<Difference> judge(PeerConnection& connection, const Hello& theirs);
    /// For the node with the lower key: whether this connection is the one to keep.
    [[nodiscard]] bool choose(const std::shared_ptr<PeerConnection>& connection);
    void link_up(const std::shared_ptr<PeerConnection>& connection);
    /// Called once for each connection, when it is of no more use.
    void ended(const std::shared_ptr<PeerConnection>& connection, PeerEnd why,
               const std::string& detail, bool refused_by_us);
    /// The socket is closed too.
    void forget(const PeerConnection& connection);

    const PeerTransport::Options options;
    const PublicKey own_key;
    const std::shared_ptr<const TlsIdentity> identity;
    const std::uint64_t instance;
    std::array<PeerKind, 256> kinds{};  ///< index: number; 0 in `number`: unknown
    std::array<bool, 256> is_reply{};   ///< kinds that answer another
    std::array<FrameRules, 2> rules{};  ///< index: PeerRole
    std::atomic<PeerRole> own_role;
    std::uint16_t port = 0;

    boost::asio::io_context io{1};
    mutable std::shared_mutex table_mutex{};
    std::unordered_map<PublicKey, std::shared_ptr<PeerSlot>, PublicKeyHash> table{};

    // Read buffers of whichever connection is being read; the I/O thread's own.
    static constexpr std::size_t read_bytes = 256UL * 1024;
    std::vector<char> input = std::vector<char>(read_bytes);
    std::vector<char> plain = std::vector<char>(TlsChannel::plain_room(read_bytes));
    std::vector<PeerFrame> batch{};
    std::vector<SendQueue::Chunk> chunks{};

    std::atomic<std::uint32_t> handshakes_open = 0;
    std::atomic<std::uint64_t> accepted_total = 0;
    std::atomic<std::uint64_t> stray_replies = 0;
    std::array<std::atomic<std::uint64_t>, peer_end_count> refused_total{};

  private:
    void accept_next();
    void accept_later(std::int64_t pause_us);
    void take(boost::asio::ip::tcp::socket socket);
    [[nodiscard]] bool make_room(const std::string& address);
    void count_handshakes();
    void add(const std::shared_ptr<PeerConnection>& connection);
    void link_down(const std::shared_ptr<PeerSlot>& slot, PeerEnd why, const std::string& detail);
    void report(const PeerConnection& connection, PeerEnd why, const std::string& detail,
                bool refused_by_us);
    void arm_deadline(std::int64_t deadline_us);
    void expire_requests();
    void stop_io();

    std::mutex post_mutex_{};
    bool is_stopped_ = false;
    std::mutex stop_mutex_{};  ///< held by the one that joins
    std::thread thread_{};
    std::atomic<std::thread::id> io_thread_id_{};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    boost::asio::ip::tcp::acceptor acceptor_;
    boost::asio::steady_timer accept_pause_;
    boost::asio::steady_timer deadline_timer_;
    std::atomic<std::int64_t> armed_us_ = PendingRequests::never_us;
    std::int64_t accept_at_us_ = 0;  ///< when the next connection is due at the highest rate
    bool is_stopping_ = false;
    std::mt19937_64 jitter_;
    std::list<std::shared_ptr<PeerConnection>> connections_{};  ///< all that are not closed, by age
    std::array<std::int64_t, peer_end_count> reported_us_{};
};

}  // namespace ait::net
