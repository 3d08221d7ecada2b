#include "net/peer/peer_transport.hpp"

#include <algorithm>
#include <utility>

#include "net/peer/connection.hpp"
#include "net/peer/peer_core.hpp"

namespace ait::net {

namespace {

constexpr std::int64_t alone_us = 20;  ///< without another write: not a burst

Error refused(ErrorCode code, std::string what, std::string why, std::string next) {
    return Error{code, std::move(what), std::move(why), std::move(next)};
}

Error not_started(std::string why) {
    return refused(ErrorCode::invalid_argument, "The peer transport cannot start.", std::move(why),
                   "Correct the configuration.");
}

Status check_kinds(const std::vector<PeerKind>& kinds) {
    std::array<bool, 256> is_taken{};
    for (const PeerKind& kind : kinds) {
        if (kind.number < peer_kind_first) return not_started("A kind has a reserved number.");
        if (is_taken[kind.number]) return not_started("Two kinds share a number.");
        if (std::max(kind.validator_bytes_max, kind.follower_bytes_max) > peer_payload_bytes_max) {
            return not_started("A kind allows more bytes than a message may have.");
        }
        is_taken[kind.number] = true;
    }
    for (const PeerKind& kind : kinds) {
        if (kind.reply_kind != 0 && !is_taken[kind.reply_kind]) {
            return not_started("A kind is answered by one that is not in the table.");
        }
    }
    return {};
}

Status check_peer(const KnownPeer& peer, const PublicKey& own_key) {
    if (peer.key == own_key) return not_started("A peer has this node's own key.");
    if (peer.key.is_zero()) return not_started("A peer has no key.");
    if (peer.name.size() > limits::name_bytes_max) return not_started("A peer's name is too long.");
    return {};
}

Error unknown_peer(const PublicKey& peer) {
    return refused(ErrorCode::not_found, "The message was not sent.",
                   "No peer has the key " + to_hex(peer.view()) + ".", "Check the table of peers.");
}

Error link_is_down(const PeerSlot& slot) {
    return refused(ErrorCode::unavailable, "The message was not sent.",
                   "The link to peer " + to_hex(slot.key.view()) + " is down.",
                   "Wait until it is up; it is dialled again by itself.");
}

Error queue_is_full(const PeerKind& kind) {
    return refused(ErrorCode::overloaded, "The message was not sent.",
                   "The queue of priority " + std::string(name_of(kind.priority)) + " is full.",
                   "Send again in a moment.");
}

enum class Queued : std::uint8_t { yes, dropped, refused };

/// Under the slot's lock, with the link up.
template <class Payload>
Queued push(PeerSlot& slot, const PeerCore& core, const PeerKind& kind, std::uint64_t correlation,
            Payload&& payload) {
    if (slot.queue.push(kind.priority, kind.number, correlation, std::forward<Payload>(payload))) {
        return Queued::yes;
    }
    const auto priority = static_cast<std::size_t>(kind.priority);
    if (core.options.queues[priority].policy == PeerQueuePolicy::drop) {
        ++slot.told.dropped_total[priority];
        return Queued::dropped;
    }
    ++slot.told.refused_total[priority];
    return Queued::refused;
}

/// The link, when the caller must see to it that the queue is written; else null. Under the lock.
std::shared_ptr<PeerConnection> needs_flush(PeerSlot& slot) {
    return std::exchange(slot.is_flushing, true) ? nullptr : slot.writer;
}

/// Sees to it that the queue of a link is written. In a burst the I/O thread does it, many messages
/// at a time; a message that comes alone goes from here, because waking a thread costs more.
void write_soon(PeerCore& core, const std::shared_ptr<PeerSlot>& slot,
                const std::shared_ptr<PeerConnection>& writer) {
    const bool is_alone = PeerCore::now_us() - slot->flushed_us.load() > alone_us;
    if (is_alone && !core.is_io_thread()) {
        const bool is_written = writer->flush_here();
        // The end counts, not the beginning: or no burst on a slow machine would look like one.
        slot->flushed_us = PeerCore::now_us();
        if (is_written) return;
    }
    core.run([slot] {
        if (slot->link) slot->link->flush();
    });
}

/// The row of a kind that may be sent with this payload.
Result<const PeerKind*> kind_for(const PeerCore& core, std::uint8_t number, std::size_t bytes) {
    const PeerKind& kind = core.kinds[number];
    if (kind.number == 0) {
        return refused(ErrorCode::invalid_argument, "The message was not sent.",
                       "Kind " + std::to_string(number) + " is not in the table.", "");
    }
    const std::uint32_t bytes_max = core.own_role.load() == PeerRole::validator
                                        ? kind.validator_bytes_max
                                        : kind.follower_bytes_max;
    if (bytes_max == 0) {
        return refused(ErrorCode::forbidden, "The message was not sent.",
                       "This node's role may not send kind " + std::to_string(number) + ".", "");
    }
    if (bytes <= bytes_max) return &kind;
    return refused(ErrorCode::too_large, "The message was not sent.",
                   std::to_string(bytes) + " bytes; kind " + std::to_string(number) +
                       " may have at most " + std::to_string(bytes_max) + ".",
                   "Send it in parts.");
}

std::size_t size_of(std::string_view payload) {
    return payload.size();
}
std::size_t size_of(const PeerPayload& payload) {
    return payload->size();
}

template <class Payload>
Status send_to(PeerCore& core, const PublicKey& peer, std::uint8_t number,
               std::uint64_t correlation, Payload&& payload) {
    const auto kind = kind_for(core, number, size_of(payload));
    if (!kind.ok()) return kind.error();
    const std::shared_ptr<PeerSlot> slot = core.find(peer);
    if (slot == nullptr) return unknown_peer(peer);
    Queued queued = Queued::yes;
    std::shared_ptr<PeerConnection> writer;
    {
        const std::lock_guard lock(slot->mutex);
        if (!slot->is_up) return link_is_down(*slot);
        queued = push(*slot, core, *kind.value(), correlation, std::forward<Payload>(payload));
        if (queued == Queued::yes) writer = needs_flush(*slot);
    }
    if (writer) write_soon(core, slot, writer);
    return queued == Queued::refused ? Status(queue_is_full(*kind.value())) : Status();
}

}  // namespace

PeerTransport::PeerTransport(std::shared_ptr<PeerCore> core) : core_(std::move(core)) {}

Result<std::unique_ptr<PeerTransport>> PeerTransport::start(Options options) {
    if (options.key == nullptr) return not_started("It has no key.");
    if (options.clock == nullptr || options.random == nullptr) {
        return not_started("It has no clock or no source of randomness.");
    }
    if (options.accepts_per_second_max == 0) return not_started("It may not accept anybody.");
    if (options.name.size() > limits::name_bytes_max) return not_started("Its name is too long.");
    if (options.peers.size() > options.peers_max) return not_started("There are too many peers.");
    if (const Status checked = check_kinds(options.kinds); !checked.ok()) return checked.error();
    const PublicKey own_key = options.key->public_key();
    for (const KnownPeer& peer : options.peers) {
        if (const Status checked = check_peer(peer, own_key); !checked.ok()) return checked.error();
    }
    auto identity = TlsIdentity::make(*options.key);
    if (!identity.ok()) return identity.error();
    const auto core = std::make_shared<PeerCore>(std::move(options), std::move(identity).value());
    for (const KnownPeer& peer : core->options.peers) {
        auto slot = std::make_shared<PeerSlot>(core->io, peer, core->options.queues);
        if (!core->table.emplace(peer.key, std::move(slot)).second) {
            return not_started("Two peers have the key " + to_hex(peer.key.view()) + ".");
        }
    }
    if (!core->options.host.empty()) {
        if (const Status listening = core->listen(); !listening.ok()) return listening.error();
    }
    core->start_thread();
    return std::unique_ptr<PeerTransport>(new PeerTransport(core));
}

PeerTransport::~PeerTransport() {
    stop();
}

void PeerTransport::stop() {
    core_->stop();
}

std::uint16_t PeerTransport::port() const noexcept {
    return core_->port;
}

Status PeerTransport::send(const PublicKey& peer, std::uint8_t kind, std::uint64_t correlation,
                           std::string_view payload) {
    return send_to(*core_, peer, kind, correlation, payload);
}

Status PeerTransport::send(const PublicKey& peer, std::uint8_t kind, std::uint64_t correlation,
                           PeerPayload payload) {
    if (payload == nullptr) payload = std::make_shared<const std::string>();
    return send_to(*core_, peer, kind, correlation, std::move(payload));
}

PeerTransport::Broadcast PeerTransport::broadcast(std::uint8_t kind, PeerPayload payload) {
    std::vector<PublicKey> all;
    {
        const std::shared_lock lock(core_->table_mutex);
        all.reserve(core_->table.size());
        for (const auto& [key, slot] : core_->table) all.push_back(key);
    }
    return broadcast(kind, std::move(payload), all);
}

PeerTransport::Broadcast PeerTransport::broadcast(std::uint8_t kind, PeerPayload payload,
                                                  std::span<const PublicKey> peers) {
    Broadcast result;
    for (const PublicKey& peer : peers) {
        const Status sent = send(peer, kind, 0, payload);
        if (sent.ok()) {
            ++result.queued;
        } else if (sent.error().code == ErrorCode::overloaded) {
            ++result.refused;
        }
    }
    return result;
}

Status PeerTransport::request(const PublicKey& peer, std::uint8_t number, std::string_view payload,
                              std::uint32_t timeout_ms, Reply on_reply) {
    const auto kind = kind_for(*core_, number, payload.size());
    if (!kind.ok()) return kind.error();
    if (kind.value()->reply_kind == 0) {
        return refused(ErrorCode::invalid_argument, "The request was not sent.",
                       "Kind " + std::to_string(number) + " is not answered.", "");
    }
    const std::shared_ptr<PeerSlot> slot = core_->find(peer);
    if (slot == nullptr) return unknown_peer(peer);
    const std::int64_t deadline_us = PeerCore::now_us() + timeout_ms * 1'000LL;
    std::shared_ptr<PeerConnection> writer;
    {
        const std::lock_guard lock(slot->mutex);
        if (!slot->is_up) return link_is_down(*slot);
        if (slot->requests.count() >= core_->options.requests_in_flight_max) {
            return refused(ErrorCode::limit_reached, "The request was not sent.",
                           "The peer owes too many answers.", "Wait for some of them.");
        }
        const std::uint64_t correlation =
            slot->requests.add(kind.value()->reply_kind, deadline_us, std::move(on_reply));
        if (push(*slot, *core_, *kind.value(), correlation, payload) != Queued::yes) {
            (void)slot->requests.take(correlation, kind.value()->reply_kind);
            return queue_is_full(*kind.value());
        }
        writer = needs_flush(*slot);
    }
    core_->watch_deadline(deadline_us);
    if (writer) write_soon(*core_, slot, writer);
    return {};
}

Status PeerTransport::reply(const PublicKey& peer, std::uint8_t request_kind,
                            std::uint64_t correlation, std::string_view payload) {
    std::string bytes;
    bytes.reserve(payload.size() + 1);
    bytes += reply_is_answer;
    bytes += payload;
    return send(peer, core_->kinds[request_kind].reply_kind, correlation, bytes);
}

Status PeerTransport::reply_error(const PublicKey& peer, std::uint8_t request_kind,
                                  std::uint64_t correlation, const Error& error) {
    return send(peer, core_->kinds[request_kind].reply_kind, correlation,
                encode_error_reply(error));
}

Status PeerTransport::put_peer(KnownPeer peer) {
    if (const Status checked = check_peer(peer, core_->own_key); !checked.ok()) {
        return checked.error();
    }
    std::shared_ptr<PeerSlot> slot;
    {
        const std::unique_lock lock(core_->table_mutex);
        const auto found = core_->table.find(peer.key);
        if (found != core_->table.end()) {
            slot = found->second;
        } else if (core_->table.size() >= core_->options.peers_max) {
            return refused(ErrorCode::limit_reached, "The peer was not added.",
                           "There are " + std::to_string(core_->table.size()) + " peers.",
                           "Remove one first.");
        } else {
            slot = std::make_shared<PeerSlot>(core_->io, peer, core_->options.queues);
            core_->table.emplace(peer.key, slot);
        }
    }
    slot->role = peer.role;
    {
        const std::lock_guard lock(slot->mutex);
        slot->row = std::move(peer);
    }
    core_->run([core = core_, slot] { core->dial(slot); });
    return {};
}

Status PeerTransport::remove_peer(const PublicKey& peer) {
    std::shared_ptr<PeerSlot> slot;
    {
        const std::unique_lock lock(core_->table_mutex);
        const auto found = core_->table.find(peer);
        if (found == core_->table.end()) {
            return refused(ErrorCode::not_found, "The peer was not removed.",
                           "No peer has the key " + to_hex(peer.view()) + ".",
                           "Check the table of peers.");
        }
        slot = found->second;
        core_->table.erase(found);
    }
    core_->run([core = core_, slot] { core->drop(slot); });
    return {};
}

void PeerTransport::set_role(PeerRole role) {
    core_->own_role = role;
}

void PeerTransport::probe(std::string host, std::uint16_t port, std::optional<PublicKey> expected,
                          std::uint32_t timeout_ms, std::function<void(PeerProbe)> on_end) {
    const auto connection = std::make_shared<PeerConnection>(
        core_, PeerConnection::Target{.host = std::move(host),
                                      .port = port,
                                      .key = expected,
                                      .slot = nullptr,
                                      .timeout_ms = std::max<std::uint32_t>(timeout_ms, 1),
                                      .on_probe = std::move(on_end)});
    const bool is_running = core_->run([core = core_, connection] { core->probe(connection); });
    if (!is_running) connection->end(PeerEnd::stopping, "The node stops.", false);
}

bool PeerTransport::is_up(const PublicKey& peer) const {
    const auto slot = core_->find(peer);
    if (slot == nullptr) return false;
    const std::lock_guard lock(slot->mutex);
    return slot->is_up;
}

namespace {

PeerLinkFigures figures_of(PeerSlot& slot) {
    const std::lock_guard lock(slot.mutex);
    PeerLinkFigures link = slot.told;
    link.key = slot.key;
    link.name = slot.row.name;
    link.role = slot.row.role;
    link.host = slot.row.host;
    link.port = slot.row.port;
    link.is_up = slot.is_up;
    link.rtt_us = slot.is_up ? slot.rtt_us.load() : -1;
    link.skew_us = slot.skew_us;
    link.last_heard_ms = slot.last_heard_ms;
    link.sent_bytes_total = slot.sent_bytes;
    link.sent_frames_total = slot.sent_frames;
    link.received_bytes_total = slot.received_bytes;
    link.received_frames_total = slot.received_frames;
    link.skipped_frames_total = slot.skipped_frames;
    for (std::size_t i = 0; i < peer_priority_count; ++i) {
        link.queue_bytes[i] = slot.queue.bytes(static_cast<PeerPriority>(i));
        link.queue_frames[i] = slot.queue.frames(static_cast<PeerPriority>(i));
    }
    link.requests_in_flight = static_cast<std::uint32_t>(slot.requests.count());
    return link;
}

}  // namespace

PeerFigures PeerTransport::figures() const {
    PeerFigures figures;
    {
        const std::shared_lock lock(core_->table_mutex);
        figures.links.reserve(core_->table.size());
        for (const auto& [key, slot] : core_->table) figures.links.push_back(figures_of(*slot));
    }
    std::ranges::sort(figures.links, {}, &PeerLinkFigures::key);
    figures.handshakes_open = core_->handshakes_open;
    figures.accepted_total = core_->accepted_total;
    for (std::size_t i = 0; i < peer_end_count; ++i) {
        figures.refused_total[i] = core_->refused_total[i];
    }
    figures.stray_replies_total = core_->stray_replies;
    return figures;
}

}  // namespace ait::net
