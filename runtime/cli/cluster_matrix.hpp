#pragma once

// Who reaches whom, put together from what each node says of the others. Pure.

#include <optional>
#include <string>
#include <vector>

#include "runtime/base/codec/json.hpp"

namespace ait::cli {

struct SeenPeer {
    std::string name{};
    std::string public_key{};
    bool is_connected = false;
    std::string why{};
    std::optional<std::int64_t> rtt_us{};
    std::optional<std::int64_t> clock_skew_us{};
    std::string version{};
    std::optional<std::int64_t> height{};  ///< highest block that it told of
};

/// One node that was asked.
struct ClusterMember {
    std::string name{};
    std::string public_key{};  ///< empty: it did not say
    std::string version{};
    std::string problem{};  ///< why its peers are not known; empty when they are
    std::vector<SeenPeer> peers{};
};

struct ClusterMatrix {
    Json items = Json::array();
    std::string columns{};
    std::vector<std::string> alerts{};  ///< links that are down, nodes that did not tell
};

ClusterMatrix cluster_matrix(const std::vector<ClusterMember>& members);

}  // namespace ait::cli
