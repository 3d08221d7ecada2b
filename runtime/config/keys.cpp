#include "runtime/config/keys.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <type_traits>
#include <vector>

#include "runtime/base/assert.hpp"
#include "runtime/base/limits.hpp"
#include "runtime/config/peers.hpp"

namespace ait::config {
namespace {

/// Puts a checked value into its member; a value that was not checked is a fault of ours.
template <auto section, auto member>
void assign(NodeConfig& config, const Value& value) {
    auto& target = (config.*section).*member;
    using Target = std::remove_reference_t<decltype(target)>;
    if constexpr (std::same_as<Target, bool>) {
        const auto* boolean = std::get_if<bool>(&value);
        AIT_ASSERT(boolean != nullptr);
        target = *boolean;
    } else if constexpr (std::integral<Target>) {
        const auto* integer = std::get_if<std::int64_t>(&value);
        AIT_ASSERT(integer != nullptr);
        target = static_cast<Target>(*integer);
    } else if constexpr (std::same_as<Target, TextTable>) {
        const auto* table = std::get_if<TextTable>(&value);
        AIT_ASSERT(table != nullptr);
        target = *table;
    } else {
        const auto* text = std::get_if<std::string>(&value);
        AIT_ASSERT(text != nullptr);
        if constexpr (std::same_as<Target, Amount>) {
            auto amount = parse_amount(*text);
            AIT_ASSERT(amount.ok());
            target = amount.value();
        } else {
            target = *text;
        }
    }
}

using N = NodeConfig;
constexpr std::int64_t path_bytes_max = 4'095;
constexpr std::int64_t socket_path_bytes_max = 107;  // sockaddr_un holds 108 with the final zero
constexpr std::int64_t table_text_bytes_max = 4'096;

constexpr std::array rows{
    KeyRow{.name = "node.data_dir",
           .type = KeyType::path,
           .default_text = "${data_home}",
           .maximum = path_bytes_max,
           .meaning = "Where this node keeps its keys, log and state. One node owns it alone.",
           .assign = assign<&N::node, &NodeSection::data_dir>},
    KeyRow{
        .name = "node.chain",
        .default_text = "ait-devnet",
        .maximum = limits::name_bytes_max,
        .meaning = "Name of the network chain that this node hosts; its genesis must say the same.",
        .assign = assign<&N::node, &NodeSection::chain>},
    KeyRow{.name = "node.genesis_file",
           .type = KeyType::path,
           .default_text = "${data_dir}/genesis.json",
           .maximum = path_bytes_max,
           .meaning = "The chain's genesis document. `aitbc up` writes one for ait-devnet.",
           .assign = assign<&N::node, &NodeSection::genesis_file>},
    KeyRow{.name = "node.log_level",
           .type = KeyType::choice,
           .default_text = "info",
           .choices = "error|warn|info|debug|trace",
           .reload = Reload::live,
           .meaning = "Least important kind of log line that is written.",
           .assign = assign<&N::node, &NodeSection::log_level>},
    KeyRow{.name = "node.log_format",
           .type = KeyType::choice,
           .default_text = "auto",
           .choices = "auto|text|json",
           .meaning = "auto: text on a terminal, JSON lines otherwise.",
           .assign = assign<&N::node, &NodeSection::log_format>},

    KeyRow{.name = "gateway.unix_socket",
           .type = KeyType::path,
           .default_text = "${data_dir}/node.sock",
           .maximum = socket_path_bytes_max,
           .meaning = "Socket of the command line; trusts the user who runs the node.",
           .assign = assign<&N::gateway, &GatewaySection::unix_socket>},
    KeyRow{.name = "gateway.tcp_enabled",
           .type = KeyType::boolean,
           .default_text = "true",
           .meaning = "Serve the REST interface over TCP too. Calls there need a token.",
           .assign = assign<&N::gateway, &GatewaySection::tcp_enabled>},
    KeyRow{
        .name = "gateway.tcp_host",
        .default_text = "127.0.0.1",
        .maximum = limits::name_bytes_max,
        .meaning = "Address to listen on; loopback only unless gateway.unsafe_public_bind is set.",
        .assign = assign<&N::gateway, &GatewaySection::tcp_host>},
    KeyRow{.name = "gateway.tcp_port",
           .type = KeyType::integer,
           .default_text = "7700",
           .minimum = 0,
           .maximum = 65'535,
           .meaning = "First port to try; a taken one moves on to the next. 0: any free one.",
           .assign = assign<&N::gateway, &GatewaySection::tcp_port>},
    KeyRow{.name = "gateway.unsafe_public_bind",
           .type = KeyType::boolean,
           .default_text = "false",
           .meaning = "Allow an address that other machines reach, without TLS in front of it.",
           .assign = assign<&N::gateway, &GatewaySection::unsafe_public_bind>},
    KeyRow{.name = "gateway.connections_max",
           .type = KeyType::integer,
           .default_text = "4096",
           .minimum = 8,
           .maximum = limits::http_connections_max,
           .meaning = "Open connections; the next one is refused.",
           .assign = assign<&N::gateway, &GatewaySection::connections_max>},
    KeyRow{.name = "gateway.requests_in_flight_max",
           .type = KeyType::integer,
           .default_text = "4096",
           .minimum = 8,
           .maximum = limits::http_requests_in_flight_max,
           .reload = Reload::live,
           .meaning = "Requests being worked on; the next one is answered `overloaded`.",
           .assign = assign<&N::gateway, &GatewaySection::requests_in_flight_max>},
    KeyRow{.name = "gateway.tokens",
           .type = KeyType::secret_table,
           .maximum = table_text_bytes_max,
           .choices = "viewer|member|operator|admin",
           .reload = Reload::live,
           .meaning = "Bearer token of each role on TCP, by reference: file:/path or env:NAME.",
           .assign = assign<&N::gateway, &GatewaySection::tokens>},

    KeyRow{
        .name = "chain.block_wait_ms",
        .type = KeyType::integer,
        .default_text = "2",
        .minimum = 0,
        .maximum = 1'000,
        .meaning =
            "How long a leader waits at most for those that the last block answered to come again.",
        .assign = assign<&N::chain, &ChainSection::block_wait_ms>},
    KeyRow{.name = "chain.checkpoint_blocks",
           .type = KeyType::integer,
           .default_text = "32768",
           .minimum = 0,
           .maximum = 1'000'000'000,
           .meaning = "A checkpoint each so many blocks, for nodes that join late; the same on all "
                      "validators of a chain. 0: none.",
           .assign = assign<&N::chain, &ChainSection::checkpoint_blocks>},

    KeyRow{.name = "peer.name",
           .default_text = "${host_name}",
           .maximum = limits::name_bytes_max,
           .meaning = "This node's name in its cluster; its own line in peer.nodes is skipped.",
           .assign = assign<&N::peer, &PeerSection::name>},
    KeyRow{.name = "peer.listen_host",
           .default_text = "127.0.0.1",
           .maximum = peer_host_bytes_max,
           .meaning = "Address where other nodes connect; each proves its key under TLS.",
           .assign = assign<&N::peer, &PeerSection::listen_host>},
    KeyRow{.name = "peer.listen_port",
           .type = KeyType::integer,
           .default_text = "7800",
           .minimum = 0,
           .maximum = 65'535,
           .meaning = "Port where other nodes connect. 0: any free one.",
           .assign = assign<&N::peer, &PeerSection::listen_port>},
    KeyRow{.name = "peer.nodes",
           .type = KeyType::peer_table,
           .maximum = peer_text_bytes_max,
           .meaning =
               "The nodes of the cluster with their public keys. Empty: this node is alone and "
               "listens for no peer.",
           .assign = assign<&N::peer, &PeerSection::nodes>},

    KeyRow{.name = "storage.segment_bytes",
           .type = KeyType::integer,
           .default_text = "67108864",
           .minimum = 16 * 1024 * 1024,
           .maximum = 1024 * 1024 * 1024,
           .meaning = "Size of one preallocated file of the block log.",
           .assign = assign<&N::storage, &StorageSection::segment_bytes>},
    KeyRow{.name = "storage.flush_interval_ms",
           .type = KeyType::integer,
           .default_text = "500",
           .minimum = 10,
           .maximum = 5'000,
           .meaning = "How far the state may lag behind the log; a restart replays that much.",
           .assign = assign<&N::storage, &StorageSection::flush_interval_ms>},
    KeyRow{.name = "storage.scrub_interval_s",
           .type = KeyType::integer,
           .default_text = "86400",
           .minimum = 0,
           .maximum = 31 * 86'400,
           .meaning = "How often everything stored is read and checked. 0: never.",
           .assign = assign<&N::storage, &StorageSection::scrub_interval_s>},
    KeyRow{.name = "storage.scrub_bytes_per_second",
           .type = KeyType::integer,
           .default_text = "8388608",
           .minimum = 64 * 1024,
           .maximum = 1024 * 1024 * 1024,
           .meaning = "How fast that reading may go.",
           .assign = assign<&N::storage, &StorageSection::scrub_bytes_per_second>},

    KeyRow{.name = "miner.enabled",
           .type = KeyType::boolean,
           .default_text = "true",
           .meaning = "Let the supervisor run a miner process beside the node.",
           .assign = assign<&N::miner, &MinerSection::enabled>},
    KeyRow{
        .name = "miner.model",
        .default_text = "smollm2-135m-instruct",
        .maximum = limits::model_name_bytes_max,
        .reload = Reload::miner,
        .meaning =
            "Model to load: a name in miner.models_dir, an alias, a GGUF path or synthetic://...",
        .assign = assign<&N::miner, &MinerSection::model>},
    KeyRow{.name = "miner.models_dir",
           .type = KeyType::path,
           .default_text = "${models_home}",
           .maximum = path_bytes_max,
           .reload = Reload::miner,
           .meaning = "Folder of GGUF files.",
           .assign = assign<&N::miner, &MinerSection::models_dir>},
    KeyRow{.name = "miner.threads",
           .type = KeyType::integer,
           .default_text = "0",
           .minimum = 0,
           .maximum = 256,
           .reload = Reload::miner,
           .meaning = "Threads of the CPU engine. 0: one for each core.",
           .assign = assign<&N::miner, &MinerSection::threads>},
    KeyRow{.name = "miner.price_per_hour",
           .type = KeyType::amount,
           .default_text = "0.5",
           .reload = Reload::miner,
           .meaning = "What an hour of execution costs, in AIT.",
           .assign = assign<&N::miner, &MinerSection::price_per_hour>},
    KeyRow{.name = "miner.concurrency",
           .type = KeyType::integer,
           .default_text = "1",
           .minimum = 1,
           .maximum = limits::lease_jobs_max,
           .reload = Reload::miner,
           .meaning = "Jobs that are worked on at once.",
           .assign = assign<&N::miner, &MinerSection::concurrency>},
    KeyRow{.name = "miner.region",
           .default_text = "local",
           .maximum = limits::name_bytes_max,
           .reload = Reload::miner,
           .meaning = "Where the miner says it is; clients may ask for a region.",
           .assign = assign<&N::miner, &MinerSection::region>},
    KeyRow{.name = "miner.inference_port",
           .type = KeyType::integer,
           .default_text = "11434",
           .minimum = 0,
           .maximum = 65'535,
           .reload = Reload::miner,
           .meaning = "First port to try for the Ollama routes, on loopback; a taken one moves on.",
           .assign = assign<&N::miner, &MinerSection::inference_port>},

    KeyRow{.name = "models.aliases",
           .type = KeyType::table,
           .default_text = "llama3=smollm2-135m-instruct,llama3:latest=smollm2-135m-instruct",
           .maximum = limits::model_name_bytes_max,
           .reload = Reload::miner,
           .meaning =
               "Names that clients may use for a model that is there; results name the real one.",
           .assign = assign<&N::models, &ModelsSection::aliases>},

    KeyRow{.name = "wallet.password_file",
           .type = KeyType::path,
           .default_text = "${data_dir}/wallet.password",
           .maximum = path_bytes_max,
           .reload = Reload::live,
           .meaning = "Password that unlocks this user's wallets without a prompt; mode 0600.",
           .assign = assign<&N::wallet, &WalletSection::password_file>},
};

/// Edit distance with a swap of neighbours as one step (optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> cost(a.size() + 1,
                                               std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            cost[i][j] =
                std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + change});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
        }
    }
    return cost[a.size()][b.size()];
}

}  // namespace

std::span<const KeyRow> key_rows() noexcept {
    return rows;
}

const KeyRow* find_key(std::string_view name) noexcept {
    const auto found = std::find_if(rows.begin(), rows.end(),
                                    [name](const KeyRow& row) { return row.name == name; });
    return found == rows.end() ? nullptr : &*found;
}

const KeyRow* find_table_of(std::string_view name) noexcept {
    const auto found = std::find_if(rows.begin(), rows.end(), [name](const KeyRow& row) {
        const bool is_table = row.type == KeyType::table || row.type == KeyType::secret_table ||
                              row.type == KeyType::peer_table;
        return is_table && name.size() > row.name.size() + 1 && name.starts_with(row.name) &&
               name[row.name.size()] == '.';
    });
    return found == rows.end() ? nullptr : &*found;
}

std::string_view type_name(KeyType type) noexcept {
    switch (type) {
        case KeyType::text:
            return "text";
        case KeyType::path:
            return "path";
        case KeyType::integer:
            return "integer";
        case KeyType::boolean:
            return "true or false";
        case KeyType::choice:
            return "choice";
        case KeyType::amount:
            return "amount";
        case KeyType::table:
            return "table";
        case KeyType::secret_table:
            return "table of secret references";
        case KeyType::peer_table:
            return "table of nodes";
    }
    return "";
}

std::string expectation(const KeyRow& row) {
    switch (row.type) {
        case KeyType::text:
            return "a text of 1 to " + std::to_string(row.maximum) + " bytes";
        case KeyType::path:
            return "an absolute path (or ~/...) of at most " + std::to_string(row.maximum) +
                   " bytes";
        case KeyType::integer:
            return "an integer from " + std::to_string(row.minimum) + " to " +
                   std::to_string(row.maximum);
        case KeyType::boolean:
            return "true or false";
        case KeyType::choice:
            return "one of " + std::string(row.choices);
        case KeyType::amount:
            return "an amount in quotes with at most 6 decimal places, such as \"0.5\"";
        case KeyType::table:
            return "a table of names and texts";
        case KeyType::secret_table:
            return "a table of " + std::string(row.choices) +
                   " and references (file:/path or env:NAME)";
        case KeyType::peer_table:
            return "a table of names and KEY@HOST:PORT, the key in 64 hexadecimal digits";
    }
    return "";
}

std::string environment_name(const KeyRow& row) {
    std::string name = "AITBC_";
    for (const char c : row.name) {
        if (c == '.')
            name += "__";
        else
            name += (c >= 'a' && c <= 'z') ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return name;
}

std::string_view nearest_key(std::string_view name) {
    constexpr std::size_t name_bytes_max = 64;
    constexpr std::size_t distance_max = 4;
    if (name.size() > name_bytes_max) return {};
    std::string_view best;
    std::size_t best_distance = distance_max + 1;
    for (const auto& row : rows) {
        // A right key under the wrong section is as near as a misspelling.
        const auto dot = row.name.find('.');
        const auto name_dot = name.find('.');
        const bool same_key =
            name_dot != std::string_view::npos && row.name.substr(dot) == name.substr(name_dot);
        const std::size_t distance = same_key ? 1 : edit_distance(name, row.name);
        if (distance < best_distance) {
            best = row.name;
            best_distance = distance;
        }
    }
    return best;
}

}  // namespace ait::config
