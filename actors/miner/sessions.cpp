#include "actors/miner/sessions.hpp"

#include <cstdlib>

#include "runtime/base/crypto/hash.hpp"
#include "runtime/base/crypto/keys.hpp"

namespace ait::miner {

std::string session_statement(std::string_view chain, const Hash& genesis, const Address& address,
                              std::int64_t time_unix_ms) {
    return std::string(chain) + "|" + to_hex(genesis.view()) + "|" + crypto::to_text(address) +
           "|" + std::to_string(time_unix_ms);
}

Result<SessionView> Sessions::open(const SessionRequest& request, std::string_view chain,
                                   const Hash& genesis, std::string miner_id) {
    const std::int64_t now = clock_.now_unix_ms();
    const std::int64_t skew_ms = std::abs(now - request.time_unix_ms);
    if (skew_ms > session_clock_skew_ms_max) {
        return Error{ErrorCode::expired, "The session request is out of date.",
                     "The miner's clock differs by " + std::to_string(skew_ms) + " ms; at most " +
                         std::to_string(session_clock_skew_ms_max) + " are allowed.",
                     "Set the clock right."};
    }
    if (crypto::address_of(request.public_key) != request.address ||
        !crypto::verify(request.public_key, "session/1",
                        session_statement(chain, genesis, request.address, request.time_unix_ms),
                        request.signature)) {
        return Error{ErrorCode::unauthenticated,
                     "The session request is not signed by the miner's key.",
                     "The signature does not fit " + crypto::to_text(request.address) + ".",
                     "Sign it with that key."};
    }
    const std::string token = to_hex(random_.bytes(32));
    const std::lock_guard lock(mutex_);
    drop_expired();
    if (sessions_.size() >= sessions_max) {
        return Error{ErrorCode::limit_reached, "Too many miners have a session here.",
                     "At most " + std::to_string(sessions_max) + ".", "Use another node."};
    }
    sessions_[crypto::blake2b_256(token)] = Session{request.address, now + session_ms};
    return SessionView{
        .token = token, .miner_id = std::move(miner_id), .expires_at = UnixMs{now + session_ms}};
}

std::optional<Address> Sessions::find(std::string_view token) const {
    const Hash key =
        crypto::blake2b_256(token);  // a look-up by hash gives nothing away by its timing
    const std::lock_guard lock(mutex_);
    const auto found = sessions_.find(key);
    if (found == sessions_.end() || found->second.expires_at_unix_ms <= clock_.now_unix_ms())
        return std::nullopt;
    return found->second.address;
}

void Sessions::drop_expired() {
    const std::int64_t now = clock_.now_unix_ms();
    std::erase_if(sessions_,
                  [now](const auto& entry) { return entry.second.expires_at_unix_ms <= now; });
}

void Liveness::heard(const Address& address, std::string inference_url, Json metrics) {
    const std::lock_guard lock(mutex_);
    heard_[address] = Heard{clock_.now_unix_ms(), std::move(inference_url), std::move(metrics)};
}

std::optional<Heard> Liveness::find(const Address& address) const {
    const std::lock_guard lock(mutex_);
    const auto found = heard_.find(address);
    if (found == heard_.end()) return std::nullopt;
    return found->second;
}

std::string Liveness::inference_url(std::int64_t lost_after_ms) const {
    const std::int64_t oldest = clock_.now_unix_ms() - lost_after_ms;
    const std::lock_guard lock(mutex_);
    const Heard* best = nullptr;
    for (const auto& [address, heard] : heard_) {
        if (heard.inference_url.empty() || heard.last_heartbeat_unix_ms < oldest) continue;
        if (best == nullptr || heard.last_heartbeat_unix_ms > best->last_heartbeat_unix_ms)
            best = &heard;
    }
    return best == nullptr ? std::string() : best->inference_url;
}

std::vector<std::pair<Address, Heard>> Liveness::all(std::size_t count_max) const {
    const std::scoped_lock lock(mutex_);
    std::vector<std::pair<Address, Heard>> some;
    for (const auto& each : heard_) {
        if (some.size() == count_max) break;
        some.emplace_back(each);
    }
    return some;
}

std::size_t Liveness::alive_count(std::int64_t lost_after_ms) const {
    const std::int64_t oldest = clock_.now_unix_ms() - lost_after_ms;
    const std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (const auto& [address, heard] : heard_)
        count += heard.last_heartbeat_unix_ms >= oldest ? 1 : 0;
    return count;
}

}  // namespace ait::miner
