#include "tests/benchmarks/etcd_protocol.hpp"

#include <sys/socket.h>

#include <array>

namespace ait::benchmarks {
namespace {

constexpr std::string_view put_path = "/etcdserverpb.KV/Put";
constexpr std::string_view range_path = "/etcdserverpb.KV/Range";
constexpr std::string_view transaction_path = "/etcdserverpb.KV/Txn";
constexpr std::size_t serial_digits = 12;

// Numbers of etcd's messages. Source: etcd 3.4, etcdserver/etcdserverpb/rpc.proto.
namespace put {
constexpr std::uint32_t key = 1;
constexpr std::uint32_t value = 2;
}  // namespace put
namespace range {
constexpr std::uint32_t key = 1;
constexpr std::uint32_t end = 2;
constexpr std::uint32_t limit = 3;
constexpr std::uint32_t count_only = 9;
constexpr std::uint32_t found_of_answer = 2;
constexpr std::uint32_t count_of_answer = 4;
}  // namespace range
namespace found {
constexpr std::uint32_t key = 1;
constexpr std::uint32_t mod_revision = 3;
}  // namespace found
namespace transaction {
constexpr std::uint32_t compare = 1;
constexpr std::uint32_t success = 2;
constexpr std::uint32_t succeeded_of_answer = 2;
}  // namespace transaction
namespace compare {
constexpr std::uint32_t target = 2;
constexpr std::uint32_t key = 3;
constexpr std::uint32_t mod_revision = 6;
constexpr std::uint64_t target_mod_revision = 2;  // the result EQUAL is 0 and so is left out
}  // namespace compare
namespace operation {
constexpr std::uint32_t put = 2;
constexpr std::uint32_t delete_range = 3;
}  // namespace operation
constexpr std::uint32_t header_of_answer = 1;
constexpr std::uint32_t revision_of_header = 3;

/// So many of the queue a worker looks at: most others that look at the same time choose another.
constexpr std::uint64_t looks_at = 16;

constexpr std::string_view queue = "queue/";
constexpr std::string_view held = "held/";
constexpr std::string_view results = "results/";

Error unexpected(Step step, std::string_view why) {
    return Error{ErrorCode::malformed,
                 "etcd's answer to a " + std::string(step_names[static_cast<std::size_t>(step)]) +
                     " is wrong.",
                 std::string(why), ""};
}

std::string serial_text(std::uint64_t serial) {
    std::string digits = std::to_string(serial);
    return std::string(serial_digits - digits.size(), '0') + digits;
}

/// {"prompt":"...SERIAL"}
void write_serial(std::string& text, const std::string& serial) {
    text.replace(text.size() - 2 - serial_digits, serial_digits, serial);
}

/// The end of a range of all keys with this prefix.
std::string after_all(std::string prefix) {
    ++prefix.back();
    return prefix;
}

std::string put_of(const std::string& key, std::string_view value) {
    std::string message;
    append_bytes(message, put::key, key);
    append_bytes(message, put::value, value);
    return message;
}

}  // namespace

EtcdProtocol::EtcdProtocol(const EtcdLoadOptions& options, std::string run, std::size_t connections,
                           JobBook& book)
    : looks_for_work_(options.looks_for_work),
      run_(std::move(run)),
      book_(book),
      lanes_(connections) {
    // The same texts as a node gets.
    constexpr std::size_t prompt_frame = 13;
    constexpr std::size_t result_frame = 15;
    payload_ = R"({"prompt":")" + std::string(options.payload_bytes - prompt_frame, 'p') + "\"}";
    result_ = R"({"response":")" + std::string(options.result_bytes - result_frame, 'r') + "\"}";
}

std::optional<Step> EtcdProtocol::next_request(std::size_t connection, std::string& out) {
    Lane& lane = lanes_[connection];
    switch (lane.step) {
        case Step::submit:
            if (is_stopping_) return std::nullopt;
            append_submit(lane, out);
            break;
        case Step::lease:
            if (!lane.has_found) {
                append_look(lane, out);
                break;
            }
            write_serial(payload_, lane.serial);
            append_move(lane, run_ + std::string(queue), run_ + std::string(held), payload_, out);
            break;
        case Step::result:
            write_serial(result_, lane.serial);
            append_move(lane, run_ + std::string(held), run_ + std::string(results), result_, out);
            break;
    }
    return lane.step;
}

void EtcdProtocol::append_submit(Lane& lane, std::string& out) {
    lane.serial = serial_text(++serial_);
    write_serial(payload_, lane.serial);
    lane.grpc.append_call(out, put_path, put_of(run_ + std::string(queue) + lane.serial, payload_));
}

void EtcdProtocol::append_look(Lane& lane, std::string& out) const {
    std::string message;
    append_bytes(message, range::key, run_ + std::string(queue));
    append_bytes(message, range::end, after_all(run_ + std::string(queue)));
    append_number(message, range::limit, looks_at);
    lane.grpc.append_call(out, range_path, message);
}

void EtcdProtocol::append_move(Lane& lane, const std::string& from, const std::string& to,
                               std::string_view value, std::string& out) const {
    std::string unchanged;
    append_number(unchanged, compare::target, compare::target_mod_revision);
    append_bytes(unchanged, compare::key, from + lane.serial);
    append_number(unchanged, compare::mod_revision, lane.revision);
    std::string removed;
    append_bytes(removed, range::key, from + lane.serial);
    std::string removal;
    append_bytes(removal, operation::delete_range, removed);
    std::string arrival;
    append_bytes(arrival, operation::put, put_of(to + lane.serial, value));
    std::string message;
    append_bytes(message, transaction::compare, unchanged);
    append_bytes(message, transaction::success, removal);
    append_bytes(message, transaction::success, arrival);
    lane.grpc.append_call(out, transaction_path, message);
}

Result<std::size_t> EtcdProtocol::take_answer(std::size_t connection, std::string_view received) {
    Lane& lane = lanes_[connection];
    const auto answer = lane.grpc.read_answer(received);
    if (!answer.ok()) return answer.error();
    if (answer.value().size == 0) return std::size_t{0};
    const bool was_look = lane.step == Step::lease && !lane.has_found;
    const Status taken = was_look ? take_look(connection, answer.value().message)
                                  : take_step(lane, answer.value().message);
    if (!taken.ok()) return taken.error();
    return answer.value().size;
}

Status EtcdProtocol::take_look(std::size_t connection, std::string_view message) {
    Lane& lane = lanes_[connection];
    std::vector<std::string_view> waiting;
    while (const auto field = take_field(message)) {
        if (field->number == range::found_of_answer) waiting.push_back(field->bytes);
    }
    if (waiting.empty()) {
        ++empty_leases_;  // all are moved already; the others' submissions bring more
        return {};
    }
    const std::string_view chosen = waiting[connection % waiting.size()];
    const auto key = find_field(chosen, found::key);
    const auto revision = find_field(chosen, found::mod_revision);
    if (!key || !revision || key->bytes.size() < serial_digits)
        return unexpected(lane.step, "A job cannot be read.");
    lane.serial = key->bytes.substr(key->bytes.size() - serial_digits);
    lane.revision = revision->value;
    lane.has_found = true;
    return {};
}

Status EtcdProtocol::take_step(Lane& lane, std::string_view message) {
    const auto header = find_field(message, header_of_answer);
    const auto revision = header ? find_field(header->bytes, revision_of_header) : std::nullopt;
    if (!revision) return unexpected(lane.step, "It names no revision.");
    const auto succeeded = find_field(message, transaction::succeeded_of_answer);
    const bool is_done = lane.step == Step::submit || (succeeded && succeeded->value == 1);
    if (!is_done && looks_for_work_ && lane.step == Step::lease) {
        ++empty_leases_;
        lane.has_found = false;
        return {};
    }
    if (!is_done) return unexpected(lane.step, "Somebody else has the job.");
    lane.revision = revision->value;
    switch (lane.step) {
        case Step::submit:
            book_.submitted(lane.serial);
            lane.has_found = !looks_for_work_;
            lane.step = Step::lease;
            break;
        case Step::lease:
            book_.leased(lane.serial);
            lane.step = Step::result;
            break;
        case Step::result:
            book_.completed(lane.serial);
            ++completed_;
            lane.step = Step::submit;
            break;
    }
    return {};
}

namespace {

Result<std::uint64_t> count_keys(const Endpoint& endpoint, const std::string& prefix) {
    const auto socket = connect_to(endpoint);
    if (!socket.ok()) return socket.error();
    const Error broken{ErrorCode::unavailable, "The connection to etcd broke.", "", ""};
    std::string message;
    append_bytes(message, range::key, prefix);
    append_bytes(message, range::end, after_all(prefix));
    append_number(message, range::count_only, 1);
    GrpcLane grpc;
    std::string out;
    grpc.append_call(out, range_path, message);
    if (::send(socket.value().get(), out.data(), out.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(out.size()))
        return broken;
    std::string received;
    for (;;) {
        std::array<char, 4'096> space{};
        const ssize_t size = ::recv(socket.value().get(), space.data(), space.size(), 0);
        if (size <= 0) return broken;
        received.append(space.data(), static_cast<std::size_t>(size));
        const auto answer = grpc.read_answer(received);
        if (!answer.ok()) return answer.error();
        if (answer.value().size == 0) continue;
        // A count of zero is left out, as protobuf does.
        const auto count = find_field(answer.value().message, range::count_of_answer);
        return count ? count->value : 0;
    }
}

}  // namespace

Result<JobCounts> count_etcd_keys(const Endpoint& endpoint, const std::string& run) {
    JobCounts counts;
    for (auto [state, number] : {std::pair{queue, &counts.queued}, std::pair{held, &counts.held},
                                 std::pair{results, &counts.results}}) {
        const auto counted = count_keys(endpoint, run + std::string(state));
        if (!counted.ok()) return counted.error();
        *number = counted.value();
    }
    return counts;
}

}  // namespace ait::benchmarks
