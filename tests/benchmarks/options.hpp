#pragma once

// The command line of jobs_load.

#include <string>
#include <vector>

#include "tests/benchmarks/etcd_protocol.hpp"
#include "tests/benchmarks/load_loop.hpp"
#include "tests/benchmarks/node_protocol.hpp"
#include "tests/benchmarks/redis_protocol.hpp"

namespace ait::benchmarks {

enum class Peer : std::uint8_t { node, redis, etcd };

struct Options {
    Peer peer = Peer::node;
    LoadOptions load{};
    NodeLoadOptions node{};
    RedisLoadOptions redis{};
    EtcdLoadOptions etcd{};
    std::vector<std::string> token_files{};  ///< of each node: <data_dir>/api.token
    std::string seed = "jobs_load";
    bool is_json = false;
    bool wants_help = false;
};

extern const char* const usage;

/// Errors: usage.
Result<Options> read_options(const std::vector<std::string>& words);

}  // namespace ait::benchmarks
