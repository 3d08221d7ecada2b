#include <algorithm>
#include <utility>

#include "net/peer/connection.hpp"
#include "runtime/base/assert.hpp"

namespace ait::net {

void PeerConnection::on_link_frame(const PeerFrame& frame) {
    switch (frame.kind) {
        case control_kind::ping: {
            const auto heartbeat = decode_heartbeat(frame.payload);
            if (!heartbeat) return end(PeerEnd::malformed, "A heartbeat of another length.", true);
            const Heartbeat answer{heartbeat->sent_us, core_->options.clock->now_unix_ms()};
            const std::lock_guard lock(slot_->mutex);
            // When too many wait, the other side has asked more often than it listened.
            (void)slot_->queue.push_control(control_kind::pong, encode_heartbeat(answer));
            break;
        }
        case control_kind::pong:
            return on_pong(frame.payload);
        case control_kind::refusal:
            deliver_batch();
            return on_refusal(frame.payload);
        default:
            ++slot_->received_frames;
            if (core_->is_reply[frame.kind]) return deliver_reply(frame);
            core_->batch.push_back(frame);
            return;
    }
    flush();
}

void PeerConnection::on_pong(std::string_view payload) {
    const auto heartbeat = decode_heartbeat(payload);
    if (!heartbeat) return end(PeerEnd::malformed, "A heartbeat of another length.", true);
    // Only the answer to the ping under way counts: what the peer says must not become a time here.
    if (unanswered_since_us_ == 0 || heartbeat->sent_us != last_ping_.sent_us) return;
    unanswered_since_us_ = 0;
    const std::int64_t rtt_us = PeerCore::now_us() - static_cast<std::int64_t>(last_ping_.sent_us);
    const std::int64_t before_us = slot_->rtt_us.load();
    slot_->rtt_us = before_us < 0 ? rtt_us : before_us + (rtt_us - before_us) / 8;
    std::int64_t skew_ms = 0;
    // A peer may claim any time whatever.
    if (__builtin_sub_overflow(heartbeat->unix_ms, last_ping_.unix_ms, &skew_ms)) return;
    constexpr std::int64_t skew_ms_max = 1'000LL * 86'400 * 365'000;
    slot_->skew_us = std::clamp(skew_ms, -skew_ms_max, skew_ms_max) * 1'000 - rtt_us / 2;
}

void PeerConnection::deliver_batch() {
    if (core_->batch.empty()) return;
    AIT_ASSERT(slot_ != nullptr);
    if (core_->options.callbacks.on_messages) {
        core_->options.callbacks.on_messages(slot_->key, core_->batch);
    }
    core_->batch.clear();
}

void PeerConnection::deliver_reply(const PeerFrame& frame) {
    deliver_batch();  // what came before it
    PendingRequests::Reply reply;
    {
        const std::lock_guard lock(slot_->mutex);
        reply = slot_->requests.take(frame.correlation, frame.kind);
    }
    if (reply == nullptr) {
        ++core_->stray_replies;
        return;
    }
    reply(decode_reply(frame.payload));
}

void PeerConnection::ping() {
    if (phase_ != Phase::up) return;
    const std::int64_t now_us = PeerCore::now_us();
    last_ping_ = {static_cast<std::uint64_t>(now_us), core_->options.clock->now_unix_ms()};
    if (unanswered_since_us_ == 0) unanswered_since_us_ = now_us;
    {
        const std::lock_guard lock(slot_->mutex);
        // A full queue of control frames is not being read: dead_ms will tell.
        (void)slot_->queue.push_control(control_kind::ping, encode_heartbeat(last_ping_));
        slot_->is_flushing = true;
    }
    flush();
}

void PeerConnection::arm_heartbeat() {
    const std::int64_t interval_us = core_->options.heartbeat_ms * 1'000LL;
    const std::int64_t dead_us = core_->options.dead_ms * 1'000LL;
    std::int64_t dead_at_us = last_heard_us_ + dead_us;
    if (unanswered_since_us_ != 0) {
        dead_at_us = std::min(dead_at_us, unanswered_since_us_ + dead_us);
    }
    if (next_ping_us_ == 0) next_ping_us_ = PeerCore::now_us() + interval_us / 8;
    wake_us_ = std::min(dead_at_us, next_ping_us_);
    const std::int64_t wait_us = std::max<std::int64_t>(wake_us_ - PeerCore::now_us(), 0);
    timer_.expires_after(std::chrono::microseconds(wait_us));
    timer_.async_wait([self = shared_from_this()](const ErrorCodeAsio& error) {
        if (!error && self->phase_ == Phase::up) self->on_heartbeat();
    });
}

void PeerConnection::on_heartbeat() {
    const std::int64_t now_us = PeerCore::now_us();
    const std::int64_t interval_us = core_->options.heartbeat_ms * 1'000LL;
    const std::int64_t dead_us = core_->options.dead_ms * 1'000LL;
    if (now_us - wake_us_ > interval_us) {
        // This process was held up itself (paused, or short of processor): what its peers sent
        // meanwhile is not read yet, so they get their time again.
        last_heard_us_ = now_us;
        if (unanswered_since_us_ != 0) unanswered_since_us_ = now_us;
    }
    const std::int64_t silent_us = now_us - last_heard_us_;
    const std::int64_t unanswered_us =
        unanswered_since_us_ == 0 ? 0 : now_us - unanswered_since_us_;
    if (silent_us >= dead_us || unanswered_us >= dead_us) {
        return end(PeerEnd::silent,
                   "Nothing came for " + std::to_string(silent_us / 1'000) +
                       " ms; a heartbeat is unanswered for " +
                       std::to_string(unanswered_us / 1'000) + " ms.",
                   true);
    }
    if (now_us >= next_ping_us_) {
        next_ping_us_ = now_us + interval_us;
        ping();
    }
    slot_->last_heard_ms = core_->options.clock->now_unix_ms() - silent_us / 1'000;
    if (phase_ == Phase::up) arm_heartbeat();
}

/// How long to leave the socket alone after a read, so that the peer keeps to its quota.
std::int64_t PeerConnection::pause_us(std::size_t received) {
    const std::uint64_t rate = core_->options.inbound_bytes_per_second_max;
    if (rate == 0) return 0;
    const std::int64_t now_us = PeerCore::now_us();
    constexpr std::int64_t burst_us = 250'000;  // what an idle peer may send at once
    quota_us_ = std::max(quota_us_, now_us - burst_us);
    quota_us_ += static_cast<std::int64_t>(received * 1'000'000ULL / rate);
    return std::max<std::int64_t>(quota_us_ - now_us, 0);
}

}  // namespace ait::net
