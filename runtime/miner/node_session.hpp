#pragma once

// A miner's side of its session with a node: a token bound to its key, polls, heartbeats, and
// transactions that it signs itself. What the node answers is final; what it does not answer is
// asked again under the same idempotency key, so that a result is delivered once, paid once.

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "actors/coordinator/messages.hpp"
#include "actors/miner/messages.hpp"
#include "runtime/base/codec/json.hpp"
#include "runtime/base/crypto/keys.hpp"
#include "runtime/miner/node_api.hpp"
#include "runtime/miner/retry.hpp"

namespace ait::miner_process {

struct HeldJob {
    std::string job_id{};
    std::uint32_t attempt = 0;
};

struct HeartbeatReport {
    std::vector<HeldJob> jobs{};
    std::vector<std::string> models{};  ///< that are loaded
    std::string inference_url{};        ///< empty = none
    Json metrics = Json::object();
};

/// How long a submission may be repeated while the node is away.
struct SubmitLimits {
    std::int64_t deadline_unix_ms = 0;
    std::stop_token stop{};
};

/// What the mining loop needs of a node. Every function blocks and may be called from any thread.
class MinerSession {
  public:
    virtual ~MinerSession() = default;
    /// Jobs leased to this miner now, at most `count_max`; none after `wait_s` seconds.
    virtual Result<std::vector<miner::PolledJobView>> poll(std::uint32_t count_max,
                                                           std::uint32_t wait_s,
                                                           std::stop_token stop) = 0;
    virtual Result<miner::HeartbeatView> heartbeat(const HeartbeatReport& report,
                                                   std::stop_token stop) = 0;
    virtual Result<coordinator::CompleteAnswer> complete(const coordinator::CompleteJob& job,
                                                         const std::string& result,
                                                         const SubmitLimits& limits) = 0;
    virtual Result<coordinator::FailAnswer> fail(const coordinator::FailJob& job,
                                                 const SubmitLimits& limits) = 0;
};

/// A miner's record as far as a registration can change it.
struct RegistrationState {
    miner::MinerStatus status = miner::MinerStatus::active;
    miner::RegisterMiner offer{};
};

class NodeSession final : public MinerSession {
  public:
    struct Parts {
        const Clock* clock = &system_clock();
        Random* random = &system_random();
        Pause* pause = &system_pause();
        std::string chain{};  ///< of the node; empty: its default one
    };
    NodeSession(net::HttpEndpoint endpoint, crypto::SecretKey key, Parts parts);
    ~NodeSession() override;
    NodeSession(const NodeSession&) = delete;
    NodeSession& operator=(const NodeSession&) = delete;

    /// Opens the session now. Errors: those of the node; unavailable.
    Status open(std::stop_token stop);

    [[nodiscard]] const std::string& address() const noexcept { return address_; }
    /// Of the session that is open; empty and the default before.
    [[nodiscard]] std::string miner_id() const;
    [[nodiscard]] std::uint64_t heartbeat_ms() const;

    /// The miner's record, if it has one.
    Result<std::optional<RegistrationState>> registration(std::stop_token stop);
    Status register_miner(const miner::RegisterMiner& offer, const SubmitLimits& limits);
    Status drain_miner(const std::string& reason, const SubmitLimits& limits);

    Result<std::vector<miner::PolledJobView>> poll(std::uint32_t count_max, std::uint32_t wait_s,
                                                   std::stop_token stop) override;
    Result<miner::HeartbeatView> heartbeat(const HeartbeatReport& report,
                                           std::stop_token stop) override;
    Result<coordinator::CompleteAnswer> complete(const coordinator::CompleteJob& job,
                                                 const std::string& result,
                                                 const SubmitLimits& limits) override;
    Result<coordinator::FailAnswer> fail(const coordinator::FailJob& job,
                                         const SubmitLimits& limits) override;

  private:
    /// A connection and the right to use it.
    struct Lane {
        Lane(const net::HttpEndpoint& endpoint, const std::string& chain)
            : connection(endpoint, chain) {}
        std::mutex mutex{};
        NodeConnection connection;
    };
    struct Facts {
        std::string token{};
        std::string miner_id{};
        std::string chain{};
        Hash genesis{};
        std::uint64_t heartbeat_ms = 10'000;
    };
    struct Submission {
        std::string kind{};
        std::string target{};
        std::string body{};  ///< canonical bytes of the kind's struct
        std::vector<std::string> blobs{};
        std::string idempotency_key{};
    };

    Result<Facts> facts(NodeConnection& connection, const std::stop_token& stop);
    Result<Facts> open_with(NodeConnection& connection, const std::stop_token& stop);
    void forget(const std::string& token);
    Result<Json> ask(Lane& lane, NodeCall call, const std::stop_token& stop);
    Result<Json> ask_locked(NodeConnection& connection, NodeCall call, const std::stop_token& stop);
    Result<Json> submit(const Submission& submission, const SubmitLimits& limits);
    Result<Json> submit_once(const Submission& submission, const SubmitLimits& limits);
    Result<std::uint64_t> chain_height(const std::stop_token& stop);
    Result<std::uint64_t> next_nonce(const std::stop_token& stop);

    const crypto::SecretKey key_;
    const std::string address_;
    const Parts parts_;
    Lane polls_;
    Lane beats_;
    Lane submits_;  ///< its mutex also puts the account's transactions in a row
    std::mutex opening_{};
    mutable std::mutex mutex_{};
    std::optional<Facts> facts_{};
};

/// What a repeated submission is known by: the same for the same attempt, whoever asks again.
std::string submission_key(std::string_view kind, std::string_view job_id, std::uint32_t attempt);

}  // namespace ait::miner_process
