#pragma once

// The nodes that a person looks after, by name: where each listens, what it is for, and what it
// must prove. They hold names of token files, never tokens. A node is not a context: contexts say
// with whom the command line works, nodes whom `node test`, `node chains` and `cluster matrix` look
// at.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_client.hpp"
#include "runtime/base/codec/json.hpp"
#include "runtime/config/paths.hpp"

namespace ait::cli {

inline constexpr std::size_t nodes_max = 256;
inline constexpr std::uint32_t node_retries_max = 10;
inline constexpr std::uint32_t node_timeout_ms_default = 3'000;

struct NodeEntry {
    std::string name{};
    std::string host{};
    std::uint16_t port = 0;
    std::string type = "full";
    std::string token_file{};
    std::string public_key{};  ///< hexadecimal; empty: any
    std::string genesis{};     ///< hexadecimal hash; empty: any
    std::uint32_t timeout_ms = node_timeout_ms_default;
    std::uint32_t retries = 0;
    std::int64_t added_unix_ms = 0;

    bool operator==(const NodeEntry&) const = default;
};

struct NodeList {
    std::vector<NodeEntry> all{};  ///< by name
    [[nodiscard]] const NodeEntry* find(std::string_view name) const noexcept;
};

/// Where its REST interface is.
net::HttpEndpoint endpoint_of(const NodeEntry& entry);
/// "host:port".
std::string address_of(const NodeEntry& entry);
/// What the outputs show of it.
Json to_json(const NodeEntry& entry);

/// `nodes.json` in the configuration folder.
std::string nodes_file(const config::Paths& paths);

/// An absent file holds none. Errors: corrupt_data, which says how to begin anew; those of reading.
Result<NodeList> read_nodes(const std::string& file);

/// Reads, lets `change` do its work and writes the whole file anew (mode 0600), under a lock, so
/// that two commands at once lose nothing. An error of `change` leaves the file as it was. Errors:
/// limit_reached, storage_failed, forbidden, corrupt_data.
Status update_nodes(const std::string& file, const std::function<Status(NodeList&)>& change);

/// The error of a name that is not there, with those that are near.
Error no_such_node(const std::string& name, const NodeList& nodes);

}  // namespace ait::cli
