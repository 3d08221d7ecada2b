#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>

#include "net/peer/connection.hpp"
#include "runtime/base/assert.hpp"

namespace ait::net {

namespace {

// What the kernel may hold back of a link: an urgent message waits behind no more than this.
constexpr int unsent_bytes_max = 256 * 1024;

}  // namespace

void PeerConnection::arm_deadline(std::uint32_t timeout_ms) {
    timer_.expires_after(std::chrono::milliseconds(timeout_ms));
    timer_.async_wait([self = shared_from_this(), timeout_ms](const ErrorCodeAsio& error) {
        if (error || !self->is_open() || self->phase_ == Phase::up) return;
        const bool is_connected = self->phase_ != Phase::connecting;
        self->end(is_connected ? PeerEnd::hangs : PeerEnd::nobody_listens,
                  std::string(is_connected ? "No greeting" : "No connection") + " within " +
                      std::to_string(timeout_ms) + " ms.",
                  false);
    });
}

void PeerConnection::tls_done() {
    peer_key_ = tls_->peer_key();
    probe_.key = peer_key_;
    if (is_dialled_) {
        if (target_.key && *target_.key != peer_key_) {
            return refuse(PeerEnd::another_key, "Its key is " + to_hex(peer_key_.view()) + ".");
        }
    } else {
        if (peer_key_ == core_->own_key) {
            return refuse(PeerEnd::duplicate_key, "It is the key of the node that was dialled.");
        }
        slot_ = core_->find(peer_key_);
        // Invariant 3: nothing of what it says is read.
        if (slot_ == nullptr) {
            return refuse(PeerEnd::unknown_key, "Its key is " + to_hex(peer_key_.view()) + ".");
        }
    }
    phase_ = Phase::hello;
    if (!is_dialled_) return;
    Hello hello = core_->own_hello();
    hello.is_probe = is_probe();
    send_control(control_kind::hello, encode_hello(hello));
}

void PeerConnection::on_greeting(const PeerFrame& frame) {
    if (frame.kind == control_kind::refusal) return on_refusal(frame.payload);
    if (phase_ == Phase::hello && frame.kind == control_kind::hello) {
        return on_hello(frame.payload);
    }
    if (phase_ == Phase::ready && frame.kind == control_kind::ready) return on_ready();
    if (phase_ == Phase::welcome && frame.kind == control_kind::welcome) return become_link();
    refuse(PeerEnd::malformed, "A greeting out of its order.");
}

void PeerConnection::on_hello(std::string_view payload) {
    auto hello = decode_hello(payload, core_->options.version);
    if (!hello.ok()) return refuse(PeerEnd::malformed, hello.error().why);
    theirs_ = std::move(hello).value();
    probe_.name = theirs_.name;
    probe_.role = theirs_.role;
    probe_.cluster = theirs_.cluster;
    probe_.version = theirs_.version;
    probe_.handshake_us = PeerCore::now_us() - began_us_;
    auto difference = core_->judge(*this, theirs_);
    if (difference) return refuse(difference->why, std::move(difference->detail));
    if (is_dialled_) return on_dialler_hello();
    send_control(control_kind::hello, encode_hello(core_->own_hello()));
    if (is_open()) phase_ = Phase::ready;
}

void PeerConnection::on_dialler_hello() {
    // Nothing is wrong, and nothing more was wanted: the other side sees the end and forgets it.
    if (is_probe()) return end(PeerEnd::none, "", false);
    if (!core_->choose(shared_from_this())) {
        return refuse(PeerEnd::duplicate_link, "The nodes are connected.");
    }
    phase_ = Phase::welcome;
    send_control(control_kind::ready, {});
}

void PeerConnection::on_ready() {
    if (!core_->choose(shared_from_this())) {
        return refuse(PeerEnd::duplicate_link, "The nodes are connected.");
    }
    send_control(control_kind::welcome, {});
    if (is_open()) become_link();
}

void PeerConnection::on_refusal(std::string_view payload) {
    const auto refusal = decode_refusal(payload);
    if (!refusal.ok()) return end(PeerEnd::malformed, refusal.error().why, false);
    const Refusal& told = refusal.value();
    probe_.cluster = told.cluster;
    probe_.version = told.version;
    PeerEnd why = told.why == PeerEnd::none ? PeerEnd::closed_by_peer : told.why;
    // A node that does not know us says who it is all the same: that is the better reason.
    if (why == PeerEnd::unknown_key && told.version != core_->options.version) {
        why = PeerEnd::another_version;
    } else if (why == PeerEnd::unknown_key && told.cluster != core_->options.cluster) {
        why = PeerEnd::another_cluster;
    }
    end(why, "It said: " + told.detail, false);
}

void PeerConnection::refuse(PeerEnd why, std::string detail) {
    end(why, std::move(detail), true);
}

void PeerConnection::become_link() {
    AIT_ASSERT(slot_ != nullptr);
    const int fd = socket_.native_handle();
    const int on = 1;  // what is queued is written in one go: waiting for more only delays it
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes_max,
                       sizeof unsent_bytes_max);
    phase_ = Phase::up;
    up_since_us_ = PeerCore::now_us();
    core_->link_up(shared_from_this());
    arm_heartbeat();
}

}  // namespace ait::net
