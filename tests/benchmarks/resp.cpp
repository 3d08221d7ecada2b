#include "tests/benchmarks/resp.hpp"

#include <array>
#include <charconv>

namespace ait::benchmarks {
namespace {

constexpr std::int64_t bulk_bytes_max = 512 * 1024;

void append_count(std::string& out, char mark, std::size_t count) {
    std::array<char, 20> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), count);
    out += mark;
    out.append(digits.data(), end.ptr);
    out += "\r\n";
}

Error unreadable(std::string_view why) {
    return Error{ErrorCode::malformed, "An answer of Redis is wrong.", std::string(why), ""};
}

}  // namespace

void append_command(std::string& out, std::initializer_list<std::string_view> words) {
    append_count(out, '*', words.size());
    for (const std::string_view word : words) {
        append_count(out, '$', word.size());
        out += word;
        out += "\r\n";
    }
}

Result<RespReply> read_reply(std::string_view bytes) {
    const std::size_t end = bytes.find("\r\n");
    if (end == std::string_view::npos) return RespReply{};
    if (end == 0) return unreadable("It is empty.");
    RespReply reply{.type = bytes[0]};
    const std::string_view line = bytes.substr(1, end - 1);
    reply.size = end + 2;
    if (reply.type == '+') {
        reply.text = line;
        return reply;
    }
    if (reply.type != ':' && reply.type != '$' && reply.type != '*') return unreadable(line);
    if (std::from_chars(line.data(), line.data() + line.size(), reply.number).ec != std::errc{})
        return unreadable(line);
    if (reply.type != '$' || reply.number < 0) return reply;
    if (reply.number > bulk_bytes_max) return unreadable("It is too large.");
    const auto length = static_cast<std::size_t>(reply.number);
    if (bytes.size() < reply.size + length + 2) return RespReply{};
    reply.text = bytes.substr(reply.size, length);
    reply.size += length + 2;
    return reply;
}

}  // namespace ait::benchmarks
