#include "hostile_node.hpp"

#include <utility>

namespace ait::net {

namespace {

/// Takes in all that a node may say.
const FrameRules& any_kind() {
    static const FrameRules rules = [] {
        FrameRules made{};
        made.fill({FrameRule::Is::allowed, PeerPriority::vote, peer_payload_bytes_max});
        for (std::uint8_t kind = 1; kind < peer_kind_first; ++kind) {
            made[kind] = {FrameRule::Is::control, PeerPriority::vote, control_bytes_max};
        }
        return made;
    }();
    return rules;
}

}  // namespace

HostileNode::HostileNode(const crypto::SecretKey& key, std::uint16_t port, const std::string& from)
    : raw_(RawPeer::connect_tcp(port, from)),
      tls_(std::move(TlsIdentity::make(key)).value(), TlsSide::dialler) {}

bool HostileNode::shake() {
    std::string input;
    for (;;) {
        std::string output;
        std::string_view view = input;
        const TlsChannel::Step step = tls_.shake(view, output);
        if (!raw_.send(output)) return false;
        if (step == TlsChannel::Step::done) return true;
        if (step != TlsChannel::Step::more) return false;
        input = raw_.read_some();
        if (input.empty()) return false;
    }
}

bool HostileNode::say(std::string_view plain) {
    std::string output;
    return tls_.write(plain, output) && raw_.send(output);
}

bool HostileNode::say_frame(std::uint8_t kind, std::uint64_t correlation,
                            std::string_view payload) {
    std::string bytes;
    append_frame(bytes, kind, correlation, payload);
    return say(bytes);
}

std::optional<HostileNode::Heard> HostileNode::hear() {
    while (heard_.empty()) {
        const std::string input = raw_.read_some();
        if (input.empty()) return std::nullopt;
        std::string_view view = input;
        std::string output;
        std::string plain(TlsChannel::plain_room(input.size()), '\0');
        std::size_t count = 0;
        const TlsChannel::Step step = tls_.read(view, plain.data(), count, output);
        std::string_view left = std::string_view(plain).substr(0, count);
        PeerFrame frame;
        while (reader_.next(left, any_kind(), frame) == FrameReader::Step::frame) {
            heard_.push_back({frame.kind, std::string(frame.payload)});
        }
        reader_.release();
        if (step != TlsChannel::Step::more && heard_.empty()) return std::nullopt;
    }
    Heard first = std::move(heard_.front());
    heard_.erase(heard_.begin());
    return first;
}

PeerEnd HostileNode::hear_refusal() {
    const auto heard = hear();
    if (!heard || heard->kind != control_kind::refusal) return PeerEnd::none;
    const auto refusal = decode_refusal(heard->payload);
    return refusal.ok() ? refusal.value().why : PeerEnd::none;
}

bool HostileNode::greet(const Hello& hello) {
    if (!shake() || !say_frame(control_kind::hello, 0, encode_hello(hello))) return false;
    const auto answer = hear();
    if (!answer || answer->kind != control_kind::hello) return false;
    if (!say_frame(control_kind::ready, 0, {})) return false;
    const auto welcome = hear();
    return welcome && welcome->kind == control_kind::welcome;
}

}  // namespace ait::net
