#include "tests/benchmarks/redis_protocol.hpp"

#include <sys/socket.h>

#include <array>

#include "tests/benchmarks/resp.hpp"

namespace ait::benchmarks {
namespace {

constexpr std::string_view queue = "jobs:queue";
constexpr std::string_view results = "jobs:results";
constexpr std::size_t serial_digits = 12;

Error unexpected(Step step, std::string_view why) {
    return Error{ErrorCode::malformed,
                 "Redis' answer to a " + std::string(step_names[static_cast<std::size_t>(step)]) +
                     " is wrong.",
                 std::string(why), ""};
}

std::string own_list_of(std::size_t connection) {
    return "jobs:work:" + std::to_string(connection);
}

void write_serial(std::string& text, std::size_t at, std::uint64_t serial) {
    for (std::size_t i = serial_digits; i > 0; --i) {
        text[at + i - 1] = static_cast<char>('0' + serial % 10);
        serial /= 10;
    }
}

std::string_view serial_of(std::string_view payload) {
    // {"prompt":"...SERIAL"}
    return payload.substr(payload.size() - 2 - serial_digits, serial_digits);
}

}  // namespace

RedisProtocol::RedisProtocol(const RedisLoadOptions& options, std::size_t connections,
                             JobBook& book)
    : options_(options), book_(book), lanes_(connections) {
    for (std::size_t i = 0; i < connections; ++i) lanes_[i].own_list = own_list_of(i);
    // The same texts as a node gets: {"prompt":"...SERIAL"} and {"response":"...SERIAL"}.
    constexpr std::size_t prompt_frame = 13;
    constexpr std::size_t result_frame = 15;
    payload_ = R"({"prompt":")" + std::string(options.payload_bytes - prompt_frame, 'p') + "\"}";
    result_ = R"({"response":")" + std::string(options.result_bytes - result_frame, 'r') + "\"}";
}

std::optional<Step> RedisProtocol::next_request(std::size_t connection, std::string& out) {
    Lane& lane = lanes_[connection];
    if (lane.step == Step::submit) {
        if (is_stopping_ && lane.owed == 0) return std::nullopt;
        lane.asked = is_stopping_ ? 0 : options_.batch - lane.owed;
        if (lane.asked == 0) lane.step = Step::lease;
    }
    if (lane.step == Step::submit) {
        append_submit(lane, out);
    } else if (lane.step == Step::lease) {
        append_lease(lane, out);
    } else {
        append_result(lane, out);
    }
    return lane.step;
}

void RedisProtocol::append_submit(Lane& lane, std::string& out) {
    lane.serial_first = serial_ + 1;
    for (std::size_t i = 0; i < lane.asked; ++i) {
        write_serial(payload_, payload_.size() - 2 - serial_digits, ++serial_);
        append_command(out, {"LPUSH", queue, payload_});
    }
}

void RedisProtocol::append_lease(Lane& lane, std::string& out) const {
    lane.asked = lane.owed;
    for (std::size_t i = 0; i < lane.asked; ++i) {
        if (options_.plain_lists)
            append_command(out, {"RPOP", queue});
        else
            append_command(out, {"LMOVE", queue, lane.own_list, "RIGHT", "LEFT"});
    }
}

/// All results of a request are one transaction, as little as Redis can be asked for.
void RedisProtocol::append_result(const Lane& lane, std::string& out) {
    if (!options_.plain_lists) append_command(out, {"MULTI"});
    for (const std::string& payload : lane.held) {
        const std::string_view serial = serial_of(payload);
        result_.replace(result_.size() - 2 - serial_digits, serial_digits, serial);
        // LMOVE puts the newest in front, so the oldest is found at once from behind.
        if (!options_.plain_lists) append_command(out, {"LREM", lane.own_list, "-1", payload});
        append_command(out, {"LPUSH", results, result_});
    }
    if (!options_.plain_lists) append_command(out, {"EXEC"});
}

Result<std::size_t> RedisProtocol::take_answer(std::size_t connection, std::string_view received) {
    Lane& lane = lanes_[connection];
    switch (lane.step) {
        case Step::submit:
            return take_submitted(lane, received);
        case Step::lease:
            return take_leased(lane, received);
        case Step::result:
            return take_completed(lane, received);
    }
    return std::size_t{0};
}

Result<std::size_t> RedisProtocol::take_submitted(Lane& lane, std::string_view received) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < lane.asked; ++i) {
        const auto reply = read_reply(received.substr(at));
        if (!reply.ok()) return reply.error();
        if (reply.value().size == 0) return std::size_t{0};
        if (reply.value().type != ':') return unexpected(lane.step, "It is no number.");
        at += reply.value().size;
    }
    std::string serial(serial_digits, '0');
    for (std::size_t i = 0; i < lane.asked; ++i) {
        write_serial(serial, 0, lane.serial_first + i);
        book_.submitted(serial);
    }
    lane.owed += lane.asked;
    lane.step = Step::lease;
    return at;
}

Result<std::size_t> RedisProtocol::take_leased(Lane& lane, std::string_view received) {
    lane.held.clear();
    std::size_t at = 0;
    for (std::size_t i = 0; i < lane.asked; ++i) {
        const auto reply = read_reply(received.substr(at));
        if (!reply.ok()) return reply.error();
        if (reply.value().size == 0) return std::size_t{0};
        if (reply.value().type != '$') return unexpected(lane.step, "It is no text.");
        at += reply.value().size;
        if (reply.value().number < 0) continue;  // another worker was faster
        if (reply.value().text.size() != payload_.size())
            return unexpected(lane.step, "The payload is another.");
        lane.held.emplace_back(reply.value().text);
    }
    for (const std::string& payload : lane.held) book_.leased(serial_of(payload));
    if (lane.held.empty())
        ++empty_leases_;
    else
        lane.step = Step::result;
    return at;
}

Result<std::size_t> RedisProtocol::take_completed(Lane& lane, std::string_view received) {
    // MULTI, QUEUED for each command, the head of EXEC's list; then what the commands answered.
    const std::size_t commands = lane.held.size() * (options_.plain_lists ? 1 : 2);
    const std::size_t before = options_.plain_lists ? 0 : commands + 2;
    std::size_t at = 0;
    for (std::size_t i = 0; i < before + commands; ++i) {
        const auto reply = read_reply(received.substr(at));
        if (!reply.ok()) return reply.error();
        if (reply.value().size == 0) return std::size_t{0};
        at += reply.value().size;
        if (i < before) continue;
        const bool is_removal = !options_.plain_lists && (i - before) % 2 == 0;
        if (reply.value().type != ':' || (is_removal && reply.value().number != 1))
            return unexpected(lane.step, "A job was not taken from its worker's list.");
    }
    for (const std::string& payload : lane.held) book_.completed(serial_of(payload));
    completed_ += lane.held.size();
    lane.owed -= lane.held.size();
    lane.held.clear();
    lane.step = Step::submit;
    return at;
}

namespace {

/// Sends one pipeline and reads that many numbers.
Result<std::vector<std::int64_t>> ask(const LoadOptions& options, const std::string& commands,
                                      std::size_t count) {
    const auto socket = connect_to(options.endpoints.front());
    if (!socket.ok()) return socket.error();
    const Error broken{ErrorCode::unavailable, "The connection to Redis broke.", "", ""};
    const ssize_t sent =
        ::send(socket.value().get(), commands.data(), commands.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(commands.size())) return broken;
    std::string received;
    std::vector<std::int64_t> numbers;
    while (numbers.size() < count) {
        const auto reply = read_reply(received);
        if (!reply.ok()) return reply.error();
        if (reply.value().size > 0) {
            numbers.push_back(reply.value().number);
            received.erase(0, reply.value().size);
            continue;
        }
        std::array<char, 4'096> space{};
        const ssize_t size = ::recv(socket.value().get(), space.data(), space.size(), 0);
        if (size <= 0) return broken;
        received.append(space.data(), static_cast<std::size_t>(size));
    }
    return numbers;
}

}  // namespace

Result<JobCounts> count_redis_lists(const LoadOptions& options) {
    std::string commands;
    append_command(commands, {"LLEN", queue});
    append_command(commands, {"LLEN", results});
    for (std::size_t i = 0; i < options.connections; ++i)
        append_command(commands, {"LLEN", own_list_of(i)});
    const auto lengths = ask(options, commands, options.connections + 2);
    if (!lengths.ok()) return lengths.error();
    JobCounts counts{.queued = static_cast<std::uint64_t>(lengths.value()[0]),
                     .results = static_cast<std::uint64_t>(lengths.value()[1])};
    for (std::size_t i = 2; i < lengths.value().size(); ++i)
        counts.held += static_cast<std::uint64_t>(lengths.value()[i]);
    return counts;
}

Status clear_redis_lists(const LoadOptions& options) {
    std::string commands;
    append_command(commands, {"DEL", queue, results});
    for (std::size_t i = 0; i < options.connections; ++i)
        append_command(commands, {"DEL", own_list_of(i)});
    const auto deleted = ask(options, commands, options.connections + 1);
    if (!deleted.ok()) return deleted.error();
    return {};
}

}  // namespace ait::benchmarks
