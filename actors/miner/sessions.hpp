#pragma once

// Sessions of miners at this node: a bearer token bound to a key that proved itself, and who has
// been heard of lately. Edge facts: they never enter the log and a restart forgets them.

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/miner/messages.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/codec/json.hpp"

namespace ait::miner {

inline constexpr std::int64_t session_ms = 3'600'000;
inline constexpr std::int64_t session_clock_skew_ms_max = 60'000;
inline constexpr std::size_t sessions_max = 10'000;

/// What a miner signs to open a session, under the domain "session/1".
std::string session_statement(std::string_view chain, const Hash& genesis, const Address& address,
                              std::int64_t time_unix_ms);

struct SessionRequest {
    Address address{};
    PublicKey public_key{};
    std::int64_t time_unix_ms = 0;
    Signature signature{};
    static constexpr auto fields() {
        using T = SessionRequest;
        return std::tuple{
            field("address", &T::address, ""), field("public_key", &T::public_key, ""),
            field("time_unix_ms", &T::time_unix_ms, ""), field("signature", &T::signature, "")};
    }
};

/// Any thread.
class Sessions {
  public:
    Sessions(const Clock& clock, Random& random) : clock_(clock), random_(random) {}

    /// Errors: check_failed (signature, key of another address), expired (clock), limit_reached.
    Result<SessionView> open(const SessionRequest& request, std::string_view chain,
                             const Hash& genesis, std::string miner_id);
    /// The miner's account behind a token, if the session lives.
    [[nodiscard]] std::optional<Address> find(std::string_view token) const;

  private:
    struct Session {
        Address address{};
        std::int64_t expires_at_unix_ms = 0;
    };
    void drop_expired();

    const Clock& clock_;
    Random& random_;
    mutable std::mutex mutex_;
    std::map<Hash, Session> sessions_;  ///< by hash of the token: the token itself is not kept
};

struct Heard {
    std::int64_t last_heartbeat_unix_ms = 0;
    std::string inference_url{};
    Json metrics = Json::object();
};

/// Who was heard of, by account. Any thread.
class Liveness {
  public:
    explicit Liveness(const Clock& clock) : clock_(clock) {}
    void heard(const Address& address, std::string inference_url, Json metrics);
    [[nodiscard]] std::optional<Heard> find(const Address& address) const;
    /// At most so many, by account.
    [[nodiscard]] std::vector<std::pair<Address, Heard>> all(std::size_t count_max) const;
    /// An inference port of a miner that is alive, most recently heard first; empty = none.
    [[nodiscard]] std::string inference_url(std::int64_t lost_after_ms) const;
    [[nodiscard]] std::size_t alive_count(std::int64_t lost_after_ms) const;

  private:
    const Clock& clock_;
    mutable std::mutex mutex_;
    std::map<Address, Heard> heard_;
};

}  // namespace ait::miner
