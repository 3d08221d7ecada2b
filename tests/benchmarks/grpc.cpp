#include "tests/benchmarks/grpc.hpp"

#include <utility>

namespace ait::benchmarks {
namespace {

constexpr std::size_t head_bytes = 9;       // of a frame
constexpr std::size_t grpc_head_bytes = 5;  // compressed or not, length
constexpr std::size_t frame_bytes_max = 16'384;

enum class FrameType : std::uint8_t {
    data = 0,
    headers = 1,
    reset = 3,
    settings = 4,
    ping = 6,
    go_away = 7,
    window_update = 8
};
constexpr std::uint8_t end_stream = 1;  // of data and headers
constexpr std::uint8_t is_ack = 1;      // of settings and ping
constexpr std::uint8_t end_headers = 4;

// The server may send that much before it must be told that it was read.
constexpr std::uint32_t window_bytes = 64U * 1024 * 1024;
constexpr std::uint32_t window_bytes_at_first = 65'535;

void append_big_endian(std::string& out, std::uint32_t value, std::size_t bytes) {
    for (std::size_t i = bytes; i > 0; --i)
        out += static_cast<char>(value >> (8 * (i - 1)) & 0xffU);
}

std::uint32_t big_endian_at(std::string_view bytes, std::size_t at, std::size_t count) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < count; ++i)
        value = value << 8U | static_cast<std::uint8_t>(bytes[at + i]);
    return value;
}

void append_frame(std::string& out, FrameType type, std::uint8_t flags, std::uint32_t stream,
                  std::string_view payload) {
    append_big_endian(out, static_cast<std::uint32_t>(payload.size()), 3);
    out += static_cast<char>(type);
    out += static_cast<char>(flags);
    append_big_endian(out, stream, 4);
    out += payload;
}

void append_window(std::string& out, std::uint32_t bytes) {
    std::string payload;
    append_big_endian(payload, bytes, 4);
    append_frame(out, FrameType::window_update, 0, 0, payload);
}

/// A text of HPACK, as it is; these are all short.
void append_text(std::string& out, std::string_view text) {
    out += static_cast<char>(text.size());
    out += text;
}

std::string headers_for(std::string_view path) {
    // Numbers of HPACK's static table; "literal, not to be indexed" for what is not all in it.
    std::string block{'\x83', '\x86'};  // :method POST, :scheme http
    block += '\x04';                    // :path
    append_text(block, path);
    block += '\x01';  // :authority
    append_text(block, "etcd");
    block += "\x0f\x10";  // content-type: 31 = 15 + 16
    append_text(block, "application/grpc");
    block += '\0';
    append_text(block, "te");
    append_text(block, "trailers");
    return block;
}

/// What a client says first: no compression of headers that could be missed, no pushing.
std::string opening() {
    std::string out = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    std::string settings;
    constexpr std::uint32_t header_table_size = 1;
    constexpr std::uint32_t enable_push = 2;
    for (const std::uint32_t name : {header_table_size, enable_push}) {
        append_big_endian(settings, name, 2);
        append_big_endian(settings, 0, 4);
    }
    append_frame(out, FrameType::settings, 0, 0, settings);
    append_window(out, window_bytes - window_bytes_at_first);
    return out;
}

Error unreadable(std::string_view why) {
    return Error{ErrorCode::malformed, "An answer of etcd is wrong.", std::string(why),
                 "Look at its log."};
}

}  // namespace

struct GrpcLane::Frame {
    FrameType type{};
    std::uint8_t flags = 0;
    std::uint32_t stream = 0;
    std::string_view payload{};
};

void GrpcLane::append_call(std::string& out, std::string_view path, std::string_view message) {
    out += stream_ == 0 ? opening() : owed_;
    owed_.clear();
    stream_ = stream_ == 0 ? 1 : stream_ + 2;
    append_frame(out, FrameType::headers, end_headers, stream_, headers_for(path));
    std::string data(1, '\0');
    append_big_endian(data, static_cast<std::uint32_t>(message.size()), 4);
    data += message;
    append_frame(out, FrameType::data, end_stream, stream_, data);
}

Result<GrpcLane::Answer> GrpcLane::read_answer(std::string_view received) {
    // The answer's last frame must be here, and no frame in pieces, before anything counts.
    bool is_over = false;
    std::size_t at = 0;
    while (at < received.size()) {
        if (received.size() - at < head_bytes) return Answer{};
        const std::size_t length = big_endian_at(received, at, 3);
        if (length > frame_bytes_max) return unreadable("A frame is too long.");
        const auto type = static_cast<FrameType>(received[at + 3]);
        if (type == FrameType::reset || type == FrameType::go_away)
            return unreadable("It ends the connection.");
        const bool may_end = type == FrameType::data || type == FrameType::headers;
        is_over = is_over || (may_end && (received[at + 4] & end_stream) != 0);
        at += head_bytes + length;
    }
    if (!is_over || at != received.size()) return Answer{};
    data_.clear();
    is_over = false;
    for (at = 0; at < received.size();) {
        const std::size_t length = big_endian_at(received, at, 3);
        const Frame frame{.type = static_cast<FrameType>(received[at + 3]),
                          .flags = static_cast<std::uint8_t>(received[at + 4]),
                          .stream = big_endian_at(received, at + 5, 4),
                          .payload = received.substr(at + head_bytes, length)};
        const Status taken = take_frame(frame, is_over);
        if (!taken.ok()) return taken.error();
        at += head_bytes + length;
    }
    if (data_.size() < grpc_head_bytes ||
        data_.size() != grpc_head_bytes + big_endian_at(data_, 1, 4)) {
        return unreadable("It refused the call.");
    }
    return Answer{.message = std::string_view(data_).substr(grpc_head_bytes), .size = at};
}

Status GrpcLane::take_frame(const Frame& frame, bool& is_over) {
    switch (frame.type) {
        case FrameType::settings:
            if ((frame.flags & is_ack) == 0)
                append_frame(owed_, FrameType::settings, is_ack, 0, {});
            return {};
        case FrameType::ping:
            if ((frame.flags & is_ack) == 0)
                append_frame(owed_, FrameType::ping, is_ack, 0, frame.payload);
            return {};
        case FrameType::data:
            unrenewed_ += static_cast<std::uint32_t>(frame.payload.size());
            if (unrenewed_ > window_bytes / 2) append_window(owed_, std::exchange(unrenewed_, 0));
            data_ += frame.payload;
            break;
        case FrameType::headers:
            break;
        case FrameType::window_update:  // one small call at a time never fills the first window
        case FrameType::reset:
        case FrameType::go_away:
            return {};
    }
    if (frame.stream != stream_ || is_over) return unreadable("It answers another call.");
    is_over = (frame.flags & end_stream) != 0;
    return {};
}

namespace {

constexpr std::uint32_t wire_number = 0;
constexpr std::uint32_t wire_bytes = 2;
constexpr std::size_t varint_bytes_max = 10;

void append_varint(std::string& message, std::uint64_t number) {
    while (number >= 0x80) {
        message += static_cast<char>(number | 0x80U);
        number >>= 7U;
    }
    message += static_cast<char>(number);
}

std::optional<std::uint64_t> take_varint(std::string_view& message) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < message.size() && i < varint_bytes_max; ++i) {
        const auto byte = static_cast<std::uint8_t>(message[i]);
        number |= static_cast<std::uint64_t>(byte & 0x7fU) << (7 * i);
        if (byte < 0x80) {
            message.remove_prefix(i + 1);
            return number;
        }
    }
    return std::nullopt;
}

}  // namespace

void append_bytes(std::string& message, std::uint32_t field, std::string_view bytes) {
    append_varint(message, field << 3U | wire_bytes);
    append_varint(message, bytes.size());
    message += bytes;
}

void append_number(std::string& message, std::uint32_t field, std::uint64_t number) {
    append_varint(message, field << 3U | wire_number);
    append_varint(message, number);
}

std::optional<ProtoField> take_field(std::string_view& message) {
    const auto tag = take_varint(message);
    const auto value = tag ? take_varint(message) : std::nullopt;
    if (!value) return std::nullopt;
    ProtoField field{.number = static_cast<std::uint32_t>(*tag >> 3U)};
    if ((*tag & 7U) == wire_number) {
        field.value = *value;
        return field;
    }
    if ((*tag & 7U) != wire_bytes || *value > message.size()) return std::nullopt;
    field.bytes = message.substr(0, *value);
    message.remove_prefix(*value);
    return field;
}

std::optional<ProtoField> find_field(std::string_view message, std::uint32_t number) {
    while (auto field = take_field(message)) {
        if (field->number == number) return field;
    }
    return std::nullopt;
}

}  // namespace ait::benchmarks
