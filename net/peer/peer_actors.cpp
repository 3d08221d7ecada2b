#include "net/peer/peer_actors.hpp"

#include <algorithm>
#include <atomic>
#include <caf/actor_companion.hpp>
#include <caf/all.hpp>
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <unordered_map>
#include <utility>

#include "net/peer/caf_error.hpp"
#include "runtime/base/assert.hpp"

namespace ait::net {

namespace {

// Before a message's own bytes: the actor's number and the message's, big-endian.
constexpr std::size_t address_bytes = 4;

void append_u16(std::string& to, std::uint16_t value) {
    to += static_cast<char>(value >> 8U);
    to += static_cast<char>(value & 0xffU);
}

std::uint16_t u16_at(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint16_t>(static_cast<std::uint8_t>(bytes[at]) << 8U |
                                      static_cast<std::uint8_t>(bytes[at + 1]));
}

caf::actor_companion* companion_of(const caf::actor& actor) {
    return static_cast<caf::actor_companion*>(caf::actor_cast<caf::abstract_actor*>(actor));
}

Error no_link() {
    return Error{ErrorCode::unavailable, "The actor of the other node cannot be reached.",
                 "The link to its node is down.", "Ask again when the link is up."};
}

/// Answers a request that will not be sent; anything else has nobody who waits.
void bounce(const caf::mailbox_element& element, const Error& error) {
    if (!element.mid.is_request() || element.sender == nullptr) return;
    element.sender->enqueue(nullptr, element.mid.response_id(), caf::make_message(to_caf(error)),
                            nullptr);
}

/// One actor of another node, as long as the link lasts.
struct Remote {
    PublicKey peer{};
    std::uint16_t number = 0;
    std::atomic<bool> is_gone = false;
};

/// A request of a peer that an actor here works on.
struct Incoming {
    PublicKey peer{};
    std::uint8_t kind = 0;
    std::uint64_t correlation = 0;
    const PeerMessageForm* form = nullptr;
    std::int64_t deadline_us = 0;
};

struct Published {
    caf::strong_actor_ptr actor{};
    std::vector<std::uint16_t> accepted{};
};

}  // namespace

/// Outlives the PeerActors as long as an actor holds a proxy.
///
/// Invariants:
///  1. Proxies exist only of peers in `up`; both change under `mutex`.
///  2. `transport` is null before open() and after close(); it is used under a shared lock.
///  3. No lock is held while an actor's enqueue runs: it may call back into a proxy.
struct PeerActors::Shared : std::enable_shared_from_this<PeerActors::Shared> {
    Shared(caf::actor_system& given, Options given_options)
        : system(given), options(std::move(given_options)) {}

    /// The transport's answer, or unavailable when there is none.
    template <class Use>
    Status with_transport(Use use) {
        const std::shared_lock lock(transport_mutex);
        return transport == nullptr ? Status(no_link()) : use(*transport);
    }
    void send_out(const std::shared_ptr<Remote>& remote, const caf::mailbox_element& element);
    void ask(const Remote& remote, const PeerMessageForm& form, const std::string& bytes,
             const caf::mailbox_element& element);
    void deliver(const PublicKey& peer, const PeerFrame& frame);
    void answer(const caf::mailbox_element& element);
    Result<std::uint64_t> remember(Incoming incoming);
    void refuse(const PublicKey& peer, const PeerFrame& frame, const PeerMessageForm* form,
                const Error& error);
    void end(const std::pair<std::shared_ptr<Remote>, caf::actor>& proxy);

    caf::actor_system& system;
    const Options options;
    std::atomic<std::uint64_t> strays = 0;

    std::shared_mutex transport_mutex{};
    PeerTransport* transport = nullptr;

    std::mutex mutex{};  ///< guards the rest
    std::set<PublicKey> up{};
    std::map<std::pair<PublicKey, std::uint16_t>, std::pair<std::shared_ptr<Remote>, caf::actor>>
        proxies{};
    std::map<std::uint16_t, std::shared_ptr<const Published>> published{};
    std::map<std::uint64_t, Incoming> incoming{};  ///< by an id made here; oldest first
    std::uint64_t last_incoming = 0;
    caf::actor ingress{};  ///< stands for all remote requesters
};

const PeerMessageForm* PeerMessages::find(const caf::message& message) const {
    if (message.size() != 1) return nullptr;
    const auto type = message.type(0);
    if (type.second == nullptr) return nullptr;
    const auto found = by_type_.find(*type.second);
    return found == by_type_.end() ? nullptr : &found->second;
}

const PeerMessageForm* PeerMessages::find(std::uint16_t number) const {
    const auto found = by_number_.find(number);
    return found == by_number_.end() ? nullptr : &by_type_.at(found->second);
}

PeerMessages& PeerMessages::put(std::type_index type, const PeerMessageForm& form) {
    const bool is_new =
        by_type_.emplace(type, form).second && by_number_.emplace(form.number, type).second;
    kinds_.set(form.kind);
    AIT_ASSERT(is_new);  // two types with one number, or one type twice
    return *this;
}

// ---- from an actor here to one there ----

void PeerActors::Shared::send_out(const std::shared_ptr<Remote>& remote,
                                  const caf::mailbox_element& element) {
    const caf::message content =
        const_cast<caf::mailbox_element&>(element).move_content_to_message();
    const PeerMessageForm* const form = options.messages.find(content);
    if (form == nullptr) {
        return bounce(element, {ErrorCode::unsupported, "The message cannot be sent.",
                                "Its type has no form between nodes.", ""});
    }
    if (remote->is_gone) return bounce(element, no_link());
    std::string bytes;
    bytes.reserve(256);
    append_u16(bytes, remote->number);
    append_u16(bytes, form->number);
    form->write(content, bytes);
    if (form->read_reply != nullptr) return ask(*remote, *form, bytes, element);
    const Status sent = with_transport(
        [&](PeerTransport& open) { return open.send(remote->peer, form->kind, 0, bytes); });
    // Without a request nobody waits: what a full queue or a lost link costs is counted there.
    if (!sent.ok()) bounce(element, sent.error());
}

void PeerActors::Shared::ask(const Remote& remote, const PeerMessageForm& form,
                             const std::string& bytes, const caf::mailbox_element& element) {
    const auto on_reply = [requester = element.mid.is_request() ? element.sender : nullptr,
                           id = element.mid.response_id(),
                           &form](const Result<std::string>& reply) {
        if (requester == nullptr) return;
        Result<caf::message> answer =
            reply.ok() ? form.read_reply(reply.value()) : Result<caf::message>(reply.error());
        caf::message content =
            answer.ok() ? std::move(answer).value() : caf::make_message(to_caf(answer.error()));
        requester->enqueue(nullptr, id, std::move(content), nullptr);
    };
    const Status sent = with_transport([&](PeerTransport& open) {
        return open.request(remote.peer, form.kind, bytes, options.request_ms_max, on_reply);
    });
    if (!sent.ok()) bounce(element, sent.error());
}

Result<caf::actor> PeerActors::proxy_any(const PublicKey& peer, std::uint16_t number) {
    const std::lock_guard lock(shared_->mutex);
    if (!shared_->up.contains(peer)) return no_link();
    auto& proxy = shared_->proxies[{peer, number}];
    if (proxy.first == nullptr) {
        proxy.first = std::make_shared<Remote>();
        proxy.first->peer = peer;
        proxy.first->number = number;
        proxy.second = shared_->system.spawn<caf::actor_companion>();
        companion_of(proxy.second)
            ->on_enqueue(
                [shared = shared_, remote = proxy.first](caf::mailbox_element_ptr element) {
                    shared->send_out(remote, *element);
                });
    }
    return proxy.second;
}

void PeerActors::Shared::end(const std::pair<std::shared_ptr<Remote>, caf::actor>& proxy) {
    proxy.first->is_gone = true;
    // The handler stays, so that later requests are answered instead of waiting for nothing.
    companion_of(proxy.second)
        ->cleanup(caf::make_error(caf::exit_reason::remote_link_unreachable), nullptr);
}

// ---- from an actor there to one here ----

void PeerActors::on_messages(const PublicKey& peer, std::span<const PeerFrame> frames) {
    for (const PeerFrame& frame : frames) shared_->deliver(peer, frame);
}

void PeerActors::Shared::deliver(const PublicKey& peer, const PeerFrame& frame) {
    if (!options.messages.uses(frame.kind)) return;
    if (frame.payload.size() < address_bytes) {
        ++strays;
        return;
    }
    const PeerMessageForm* const form = options.messages.find(u16_at(frame.payload, 2));
    // The frame's kind decides limits and rights: a message may not travel under another.
    if (form == nullptr || form->kind != frame.kind) {
        return refuse(peer, frame, form,
                      {ErrorCode::unsupported, "The message is not known.", "", ""});
    }
    std::shared_ptr<const Published> target;
    caf::strong_actor_ptr requester;
    {
        const std::lock_guard lock(mutex);
        requester = caf::actor_cast<caf::strong_actor_ptr>(ingress);
        const auto found = published.find(u16_at(frame.payload, 0));
        if (found != published.end()) target = found->second;
    }
    if (target == nullptr ||
        std::ranges::find(target->accepted, form->number) == target->accepted.end()) {
        return refuse(peer, frame, form,
                      {ErrorCode::not_found, "No such actor takes such a message.", "", ""});
    }
    auto message = form->read(frame.payload.substr(address_bytes));
    if (!message.ok()) return refuse(peer, frame, form, message.error());
    if (form->read_reply == nullptr) {
        target->actor->enqueue(nullptr, caf::make_message_id(), std::move(message).value(),
                               nullptr);
        return;
    }
    const auto id = remember({peer, frame.kind, frame.correlation, form});
    if (!id.ok()) return refuse(peer, frame, form, id.error());
    // The id is made here; the peer's correlation stays data.
    target->actor->enqueue(requester, caf::make_message_id(id.value()).with_normal_priority(),
                           std::move(message).value(), nullptr);
}

Result<std::uint64_t> PeerActors::Shared::remember(Incoming request) {
    const std::int64_t now_us = system_clock().monotonic_us();
    request.deadline_us = now_us + options.request_ms_max * 1'000LL;
    const std::lock_guard lock(mutex);
    // Whoever asked has given up by then; actors that never answer must not fill the table.
    while (!incoming.empty() && incoming.begin()->second.deadline_us < now_us) {
        incoming.erase(incoming.begin());
    }
    if (incoming.size() >= options.incoming_max) {
        return Error{ErrorCode::overloaded, "The node does not take the request.",
                     "Its actors have too many unanswered.", "Ask again in a moment."};
    }
    incoming.emplace(++last_incoming, std::move(request));
    return last_incoming;
}

void PeerActors::Shared::refuse(const PublicKey& peer, const PeerFrame& frame,
                                const PeerMessageForm* form, const Error& error) {
    ++strays;
    if (form == nullptr || form->read_reply == nullptr || form->kind != frame.kind) return;
    // A refusal that finds no room is noticed by the asker's deadline.
    (void)with_transport([&](PeerTransport& open) {
        return open.reply_error(peer, frame.kind, frame.correlation, error);
    });
}

/// What an actor here says to the ingress: answers to requests of peers.
void PeerActors::Shared::answer(const caf::mailbox_element& element) {
    if (!element.mid.is_response()) return;
    Incoming request;
    {
        const std::lock_guard lock(mutex);
        const auto found = incoming.find(element.mid.request_id().integer_value());
        if (found == incoming.end()) return;
        request = found->second;
        incoming.erase(found);
    }
    const caf::message content =
        const_cast<caf::mailbox_element&>(element).move_content_to_message();
    const bool is_answer = content.size() == 1 && content.type(0).second != nullptr &&
                           request.form->reply_type == *content.type(0).second;
    // An answer that finds no room or no link is noticed by the asker's deadline or link.
    if (is_answer) {
        std::string bytes;
        request.form->write_reply(content, bytes);
        (void)with_transport([&](PeerTransport& open) {
            return open.reply(request.peer, request.kind, request.correlation, bytes);
        });
        return;
    }
    const Error error = content.match_elements<caf::error>()
                            ? from_caf(content.get_as<caf::error>(0))
                            : Error{ErrorCode::internal, "An actor gave another answer.", "", ""};
    (void)with_transport([&](PeerTransport& open) {
        return open.reply_error(request.peer, request.kind, request.correlation, error);
    });
}

// ---- links, beginning and end ----

void PeerActors::on_link(const PeerLinkChange& change) {
    std::vector<std::pair<std::shared_ptr<Remote>, caf::actor>> ended;
    {
        const std::lock_guard lock(shared_->mutex);
        if (change.is_up) {
            shared_->up.insert(change.peer);
            return;
        }
        shared_->up.erase(change.peer);
        const auto first = shared_->proxies.lower_bound({change.peer, 0});
        auto last = first;
        for (; last != shared_->proxies.end() && last->first.first == change.peer; ++last) {
            ended.push_back(last->second);
        }
        shared_->proxies.erase(first, last);
    }
    for (const auto& proxy : ended) shared_->end(proxy);
}

PeerActors::PeerActors(caf::actor_system& system, Options options)
    : shared_(std::make_shared<Shared>(system, std::move(options))) {
    shared_->ingress = system.spawn<caf::actor_companion>();
    companion_of(shared_->ingress)
        ->on_enqueue([weak = std::weak_ptr(shared_)](caf::mailbox_element_ptr element) {
            if (const auto shared = weak.lock()) shared->answer(*element);
        });
}

PeerActors::~PeerActors() {
    close();
}

void PeerActors::open(PeerTransport& transport) {
    const std::unique_lock lock(shared_->transport_mutex);
    shared_->transport = &transport;
}

void PeerActors::close() {
    {
        const std::unique_lock lock(shared_->transport_mutex);
        shared_->transport = nullptr;
    }
    std::map<std::pair<PublicKey, std::uint16_t>, std::pair<std::shared_ptr<Remote>, caf::actor>>
        ended;
    caf::actor ingress;
    {
        const std::lock_guard lock(shared_->mutex);
        shared_->up.clear();
        shared_->published.clear();
        ended.swap(shared_->proxies);
        ingress = std::exchange(shared_->ingress, {});
    }
    for (const auto& [key, proxy] : ended) shared_->end(proxy);
    if (ingress) {
        companion_of(ingress)->cleanup(caf::make_error(caf::exit_reason::user_shutdown), nullptr);
    }
}

void PeerActors::publish_any(std::uint16_t number, caf::strong_actor_ptr actor,
                             std::vector<std::uint16_t> accepted) {
    auto row = std::make_shared<const Published>(Published{std::move(actor), std::move(accepted)});
    const std::lock_guard lock(shared_->mutex);
    shared_->published[number] = std::move(row);
}

std::uint64_t PeerActors::stray_total() const noexcept {
    return shared_->strays;
}

}  // namespace ait::net
