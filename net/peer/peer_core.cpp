#include "net/peer/peer_core.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>

#include "net/peer/address_text.hpp"
#include "net/peer/connection.hpp"
#include "runtime/base/assert.hpp"

namespace ait::net {

namespace asio = boost::asio;

namespace {

constexpr std::int64_t accept_pause_us = 100'000;  ///< after the process ran out of descriptors
constexpr std::int64_t accept_burst_us = 200'000;  ///< of which all may come at once
constexpr std::int64_t report_pause_us = 1'000'000;
constexpr int listen_backlog = 128;

std::uint64_t drawn(Random& random) {
    return from_big_endian(random.bytes(8));
}

std::size_t index_of(PeerEnd end) {
    return static_cast<std::size_t>(end);
}

}  // namespace

PeerCore::PeerCore(PeerTransport::Options given, std::shared_ptr<const TlsIdentity> own_identity)
    : options(std::move(given)),
      own_key(options.key->public_key()),
      identity(std::move(own_identity)),
      instance(drawn(*options.random)),
      own_role(options.role),
      work_(io.get_executor()),
      acceptor_(io),
      accept_pause_(io),
      deadline_timer_(io),
      jitter_(drawn(*options.random)) {
    for (const PeerKind& kind : options.kinds) {
        kinds[kind.number] = kind;
        if (kind.reply_kind != 0) is_reply[kind.reply_kind] = true;
    }
    for (const PeerRole role : {PeerRole::validator, PeerRole::follower}) {
        rules[static_cast<std::size_t>(role)] = frame_rules_of(options.kinds, role);
    }
}

std::shared_ptr<PeerSlot> PeerCore::find(const PublicKey& key) const {
    const std::shared_lock lock(table_mutex);
    const auto found = table.find(key);
    return found == table.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<PeerSlot>> PeerCore::slots() const {
    std::vector<std::shared_ptr<PeerSlot>> all;
    const std::shared_lock lock(table_mutex);
    all.reserve(table.size());
    for (const auto& [key, slot] : table) all.push_back(slot);
    return all;
}

Hello PeerCore::own_hello() const {
    return {.version = options.version,
            .cluster = options.cluster,
            .name = options.name,
            .role = own_role.load(),
            .instance = instance};
}

// ---- accepting ----

Status PeerCore::listen() {
    ErrorCodeAsio error;
    const std::string host = options.host == "localhost" ? "127.0.0.1" : options.host;
    const auto address = asio::ip::make_address(host, error);
    if (error) {
        return Error{ErrorCode::invalid_argument, "The node cannot listen for peers.",
                     "\"" + options.host + "\" is no IP address.", "Give an IP address."};
    }
    const asio::ip::tcp::endpoint endpoint(address, options.port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(listen_backlog, error);
    if (!error) port = acceptor_.local_endpoint(error).port();
    if (!error) return {};
    const bool is_taken = error == asio::error::address_in_use;
    return Error{is_taken ? ErrorCode::conflict : ErrorCode::unavailable,
                 "The node cannot listen for peers.",
                 options.host + ":" + std::to_string(options.port) + ": " + error.message() + ".",
                 is_taken ? "End what uses the port, or configure another."
                          : "Check the configured address."};
}

void PeerCore::accept_next() {
    acceptor_.async_accept(
        [self = shared_from_this()](const ErrorCodeAsio& error, asio::ip::tcp::socket socket) {
            if (self->is_stopping_) return;
            // Out of descriptors, most likely: the next attempt would fail at once too.
            if (error) return self->accept_later(accept_pause_us);
            self->take(std::move(socket));
            const std::int64_t now = now_us();
            self->accept_at_us_ = std::max(self->accept_at_us_, now - accept_burst_us) +
                                  1'000'000 / self->options.accepts_per_second_max;
            if (self->accept_at_us_ <= now) return self->accept_next();
            self->accept_later(self->accept_at_us_ - now);
        });
}

void PeerCore::accept_later(std::int64_t pause_us) {
    accept_pause_.expires_after(std::chrono::microseconds(pause_us));
    accept_pause_.async_wait([self = shared_from_this()](const ErrorCodeAsio& cancelled) {
        if (!cancelled && !self->is_stopping_) self->accept_next();
    });
}

void PeerCore::take(asio::ip::tcp::socket socket) {
    ErrorCodeAsio error;
    const auto endpoint = socket.remote_endpoint(error);
    if (error) return;  // gone already
    ++accepted_total;
    const std::string address = address_text(endpoint.address());
    if (!make_room(address)) {
        ++refused_total[index_of(PeerEnd::limit_reached)];
        return;  // closes the socket
    }
    const auto connection =
        std::make_shared<PeerConnection>(shared_from_this(), std::move(socket), address);
    add(connection);
    connection->start();
}

/// Strangers hold few places. Who knocks takes the place of who has waited longest, because an
/// honest greeting takes milliseconds; but an address never takes more than its share.
bool PeerCore::make_room(const std::string& address) {
    std::uint32_t held = 0;
    std::uint32_t total = 0;
    std::shared_ptr<PeerConnection> oldest;
    for (const auto& connection : connections_) {
        if (connection->is_dialled() || connection->phase() == PeerConnection::Phase::up) continue;
        ++total;
        if (connection->address() == address) ++held;
        const bool is_known = connection->slot() != nullptr;
        if (oldest == nullptr || (oldest->slot() != nullptr && !is_known)) oldest = connection;
    }
    if (held >= options.handshakes_per_address_max) return false;
    if (total < options.handshakes_max) return true;
    if (oldest == nullptr) return false;
    oldest->end(PeerEnd::limit_reached, "A newer connection took its place.", false);
    oldest->close();
    return true;
}

void PeerCore::add(const std::shared_ptr<PeerConnection>& connection) {
    connections_.push_back(connection);
    count_handshakes();
}

void PeerCore::forget(const PeerConnection& connection) {
    connections_.remove_if([&](const auto& held) { return held.get() == &connection; });
    count_handshakes();
}

void PeerCore::count_handshakes() {
    handshakes_open = static_cast<std::uint32_t>(std::count_if(
        connections_.begin(), connections_.end(),
        [](const auto& connection) { return connection->phase() != PeerConnection::Phase::up; }));
}

// ---- dialling ----

void PeerCore::dial(const std::shared_ptr<PeerSlot>& slot) {
    if (is_stopping_ || slot->is_removed || slot->link || slot->chosen || slot->outgoing) return;
    PeerConnection::Target target{.key = slot->key, .slot = slot};
    {
        const std::lock_guard lock(slot->mutex);
        target.host = slot->row.host;
        target.port = slot->row.port;
        if (target.host.empty() || target.port == 0) return;
        ++slot->told.attempts_total;
    }
    slot->dialled_us = now_us();
    slot->outgoing = std::make_shared<PeerConnection>(shared_from_this(), std::move(target));
    const auto connection = slot->outgoing;
    add(connection);
    connection->start();
}

void PeerCore::dial_later(const std::shared_ptr<PeerSlot>& slot, std::int64_t spent_us) {
    if (is_stopping_ || slot->is_removed) return;
    slot->backoff_ms = std::clamp(slot->backoff_ms, options.backoff_ms_min, options.backoff_ms_max);
    // Half to one and a half of it, so that nodes that lost each other do not meet in step.
    const auto drawn_us = static_cast<std::int64_t>(slot->backoff_ms * 500ULL +
                                                    jitter_() % (slot->backoff_ms * 1'000ULL + 1));
    slot->backoff_ms = std::min(slot->backoff_ms * 2, options.backoff_ms_max);
    const std::int64_t wait_us =
        std::max<std::int64_t>(drawn_us - spent_us, options.backoff_ms_min * 500LL);
    slot->redial.expires_after(std::chrono::microseconds(wait_us));
    slot->redial.async_wait([self = shared_from_this(), slot](const ErrorCodeAsio& cancelled) {
        if (!cancelled) self->dial(slot);
    });
}

void PeerCore::probe(const std::shared_ptr<PeerConnection>& connection) {
    add(connection);
    connection->start();
}

void PeerCore::drop(const std::shared_ptr<PeerSlot>& slot) {
    slot->is_removed = true;
    slot->redial.cancel();
    const std::array connections{slot->link, slot->chosen, slot->outgoing};
    for (const auto& connection : connections) {
        if (connection) connection->end(PeerEnd::stopping, "The peer was removed.", true);
    }
}

// ---- from connection to link ----

std::optional<Difference> PeerCore::judge(PeerConnection& connection, const Hello& theirs) {
    const std::shared_ptr<PeerSlot> slot =
        connection.slot() ? connection.slot() : find(connection.peer_key());
    std::optional<KnownPeer> row;
    if (slot) {
        const std::lock_guard lock(slot->mutex);
        row = slot->row;
    }
    auto difference = find_difference(own_hello(), theirs, row ? &*row : nullptr);
    if (difference || connection.is_probe() || theirs.is_probe) return difference;
    if (slot->is_removed) return Difference{PeerEnd::unknown_key, "The peer was removed."};
    const auto link = slot->link;  // a sign of life may end it
    if (link && link->peer_instance() != theirs.instance) {
        // Two processes with one key, or one that began anew before we saw its end: a sign of life
        // is asked for, so that a dead end is noticed before the next attempt.
        link->ping();
        return Difference{PeerEnd::duplicate_key, "A node with this key is connected already."};
    }
    return std::nullopt;
}

bool PeerCore::choose(const std::shared_ptr<PeerConnection>& connection) {
    PeerSlot& slot = *connection->slot();
    const bool is_decided_here = own_key < slot.key;
    if (!is_decided_here) {
        // As dialler: a link that has come up meanwhile makes this one useless. As acceptor: the
        // other side has chosen.
        return !connection->is_dialled() || slot.link == nullptr;
    }
    if (slot.chosen && slot.chosen != connection) return false;
    if (const auto link = slot.link; link != nullptr) {
        // The other side dials only when it has no link. If it dialled that one too, that one is
        // gone; if we did, both may have dialled at once, and a sign of life will tell.
        if (connection->is_dialled() || link->is_dialled()) {
            link->ping();
            return false;
        }
    }
    slot.chosen = connection;
    return true;
}

void PeerCore::link_up(const std::shared_ptr<PeerConnection>& connection) {
    const std::shared_ptr<PeerSlot> slot = connection->slot();
    if (slot->link) slot->link->end(PeerEnd::replaced, "The peer dialled again.", true);
    if (slot->chosen == connection) slot->chosen.reset();
    if (slot->outgoing == connection) slot->outgoing.reset();
    slot->redial.cancel();
    slot->link = connection;
    const std::array others{slot->chosen, slot->outgoing};
    for (const auto& other : others) {
        if (other) other->end(PeerEnd::duplicate_link, "Another connection was quicker.", true);
    }
    slot->rtt_us = -1;
    slot->last_heard_ms = options.clock->now_unix_ms();
    {
        const std::lock_guard lock(slot->mutex);
        AIT_ASSERT(!slot->is_up && slot->queue.is_empty());
        slot->is_up = true;
        slot->is_flushing = false;
        slot->writer = connection;
        slot->told.dialled_by_us = connection->is_dialled();
        slot->told.address = connection->address();
        slot->told.connected_since_ms = options.clock->now_unix_ms();
        ++slot->told.links_total;
    }
    count_handshakes();
    if (options.callbacks.on_link) options.callbacks.on_link({.peer = slot->key, .is_up = true});
}

void PeerCore::link_down(const std::shared_ptr<PeerSlot>& slot, PeerEnd why,
                         const std::string& detail) {
    const std::int64_t lived_us = now_us() - slot->link->up_since_us();
    slot->link.reset();
    std::vector<PendingRequests::Reply> unanswered;
    {
        const std::lock_guard lock(slot->mutex);
        slot->is_up = false;
        slot->writer.reset();
        slot->told.lost_frames_total += slot->queue.clear();
        slot->told.connected_since_ms = 0;
        slot->told.address.clear();
        slot->told.last_end = why;
        slot->told.last_end_detail = detail;
        unanswered = slot->requests.take_all();
    }
    const Error error =
        is_stopping_
            ? Error{ErrorCode::cancelled, "The request was given up.", "The node stops.", ""}
            : Error{ErrorCode::unavailable, "The peer is not connected any more.",
                    std::string(peer_end_meaning(why)) + " " + detail,
                    "Ask again when the link is up, or ask another peer."};
    for (const auto& reply : unanswered) reply(error);
    if (options.callbacks.on_link) {
        options.callbacks.on_link(
            {.peer = slot->key, .is_up = false, .why = why, .detail = detail});
    }
    if (lived_us >= options.dead_ms * 1'000LL) slot->backoff_ms = 0;
    if (!slot->chosen && !slot->outgoing) dial_later(slot);
}

void PeerCore::ended(const std::shared_ptr<PeerConnection>& connection, PeerEnd why,
                     const std::string& detail, bool refused_by_us) {
    const std::shared_ptr<PeerSlot> slot = connection->slot();
    if (slot && slot->link == connection) return link_down(slot, why, detail);
    const bool is_our_dial = slot && slot->outgoing == connection;
    if (is_our_dial && why != PeerEnd::duplicate_link) {
        const std::lock_guard lock(slot->mutex);
        slot->told.last_end = why;
        slot->told.last_end_detail = detail;
    }
    // Told last: who hears of the refusal finds it in the link's figures.
    report(*connection, why, detail, refused_by_us);
    if (!slot) return;
    if (slot->chosen == connection) slot->chosen.reset();
    if (!is_our_dial) return;
    slot->outgoing.reset();
    // Whoever waited for an answer to the end has waited enough: a healed network is found soon.
    if (!slot->link) dial_later(slot, now_us() - slot->dialled_us);
}

void PeerCore::report(const PeerConnection& connection, PeerEnd why, const std::string& detail,
                      bool refused_by_us) {
    const bool is_wanted = connection.is_probe() || connection.theirs().is_probe;
    if (is_wanted || is_stopping_ || why == PeerEnd::none) return;
    ++refused_total[index_of(why)];
    std::int64_t& reported_us = reported_us_[index_of(why)];
    const std::int64_t now = now_us();
    if (why == PeerEnd::duplicate_link || !options.callbacks.on_refusal) return;
    if (reported_us != 0 && now - reported_us < report_pause_us) return;
    reported_us = now;
    options.callbacks.on_refusal({.peer = connection.peer_key(),
                                  .address = connection.address(),
                                  .dialled_by_us = connection.is_dialled(),
                                  .refused_by_us = refused_by_us,
                                  .why = why,
                                  .detail = detail});
}

// ---- requests that nobody answered ----

void PeerCore::watch_deadline(std::int64_t deadline_us) {
    if (deadline_us >= armed_us_.load()) return;
    run([self = shared_from_this(), deadline_us] { self->arm_deadline(deadline_us); });
}

void PeerCore::arm_deadline(std::int64_t deadline_us) {
    if (deadline_us >= armed_us_.load() || is_stopping_) return;
    armed_us_ = deadline_us;
    const std::int64_t wait_us = std::max<std::int64_t>(deadline_us - now_us(), 0);
    deadline_timer_.expires_after(std::chrono::microseconds(wait_us));
    deadline_timer_.async_wait([self = shared_from_this()](const ErrorCodeAsio& cancelled) {
        if (!cancelled) self->expire_requests();
    });
}

void PeerCore::expire_requests() {
    // From here on new requests ask for a timer themselves; what is there already is seen below.
    armed_us_ = PendingRequests::never_us;
    std::vector<PendingRequests::Reply> expired;
    std::int64_t next_us = PendingRequests::never_us;
    for (const auto& slot : slots()) {
        const std::lock_guard lock(slot->mutex);
        for (auto& reply : slot->requests.take_expired(now_us())) {
            expired.push_back(std::move(reply));
        }
        next_us = std::min(next_us, slot->requests.next_deadline_us());
    }
    if (next_us != PendingRequests::never_us) arm_deadline(next_us);
    for (const auto& reply : expired) {
        reply(Error{ErrorCode::deadline_exceeded, "The peer did not answer in time.",
                    "What was asked may still happen.", "Ask again, or ask another peer."});
    }
}

// ---- beginning and end ----

void PeerCore::start_thread() {
    run([self = shared_from_this()] {
        if (self->acceptor_.is_open()) self->accept_next();
        for (const auto& slot : self->slots()) self->dial(slot);
    });
    thread_ = std::thread([this] {
        io_thread_id_ = std::this_thread::get_id();
        io.run();
    });
}

void PeerCore::stop() {
    const std::lock_guard stopping(stop_mutex_);
    if (!thread_.joinable()) return;
    AIT_ASSERT(std::this_thread::get_id() != thread_.get_id());
    run([self = shared_from_this()] { self->stop_io(); });
    thread_.join();
}

void PeerCore::stop_io() {
    is_stopping_ = true;
    ErrorCodeAsio ignored;  // closing cannot be refused
    acceptor_.close(ignored);
    accept_pause_.cancel();
    const auto connections = connections_;
    for (const auto& connection : connections) {
        connection->end(PeerEnd::stopping, "The node stops.", true);
        connection->close();
    }
    deadline_timer_.cancel();
    for (const auto& slot : slots()) slot->redial.cancel();
    AIT_ASSERT(connections_.empty());
    const std::lock_guard lock(post_mutex_);
    is_stopped_ = true;
    work_.reset();
}

}  // namespace ait::net
