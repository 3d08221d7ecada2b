// Any bytes as the stream of a peer. The first byte says how the stream is cut and in which phase
// of the connection it comes; whatever the cut, the same messages must come out, and no more may be
// kept than has come. The mutator builds frames, because few changes of bits leave a length that
// fits.

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "net/peer/frame.hpp"
#include "runtime/base/assert.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t size_max);

namespace ait::net {
namespace {

constexpr std::uint8_t vote = 16;
constexpr std::uint8_t body = 17;
constexpr std::uint8_t gossip = 18;

const std::vector<PeerKind>& kinds() {
    static const std::vector<PeerKind> made{
        {vote, "vote", PeerPriority::vote, 40, 0},
        {body, "body", PeerPriority::body, 300, 300},
        {gossip, "gossip", PeerPriority::gossip, 100, 100},
    };
    return made;
}

const FrameRules& rules_for(std::uint8_t choice) {
    static const FrameRules validator = frame_rules_of(kinds(), PeerRole::validator);
    static const FrameRules follower = frame_rules_of(kinds(), PeerRole::follower);
    switch (choice % 4) {
        case 0:
            return handshake_frame_rules();
        case 1:
            return follower;
        default:
            return validator;
    }
}

struct Seen {
    std::uint8_t kind = 0;
    std::uint64_t correlation = 0;
    std::string payload{};
    auto operator<=>(const Seen&) const = default;
};

struct Outcome {
    std::vector<Seen> messages{};
    std::size_t skipped = 0;
    PeerEnd failure = PeerEnd::none;
    bool operator==(const Outcome&) const = default;
};

Outcome read(std::string_view stream, const FrameRules& rules, std::size_t step) {
    Outcome outcome;
    FrameReader reader;
    std::size_t given = 0;
    while (given < stream.size()) {
        // An exact copy on the heap: one byte beyond it is an error that the sanitizer sees.
        const std::size_t size = std::min(step, stream.size() - given);
        const std::unique_ptr<char[]> copy(new char[size]);
        std::copy_n(stream.data() + given, size, copy.get());
        given += size;
        std::string_view input(copy.get(), size);
        PeerFrame frame;
        for (bool goes_on = true; goes_on;) {
            switch (reader.next(input, rules, frame)) {
                case FrameReader::Step::frame: {
                    const FrameRule& rule = rules[frame.kind];
                    AIT_ASSERT(rule.is == FrameRule::Is::allowed ||
                               rule.is == FrameRule::Is::control);
                    AIT_ASSERT(frame.payload.size() <= rule.bytes_max);
                    outcome.messages.push_back(
                        {frame.kind, frame.correlation, std::string(frame.payload)});
                    break;
                }
                case FrameReader::Step::skipped:
                    ++outcome.skipped;
                    break;
                case FrameReader::Step::more:
                    AIT_ASSERT(input.empty());
                    goes_on = false;
                    break;
                case FrameReader::Step::failed:
                    outcome.failure = reader.failure();
                    AIT_ASSERT(outcome.failure != PeerEnd::none);
                    AIT_ASSERT(!reader.failure_detail().empty());
                    return outcome;
            }
            AIT_ASSERT(reader.kept_bytes() <= 2 * given);  // a message and the piece that ended it
        }
        reader.release();
        AIT_ASSERT(reader.kept_bytes() <= given);
    }
    return outcome;
}

std::string one_frame(std::mt19937& random) {
    constexpr std::uint8_t choices[] = {
        vote, body, gossip, 77, control_kind::hello, control_kind::ping, control_kind::refusal};
    std::string frame;
    const std::size_t bytes = random() % 8 == 0 ? random() % 400 : random() % 45;
    append_frame_header(frame, choices[random() % std::size(choices)], random() % 2, bytes,
                        random() % 3 == 0);
    frame.append(bytes, 'x');
    return frame;
}

std::string next_input(std::string input, std::size_t bytes_max, std::mt19937& random) {
    if (input.empty()) input.push_back(static_cast<char>(random()));
    if (random() % 2 == 0) {
        const std::string frame = one_frame(random);
        if (input.size() + frame.size() <= bytes_max) return input + frame;
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
    if (size == 0) return 0;
    const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
    const FrameRules& rules = rules_for(data[0]);
    const Outcome whole = read(stream, rules, std::max<std::size_t>(stream.size(), 1));
    const Outcome cut = read(stream, rules, 1 + data[0] / 4);
    AIT_ASSERT(whole == cut);
    // What came through goes out again, and comes through again.
    std::string again;
    for (const Seen& seen : whole.messages) {
        append_frame(again, seen.kind, seen.correlation, seen.payload);
    }
    AIT_ASSERT(read(again, rules, 7).messages == whole.messages);
    return 0;
}
