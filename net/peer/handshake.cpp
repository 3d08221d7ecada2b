#include "net/peer/handshake.hpp"

#include <utility>

#include "runtime/base/codec/msgpack.hpp"

namespace ait::net {

namespace {

constexpr std::size_t version_bytes = 8;

Error unreadable(std::string why) {
    return Error{ErrorCode::malformed, "A greeting between nodes cannot be read.", std::move(why),
                 "Check what runs at the other end."};
}

std::string in_quotes(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

}  // namespace

std::string encode_hello(const Hello& hello) {
    return big_endian(hello.version) + encode(hello);
}

Result<Hello> decode_hello(std::string_view payload, std::uint64_t version) {
    if (payload.size() < version_bytes) return unreadable("It is too short.");
    const std::uint64_t told = from_big_endian(payload.substr(0, version_bytes));
    if (told != version) return Hello{.version = told};
    auto hello = decode<Hello>(payload.substr(version_bytes));
    if (!hello.ok()) return hello.error();
    hello.value().version = told;
    return hello;
}

std::string encode_refusal(const Refusal& refusal) {
    Refusal cut = refusal;
    if (cut.detail.size() > Refusal::detail_bytes_max) {
        cut.detail.resize(Refusal::detail_bytes_max);
        // Half a character at the cut would make the text unreadable.
        while (!cut.detail.empty() && !is_utf8(cut.detail)) cut.detail.pop_back();
    }
    return encode(cut);
}

Result<Refusal> decode_refusal(std::string_view payload) {
    return decode<Refusal>(payload);
}

std::optional<Difference> find_difference(const Hello& ours, const Hello& theirs,
                                          const KnownPeer* row) {
    if (theirs.version != ours.version) {
        return Difference{PeerEnd::another_version, "Version " + std::to_string(theirs.version) +
                                                        "; here it is " +
                                                        std::to_string(ours.version) + "."};
    }
    if (theirs.cluster != ours.cluster) {
        return Difference{PeerEnd::another_cluster, "Cluster " + to_hex(theirs.cluster.view()) +
                                                        "; here it is " +
                                                        to_hex(ours.cluster.view()) + "."};
    }
    if (row == nullptr) return std::nullopt;
    if (!row->name.empty() && theirs.name != row->name) {
        return Difference{PeerEnd::another_name, "It calls itself " + in_quotes(theirs.name) +
                                                     "; configured is " + in_quotes(row->name) +
                                                     "."};
    }
    if (row->role_must_match && theirs.role != row->role) {
        return Difference{PeerEnd::another_role,
                          "It calls itself " + std::string(name_of(theirs.role)) +
                              "; configured is " + std::string(name_of(row->role)) + "."};
    }
    return std::nullopt;
}

std::string encode_heartbeat(const Heartbeat& heartbeat) {
    return big_endian(heartbeat.sent_us) +
           big_endian(static_cast<std::uint64_t>(heartbeat.unix_ms));
}

std::optional<Heartbeat> decode_heartbeat(std::string_view payload) {
    if (payload.size() != heartbeat_bytes) return std::nullopt;
    return Heartbeat{from_big_endian(payload.substr(0, 8)),
                     static_cast<std::int64_t>(from_big_endian(payload.substr(8)))};
}

}  // namespace ait::net
