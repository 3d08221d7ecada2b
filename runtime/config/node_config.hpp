#pragma once

// A node's configuration as the program uses it: typed, complete, every path absolute. The keys
// that fill it, with defaults and meanings, are one table in keys.cpp.

#include <cstdint>
#include <map>
#include <string>

#include "runtime/base/money.hpp"

namespace ait::config {

using TextTable = std::map<std::string, std::string>;

struct NodeSection {
    std::string data_dir{};
    std::string chain{};
    std::string genesis_file{};
    std::string log_level{};
    std::string log_format{};
};

struct GatewaySection {
    std::string unix_socket{};
    bool tcp_enabled = false;
    std::string tcp_host{};
    std::uint16_t tcp_port = 0;
    bool unsafe_public_bind = false;
    std::uint32_t connections_max = 0;
    std::uint32_t requests_in_flight_max = 0;
    TextTable tokens{};  ///< role -> secret reference; see resolve_secret
};

struct ChainSection {
    std::uint32_t block_wait_ms = 2;
    std::uint64_t checkpoint_blocks = 0;  ///< 0: none are made
};

struct StorageSection {
    std::uint64_t segment_bytes = 0;
    std::uint32_t flush_interval_ms = 0;
    std::uint32_t scrub_interval_s = 0;  ///< 0: never
    std::uint64_t scrub_bytes_per_second = 0;
};

struct MinerSection {
    bool enabled = false;
    std::string model{};
    std::string models_dir{};
    std::uint32_t threads = 0;  ///< 0: as many as the machine has cores
    Amount price_per_hour{};
    std::uint32_t concurrency = 0;
    std::string region{};
    std::uint16_t inference_port = 0;
};

struct ModelsSection {
    TextTable aliases{};
};

struct WalletSection {
    std::string password_file{};
};

/// The other nodes of the cluster. Without `nodes` the node is alone: it listens for no peer and
/// dials none, so there is no switch of its own to forget.
struct PeerSection {
    std::string name{};  ///< this node's own, as the others list it
    std::string listen_host{};
    std::uint16_t listen_port = 0;
    TextTable nodes{};  ///< name -> KEY@HOST:PORT; peers.hpp reads a line
};

struct NodeConfig {
    NodeSection node{};
    GatewaySection gateway{};
    ChainSection chain{};
    PeerSection peer{};
    StorageSection storage{};
    MinerSection miner{};
    ModelsSection models{};
    WalletSection wallet{};
};

}  // namespace ait::config
