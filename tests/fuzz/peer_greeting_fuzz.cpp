// Any bytes as what a peer says in its greeting, in a refusal, a heartbeat or an answer. The
// mutator changes fields and writes the rest as it was.

#include <algorithm>
#include <memory>
#include <random>
#include <string>

#include "net/peer/handshake.hpp"
#include "net/peer/pending_requests.hpp"
#include "runtime/base/assert.hpp"
#include "runtime/base/crypto/hash.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t size_max);

namespace ait::net {
namespace {

constexpr std::uint64_t version = 3;

const Hello& ours() {
    static const Hello made{.version = version,
                            .cluster = crypto::blake2b_256("cluster"),
                            .name = "node",
                            .role = PeerRole::validator,
                            .instance = 1};
    return made;
}

void check_hello(std::string_view payload) {
    const auto hello = decode_hello(payload, version);
    if (!hello.ok()) {
        AIT_ASSERT(hello.error().code == ErrorCode::malformed);
        AIT_ASSERT(!hello.error().why.empty());
        return;
    }
    const Hello& read = hello.value();
    const KnownPeer strict{.name = "node", .role = PeerRole::validator};
    const auto difference = find_difference(ours(), read, &strict);
    AIT_ASSERT(difference.has_value() ||
               (read.version == version && read.name == "node" && read.cluster == ours().cluster));
    AIT_ASSERT(!difference || !difference->detail.empty());
    const auto lenient = find_difference(ours(), read, nullptr);
    AIT_ASSERT(difference || !lenient);
    if (read.version != version) return;  // of another version only that is read
    AIT_ASSERT(read.name.size() <= limits::name_bytes_max);
    const auto again = decode_hello(encode_hello(read), version);
    AIT_ASSERT(again.ok());
    AIT_ASSERT(encode_hello(again.value()) == encode_hello(read));
}

void check_refusal(std::string_view payload) {
    const auto refusal = decode_refusal(payload);
    if (!refusal.ok()) return AIT_ASSERT(!refusal.error().why.empty());
    AIT_ASSERT(!peer_end_name(refusal.value().why).empty());
    AIT_ASSERT(refusal.value().detail.size() <= Refusal::detail_bytes_max);
    // Whatever text is told, what is sent can be read.
    Refusal longer = refusal.value();
    longer.detail += std::string(payload);
    if (!is_utf8(longer.detail)) longer.detail = refusal.value().detail + refusal.value().detail;
    AIT_ASSERT(decode_refusal(encode_refusal(longer)).ok());
}

void check_rest(std::string_view payload) {
    if (const auto heartbeat = decode_heartbeat(payload)) {
        AIT_ASSERT(encode_heartbeat(*heartbeat) == payload);
    }
    const auto reply = decode_reply(payload);
    if (reply.ok()) return AIT_ASSERT(reply.value() == payload.substr(1));
    AIT_ASSERT(!decode_reply(encode_error_reply(reply.error())).ok());
}

std::string next_input(std::string input, std::size_t bytes_max, std::mt19937& random) {
    auto hello = decode_hello(input, version);
    switch (random() % 6) {
        case 0: {
            Hello changed = hello.ok() ? std::move(hello).value() : ours();
            changed.version = version;
            changed.name.resize(random() % 70, 'n');
            changed.role = random() % 2 == 0 ? PeerRole::validator : PeerRole::follower;
            if (random() % 3 == 0) changed.cluster = ours().cluster;
            return encode_hello(changed);
        }
        case 1:
            return encode_refusal({.why = static_cast<PeerEnd>(random() % peer_end_count),
                                   .version = random() % 5,
                                   .detail = std::string(random() % 300, 'd')});
        case 2: {
            const std::size_t letters = random() % 160;
            std::string text(random() % 4, 'x');
            for (std::size_t i = 0; i < letters; ++i) text += "\xc3\xa4";
            return encode_refusal({.why = PeerEnd::malformed, .detail = text});
        }
        case 3:
            return encode_error_reply({ErrorCode::not_found, "What", "Why", "Next"});
        default:
            break;
    }
    const std::size_t size = std::min(input.size(), bytes_max);
    input.resize(bytes_max);
    input.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(input.data()), size, bytes_max));
    return input;
}

}  // namespace
}  // namespace ait::net

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t size_max, unsigned seed) {
    std::mt19937 random(seed);
    const std::string input =
        ait::net::next_input({reinterpret_cast<const char*>(data), size}, size_max, random);
    const std::size_t length = std::min(input.size(), size_max);
    std::copy_n(input.begin(), length, reinterpret_cast<char*>(data));
    return length;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ait::net;
    const std::unique_ptr<char[]> copy(new char[size]);
    std::copy_n(data, size, copy.get());
    const std::string_view payload(copy.get(), size);
    check_hello(payload);
    check_refusal(payload);
    check_rest(payload);
    return 0;
}
