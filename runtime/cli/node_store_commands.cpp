// Commands on the list of nodes that is kept here. None of them talks to a node.

#include <algorithm>
#include <array>
#include <filesystem>

#include "actors/consensus/genesis.hpp"
#include "runtime/cli/commands.hpp"
#include "runtime/cli/node_commands.hpp"
#include "runtime/cli/node_store.hpp"
#include "runtime/config/peers.hpp"

namespace ait::cli {
namespace {

constexpr std::int64_t http_port_default = 7'700;
constexpr std::size_t genesis_bytes_max = 1024 * 1024;

Error unfit(std::string what, std::string why) {
    return {ErrorCode::invalid_argument, std::move(what), std::move(why),
            "aitbc node add --name us-east-1 --host 10.0.0.5 --port 7700 --type validator"};
}

/// Host and port from --host and --port, or from the endpoint in their place.
Status take_address(const Request& request, NodeEntry& entry) {
    const std::string endpoint = text_in(request.local, "endpoint");
    entry.host = text_in(request.local, "host");
    const std::int64_t port = integer_in(request.local, "port", http_port_default);
    if (port < 1 || port > 65'535)
        return unfit("Port " + std::to_string(port) + " cannot be.", "Ports are 1 to 65535.");
    entry.port = static_cast<std::uint16_t>(port);
    if (endpoint.empty() && entry.host.empty())
        return unfit("The node needs an address.", "Neither --host nor an endpoint is given.");
    if (!endpoint.empty()) {
        if (!entry.host.empty() || request.local.contains("port"))
            return unfit("The address is given twice.", "Use the endpoint, or --host and --port.");
        auto parsed = net::parse_http_endpoint(endpoint);
        if (!parsed.ok()) return parsed.error();
        if (parsed.value().is_unix || !parsed.value().prefix.empty())
            return unfit("The endpoint is not http://host:port.", "Nodes are looked at over TCP.");
        entry.host = parsed.value().host;
        entry.port = parsed.value().port;
    }
    if (config::is_host(entry.host)) return {};
    return unfit("\"" + entry.host.substr(0, 64) + "\" is no host.",
                 "It must be a name or an address, without a port.");
}

/// The file need not be there yet, but must be reachable from any folder later.
std::string whole_path(Session& session, const std::string& path) {
    if (path.empty()) return {};
    std::error_code failure;
    const auto whole = std::filesystem::absolute(path, failure);
    const std::string name = failure ? path : whole.lexically_normal().string();
    if (!std::filesystem::exists(name, failure)) session.note("there is no file " + name + " yet");
    return name;
}

Result<NodeEntry> entry_of(Session& session, const Request& request) {
    NodeEntry entry{.name = text_in(request.local, "name"),
                    .type = text_in(request.local, "type", "full"),
                    .public_key = text_in(request.local, "public_key"),
                    .added_unix_ms = session.now_unix_ms()};
    if (!config::is_peer_name(entry.name)) {
        return unfit("\"" + entry.name.substr(0, 64) + "\" cannot be the name of a node.",
                     "A name has " + std::string(config::peer_name_rule));
    }
    if (auto taken = take_address(request, entry); !taken.ok()) return taken.error();
    if (!entry.public_key.empty() && !fixed_from_hex<PublicKey>(entry.public_key).ok())
        return unfit("The public key is not fit.", "It has 64 lower-case hexadecimal digits.");
    auto genesis = genesis_wanted(text_in(request.local, "genesis"));
    if (!genesis.ok()) return genesis.error();
    entry.genesis = std::move(genesis).value();
    const std::int64_t retries = integer_in(request.local, "retry_count", 0);
    if (retries < 0 || retries > node_retries_max)
        return unfit("The number of retries is not fit.",
                     "It is 0 to " + std::to_string(node_retries_max) + ".");
    entry.retries = static_cast<std::uint32_t>(retries);
    entry.timeout_ms = std::clamp<std::uint32_t>(
        session.options.timeout_ms.value_or(node_timeout_ms_default), 1, 600'000);
    entry.token_file = whole_path(session, text_in(request.local, "token_file"));
    return entry;
}

Result<Answer> add(Session& session, const Request& request) {
    const auto entry = entry_of(session, request);
    if (!entry.ok()) return entry.error();
    const bool may_replace = flag_in(request.local, "force");
    const auto kept = keep_nodes(session, {entry.value()}, may_replace);
    if (!kept.ok()) return kept.error();
    session.note("node \"" + entry.value().name + "\" is kept in " + nodes_file(session.paths()));
    return Answer{.value = to_json(entry.value()), .next = "aitbc node test " + entry.value().name};
}

Result<Answer> list(Session& session, const Request& /*request*/) {
    const auto nodes = read_nodes(nodes_file(session.paths()));
    if (!nodes.ok()) return nodes.error();
    Json items = Json::array();
    for (const auto& entry : nodes.value().all) items.push_back(to_json(entry));
    Answer answer{.value = Json{{"items", std::move(items)}, {"next_cursor", nullptr}}};
    answer.next = nodes.value().all.empty() ? "aitbc node add --name NAME --host HOST --port PORT"
                                            : "aitbc node chains";
    return answer;
}

Result<Answer> remove(Session& session, const Request& request) {
    const std::string name = text_in(request.local, "node");
    const bool may_miss = flag_in(request.local, "force");
    Json removed;
    const auto kept = update_nodes(nodes_file(session.paths()), [&](NodeList& nodes) -> Status {
        const NodeEntry* entry = nodes.find(name);
        if (entry == nullptr && may_miss) return {};
        if (entry == nullptr) return no_such_node(name, nodes);
        removed = to_json(*entry);
        std::erase_if(nodes.all, [&name](const NodeEntry& one) { return one.name == name; });
        return {};
    });
    if (!kept.ok()) return kept.error();
    if (removed.is_null()) session.note("there was no node \"" + name + "\"");
    return Answer{.value = std::move(removed)};
}

constexpr std::array rows{
    CommandRow{"node.add", &add},
    CommandRow{"node.list", &list},
    CommandRow{"node.remove", &remove},
};

}  // namespace

Result<std::string> genesis_wanted(const std::string& text) {
    if (text.empty()) return std::string();
    if (fixed_from_hex<Hash>(text).ok()) return text;
    auto document = read_file(text, genesis_bytes_max);
    if (!document.ok()) {
        Error error = document.error();
        error.next = "Give a genesis hash of 64 hexadecimal digits, or a genesis document.";
        return error;
    }
    const auto genesis = consensus::parse_genesis(document.value());
    if (!genesis.ok()) return genesis.error();
    return to_hex(consensus::genesis_hash(genesis.value()).view());
}

Status keep_nodes(Session& session, const std::vector<NodeEntry>& entries, bool may_replace) {
    return update_nodes(nodes_file(session.paths()), [&](NodeList& nodes) -> Status {
        for (const auto& entry : entries) {
            if (nodes.find(entry.name) != nullptr && !may_replace) {
                return Error{ErrorCode::already_exists,
                             "There is a node \"" + entry.name + "\" already.",
                             "It is at " + address_of(*nodes.find(entry.name)) + ".",
                             "Add --force to replace it, or choose another name."};
            }
            std::erase_if(nodes.all,
                          [&entry](const NodeEntry& one) { return one.name == entry.name; });
            nodes.all.push_back(entry);
        }
        return {};
    });
}

std::span<const CommandRow> node_store_commands() {
    return rows;
}

}  // namespace ait::cli
