#include "net/peer/frame.hpp"

#include <algorithm>
#include <utility>

#include "runtime/base/assert.hpp"

namespace ait::net {

namespace {

constexpr std::uint32_t more_flag = 1U << 31U;
constexpr std::uint32_t after_length_bytes = 9;  // kind and correlation

std::uint32_t read_u32(const char* bytes) noexcept {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8U | static_cast<std::uint8_t>(bytes[i]);
    return value;
}

std::uint64_t read_u64(const char* bytes) noexcept {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8U | static_cast<std::uint8_t>(bytes[i]);
    return value;
}

std::size_t index_of(PeerPriority priority) noexcept {
    return static_cast<std::size_t>(priority);
}

constexpr FrameRule control_rule{FrameRule::Is::control, PeerPriority::vote, control_bytes_max};

}  // namespace

const FrameRules& handshake_frame_rules() {
    static const FrameRules rules = [] {
        FrameRules made{};
        made.fill({FrameRule::Is::forbidden, PeerPriority::vote, 0});
        for (const std::uint8_t kind : {control_kind::hello, control_kind::ready,
                                        control_kind::welcome, control_kind::refusal}) {
            made[kind] = control_rule;
        }
        return made;
    }();
    return rules;
}

FrameRules frame_rules_of(std::span<const PeerKind> kinds, PeerRole role) {
    FrameRules rules{};
    for (std::size_t i = 0; i < peer_kind_first; ++i) rules[i].is = FrameRule::Is::forbidden;
    for (const std::uint8_t kind :
         {control_kind::refusal, control_kind::ping, control_kind::pong}) {
        rules[kind] = control_rule;
    }
    for (const PeerKind& kind : kinds) {
        AIT_ASSERT(kind.number >= peer_kind_first);
        const std::uint32_t bytes_max =
            role == PeerRole::validator ? kind.validator_bytes_max : kind.follower_bytes_max;
        AIT_ASSERT(bytes_max <= peer_payload_bytes_max);
        rules[kind.number] = {bytes_max == 0 ? FrameRule::Is::forbidden : FrameRule::Is::allowed,
                              kind.priority, bytes_max};
    }
    return rules;
}

void append_frame_header(std::string& out, std::uint8_t kind, std::uint64_t correlation,
                         std::size_t payload_bytes, bool has_more) {
    AIT_ASSERT_SLOW(payload_bytes <= piece_bytes_max);
    const std::uint32_t length = (static_cast<std::uint32_t>(payload_bytes) + after_length_bytes) |
                                 (has_more ? more_flag : 0);
    std::array<char, frame_header_bytes> header{};
    for (unsigned i = 0; i < 4; ++i) header[i] = static_cast<char>(length >> (24 - 8 * i) & 0xffU);
    header[4] = static_cast<char>(kind);
    for (unsigned i = 0; i < 8; ++i) {
        header[5 + i] = static_cast<char>(correlation >> (56 - 8 * i) & 0xffU);
    }
    out.append(header.data(), header.size());
}

void append_frame(std::string& out, std::uint8_t kind, std::uint64_t correlation,
                  std::string_view payload) {
    AIT_ASSERT(payload.size() <= piece_bytes_max);
    append_frame_header(out, kind, correlation, payload.size(), false);
    out.append(payload);
}

FrameReader::Header FrameReader::header_at(const char* bytes) noexcept {
    const std::uint32_t length = read_u32(bytes);
    const std::uint32_t size = length & ~more_flag;
    // Too short a length would wrap around; check() refuses what is left of it.
    return {size < after_length_bytes ? UINT32_MAX : size - after_length_bytes,
            (length & more_flag) != 0, static_cast<std::uint8_t>(bytes[4]), read_u64(bytes + 5)};
}

bool FrameReader::fail(PeerEnd why, std::string detail) {
    failure_ = why;
    failure_detail_ = std::move(detail);
    return false;
}

bool FrameReader::check(const Header& header, const FrameRules& rules) {
    if (header.payload_bytes == UINT32_MAX) {
        return fail(PeerEnd::malformed, "A frame is shorter than its head.");
    }
    const FrameRule& rule = rules[header.kind];
    if (header.payload_bytes > piece_bytes_max) {
        return fail(PeerEnd::too_large, "A piece of " + std::to_string(header.payload_bytes) +
                                            " bytes; " + std::to_string(piece_bytes_max) +
                                            " are the most.");
    }
    if (header.has_more && header.payload_bytes == 0) {
        return fail(PeerEnd::malformed, "A piece without bytes that is not the last.");
    }
    switch (rule.is) {
        case FrameRule::Is::unknown:
            return true;
        case FrameRule::Is::control:
            if (!header.has_more && header.payload_bytes <= rule.bytes_max) return true;
            return fail(PeerEnd::too_large, "A message of the transport itself is too long.");
        case FrameRule::Is::allowed:
            return check_part(header, rule);
        case FrameRule::Is::forbidden:
            break;
    }
    return fail(PeerEnd::not_allowed, "A message of kind " + std::to_string(header.kind) + ".");
}

bool FrameReader::check_part(const Header& header, const FrameRule& rule) {
    const Part& part = parts_[index_of(rule.priority)];
    if (part.is_open && (part.kind != header.kind || part.correlation != header.correlation)) {
        return fail(PeerEnd::malformed, "A message began before the end of the one before it.");
    }
    const std::size_t kept = part.is_open ? part.bytes.size() : 0;
    if (kept + header.payload_bytes > rule.bytes_max) {
        return fail(PeerEnd::too_large, "A message of kind " + std::to_string(header.kind) +
                                            " with more than " + std::to_string(rule.bytes_max) +
                                            " bytes.");
    }
    return true;
}

bool FrameReader::fill_carry(std::string_view& input, std::size_t bytes) {
    if (carry_.size() < bytes) {
        const std::size_t taken = std::min(bytes - carry_.size(), input.size());
        carry_.append(input.substr(0, taken));
        input.remove_prefix(taken);
    }
    return carry_.size() >= bytes;
}

FrameReader::Step FrameReader::next(std::string_view& input, const FrameRules& rules,
                                    PeerFrame& frame) {
    AIT_ASSERT(failure_ == PeerEnd::none);
    for (;;) {
        if (carry_.empty() && input.size() >= frame_header_bytes) {
            const Header header = header_at(input.data());
            if (!check(header, rules)) return Step::failed;
            const std::size_t whole = frame_header_bytes + header.payload_bytes;
            if (input.size() >= whole) {
                const std::string_view payload =
                    input.substr(frame_header_bytes, header.payload_bytes);
                input.remove_prefix(whole);
                const Step step = finish(header, payload, rules, frame);
                if (step != Step::more) return step;
                continue;
            }
        }
        if (!fill_carry(input, frame_header_bytes)) return Step::more;
        if (!has_header_) {
            header_ = header_at(carry_.data());
            if (!check(header_, rules)) return Step::failed;
            has_header_ = true;
        }
        if (!fill_carry(input, frame_header_bytes + header_.payload_bytes)) return Step::more;
        has_header_ = false;
        // The payload of a whole message is given out as it lies here.
        held_.push_back(std::exchange(carry_, {}));
        const std::string_view payload = std::string_view(held_.back()).substr(frame_header_bytes);
        const Step step = finish(header_, payload, rules, frame);
        if (step == Step::frame) return step;
        held_.pop_back();  // kept by its message, or by nobody
        if (step != Step::more) return step;
    }
}

FrameReader::Step FrameReader::finish(const Header& header, std::string_view payload,
                                      const FrameRules& rules, PeerFrame& frame) {
    const FrameRule& rule = rules[header.kind];
    if (rule.is == FrameRule::Is::unknown) return header.has_more ? Step::more : Step::skipped;
    frame.kind = header.kind;
    frame.correlation = header.correlation;
    frame.payload = payload;
    if (rule.is == FrameRule::Is::control) return Step::frame;
    Part& part = parts_[index_of(rule.priority)];
    if (!part.is_open && !header.has_more) return Step::frame;
    part.is_open = header.has_more;
    part.kind = header.kind;
    part.correlation = header.correlation;
    part.bytes.append(payload);
    if (header.has_more) return Step::more;
    held_.push_back(std::exchange(part.bytes, {}));
    frame.payload = held_.back();
    return Step::frame;
}

std::size_t FrameReader::kept_bytes() const noexcept {
    std::size_t bytes = carry_.size();
    for (const Part& part : parts_) bytes += part.bytes.size();
    for (const std::string& held : held_) bytes += held.size();
    return bytes;
}

}  // namespace ait::net
