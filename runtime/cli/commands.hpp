#pragma once

// What happens after a command line has been understood: most operations are one call of a node,
// the rest have a function of their own, found here by the operation's name.

#include "runtime/cli/request.hpp"
#include "runtime/cli/session.hpp"

namespace ait::cli {

using Command = Result<Answer> (*)(Session& session, const Request& request);

struct CommandRow {
    std::string_view operation;
    Command run;
};

// Each group's table, in the file named after it.
std::span<const CommandRow> wallet_commands();
std::span<const CommandRow> job_commands();
std::span<const CommandRow> miner_commands();
std::span<const CommandRow> inference_commands();
std::span<const CommandRow> node_commands();
std::span<const CommandRow> offline_commands();
std::span<const CommandRow> config_commands();
std::span<const CommandRow> context_commands();
std::span<const CommandRow> doctor_commands();
std::span<const CommandRow> explain_commands();
std::span<const CommandRow> log_commands();
std::span<const CommandRow> node_store_commands();
std::span<const CommandRow> node_probe_commands();
std::span<const CommandRow> cluster_commands();
std::span<const CommandRow> cluster_matrix_commands();

/// The operation's own function, or null when it is just a call.
Command find_own_command(std::string_view operation);

/// Runs the operation: its own function, or a call of the node.
Result<Answer> run_command(Session& session, const Request& request);

/// One call of the node by the row: a read, a node-authority command or a signed one.
Result<Json> call_node(Session& session, const Operation& operation, const Json& input);
/// The same with the operation found by name.
Result<Json> call_node(Session& session, std::string_view operation, const Json& input);

/// What a configuration key means, takes and is. Error: not_found with the nearest key.
Result<Answer> explain_key(Session& session, const std::string& key);

/// Jobs of all accounts that may wait for a miner, at most so many of each state: an unfunded one
/// waits too where the chain accepts that, and is `pending` then.
Result<Json> jobs_in_queue(Session& session, std::size_t count_max);

/// Keeps the ids of what was made for `@last`; a failure is only mentioned.
void remember(Session& session, const Json& answer);

}  // namespace ait::cli
