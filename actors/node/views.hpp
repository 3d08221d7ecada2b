#pragma once

// From what a node knows of its links and its chain to what it answers. Pure: time and readiness
// are inputs.

#include "actors/consensus/reader.hpp"
#include "actors/node/messages.hpp"
#include "runtime/base/codec/json.hpp"

namespace ait::node {

struct NodeFactsNow {
    bool ready = false;
    std::int64_t now_unix_ms = 0;
};

/// How it stands with a chain that a node hosts.
struct HostedNow {
    std::uint64_t height_known = 0;
    bool is_joining = false;
    bool reaches_quorum = true;
    bool is_default = false;
    bool is_failed = false;
    std::string problem{};
};

/// `directory`: the chain's peers.
HostedChainView hosted_chain_view(const PeerDirectory& directory,
                                  const consensus::ChainReader& chain, const HostedNow& now);
/// `directory`: peers of the default chain, which is the first of `chains`. `challenge_hex` may be
/// empty: then nothing is proved. Error: invalid_argument.
Result<IdentityView> identity_of(const PeerDirectory& directory,
                                 std::vector<HostedChainView> chains, NodeFactsNow now,
                                 const std::string& challenge_hex);
/// Those in force, then who waits to be, then who was excluded; with an epoch its members alone.
/// Error: not_found (no such epoch).
Result<std::vector<ValidatorView>> validators_of(const PeerDirectory& directory,
                                                 const consensus::ChainReader& chain,
                                                 std::optional<std::uint64_t> epoch);
std::uint64_t connected_count(const PeerDirectory& directory);

/// {"items":[...],"next_cursor":null}: all of these lists are short by their own limits.
template <class T>
Json list_of(const std::vector<T>& items) {
    Json rows = Json::array();
    for (const auto& item : items) rows.push_back(to_json_value(item));
    return Json{{"items", std::move(rows)}, {"next_cursor", nullptr}};
}

}  // namespace ait::node
