#pragma once

// A cluster on paper: which nodes, where, with which ports, and the texts that make it. Pure; what
// is on disk is compared with it by cluster_commands.

#include <string>
#include <vector>

#include "runtime/base/codec/json.hpp"
#include "runtime/base/result.hpp"

namespace ait::cli {

inline constexpr std::int64_t cluster_nodes_max = 64;
/// What a validator that lies can lose from, where nobody names another amount.
inline constexpr Amount stake_usual{1'000 * micro_per_unit};

struct PlannedNode {
    std::string name{};
    std::string host{};
    std::uint16_t peer_port = 0;
    std::uint16_t http_port = 0;
    std::string folder{};      ///< on this machine
    std::string data_dir{};    ///< on its own machine; the folder itself when that is this one
    std::string public_key{};  ///< hexadecimal; empty: not made yet
};

struct ClusterPlan {
    std::string folder{};
    std::string chain{};
    bool is_dev = false;
    bool is_crash_tolerant = false;
    bool is_local = true;  ///< all nodes on this machine
    Amount stake{};        ///< of each validator, minted and staked by the genesis
    std::vector<PlannedNode> nodes{};
};

struct ClusterWishes {
    std::string folder{};  ///< absolute
    std::string chain{};
    std::int64_t nodes = 0;  ///< 0: 3, or one a host
    bool is_dev = false;
    bool is_crash_tolerant = false;
    std::string stake{};  ///< AIT; empty: stake_usual where nodes may lie, else none
    std::vector<std::string> hosts{};
    std::int64_t peer_port = 0;
    std::int64_t http_port = 0;
    std::string remote_dir{};  ///< absolute
};

/// Error: invalid_argument, for wishes that cannot be or do not fit together.
Result<ClusterPlan> plan_cluster(const ClusterWishes& wishes);
/// The same nodes on other machines. Error: invalid_argument.
Status move_to_hosts(ClusterPlan& plan, const std::vector<std::string>& hosts,
                     const std::string& remote_dir);

/// How many votes decide, and what the cluster bears.
struct Tolerance {
    std::size_t quorum = 0;
    std::size_t may_stop = 0;
    std::size_t may_lie = 0;
};
Tolerance tolerance_of(const ClusterPlan& plan) noexcept;

/// The node's configuration file. All keys must be known.
std::string node_toml(const ClusterPlan& plan, const PlannedNode& node);
/// The genesis document. All keys must be known. Error: invalid_argument.
Result<std::string> genesis_text(const ClusterPlan& plan, std::int64_t time_unix_ms);
/// The service of this node, from configs/systemd.
std::string service_text(const PlannedNode& node);
/// How to bring a node's folder to its machine and start it there, line by line.
std::string moving_text(const PlannedNode& node);
/// What a shell takes as one word.
std::string shell_word(const std::string& text);

/// cluster.json: the public part of a cluster's folder.
Json plan_to_json(const ClusterPlan& plan);
/// Error: corrupt_data.
Result<ClusterPlan> plan_from_json(const Json& json, const std::string& folder);

}  // namespace ait::cli
