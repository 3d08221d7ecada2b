#pragma once

// `aitbc doctor`: one answer to "is it healthy, and why not". Each finding says what was seen, why
// that is good or bad, and what to do. What can be looked at without the node is looked at without
// it, because people ask when it is down. Nothing is changed.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/cli/session.hpp"

namespace ait::cli {

enum class Health : std::uint8_t { ok, warn, fail, skip };

struct Finding {
    Health status = Health::ok;
    std::string check{};
    std::string what{};
    std::string why{};
    std::string next{};
};
using Findings = std::vector<Finding>;

// ---- judgements: pure ------------------------------------------------------------------------

struct DiskFacts {
    std::uint64_t bytes_free = 0;
    std::uint64_t bytes_total = 0;
    std::uint64_t bytes_grown = 0;  ///< of the data directory
    std::uint64_t over_ms = 0;      ///< in which it grew so; 0 = not known
};
/// Free space now, and the day on which the node will begin to refuse.
Finding judge_disk(const DiskFacts& facts);

/// How long the disk takes to make a block durable. `count`: of how many syncs this is the mean.
Finding judge_sync(std::uint64_t mean_us, std::uint64_t count, std::string_view measured_how);

struct ClockFacts {
    bool is_synchronised = false;          ///< as the kernel says
    std::int64_t node_ahead_ms = 0;        ///< of this machine's clock
    std::int64_t last_block_ahead_ms = 0;  ///< of the node's clock
};
Finding judge_clock(const ClockFacts& facts);

/// True when a file name such as "SmolLM2-135M-Instruct.Q4_1.gguf" is that of the named model.
bool is_file_of_model(std::string_view file, std::string_view model);

// ---- looks -----------------------------------------------------------------------------------

/// Configuration, context, data directory, key files and their modes, wallet, model.
void examine_files(Session& session, Findings& findings);
/// Processes, ports, recent errors in logs; disk and clock where no node tells of its own.
void examine_machine(Session& session, bool node_answers, Findings& findings);
/// The node, its chain, disk, clock, miners and jobs. False when it does not answer.
bool examine_node(Session& session, Findings& findings);

/// Whether the kernel says that something corrects the clock.
bool is_clock_synchronised();

/// Who listens on a TCP port of this machine, such as "process 123 (python3)"; empty when nobody.
std::string listener_on(std::uint16_t port);

}  // namespace ait::cli
