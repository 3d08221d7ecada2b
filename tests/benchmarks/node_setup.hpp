#pragma once

// What the load needs of a node before and after it runs: miners that are registered and have a
// session, and the node's own word on what was done. Blocking and unhurried; nothing is measured
// here.

#include <cstdint>
#include <string>
#include <vector>

#include "net/http_client.hpp"
#include "runtime/base/bytes.hpp"
#include "runtime/base/crypto/keys.hpp"
#include "runtime/base/result.hpp"
#include "runtime/miner/node_api.hpp"

namespace ait::benchmarks {

struct NodeAddress {
    net::HttpEndpoint endpoint{};
    std::string token{};  ///< of a role that may submit for any account
};

/// An account that owns jobs and is a miner too.
struct MinerAccount {
    crypto::SecretKey key;
    std::string address{};
    std::string session{};  ///< bearer token
    std::uint64_t nonce_next = 1;
};

struct NodeFacts {
    std::string chain{};
    Hash genesis{};
    std::uint64_t height = 0;
};

/// The node's api.token. Errors: not_found, malformed.
Result<std::string> read_token(const std::string& path);

class NodeSetup {
  public:
    explicit NodeSetup(NodeAddress address);

    Result<NodeFacts> facts();
    /// The account number `index` of `seed`, registered with this concurrency, with a session that
    /// is open at this node.
    Result<MinerAccount> miner(const NodeFacts& facts, const std::string& seed, std::size_t index,
                               std::uint32_t concurrency);
    /// Jobs that the chain counts as completed by these miners.
    Result<std::uint64_t> count_completed(const std::vector<MinerAccount>& miners);
    /// How many of these jobs are not completed, or completed by more than one attempt.
    Result<std::uint64_t> count_not_completed(const std::vector<std::string>& job_ids);
    /// Jobs of the whole chain that have not ended.
    Result<std::uint64_t> count_open();

  private:
    Result<Json> get(std::string target);
    /// Whether an earlier run has registered it with this very concurrency.
    bool is_registered(const MinerAccount& miner, std::uint32_t concurrency);
    Status register_miner(const NodeFacts& facts, MinerAccount& miner, std::uint32_t concurrency);
    Status open_session(const NodeFacts& facts, MinerAccount& miner);

    NodeAddress address_;
    miner_process::NodeConnection connection_;
};

}  // namespace ait::benchmarks
