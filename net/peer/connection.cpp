#include "net/peer/connection.hpp"

#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <cerrno>
#include <utility>

#include "runtime/base/assert.hpp"

namespace ait::net {

namespace asio = boost::asio;

namespace {

constexpr std::size_t flush_bytes = 256UL * 1024;  // taken from the queue at a time
constexpr std::size_t flush_here_bytes = 16UL * 1024;
constexpr int flushes_in_a_row_max = 4;  // then other links have their turn
constexpr std::uint32_t linger_ms = 1'000;
constexpr std::size_t discarded_bytes_max = 1UL << 20U;

bool is_would_block(const ErrorCodeAsio& error) {
    return error == asio::error::would_block || error == asio::error::try_again;
}

}  // namespace

PeerConnection::PeerConnection(std::shared_ptr<PeerCore> core, Socket socket, std::string address)
    : core_(std::move(core)),
      socket_(std::move(socket)),
      timer_(core_->io),
      pause_(core_->io),
      address_(std::move(address)),
      is_dialled_(false),
      phase_(Phase::tls) {}

PeerConnection::PeerConnection(std::shared_ptr<PeerCore> core, Target target)
    : core_(std::move(core)),
      socket_(core_->io),
      timer_(core_->io),
      pause_(core_->io),
      target_(std::move(target)),
      slot_(target_.slot),
      address_(target_.host + ":" + std::to_string(target_.port)),
      is_dialled_(true),
      phase_(Phase::connecting) {}

void PeerConnection::start() {
    began_us_ = PeerCore::now_us();
    if (is_dialled_) {
        start_dialling();
        return;
    }
    ErrorCodeAsio error;
    socket_.non_blocking(true, error);
    if (error) return lost(error);
    arm_deadline(core_->options.handshake_ms_max);
    wait_readable();
}

void PeerConnection::wait_readable() {
    socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const ErrorCodeAsio& error) {
        if (!error && self->phase_ != Phase::closed) self->read_some();
    });
}

void PeerConnection::read_some() {
    ErrorCodeAsio error;
    const std::size_t count =
        socket_.read_some(asio::buffer(core_->input.data(), PeerCore::read_bytes), error);
    if (is_would_block(error)) return wait_readable();
    if (error) return phase_ == Phase::lingering ? close() : lost(error);
    if (phase_ == Phase::lingering) {
        discarded_bytes_ += count;
        return discarded_bytes_ > discarded_bytes_max ? close() : wait_readable();
    }
    last_heard_us_ = PeerCore::now_us();
    if (phase_ == Phase::up) slot_->received_bytes += count;
    handle_input({core_->input.data(), count});
    if (phase_ == Phase::closed) return;
    const std::int64_t rest_us = phase_ == Phase::up ? pause_us(count) : 0;
    if (rest_us == 0) return wait_readable();
    pause_.expires_after(std::chrono::microseconds(rest_us));
    pause_.async_wait([self = shared_from_this()](const ErrorCodeAsio& cancelled) {
        if (!cancelled && self->phase_ != Phase::closed) self->wait_readable();
    });
}

void PeerConnection::handle_input(std::string_view input) {
    if (!is_tls_done_ && !shake(input)) return;
    if (!is_open()) return;
    std::size_t count = 0;
    TlsChannel::Step step{};
    {
        const std::lock_guard lock(stream_mutex_);
        step = tls_->read(input, core_->plain.data(), count, out_);
    }
    if (count > 0) handle_plain({core_->plain.data(), count});
    if (!is_open()) return;
    if (step == TlsChannel::Step::closed) {
        return end(PeerEnd::closed_by_peer, "It ended the connection.", false);
    }
    if (step == TlsChannel::Step::failed) {
        // An unknown certificate is refused by the acceptor only after the dialler's last word.
        const PeerEnd why = phase_ == Phase::up ? PeerEnd::malformed : PeerEnd::not_a_peer;
        return end(why, "TLS: " + tls_->failure(), false);
    }
    (void)write_out();  // an answer of TLS itself, if there is one
}

bool PeerConnection::shake(std::string_view& input) {
    if (tls_ == nullptr) {
        tls_ = std::make_unique<TlsChannel>(core_->identity,
                                            is_dialled_ ? TlsSide::dialler : TlsSide::acceptor);
    }
    const TlsChannel::Step step = tls_->shake(input, out_);
    if (step == TlsChannel::Step::more) return write_out(), false;
    if (step == TlsChannel::Step::done) {
        is_tls_done_ = true;
        if (write_out() || is_open()) tls_done();
        return true;
    }
    (void)write_out();  // the alert that tells the other side
    end(PeerEnd::not_a_peer, "TLS: " + tls_->failure(), false);
    return false;
}

void PeerConnection::handle_plain(std::string_view plain) {
    PeerFrame frame;
    for (bool goes_on = true; goes_on && is_open();) {
        const bool is_up = phase_ == Phase::up;
        const FrameRules& rules = is_up ? core_->rules[static_cast<std::size_t>(slot_->role.load())]
                                        : handshake_frame_rules();
        switch (reader_.next(plain, rules, frame)) {
            case FrameReader::Step::frame:
                is_up ? on_link_frame(frame) : on_greeting(frame);
                break;
            case FrameReader::Step::skipped:
                ++slot_->skipped_frames;
                break;
            case FrameReader::Step::more:
                goes_on = false;
                break;
            case FrameReader::Step::failed:
                deliver_batch();
                end(reader_.failure(), reader_.failure_detail(), true);
                break;
        }
    }
    deliver_batch();
    reader_.release();
}

void PeerConnection::send_control(std::uint8_t kind, std::string_view payload) {
    AIT_ASSERT(is_tls_done_);
    std::string bytes;
    append_frame(bytes, kind, 0, payload);
    {
        const std::lock_guard lock(stream_mutex_);
        if (!tls_->write(bytes, out_)) return;  // TLS has failed: reading will notice and end it
    }
    (void)write_out();
}

void PeerConnection::flush() {
    const auto self = shared_from_this();
    for (int i = 0; i < flushes_in_a_row_max; ++i) {
        if (phase_ != Phase::up || !write_out()) return;  // waiting for the socket ends here again
        {
            const std::lock_guard stream_lock(stream_mutex_);
            {
                const std::lock_guard lock(slot_->mutex);
                slot_->sent_frames += slot_->queue.take(core_->chunks, flush_bytes);
                if (core_->chunks.empty()) {
                    slot_->is_flushing = false;
                    return;
                }
            }
            // A failure of TLS stays, and ends the connection with the next read.
            if (!encrypt(core_->chunks)) return;
        }
        slot_->flushed_us = PeerCore::now_us();
    }
    core_->run([self] { self->flush(); });
}

bool PeerConnection::flush_here() {
    const std::unique_lock stream_lock(stream_mutex_, std::try_to_lock);
    if (!stream_lock || has_ended_ || is_waiting_writable_ || !out_.empty()) return false;
    std::vector<SendQueue::Chunk> chunks;
    {
        const std::lock_guard lock(slot_->mutex);
        slot_->sent_frames += slot_->queue.take(chunks, flush_here_bytes);
    }
    if (!encrypt(chunks) || write_some() != Written::all) return false;
    const std::lock_guard lock(slot_->mutex);
    if (!slot_->queue.is_empty()) return false;
    slot_->is_flushing = false;
    return true;
}

/// Under stream_mutex_.
bool PeerConnection::encrypt(const std::vector<SendQueue::Chunk>& chunks) {
    for (const SendQueue::Chunk& chunk : chunks) {
        if (!tls_->write(chunk.bytes, out_)) return false;
        if (chunk.payload == nullptr) continue;
        const auto part = std::string_view(*chunk.payload).substr(chunk.offset, chunk.size);
        if (!tls_->write(part, out_)) return false;
    }
    return true;
}

/// Under stream_mutex_.
PeerConnection::Written PeerConnection::write_some() {
    while (out_sent_ < out_.size()) {
        const ssize_t count = ::send(socket_.native_handle(), out_.data() + out_sent_,
                                     out_.size() - out_sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Written::blocked;
        if (count < 0) {
            write_error_ = errno;
            return Written::failed;
        }
        out_sent_ += static_cast<std::size_t>(count);
        if (slot_) slot_->sent_bytes += static_cast<std::uint64_t>(count);
    }
    out_.clear();
    out_sent_ = 0;
    return Written::all;
}

/// True when nothing is left to be written; else the socket is waited for, or the connection ended.
bool PeerConnection::write_out() {
    Written written{};
    {
        const std::lock_guard lock(stream_mutex_);
        if (is_waiting_writable_) return false;
        written = write_some();
        is_waiting_writable_ = written == Written::blocked;
    }
    switch (written) {
        case Written::all:
            if (phase_ == Phase::lingering) {
                ErrorCodeAsio ignored;  // a connection that is gone already is as good as closed
                socket_.shutdown(Socket::shutdown_send, ignored);
            }
            return true;
        case Written::blocked:
            wait_writable();
            return false;
        case Written::failed:
            phase_ == Phase::lingering
                ? close()
                : lost(ErrorCodeAsio(write_error_, boost::system::system_category()));
            return false;
    }
    return false;
}

void PeerConnection::wait_writable() {
    socket_.async_wait(Socket::wait_write, [self = shared_from_this()](const ErrorCodeAsio& error) {
        {
            const std::lock_guard lock(self->stream_mutex_);
            self->is_waiting_writable_ = false;
        }
        if (error || self->phase_ == Phase::closed) return;
        if (self->write_out()) self->flush();
    });
}

void PeerConnection::lost(const ErrorCodeAsio& error) {
    const std::string detail =
        error == asio::error::eof ? "It closed the connection." : error.message() + ".";
    end(PeerEnd::closed_by_peer, detail, false);
}

void PeerConnection::end(PeerEnd why, std::string detail, bool tell) {
    if (!is_open()) return;
    const auto self = shared_from_this();
    if (phase_ == Phase::up) deliver_batch();  // what came before the end
    const bool can_tell = tell && is_tls_done_;
    if (can_tell) {
        send_control(control_kind::refusal, encode_refusal({.why = why,
                                                            .version = core_->options.version,
                                                            .cluster = core_->options.cluster,
                                                            .detail = detail}));
        if (!is_open()) return;  // the socket failed on the way, and that is the end
    }
    phase_ = Phase::lingering;
    {
        const std::lock_guard lock(stream_mutex_);
        has_ended_ = true;
    }
    timer_.cancel();
    pause_.cancel();
    core_->ended(self, why, detail, tell);
    if (target_.on_probe) {
        probe_.why = why;
        probe_.detail = std::move(detail);
        std::exchange(target_.on_probe, nullptr)(std::move(probe_));
    }
    can_tell ? linger() : close();
}

void PeerConnection::linger() {
    {
        const std::lock_guard lock(stream_mutex_);
        tls_->close(out_);
    }
    (void)write_out();
    if (phase_ == Phase::closed) return;
    timer_.expires_after(std::chrono::milliseconds(linger_ms));
    timer_.async_wait([self = shared_from_this()](const ErrorCodeAsio& error) {
        if (!error) self->close();
    });
}

void PeerConnection::close() {
    if (phase_ == Phase::closed) return;
    AIT_ASSERT(phase_ == Phase::lingering);
    phase_ = Phase::closed;
    {
        // Not while another thread writes: the descriptor's number may be another's at once.
        const std::lock_guard lock(stream_mutex_);
        has_ended_ = true;
        ErrorCodeAsio ignored;  // closing cannot be refused
        socket_.close(ignored);
    }
    timer_.cancel();
    pause_.cancel();
    if (resolver_) resolver_->cancel();
    core_->forget(*this);
}

}  // namespace ait::net
