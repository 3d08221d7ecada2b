#include "runtime/cli/cluster_plan.hpp"

#include <algorithm>
#include <map>

#include "actors/consensus/genesis.hpp"
#include "runtime/cli/request.hpp"
#include "runtime/config/peers.hpp"
#include "runtime/supervise/embedded.hpp"

namespace ait::cli {
namespace {

constexpr std::string_view loopback = "127.0.0.1";
constexpr std::size_t socket_path_bytes_max = 107;  // sockaddr_un holds 108 with the final zero
constexpr std::string_view socket_name = "/node.sock";
constexpr int format_version = 1;

Error unfit(std::string what, std::string why) {
    return {ErrorCode::invalid_argument, std::move(what), std::move(why),
            "`aitbc cluster init --help` shows examples."};
}

/// Paths stand in TOML texts and in shell commands.
Status check_folder(const std::string& path) {
    const bool is_plain =
        path.starts_with('/') && is_utf8(path) &&
        std::none_of(path.begin(), path.end(), [](char c) {
            return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\' || c == 0x7f;
        });
    if (!is_plain) {
        return unfit("The folder " + path.substr(0, 200) + " is not fit.",
                     "It must be absolute, without quotes and backslashes.");
    }
    if (path.size() + socket_name.size() > socket_path_bytes_max) {
        return unfit("The folder " + path + " is too long.",
                     "The node's socket lies in it, and a socket's path has at most " +
                         std::to_string(socket_path_bytes_max) + " bytes.");
    }
    return {};
}

bool is_ip_literal(std::string_view host) {
    const bool is_ipv6 = host.find(':') != std::string_view::npos;
    return is_ipv6 || host.find_first_not_of("0123456789.") == std::string_view::npos;
}

Result<Amount> stake_of(const ClusterWishes& wishes) {
    if (wishes.stake.empty()) return wishes.is_crash_tolerant ? Amount{} : stake_usual;
    const auto stake = parse_amount(wishes.stake);
    if (stake.ok()) return stake;
    return unfit("\"" + wishes.stake.substr(0, 64) + "\" is no stake.", stake.error().why);
}

/// Nodes of one machine count up from the first port.
Status give_ports(ClusterPlan& plan, std::int64_t peer_port, std::int64_t http_port) {
    std::map<std::string, std::int64_t> used;
    for (auto& node : plan.nodes) {
        const std::int64_t at = used[node.host]++;
        const bool fits = peer_port >= 1 && http_port >= 1 && peer_port + at <= 65'535 &&
                          http_port + at <= 65'535;
        if (!fits) return unfit("The ports do not suffice.", "They are 1 to 65535.");
        node.peer_port = static_cast<std::uint16_t>(peer_port + at);
        node.http_port = static_cast<std::uint16_t>(http_port + at);
    }
    for (const auto& one : plan.nodes) {
        for (const auto& other : plan.nodes) {
            if (one.host != other.host || one.peer_port != other.http_port) continue;
            return unfit("Port " + std::to_string(one.peer_port) + " on " + one.host +
                             " would be used twice.",
                         one.name + " listens there for peers, " + other.name + " for REST.");
        }
    }
    return {};
}

}  // namespace

Status move_to_hosts(ClusterPlan& plan, const std::vector<std::string>& hosts,
                     const std::string& remote_dir) {
    if (hosts.size() != plan.nodes.size()) {
        return unfit("The hosts do not fit the nodes.",
                     "There are " + std::to_string(plan.nodes.size()) + " nodes and " +
                         std::to_string(hosts.size()) + " hosts.");
    }
    std::map<std::string, int> used;
    for (std::size_t i = 0; i < hosts.size(); ++i) {
        if (!config::is_host(hosts[i])) {
            return unfit("\"" + hosts[i].substr(0, 64) + "\" is no host.",
                         "Hosts are names or addresses, without ports.");
        }
        auto& node = plan.nodes[i];
        node.host = hosts[i];
        // Two nodes of one machine need two folders there.
        const bool is_first = used[hosts[i]]++ == 0;
        node.data_dir = is_first ? remote_dir : remote_dir + "/" + node.name;
        if (auto fit = check_folder(node.data_dir); !fit.ok()) return fit;
    }
    plan.is_local = false;
    return {};
}

Result<ClusterPlan> plan_cluster(const ClusterWishes& wishes) {
    ClusterPlan plan{.folder = wishes.folder,
                     .chain = wishes.chain,
                     .is_dev = wishes.is_dev,
                     .is_crash_tolerant = wishes.is_crash_tolerant};
    const auto host_count = static_cast<std::int64_t>(wishes.hosts.size());
    const std::int64_t usual = host_count == 0 ? 3 : host_count;
    const std::int64_t count = wishes.nodes == 0 ? usual : wishes.nodes;
    if (count < 1 || count > cluster_nodes_max)
        return unfit("A cluster of " + std::to_string(count) + " nodes cannot be made.",
                     "It has 1 to " + std::to_string(cluster_nodes_max) + ".");
    if (!config::is_peer_name(plan.chain))
        return unfit("\"" + plan.chain.substr(0, 64) + "\" cannot be the name of a chain.",
                     "A name has " + std::string(config::peer_name_rule));
    const auto stake = stake_of(wishes);
    if (!stake.ok()) return stake.error();
    plan.stake = stake.value();
    for (std::int64_t i = 1; i <= count; ++i) {
        const std::string name = "node-" + std::to_string(i);
        const std::string folder = plan.folder + "/" + name;
        if (auto fit = check_folder(folder); !fit.ok()) return fit.error();
        plan.nodes.push_back(
            {.name = name, .host = std::string(loopback), .folder = folder, .data_dir = folder});
    }
    if (host_count > 0) {
        const auto moved = move_to_hosts(plan, wishes.hosts, wishes.remote_dir);
        if (!moved.ok()) return moved.error();
    }
    const auto ports = give_ports(plan, wishes.peer_port, wishes.http_port);
    if (!ports.ok()) return ports.error();
    return plan;
}

Tolerance tolerance_of(const ClusterPlan& plan) noexcept {
    const std::size_t count = plan.nodes.size();
    const std::size_t quorum = consensus::quorum_of(
        count, plan.is_crash_tolerant ? FaultModel::crash : FaultModel::byzantine);
    const std::size_t may_stop = count - quorum;
    return {
        .quorum = quorum, .may_stop = may_stop, .may_lie = plan.is_crash_tolerant ? 0 : may_stop};
}

std::string node_toml(const ClusterPlan& plan, const PlannedNode& node) {
    // A name may mean another address on its own machine, so only a literal one is listened at.
    const bool is_exact = plan.is_local || is_ip_literal(node.host);
    const auto number = [](std::uint16_t port) { return std::to_string(port); };
    std::string text = "# " + node.name + " of the cluster of " + plan.chain +
                       ", made by `aitbc cluster init`.\n"
                       "# `aitbc config explain KEY` explains a key.\n\n"
                       "[node]\n"
                       "data_dir = \"" +
                       node.data_dir + "\"\nchain = \"" + plan.chain + "\"\ngenesis_file = \"" +
                       node.data_dir +
                       "/genesis.json\"\n\n[gateway]\ntcp_port = " + number(node.http_port) +
                       "\n\n[peer]\nname = \"" + node.name + "\"\nlisten_host = \"" +
                       (is_exact ? node.host : "0.0.0.0") +
                       "\"\nlisten_port = " + number(node.peer_port) + "\n\n[peer.nodes]\n";
    for (const auto& each : plan.nodes) {
        AIT_ASSERT(!each.public_key.empty());
        const config::HostPort address{.host = each.host, .port = each.peer_port};
        text += "\"" + each.name + "\" = \"" + each.public_key + "@" + config::to_text(address) +
                "\"\n";
    }
    return text;
}

Result<std::string> genesis_text(const ClusterPlan& plan, std::int64_t time_unix_ms) {
    Json document = Json::object();
    if (plan.is_dev) {
        auto devnet = parse_json(supervise::devnet_genesis_template());
        AIT_ASSERT(devnet.ok());
        document = std::move(devnet).value();
    }
    document["chain"] = plan.chain;
    document["time"] = to_rfc3339(time_unix_ms);
    Json validators = Json::array();
    for (const auto& node : plan.nodes) {
        validators.push_back(Json{{"name", node.name},
                                  {"public_key", node.public_key},
                                  {"weight", 1},
                                  {"stake", to_text(plan.stake)}});
    }
    document["validators"] = std::move(validators);
    if (plan.is_crash_tolerant) document["parameters"]["fault_model"] = "crash";
    const auto genesis = consensus::parse_genesis(dump_json(document));
    if (!genesis.ok()) return genesis.error();
    return consensus::genesis_to_text(genesis.value());
}

std::string service_text(const PlannedNode& node) {
    std::string unit(supervise::systemd_unit());
    const auto replace = [&unit](std::string_view what, const std::string& by) {
        for (auto at = unit.find(what); at != std::string::npos;
             at = unit.find(what, at + by.size()))
            unit.replace(at, what.size(), by);
    };
    replace("/etc/aitbc/node.toml", node.data_dir + "/node.toml");
    if (node.data_dir != "/var/lib/aitbc")
        replace("StateDirectory=aitbc\n", "ReadWritePaths=" + node.data_dir + "\n");
    return unit;
}

std::string moving_text(const PlannedNode& node) {
    const std::string target = shell_word(node.host + ":" + node.data_dir + "/");
    std::string text;
    for (const auto* file : {"node.key", "fresh-key", "genesis.json", "node.toml"})
        text += "scp -p " + shell_word(node.folder + "/" + file) + " " + target + "\n";
    // A copy that stays behind would vouch for a restored key that has long voted.
    text += "rm " + shell_word(node.folder + "/fresh-key") + "\n";
    return text + "ssh " + shell_word(node.host) + " systemctl enable --now aitbcd\n";
}

std::string shell_word(const std::string& text) {
    constexpr std::string_view plain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+=,";
    if (!text.empty() && text.find_first_not_of(plain) == std::string::npos) return text;
    std::string quoted = "'";
    for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + "'";
}

Json plan_to_json(const ClusterPlan& plan) {
    Json nodes = Json::array();
    for (const auto& node : plan.nodes) {
        nodes.push_back(Json{{"name", node.name},
                             {"public_key", node.public_key},
                             {"host", node.host},
                             {"peer_port", node.peer_port},
                             {"http_port", node.http_port},
                             {"data_dir", node.data_dir}});
    }
    return Json{{"version", format_version}, {"chain", plan.chain},
                {"dev", plan.is_dev},        {"crash_tolerant", plan.is_crash_tolerant},
                {"local", plan.is_local},    {"stake", to_text(plan.stake)},
                {"nodes", std::move(nodes)}};
}

Result<ClusterPlan> plan_from_json(const Json& json, const std::string& folder) {
    const auto damaged = [&folder](const std::string& why) {
        return Error{ErrorCode::corrupt_data, "The cluster in " + folder + " cannot be read.",
                     "cluster.json: " + why, "`aitbc cluster init` writes it again."};
    };
    if (!json.is_object() || integer_in(json, "version", 0) != format_version)
        return damaged("It is not of version " + std::to_string(format_version) + ".");
    ClusterPlan plan{.folder = folder,
                     .chain = text_in(json, "chain"),
                     .is_dev = flag_in(json, "dev"),
                     .is_crash_tolerant = flag_in(json, "crash_tolerant"),
                     .is_local = flag_in(json, "local")};
    // Clusters of before stakes were written have none.
    const auto stake = parse_amount(text_in(json, "stake", "0"));
    if (!stake.ok()) return damaged("Its stake is no amount.");
    plan.stake = stake.value();
    const auto nodes = json.find("nodes");
    const bool has_nodes = nodes != json.end() && nodes->is_array() && !nodes->empty() &&
                           nodes->size() <= static_cast<std::size_t>(cluster_nodes_max);
    if (!has_nodes || !config::is_peer_name(plan.chain)) return damaged("Its chain or nodes miss.");
    for (const auto& each : *nodes) {
        if (!each.is_object()) return damaged("A node is not an object.");
        PlannedNode node{.name = text_in(each, "name"),
                         .host = text_in(each, "host"),
                         .data_dir = text_in(each, "data_dir"),
                         .public_key = text_in(each, "public_key")};
        node.folder = folder + "/" + node.name;
        const std::int64_t peer_port = integer_in(each, "peer_port", 0);
        const std::int64_t http_port = integer_in(each, "http_port", 0);
        const bool ports_fit =
            peer_port > 0 && peer_port <= 65'535 && http_port > 0 && http_port <= 65'535;
        const bool texts_fit = config::is_peer_name(node.name) && config::is_host(node.host) &&
                               check_folder(node.data_dir).ok() &&
                               fixed_from_hex<PublicKey>(node.public_key).ok();
        if (!ports_fit || !texts_fit) return damaged("A node is not fit.");
        node.peer_port = static_cast<std::uint16_t>(peer_port);
        node.http_port = static_cast<std::uint16_t>(http_port);
        plan.nodes.push_back(std::move(node));
    }
    return plan;
}

}  // namespace ait::cli
