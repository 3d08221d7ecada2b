#pragma once

// What a supervisor says about itself and its children in run/supervisor.json, so that `aitbc up`,
// `status` and people see a child that fails without asking the supervisor.

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/fields.hpp"

namespace ait::supervise {

enum class SupervisorPhase : std::uint8_t { running, stopping, stopped, failed };
enum class ChildPhase : std::uint8_t { waiting, running, backing_off, stopped, given_up };

}  // namespace ait::supervise

namespace ait {

template <>
struct EnumNames<supervise::SupervisorPhase> {
    static constexpr std::array<std::string_view, 4> names{"running", "stopping", "stopped",
                                                           "failed"};
};
template <>
struct EnumNames<supervise::ChildPhase> {
    static constexpr std::array<std::string_view, 5> names{"waiting", "running", "backing_off",
                                                           "stopped", "given_up"};
};

}  // namespace ait

namespace ait::supervise {

struct ChildFacts {
    std::string name{};
    ChildPhase phase = ChildPhase::waiting;
    std::int64_t pid = 0;
    std::uint64_t start_ticks = 0;
    std::uint64_t restarts = 0;
    std::string last_exit{};
    std::string log_file{};
    static constexpr auto fields() {
        using T = ChildFacts;
        return std::tuple{field("name", &T::name, "node, miner, ..."),
                          field("phase", &T::phase, "Where it is in its life."),
                          field("pid", &T::pid, "0 when it does not run."),
                          field("start_ticks", &T::start_ticks,
                                "Tells the process from a later one of that number."),
                          field("restarts", &T::restarts, "Since the supervisor started."),
                          field("last_exit", &T::last_exit, "How it last ended; empty at first."),
                          field("log_file", &T::log_file, "Where its output goes.")};
    }
};

struct SupervisorState {
    std::int64_t pid = 0;
    SupervisorPhase phase = SupervisorPhase::running;
    std::string reason{};
    UnixMs updated_at{};
    std::vector<ChildFacts> children{};
    static constexpr auto fields() {
        using T = SupervisorState;
        return std::tuple{field("pid", &T::pid, "Of the supervisor."),
                          field("phase", &T::phase, "Where it is in its life."),
                          field("reason", &T::reason, "Why it stops or failed."),
                          field("updated_at", &T::updated_at, "When this was written."),
                          field("children", &T::children, "In the order of their start.", 64)};
    }
    /// The child of that name, or null.
    [[nodiscard]] const ChildFacts* find_child(std::string_view name) const noexcept;
};

/// Errors: not_found, corrupt_data.
Result<SupervisorState> read_supervisor_state(const std::string& path);
/// Readers see the old or the new text, never a part. Error: storage_failed.
Status write_supervisor_state(const std::string& path, const SupervisorState& state);

}  // namespace ait::supervise
