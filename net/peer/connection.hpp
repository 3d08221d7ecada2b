#pragma once

// One TCP connection to a node, from its first byte to its last: TLS, greeting, then a link. Inner
// header of the transport; everything here runs on the I/O thread.

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/peer/peer_core.hpp"

namespace ait::net {

/// Invariants:
///  1. slot_ is set once the peer's key is proved and in the table (or expected), and stays.
///  2. ended() of the core is called once, on the way out of the phases before `lingering`.
///  3. TLS and what is to be written are touched under stream_mutex_ from the link on, because
///     flush_here() runs in other threads; it is taken before the slot's mutex.
///  4. Bytes of a connection whose key is not in the table never reach the frame reader.
class PeerConnection : public std::enable_shared_from_this<PeerConnection> {
  public:
    using Socket = boost::asio::ip::tcp::socket;
    enum class Phase : std::uint8_t {
        connecting,  ///< dialler only
        tls,
        hello,      ///< waits for the other's hello
        ready,      ///< acceptor: waits for ready
        welcome,    ///< dialler: waits for welcome
        up,         ///< a link
        lingering,  ///< ended; what still comes is thrown away, so that our last word arrives
        closed,
    };
    /// What a dialler wants to find.
    struct Target {
        std::string host{};
        std::uint16_t port = 0;
        std::optional<PublicKey> key{};
        std::shared_ptr<PeerSlot> slot{};  ///< null for a probe
        std::uint32_t timeout_ms = 0;      ///< of a probe; 0: as the options say
        std::function<void(PeerProbe)> on_probe{};
    };

    /// An accepted connection.
    PeerConnection(std::shared_ptr<PeerCore> core, Socket socket, std::string address);
    /// A connection to be dialled.
    PeerConnection(std::shared_ptr<PeerCore> core, Target target);

    void start();
    /// Writes what the slot has queued, as long as the socket takes it.
    void flush();
    /// The same from any thread, for a little that must go at once; false: flush() must be posted.
    [[nodiscard]] bool flush_here();
    /// Asks for a sign of life now.
    void ping();
    /// Ends it; `tell`: the other side learns why. Then core.ended() is called.
    void end(PeerEnd why, std::string detail, bool tell);
    /// Closes the socket at once, without a word; only after end().
    void close();

    [[nodiscard]] Phase phase() const noexcept { return phase_; }
    [[nodiscard]] bool is_open() const noexcept { return phase_ < Phase::lingering; }
    [[nodiscard]] bool is_dialled() const noexcept { return is_dialled_; }
    [[nodiscard]] bool is_probe() const noexcept { return target_.on_probe != nullptr; }
    [[nodiscard]] const std::shared_ptr<PeerSlot>& slot() const noexcept { return slot_; }
    [[nodiscard]] const std::string& address() const noexcept { return address_; }
    [[nodiscard]] const PublicKey& peer_key() const noexcept { return peer_key_; }
    [[nodiscard]] const Hello& theirs() const noexcept { return theirs_; }
    [[nodiscard]] std::uint64_t peer_instance() const noexcept { return theirs_.instance; }
    [[nodiscard]] std::int64_t up_since_us() const noexcept { return up_since_us_; }

  private:
    // connection.cpp: sockets and bytes
    void wait_readable();
    void read_some();
    void handle_input(std::string_view input);
    bool shake(std::string_view& input);
    void handle_plain(std::string_view plain);
    void send_control(std::uint8_t kind, std::string_view payload);
    enum class Written : std::uint8_t { all, blocked, failed };
    [[nodiscard]] bool encrypt(const std::vector<SendQueue::Chunk>& chunks);
    [[nodiscard]] Written write_some();
    bool write_out();
    void wait_writable();
    void lost(const ErrorCodeAsio& error);
    void linger();

    // connection_dial.cpp: the way to a TCP connection
    void start_dialling();
    void connect(const boost::asio::ip::tcp::resolver::results_type& endpoints);
    void connected();

    // connection_greeting.cpp: who is it, and may it come in
    void arm_deadline(std::uint32_t timeout_ms);
    void tls_done();
    void on_greeting(const PeerFrame& frame);
    void on_hello(std::string_view payload);
    void on_dialler_hello();
    void on_ready();
    void on_refusal(std::string_view payload);
    void refuse(PeerEnd why, std::string detail);
    void become_link();

    // connection_link.cpp: a link's own frames and life signs
    void on_link_frame(const PeerFrame& frame);
    void on_pong(std::string_view payload);
    void deliver_batch();
    void deliver_reply(const PeerFrame& frame);
    void arm_heartbeat();
    void on_heartbeat();
    [[nodiscard]] std::int64_t pause_us(std::size_t received);

    std::shared_ptr<PeerCore> core_;
    Socket socket_;
    boost::asio::steady_timer timer_;  ///< deadline of the greeting, then heartbeat, then linger
    boost::asio::steady_timer pause_;  ///< of reading, for the quota
    std::unique_ptr<boost::asio::ip::tcp::resolver> resolver_{};
    Target target_{};
    PeerProbe probe_{};
    std::shared_ptr<PeerSlot> slot_{};
    std::string address_{};
    const bool is_dialled_;
    Phase phase_;
    std::unique_ptr<TlsChannel> tls_{};  ///< made with the first byte: who is silent costs little
    bool is_tls_done_ = false;
    PublicKey peer_key_{};
    Hello theirs_{};
    FrameReader reader_{};

    std::mutex stream_mutex_{};  ///< guards tls_ and the next five
    std::string out_{};          ///< encrypted, from out_sent_ on not written yet
    std::size_t out_sent_ = 0;
    int write_error_ = 0;  ///< errno of a write that failed
    bool is_waiting_writable_ = false;
    bool has_ended_ = false;

    std::size_t discarded_bytes_ = 0;

    std::int64_t began_us_ = 0;
    std::int64_t up_since_us_ = 0;
    std::int64_t last_heard_us_ = 0;
    std::int64_t next_ping_us_ = 0;
    std::int64_t wake_us_ = 0;              ///< when the heartbeat timer was to fire
    std::int64_t unanswered_since_us_ = 0;  ///< 0: the last ping was answered
    Heartbeat last_ping_{};
    std::int64_t quota_us_ = 0;  ///< until when what was read has used up the quota
};

}  // namespace ait::net
