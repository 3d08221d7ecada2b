#include "runtime/miner/node_session.hpp"

#include <algorithm>

#include "actors/consensus/transaction.hpp"
#include "runtime/base/codec/msgpack.hpp"
#include "runtime/base/crypto/bech32m.hpp"
#include "runtime/base/crypto/hash.hpp"

namespace ait::miner_process {
namespace {

constexpr std::uint64_t expiry_heights = 1'000;
constexpr std::uint32_t ask_ms = 30'000;
constexpr std::uint32_t beat_ms = 15'000;
constexpr std::uint32_t poll_margin_ms = 15'000;
constexpr std::uint32_t nonce_races_max = 5;

Error unusable(std::string_view field) {
    return Error{ErrorCode::malformed, "The node's answer cannot be used.",
                 "Its field \"" + std::string(field) + "\" is missing or of another type.",
                 "Check that node and miner are of one version."};
}

Result<std::string> text_at(const Json& answer, std::string_view name) {
    if (!answer.is_object()) return unusable(name);
    const auto found = answer.find(name);
    if (found == answer.end() || !found->is_string()) return unusable(name);
    return found->get<std::string>();
}

Result<std::uint64_t> number_at(const Json& answer, std::string_view name) {
    if (!answer.is_object()) return unusable(name);
    const auto found = answer.find(name);
    if (found == answer.end() || !found->is_number_unsigned()) return unusable(name);
    return found->get<std::uint64_t>();
}

Json jobs_json(const std::vector<HeldJob>& jobs) {
    Json list = Json::array();
    for (const HeldJob& job : jobs) {
        list.push_back(Json{{"job_id", job.job_id}, {"attempt", job.attempt}});
    }
    return list;
}

/// Whether the same submission may come through later.
bool is_passing(ErrorCode code) {
    return error_code_row(code).retryable || code == ErrorCode::unauthenticated ||
           code == ErrorCode::expired;
}

}  // namespace

std::string submission_key(std::string_view kind, std::string_view job_id, std::uint32_t attempt) {
    const Hash hash = crypto::blake2b_256(std::string(kind) + "|" + std::string(job_id) + "|" +
                                          std::to_string(attempt));
    constexpr std::size_t bytes_used = 25;  // 40 characters: no two jobs share them
    return "miner." + to_base32(hash.view().substr(0, bytes_used));
}

NodeSession::NodeSession(net::HttpEndpoint endpoint, crypto::SecretKey key, Parts parts)
    : key_(std::move(key)),
      address_(crypto::to_text(crypto::address_of(key_.public_key()))),
      parts_(std::move(parts)),
      polls_(endpoint, parts_.chain),
      beats_(endpoint, parts_.chain),
      submits_(endpoint, parts_.chain) {}

NodeSession::~NodeSession() = default;

std::string NodeSession::miner_id() const {
    const std::scoped_lock lock(mutex_);
    return facts_ ? facts_->miner_id : std::string();
}

std::uint64_t NodeSession::heartbeat_ms() const {
    const std::scoped_lock lock(mutex_);
    return facts_ ? facts_->heartbeat_ms : Facts{}.heartbeat_ms;
}

Status NodeSession::open(std::stop_token stop) {
    const std::scoped_lock lock(submits_.mutex);
    const auto opened = facts(submits_.connection, stop);
    if (!opened.ok()) return opened.error();
    return {};
}

Result<NodeSession::Facts> NodeSession::facts(NodeConnection& connection,
                                              const std::stop_token& stop) {
    const std::scoped_lock opening(opening_);  // one session is enough for all lanes
    {
        const std::scoped_lock lock(mutex_);
        if (facts_) return *facts_;
    }
    auto opened = open_with(connection, stop);
    if (!opened.ok()) return opened.error();
    const std::scoped_lock lock(mutex_);
    facts_ = opened.value();
    return opened;
}

Result<NodeSession::Facts> NodeSession::open_with(NodeConnection& connection,
                                                  const std::stop_token& stop) {
    Facts facts;
    const auto chain = connection.ask({.target = "/api/v1/chain", .deadline_ms = ask_ms}, stop);
    if (!chain.ok()) return chain.error();
    auto name = text_at(chain.value(), "chain");
    if (!name.ok()) return name.error();
    const auto genesis_text = text_at(chain.value(), "genesis");
    if (!genesis_text.ok()) return genesis_text.error();
    const auto genesis = fixed_from_hex<Hash>(genesis_text.value());
    if (!genesis.ok()) return unusable("genesis");
    facts.chain = std::move(name).value();
    facts.genesis = genesis.value();

    const std::int64_t now = parts_.clock->now_unix_ms();
    const std::string statement =
        facts.chain + "|" + genesis_text.value() + "|" + address_ + "|" + std::to_string(now);
    const Json body{{"address", address_},
                    {"public_key", to_hex(key_.public_key().view())},
                    {"time_unix_ms", now},
                    {"signature", to_hex(key_.sign("session/1", statement).view())}};
    const auto answer = connection.ask({.method = "POST",
                                        .target = "/api/v1/miners/sessions",
                                        .body = dump_json(body),
                                        .deadline_ms = ask_ms},
                                       stop);
    if (!answer.ok()) return answer.error();
    const auto session = read_known<miner::SessionView>(answer.value());
    if (!session.ok()) return session.error();
    facts.token = session.value().token;
    facts.miner_id = session.value().miner_id;
    constexpr std::uint64_t beat_ms_least = 100;
    constexpr std::uint64_t beat_ms_most = 60'000;
    facts.heartbeat_ms = std::clamp(session.value().heartbeat_ms, beat_ms_least, beat_ms_most);
    return facts;
}

void NodeSession::forget(const std::string& token) {
    const std::scoped_lock lock(mutex_);
    if (facts_ && facts_->token == token) facts_.reset();  // another lane may have a new one
}

Result<Json> NodeSession::ask(Lane& lane, NodeCall call, const std::stop_token& stop) {
    const std::scoped_lock lock(lane.mutex);
    return ask_locked(lane.connection, std::move(call), stop);
}

/// A node that was started again knows no sessions: a new one is opened, once.
Result<Json> NodeSession::ask_locked(NodeConnection& connection, NodeCall call,
                                     const std::stop_token& stop) {
    for (bool is_second = false;; is_second = true) {
        const auto session = facts(connection, stop);
        if (!session.ok()) return session.error();
        call.token = session.value().token;
        auto answer = connection.ask(call, stop);
        if (answer.ok() || answer.error().code != ErrorCode::unauthenticated) return answer;
        forget(call.token);
        if (is_second) return answer;
    }
}

Result<std::vector<miner::PolledJobView>> NodeSession::poll(std::uint32_t count_max,
                                                            std::uint32_t wait_s,
                                                            std::stop_token stop) {
    AIT_ASSERT(count_max > 0);
    const auto answer = ask(polls_,
                            {.method = "POST",
                             .target = "/api/v1/miners/poll",
                             .body = dump_json(Json{{"max", count_max}, {"wait", wait_s}}),
                             .deadline_ms = wait_s * 1'000 + poll_margin_ms},
                            stop);
    if (!answer.ok()) return answer.error();
    const auto jobs = answer.value().find("jobs");
    if (jobs == answer.value().end() || !jobs->is_array()) return unusable("jobs");
    std::vector<miner::PolledJobView> polled;
    for (const Json& row : *jobs) {
        auto job = read_known<miner::PolledJobView>(row);
        if (!job.ok()) return job.error();
        if (polled.size() == count_max) break;  // what was not asked for goes back by its lease
        polled.push_back(std::move(job).value());
    }
    return polled;
}

Result<miner::HeartbeatView> NodeSession::heartbeat(const HeartbeatReport& report,
                                                    std::stop_token stop) {
    Json body{
        {"jobs", jobs_json(report.jobs)}, {"models", report.models}, {"metrics", report.metrics}};
    if (!report.inference_url.empty()) body["inference_url"] = report.inference_url;
    const auto answer = ask(beats_,
                            {.method = "POST",
                             .target = "/api/v1/miners/heartbeat",
                             .body = dump_json(body),
                             .deadline_ms = beat_ms},
                            stop);
    if (!answer.ok()) return answer.error();
    return read_known<miner::HeartbeatView>(answer.value());
}

Result<std::optional<RegistrationState>> NodeSession::registration(std::stop_token stop) {
    const auto answer =
        ask(submits_, {.target = "/api/v1/miners/" + address_, .deadline_ms = ask_ms}, stop);
    if (!answer.ok()) {
        if (answer.error().code == ErrorCode::not_found) return std::optional<RegistrationState>{};
        return answer.error();
    }
    auto offer = read_known<miner::RegisterMiner>(answer.value());
    if (!offer.ok()) return offer.error();
    const auto status_text = text_at(answer.value(), "status");
    if (!status_text.ok()) return status_text.error();
    const auto status = enum_from_name<miner::MinerStatus>(status_text.value());
    if (!status) return unusable("status");
    return std::optional(RegistrationState{*status, std::move(offer).value()});
}

Status NodeSession::register_miner(const miner::RegisterMiner& offer, const SubmitLimits& limits) {
    const auto answer = submit({.kind = "miner.register",
                                .target = "/api/v1/miners",
                                .body = encode(offer),
                                .idempotency_key = to_base32(parts_.random->bytes(20))},
                               limits);
    if (!answer.ok()) return answer.error();
    return {};
}

Status NodeSession::drain_miner(const std::string& reason, const SubmitLimits& limits) {
    const auto answer = submit({.kind = "miner.drain",
                                .target = "/api/v1/miners/drain",
                                .body = encode(miner::DrainMiner{.reason = reason}),
                                .idempotency_key = to_base32(parts_.random->bytes(20))},
                               limits);
    if (!answer.ok()) return answer.error();
    return {};
}

Result<coordinator::CompleteAnswer> NodeSession::complete(const coordinator::CompleteJob& job,
                                                          const std::string& result,
                                                          const SubmitLimits& limits) {
    const auto answer =
        submit({.kind = "job.complete",
                .target = "/api/v1/jobs/" + job.job_id + "/complete",
                .body = encode(job),
                .blobs = {result},
                .idempotency_key = submission_key("job.complete", job.job_id, job.attempt)},
               limits);
    if (!answer.ok()) return answer.error();
    return read_known<coordinator::CompleteAnswer>(answer.value());
}

Result<coordinator::FailAnswer> NodeSession::fail(const coordinator::FailJob& job,
                                                  const SubmitLimits& limits) {
    const auto answer =
        submit({.kind = "job.fail",
                .target = "/api/v1/jobs/" + job.job_id + "/fail",
                .body = encode(job),
                .idempotency_key = submission_key("job.fail", job.job_id, job.attempt)},
               limits);
    if (!answer.ok()) return answer.error();
    return read_known<coordinator::FailAnswer>(answer.value());
}

/// Until the node has decided, the time is over, or somebody wants to leave.
Result<Json> NodeSession::submit(const Submission& submission, const SubmitLimits& limits) {
    Backoff backoff(*parts_.random, {.first_ms = 250, .max_ms = 10'000});
    std::uint32_t nonce_races = 0;
    while (true) {
        auto answer = [&] {
            const std::scoped_lock lock(submits_.mutex);
            return submit_once(submission, limits);
        }();
        if (answer.ok() || !is_passing(answer.error().code)) return answer;
        if (answer.error().code == ErrorCode::nonce_mismatch && ++nonce_races < nonce_races_max) {
            continue;
        }
        const std::int64_t left_ms = limits.deadline_unix_ms - parts_.clock->now_unix_ms();
        const std::int64_t pause_ms = backoff.next_ms();
        if (left_ms <= pause_ms) return answer;
        if (!parts_.pause->wait_ms(pause_ms, limits.stop)) return answer;
    }
}

Result<Json> NodeSession::submit_once(const Submission& submission, const SubmitLimits& limits) {
    NodeConnection& connection = submits_.connection;
    const auto session = facts(connection, limits.stop);
    if (!session.ok()) return session.error();
    const auto height = chain_height(limits.stop);
    if (!height.ok()) return height.error();
    const auto nonce = next_nonce(limits.stop);
    if (!nonce.ok()) return nonce.error();

    consensus::UnsignedTransaction content{.chain = session.value().chain,
                                           .genesis = session.value().genesis,
                                           .signer = key_.public_key(),
                                           .nonce = nonce.value(),
                                           .expiry_height = height.value() + expiry_heights,
                                           .idempotency_key = submission.idempotency_key,
                                           .kind = submission.kind,
                                           .body = Blob{submission.body}};
    Json blobs = Json::array();
    for (const std::string& blob : submission.blobs) {
        content.blobs.push_back(crypto::blake2b_256(blob));
        blobs.push_back(to_base64(blob));
    }
    const Json body{{"transaction", to_base64(consensus::sign_transaction(content, key_))},
                    {"blobs", std::move(blobs)}};
    return ask_locked(connection,
                      {.method = "POST",
                       .target = submission.target,
                       .body = dump_json(body),
                       .deadline_ms = ask_ms},
                      limits.stop);
}

Result<std::uint64_t> NodeSession::chain_height(const std::stop_token& stop) {
    const auto chain =
        ask_locked(submits_.connection, {.target = "/api/v1/chain", .deadline_ms = ask_ms}, stop);
    if (!chain.ok()) return chain.error();
    return number_at(chain.value(), "height");
}

/// An account that the chain has not seen yet begins with 1.
Result<std::uint64_t> NodeSession::next_nonce(const std::stop_token& stop) {
    const auto account =
        ask_locked(submits_.connection,
                   {.target = "/api/v1/accounts/" + address_, .deadline_ms = ask_ms}, stop);
    if (!account.ok()) {
        if (account.error().code == ErrorCode::not_found) return std::uint64_t{1};
        return account.error();
    }
    if (account.value().contains("nonce_next")) return number_at(account.value(), "nonce_next");
    const auto last = number_at(account.value(), "nonce");
    if (!last.ok()) return last.error();
    return last.value() + 1;
}

}  // namespace ait::miner_process
