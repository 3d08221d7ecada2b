#pragma once

// What the commands on kept nodes and on clusters share.

#include <string>
#include <vector>

#include "runtime/cli/commands.hpp"
#include "runtime/cli/node_probe.hpp"

namespace ait::cli {

/// A genesis hash from a hash or from a document's path; empty for empty. Errors: those of reading.
Result<std::string> genesis_wanted(const std::string& text);

/// Adds entries to the list, all or none. Error: already_exists unless `may_replace`.
Status keep_nodes(Session& session, const std::vector<NodeEntry>& entries, bool may_replace);

/// The kept nodes, or the one of that name, or the one at "HOST:PORT" whose name that is. Errors:
/// not_found, those of read_nodes.
Result<std::vector<NodeEntry>> kept_nodes(Session& session, const std::string& name);

/// How to look at each of them, with what is known beforehand: the entry's own pins and this
/// machine's genesis. `genesis` stands over both.
Result<std::vector<ProbeJob>> probe_jobs(Session& session, const std::vector<NodeEntry>& nodes,
                                         std::uint32_t probes, const std::string& genesis);

/// A client with the node's token. Errors: those of reading the token file.
Result<NodeClient> client_of(Session& session, const NodeEntry& entry);

/// One node with what was seen of it.
struct LookedAt {
    NodeEntry entry{};
    NodeProbe probe{};
};
Result<std::vector<LookedAt>> look_at(Session& session, const std::string& name,
                                      std::uint32_t probes);

/// Rows are nodes, columns chains; a cell says how far the node is on the chain. Pure.
struct ChainMatrix {
    Json items = Json::array();
    std::string columns{};  ///< comma-separated, as Answer takes them
};
ChainMatrix chain_matrix(const std::vector<LookedAt>& nodes);

}  // namespace ait::cli
