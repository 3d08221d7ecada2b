#pragma once

// A cluster's folder on disk: what is there, what is missing, and making it. Keys and genesis are
// made once and never written over; only node.toml may be, when asked.

#include <optional>
#include <string>
#include <vector>

#include "runtime/base/clock.hpp"
#include "runtime/cli/cluster_plan.hpp"

namespace ait::cli {

/// What is on disk of one node.
struct NodeFiles {
    bool has_key = false;
    std::optional<std::string> genesis{};
    std::optional<std::string> toml{};
};

struct ClusterFiles {
    std::vector<NodeFiles> nodes{};  ///< in the order of the plan
    std::string genesis{};           ///< empty: none yet
};

/// Looks at the folder and fills in the keys that are there. Errors: conflict, when what is there
/// belongs to another plan (another chain, other validators, a key that the genesis names and that
/// is gone); those of reading.
Result<ClusterFiles> find_files(ClusterPlan& plan);

/// What was done with one file: "made", "kept", "kept, differs", "written again".
struct FileOutcome {
    std::string node_key{};
    std::string genesis{};
    std::string node_toml{};
};

/// Makes what is missing, in an order that may be cut off anywhere and repeated: keys, genesis,
/// configurations, cluster.json. Errors: storage_failed, forbidden, invalid_argument.
Result<std::vector<FileOutcome>> make_files(ClusterPlan& plan, ClusterFiles& found,
                                            bool rewrites_toml, Random& random,
                                            std::int64_t now_unix_ms);
/// What make_files would do. Changes nothing.
std::vector<FileOutcome> foresee_files(const ClusterPlan& plan, const ClusterFiles& found,
                                       bool rewrites_toml);

/// One thing that was checked of the configurations that are there.
struct ClusterCheck {
    bool is_good = true;
    std::string node{};
    std::string what{};
};
/// Offline: each file is valid, names its node, and lists the others where they listen and with
/// their keys, so that links come about in both directions.
std::vector<ClusterCheck> check_files(const ClusterPlan& plan, const ClusterFiles& found);

/// cluster.json of a folder. Errors: not_found, corrupt_data.
Result<ClusterPlan> read_cluster(const std::string& folder);

}  // namespace ait::cli
