#pragma once

// The configuration of a running node: read again at SIGHUP or `aitbc config reload`, taken as a
// whole or not at all. What can change while the node runs is applied, the rest is remembered as
// waiting for a restart.

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/base/operation.hpp"
#include "runtime/config/config.hpp"
#include "runtime/registry/health_messages.hpp"

namespace ait::node {

struct RoleToken {
    Role role = Role::anyone;
    crypto::Secret token{};
};

/// The tokens behind gateway.tokens. Errors: those of config::resolve_secret.
Result<std::vector<RoleToken>> resolve_tokens(const config::TextTable& references,
                                              const config::Environment& environment);

/// How values reach what they are for. Each may be called from any thread.
struct LiveAppliers {
    /// True when the tokens differ from those before. It may refuse, so it is asked first; an
    /// error changes nothing.
    std::function<Result<bool>(const std::vector<RoleToken>& tokens)> tokens{};
    std::function<void(const std::string& level)> log_level{};
    std::function<void(std::uint32_t count)> requests_in_flight_max{};
};

/// Any thread.
class LiveConfig {
  public:
    LiveConfig(config::LoadedConfig loaded, config::Sources sources, const Clock& clock);

    void set_appliers(LiveAppliers appliers) { appliers_ = std::move(appliers); }

    /// Reads everything again and logs what came of it. A faulty configuration changes nothing.
    /// Error: invalid_argument with all that is wrong, or that of a token that cannot be had.
    Result<ReloadView> reload();

    /// As it was at the start: the node is built of it.
    [[nodiscard]] const config::NodeConfig& at_start() const noexcept { return at_start_.values; }
    [[nodiscard]] const config::Environment& environment() const noexcept {
        return sources_.environment;
    }
    struct Reading {
        UnixMs read_at{};
        std::vector<std::string> needs_restart{};
        std::uint32_t requests_in_flight_max = 0;
    };
    [[nodiscard]] Reading reading() const;

  private:
    Result<ReloadView> take(config::LoadedConfig next);

    const config::LoadedConfig at_start_;
    const config::Sources sources_;
    const Clock& clock_;
    LiveAppliers appliers_{};
    mutable std::mutex mutex_;
    config::LoadedConfig current_;
    std::int64_t read_unix_ms_ = 0;
};

}  // namespace ait::node
