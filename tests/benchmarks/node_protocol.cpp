#include "tests/benchmarks/node_protocol.hpp"

#include <algorithm>
#include <charconv>

#include "actors/consensus/transaction.hpp"
#include "actors/coordinator/messages.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/codec/msgpack.hpp"
#include "runtime/base/crypto/hash.hpp"
#include "tests/benchmarks/http_answer.hpp"

namespace ait::benchmarks {
namespace {

constexpr std::uint64_t expiry_heights = 1'000;
constexpr std::string_view model_ran = "load";

std::string head(std::string_view path, std::string_view token, std::string_view account) {
    std::string text = "POST ";
    text += path;
    text += " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ";
    text += token;
    if (!account.empty()) text += "\r\nAitbc-Account: ";
    text += account;
    text += "\r\nContent-Type: application/json\r\nContent-Length: ";
    return text;
}

void append_number(std::string& out, std::uint64_t number) {
    std::array<char, 20> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    out.append(digits.data(), end.ptr);
}

void append_body(std::string& out, std::string_view body) {
    append_number(out, body.size());
    out += "\r\n\r\n";
    out += body;
}

Error unexpected(std::string_view step, std::string_view why, std::string_view body) {
    return Error{ErrorCode::malformed, "The node's answer to a " + std::string(step) + " is wrong.",
                 std::string(why) + " " + std::string(body.substr(0, 400)), ""};
}

}  // namespace

NodeProtocol::NodeProtocol(const NodeLoadOptions& options, NodeFacts facts,
                           const std::vector<std::string>& client_tokens,
                           std::vector<MinerAccount> miners, JobBook& book)
    : options_(options),
      facts_(std::move(facts)),
      miners_(std::move(miners)),
      book_(book),
      height_(facts_.height) {
    const std::string_view submit_path =
        options_.batch == 1 ? "/api/v1/jobs" : "/api/v1/jobs/batch";
    for (const MinerAccount& miner : miners_) {
        const std::string& client_token = client_tokens[lanes_.size() % client_tokens.size()];
        lanes_.push_back({.submit_head = head(submit_path, client_token, miner.address),
                          .poll_head = head("/api/v1/miners/poll", miner.session, {}),
                          .deliver_head = head("/api/v1/jobs/results", miner.session, {})});
    }
    // {"prompt":"............ 0123456789abcdef"} is the payload, {"response":"..."} the result.
    constexpr std::size_t serial_digits = 12;
    constexpr std::size_t prompt_frame = 13 + serial_digits;
    constexpr std::size_t result_frame = 15 + serial_digits;
    prompt_filler_.assign(std::max(options_.payload_bytes, prompt_frame) - prompt_frame, 'p');
    result_filler_.assign(std::max(options_.result_bytes, result_frame) - result_frame, 'r');
    serial_ = static_cast<std::uint64_t>(system_clock().now_unix_ms()) % 1'000'000 * 1'000'000;
}

std::uint64_t NodeProtocol::jobs_done() const {
    return options_.submits_only ? submitted_ : completed_;
}

std::optional<Step> NodeProtocol::next_request(std::size_t connection, std::string& out) {
    Lane& lane = lanes_[connection];
    if (lane.step == Step::submit) {
        if (is_stopping_ && (lane.owed == 0 || options_.submits_only)) return std::nullopt;
        lane.submitting = is_stopping_ ? 0 : options_.batch - lane.owed;
        if (lane.submitting == 0) lane.step = Step::lease;
    }
    const Step step = lane.step;
    switch (step) {
        case Step::submit:
            append_submit(lane, out);
            break;
        case Step::lease:
            append_poll(lane, out);
            break;
        case Step::result:
            append_result(connection, out);
            break;
    }
    return step;
}

void NodeProtocol::append_job(std::string& out) {
    out += R"({"data":{"prompt":")";
    out += prompt_filler_;
    std::array<char, 12> digits{};
    std::uint64_t rest = ++serial_;
    for (std::size_t i = digits.size(); i > 0; --i) {
        digits[i - 1] = static_cast<char>('0' + rest % 10);
        rest /= 10;
    }
    out.append(digits.data(), digits.size());
    out += "\"}}";
}

void NodeProtocol::append_submit(Lane& lane, std::string& out) {
    body_.clear();
    if (options_.batch == 1) {
        append_job(body_);
    } else {
        body_ += R"({"jobs":[)";
        for (std::size_t i = 0; i < lane.submitting; ++i) {
            if (i > 0) body_ += ',';
            append_job(body_);
        }
        body_ += "]}";
    }
    out += lane.submit_head;
    append_body(out, body_);
}

void NodeProtocol::append_poll(const Lane& lane, std::string& out) const {
    std::string body = R"({"wait":0,"max":)";
    append_number(body, lane.owed);
    body += '}';
    out += lane.poll_head;
    append_body(out, body);
}

/// The result says which job it is for, so that no two are the same.
std::string NodeProtocol::result_of(const LeasedJob& job) {
    std::string result = R"({"response":")";
    result += result_filler_;
    result += std::string_view(job.job_id).substr(job.job_id.size() - 12);
    result += "\"}";
    return result;
}

/// The one place that knows how a miner delivers.
void NodeProtocol::append_result(std::size_t connection, std::string& out) {
    Lane& lane = lanes_[connection];
    if (options_.results == ResultForm::session) {
        append_session_results(lane, out);
    } else {
        append_signed_results(connection, out);
    }
}

void NodeProtocol::append_session_results(const Lane& lane, std::string& out) {
    body_ = R"({"results":[)";
    for (const LeasedJob& job : lane.held) {
        if (body_.back() == '}') body_ += ',';
        body_ += R"({"job_id":")";
        body_ += job.job_id;
        body_ += R"(","attempt":)";
        append_number(body_, job.attempt);
        body_ += R"(,"model_ran":")";
        body_ += model_ran;
        body_ += R"(","prompt_tokens":20,"completion_tokens":40,"duration_ms":1,"result":)";
        body_ += result_of(job);
        body_ += '}';
    }
    body_ += "]}";
    out += lane.deliver_head;
    append_body(out, body_);
}

void NodeProtocol::append_signed_results(std::size_t connection, std::string& out) {
    Lane& lane = lanes_[connection];
    MinerAccount& miner = miners_[connection];
    const std::int64_t now = system_clock().now_unix_ms();
    coordinator::CompleteJobs done;
    std::vector<Hash> blobs;
    std::string encoded_blobs;
    for (const LeasedJob& job : lane.held) {
        const std::string result = result_of(job);
        blobs.push_back(crypto::blake2b_256(result));
        if (!encoded_blobs.empty()) encoded_blobs += ',';
        encoded_blobs += '"' + to_base64(result) + '"';
        done.results.push_back({.job_id = job.job_id,
                                .attempt = job.attempt,
                                .payload = job.payload,
                                .result = blobs.back(),
                                .result_bytes = static_cast<std::uint32_t>(result.size()),
                                .model_ran = std::string(model_ran),
                                .prompt_tokens = 20,
                                .completion_tokens = 40,
                                .duration_ms = 1,
                                .started_at = UnixMs{now},
                                .ended_at = UnixMs{now},
                                .price_per_hour = job.price_per_hour});
    }
    const bool is_single = options_.batch == 1;
    const consensus::UnsignedTransaction content{
        .chain = facts_.chain,
        .genesis = facts_.genesis,
        .signer = miner.key.public_key(),
        .nonce = miner.nonce_next++,
        .expiry_height = height_ + expiry_heights,
        .kind = is_single ? "job.complete" : "job.complete_batch",
        .body = Blob{is_single ? encode(done.results.front()) : encode(done)},
        .blobs = std::move(blobs)};
    body_ = R"({"transaction":")";
    body_ += to_base64(consensus::sign_transaction(content, miner.key));
    body_ += R"(","blobs":[)";
    body_ += encoded_blobs;
    body_ += "]}";
    const std::string path = is_single ? "/api/v1/jobs/" + lane.held.front().job_id + "/complete"
                                       : "/api/v1/jobs/complete";
    out += head(path, miner.session, {});
    append_body(out, body_);
}

Result<std::size_t> NodeProtocol::take_answer(std::size_t connection, std::string_view received) {
    Lane& lane = lanes_[connection];
    const auto answer = read_answer(received);
    if (!answer.ok()) return answer.error();
    if (answer.value().size == 0) return std::size_t{0};
    const std::string_view body = answer.value().body;
    if (answer.value().status != 200) {
        return unexpected(step_names[static_cast<std::size_t>(lane.step)],
                          "Its status is " + std::to_string(answer.value().status) + ".", body);
    }
    Status taken;
    switch (lane.step) {
        case Step::submit:
            taken = take_submitted(lane, body);
            break;
        case Step::lease:
            taken = take_leased(lane, body);
            break;
        case Step::result:
            taken = take_completed(lane, body);
            break;
    }
    if (!taken.ok()) return taken.error();
    return answer.value().size;
}

Status NodeProtocol::take_submitted(Lane& lane, std::string_view body) {
    JsonWalk walk(body);
    std::size_t count = 0;
    while (walk.find(R"("job_id":)")) {
        if (walk.text().empty()) return unexpected("submit", "A job has no id.", body);
        book_.submitted(walk.text());
        ++count;
    }
    if (count != lane.submitting) return unexpected("submit", "Jobs are missing.", body);
    if (walk.find(R"("height":)")) height_ = std::max(height_, walk.number());
    submitted_ += count;
    lane.owed += count;
    if (options_.submits_only)
        lane.owed = 0;
    else
        lane.step = Step::lease;
    return {};
}

Status NodeProtocol::take_leased(Lane& lane, std::string_view body) {
    JsonWalk walk(body);
    lane.held.clear();
    while (walk.find(R"("job_id":)")) {
        LeasedJob job{.job_id = std::string(walk.text())};
        if (!walk.find(R"("attempt":)")) return unexpected("lease", "A job has no attempt.", body);
        job.attempt = static_cast<std::uint32_t>(walk.number());
        if (!walk.find(R"("payload_hash":)"))
            return unexpected("lease", "A job has no payload_hash.", body);
        const auto payload = fixed_from_hex<Hash>(walk.text());
        if (!payload.ok() || job.job_id.empty())
            return unexpected("lease", "A job cannot be read.", body);
        job.payload = payload.value();
        if (!walk.find(R"("price_per_hour":)"))
            return unexpected("lease", "A job has no price_per_hour.", body);
        const auto price = parse_amount(walk.text());
        if (!price.ok()) return unexpected("lease", "The price cannot be read.", body);
        job.price_per_hour = price.value();
        book_.leased(job.job_id);
        lane.held.push_back(std::move(job));
    }
    if (lane.held.size() > lane.owed) return unexpected("lease", "More jobs than asked for.", body);
    if (lane.held.empty())
        ++empty_leases_;
    else
        lane.step = Step::result;
    return {};
}

Status NodeProtocol::take_completed(Lane& lane, std::string_view body) {
    JsonWalk walk(body);
    for (const LeasedJob& job : lane.held) {
        if (!walk.find(R"("job_id":)") || walk.text() != job.job_id)
            return unexpected("result", "It is about another job than " + job.job_id + ".", body);
        if (!walk.find(R"("status":)") || walk.text() != "completed")
            return unexpected("result", "The job is not completed.", body);
        book_.completed(job.job_id);
    }
    completed_ += lane.held.size();
    lane.owed -= lane.held.size();
    lane.held.clear();
    lane.step = Step::submit;
    return {};
}

}  // namespace ait::benchmarks
