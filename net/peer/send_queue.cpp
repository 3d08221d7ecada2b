#include "net/peer/send_queue.hpp"

#include <algorithm>
#include <utility>

#include "net/peer/frame.hpp"
#include "runtime/base/assert.hpp"

namespace ait::net {

namespace {

constexpr std::size_t segment_bytes = 32UL * 1024;       ///< of short messages: two TLS records
constexpr std::size_t copied_payload_bytes_max = 4'096;  ///< longer ones are shared, not copied
constexpr std::size_t control_queue_bytes_max = 8UL * 1024;
constexpr std::size_t spare_max = 16;

/// Bytes of a message on the wire, with the heads of its pieces.
std::size_t wire_bytes(std::size_t payload_bytes) {
    const std::size_t pieces =
        std::max<std::size_t>(1, (payload_bytes + piece_bytes_max - 1) / piece_bytes_max);
    return payload_bytes + pieces * frame_header_bytes;
}

}  // namespace

bool SendQueue::reserve(PeerPriority priority, std::size_t payload_bytes) {
    AIT_ASSERT(payload_bytes <= peer_payload_bytes_max);
    const PeerQueueRule& rule = rules_[static_cast<std::size_t>(priority)];
    Lane& lane = lanes_[static_cast<std::size_t>(priority)];
    const std::size_t bytes = wire_bytes(payload_bytes);
    const bool is_full = lane.frames >= rule.frames_max || lane.bytes + bytes > rule.bytes_max;
    if (is_full && lane.frames > 0) return false;
    lane.bytes += static_cast<std::uint32_t>(bytes);
    ++lane.frames;
    ++frames_total_;
    return true;
}

bool SendQueue::push(PeerPriority priority, std::uint8_t kind, std::uint64_t correlation,
                     std::string_view payload) {
    if (payload.size() > copied_payload_bytes_max) {
        return push(priority, kind, correlation, std::make_shared<const std::string>(payload));
    }
    if (!reserve(priority, payload.size())) return false;
    Lane& lane = lanes_[static_cast<std::size_t>(priority)];
    append_frame(segment_for(lane, payload.size()), kind, correlation, payload);
    ++lane.entries.back().frames;
    return true;
}

std::string& SendQueue::segment_for(Lane& lane, std::size_t payload_bytes) {
    const std::size_t more = frame_header_bytes + payload_bytes;
    if (lane.entries.empty() || lane.entries.back().payload != nullptr ||
        lane.entries.back().encoded.size() + more > segment_bytes) {
        std::string& fresh = lane.entries.emplace_back().encoded;
        if (!spare_.empty()) {
            fresh.swap(spare_.back());
            spare_.pop_back();
        }
    }
    return lane.entries.back().encoded;
}

bool SendQueue::push(PeerPriority priority, std::uint8_t kind, std::uint64_t correlation,
                     PeerPayload payload) {
    AIT_ASSERT(payload != nullptr);
    if (payload->size() <= copied_payload_bytes_max) {
        return push(priority, kind, correlation, std::string_view(*payload));
    }
    if (!reserve(priority, payload->size())) return false;
    Entry& entry = lanes_[static_cast<std::size_t>(priority)].entries.emplace_back();
    entry.frames = 1;
    entry.payload = std::move(payload);
    entry.kind = kind;
    entry.correlation = correlation;
    return true;
}

bool SendQueue::push_control(std::uint8_t kind, std::string_view payload) {
    if (control_.size() >= control_queue_bytes_max) return false;
    append_frame(control_, kind, 0, payload);
    return true;
}

std::size_t SendQueue::take(std::vector<Chunk>& out, std::size_t bytes_max) {
    for (Chunk& used : out) {
        if (used.bytes.capacity() < segment_bytes || spare_.size() == spare_max) continue;
        used.bytes.clear();
        spare_.push_back(std::move(used.bytes));
    }
    out.clear();
    std::size_t bytes = control_.size();
    if (!control_.empty()) out.push_back({.bytes = std::exchange(control_, {})});
    std::size_t finished = 0;
    for (Lane& lane : lanes_) {
        while (!lane.entries.empty()) {
            if (bytes >= bytes_max) return finished;
            out.push_back(take_front(lane, finished));
            bytes += out.back().bytes.size() + out.back().size;
        }
        AIT_ASSERT(lane.frames == 0 && lane.bytes == 0);
    }
    return finished;
}

SendQueue::Chunk SendQueue::take_front(Lane& lane, std::size_t& finished) {
    Entry& entry = lane.entries.front();
    Chunk chunk;
    bool is_done = true;
    if (entry.payload == nullptr) {
        chunk.bytes = std::move(entry.encoded);
    } else {
        const std::size_t left = entry.payload->size() - entry.offset;
        chunk.size = std::min<std::size_t>(left, piece_bytes_max);
        is_done = chunk.size == left;
        append_frame_header(chunk.bytes, entry.kind, entry.correlation, chunk.size, !is_done);
        chunk.payload = entry.payload;
        chunk.offset = entry.offset;
        entry.offset += chunk.size;
    }
    lane.bytes -= static_cast<std::uint32_t>(chunk.bytes.size() + chunk.size);
    if (is_done) {
        lane.frames -= entry.frames;
        frames_total_ -= entry.frames;
        finished += entry.frames;
        lane.entries.pop_front();
    }
    return chunk;
}

std::size_t SendQueue::clear() {
    const std::size_t lost = std::exchange(frames_total_, 0);
    for (Lane& lane : lanes_) lane = {};
    control_.clear();
    return lost;
}

}  // namespace ait::net
