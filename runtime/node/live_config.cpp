#include "runtime/node/live_config.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>

namespace ait::node {
namespace {

struct RoleName {
    std::string_view name;
    Role role;
};
constexpr std::array role_names{RoleName{"viewer", Role::viewer}, RoleName{"member", Role::member},
                                RoleName{"operator", Role::operator_},
                                RoleName{"admin", Role::admin}};

ConfigChangeView view_of(const config::Change& change) {
    return {.key = std::string(change.row->name),
            .before = config::to_text(change.before),
            .after = config::to_text(change.after)};
}

std::string names_of(const std::vector<ConfigChangeView>& changes) {
    std::string names;
    for (const auto& change : changes) names += (names.empty() ? "" : ",") + change.key;
    return names.empty() ? "none" : names;
}

/// One line: the log's reader must not be cut in the middle of a message.
std::string one_line(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

}  // namespace

Result<std::vector<RoleToken>> resolve_tokens(const config::TextTable& references,
                                              const config::Environment& environment) {
    std::vector<RoleToken> tokens;
    for (const auto& [name, reference] : references) {
        const auto known =
            std::find_if(role_names.begin(), role_names.end(),
                         [&name = name](const RoleName& one) { return one.name == name; });
        if (known == role_names.end()) {
            return Error{ErrorCode::invalid_argument,
                         "gateway.tokens names the unknown role \"" + name + "\".",
                         "Roles are viewer, member, operator, admin.",
                         "Correct the configuration."};
        }
        auto secret = config::resolve_secret(reference, environment);
        if (!secret.ok()) return secret.error();
        tokens.push_back({.role = known->role, .token = std::move(secret).value()});
    }
    return tokens;
}

LiveConfig::LiveConfig(config::LoadedConfig loaded, config::Sources sources, const Clock& clock)
    : at_start_(loaded),
      sources_(std::move(sources)),
      clock_(clock),
      current_(std::move(loaded)),
      read_unix_ms_(clock.now_unix_ms()) {}

Result<ReloadView> LiveConfig::reload() {
    auto next = config::load_config(sources_);
    auto taken = next.ok() ? take(std::move(next).value()) : Result<ReloadView>(next.error());
    if (!taken.ok()) {
        spdlog::error("config_reload_refused note=\"the old configuration stays\" why=\"{}\"",
                      one_line(taken.error().what + " " + taken.error().why));
        return taken;
    }
    spdlog::info("config_reloaded applied={} by_miner={} needs_restart={}",
                 names_of(taken.value().applied), names_of(taken.value().by_miner),
                 names_of(taken.value().needs_restart));
    return taken;
}

Result<ReloadView> LiveConfig::take(config::LoadedConfig next) {
    const std::scoped_lock lock(mutex_);
    // All that can fail comes before anything changes.
    auto tokens = resolve_tokens(next.values.gateway.tokens, sources_.environment);
    if (!tokens.ok()) return tokens.error();
    const auto are_new = appliers_.tokens ? appliers_.tokens(tokens.value()) : Result<bool>(false);
    if (!are_new.ok()) return are_new.error();
    ReloadView report{.files = next.files_read};
    for (const auto& change : config::changes_between(current_, next)) {
        if (change.row->reload == config::Reload::live) report.applied.push_back(view_of(change));
        if (change.row->reload == config::Reload::miner) report.by_miner.push_back(view_of(change));
    }
    for (const auto& change : config::changes_between(at_start_, next)) {
        if (change.row->reload == config::Reload::restart)
            report.needs_restart.push_back(view_of(change));
    }
    if (appliers_.log_level) appliers_.log_level(next.values.node.log_level);
    if (appliers_.requests_in_flight_max)
        appliers_.requests_in_flight_max(next.values.gateway.requests_in_flight_max);
    const bool is_told =
        std::any_of(report.applied.begin(), report.applied.end(),
                    [](const ConfigChangeView& each) { return each.key == "gateway.tokens"; });
    if (are_new.value() && !is_told) {
        report.applied.push_back({.key = "gateway.tokens",
                                  .before = "the secrets as they were",
                                  .after = "the secrets as the references give them now"});
    }
    current_ = std::move(next);
    read_unix_ms_ = clock_.now_unix_ms();
    return report;
}

LiveConfig::Reading LiveConfig::reading() const {
    const std::scoped_lock lock(mutex_);
    Reading reading{.read_at = {read_unix_ms_},
                    .requests_in_flight_max = current_.values.gateway.requests_in_flight_max};
    for (const auto& change : config::changes_between(at_start_, current_)) {
        if (change.row->reload == config::Reload::restart)
            reading.needs_restart.emplace_back(change.row->name);
    }
    return reading;
}

}  // namespace ait::node
