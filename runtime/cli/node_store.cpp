#include "runtime/cli/node_store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "net/file_descriptor.hpp"
#include "runtime/cli/console.hpp"
#include "runtime/cli/request.hpp"
#include "runtime/config/peers.hpp"
#include "runtime/registry/suggest.hpp"

namespace ait::cli {
namespace {

constexpr std::size_t file_bytes_max = 1024 * 1024;
constexpr int format_version = 1;
constexpr std::size_t type_bytes_max = 32;
constexpr std::size_t token_path_bytes_max = 4'095;
constexpr std::uint32_t timeout_ms_max = 600'000;

Error damaged(const std::string& file, const std::string& why) {
    return {ErrorCode::corrupt_data, "The list of nodes cannot be read.", file + ": " + why,
            "Correct that file, or remove it and add the nodes again."};
}

bool is_hex32(const std::string& text) {
    return text.empty() || fixed_from_hex<Hash>(text).ok();
}

/// The file may have been written by hand, so every field is judged as if it were typed.
Result<NodeEntry> entry_of(const std::string& name, const Json& fields) {
    const std::int64_t port = integer_in(fields, "port", 0);
    const std::int64_t timeout_ms = integer_in(fields, "timeout_ms", node_timeout_ms_default);
    const std::int64_t retries = integer_in(fields, "retries", 0);
    NodeEntry entry{.name = name,
                    .host = text_in(fields, "host"),
                    .type = text_in(fields, "type", "full"),
                    .token_file = text_in(fields, "token_file"),
                    .public_key = text_in(fields, "public_key"),
                    .genesis = text_in(fields, "genesis"),
                    .added_unix_ms = integer_in(fields, "added_unix_ms", 0)};
    const bool numbers_fit = port > 0 && port <= 65'535 && timeout_ms > 0 &&
                             timeout_ms <= timeout_ms_max && retries >= 0 &&
                             retries <= node_retries_max;
    const bool texts_fit = config::is_peer_name(name) && config::is_host(entry.host) &&
                           entry.type.size() <= type_bytes_max &&
                           entry.token_file.size() <= token_path_bytes_max &&
                           is_hex32(entry.public_key) && is_hex32(entry.genesis);
    if (!numbers_fit || !texts_fit) {
        return Error{ErrorCode::corrupt_data, "", "\"" + name.substr(0, 64) + "\" is not fit.", ""};
    }
    entry.port = static_cast<std::uint16_t>(port);
    entry.timeout_ms = static_cast<std::uint32_t>(timeout_ms);
    entry.retries = static_cast<std::uint32_t>(retries);
    return entry;
}

Json fields_of(const NodeEntry& entry) {
    Json fields{{"host", entry.host}, {"port", entry.port}, {"type", entry.type}};
    const auto put = [&fields](const char* name, const std::string& value) {
        if (!value.empty()) fields[name] = value;
    };
    put("token_file", entry.token_file);
    put("public_key", entry.public_key);
    put("genesis", entry.genesis);
    fields["timeout_ms"] = entry.timeout_ms;
    fields["retries"] = entry.retries;
    fields["added_unix_ms"] = entry.added_unix_ms;
    return fields;
}

Status write_nodes(const std::string& file, NodeList nodes) {
    if (nodes.all.size() > nodes_max) {
        return Error{ErrorCode::limit_reached, "The node was not added.",
                     "At most " + std::to_string(nodes_max) + " are kept.",
                     "Remove one: `aitbc node remove NAME`."};
    }
    std::sort(nodes.all.begin(), nodes.all.end(),
              [](const NodeEntry& a, const NodeEntry& b) { return a.name < b.name; });
    Json listed = Json::object();
    for (const auto& entry : nodes.all) listed[entry.name] = fields_of(entry);
    const Json document{{"version", format_version}, {"nodes", std::move(listed)}};
    return write_file(file, dump_json_pretty(document) + "\n", 0600, true);
}

}  // namespace

const NodeEntry* NodeList::find(std::string_view name) const noexcept {
    const auto found = std::find_if(all.begin(), all.end(),
                                    [name](const NodeEntry& one) { return one.name == name; });
    return found == all.end() ? nullptr : &*found;
}

net::HttpEndpoint endpoint_of(const NodeEntry& entry) {
    return net::HttpEndpoint{.host = entry.host, .port = entry.port};
}

std::string address_of(const NodeEntry& entry) {
    return config::to_text(config::HostPort{.host = entry.host, .port = entry.port});
}

Json to_json(const NodeEntry& entry) {
    const auto or_null = [](const std::string& text) {
        return text.empty() ? Json(nullptr) : Json(text);
    };
    return Json{{"name", entry.name},
                {"type", entry.type},
                {"host", entry.host},
                {"port", entry.port},
                {"token_file", or_null(entry.token_file)},
                {"public_key", or_null(entry.public_key)},
                {"genesis", or_null(entry.genesis)},
                {"timeout_ms", entry.timeout_ms},
                {"retry_count", entry.retries},
                {"added_at", to_rfc3339(entry.added_unix_ms)}};
}

std::string nodes_file(const config::Paths& paths) {
    return paths.config + "/nodes.json";
}

Result<NodeList> read_nodes(const std::string& file) {
    auto text = read_file(file, file_bytes_max);
    if (!text.ok()) {
        if (text.error().code == ErrorCode::not_found) return NodeList{};
        return text.error();
    }
    auto json = parse_json(text.value());
    if (!json.ok()) return damaged(file, json.error().why);
    if (!json.value().is_object()) return damaged(file, "It is not a JSON object.");
    if (json.value().value("version", Json(0)) != Json(format_version)) {
        return damaged(file,
                       "It is of another version than " + std::to_string(format_version) + ".");
    }
    const auto listed = json.value().find("nodes");
    if (listed == json.value().end() || !listed->is_object())
        return damaged(file, "It lists no nodes.");
    if (listed->size() > nodes_max) return damaged(file, "It lists too many nodes.");
    NodeList nodes;
    for (const auto& [name, fields] : listed->items()) {
        if (!fields.is_object()) return damaged(file, "\"" + name + "\" is not an object.");
        auto entry = entry_of(name, fields);
        if (!entry.ok()) return damaged(file, entry.error().why);
        nodes.all.push_back(std::move(entry).value());
    }
    std::sort(nodes.all.begin(), nodes.all.end(),
              [](const NodeEntry& a, const NodeEntry& b) { return a.name < b.name; });
    return nodes;
}

Status update_nodes(const std::string& file, const std::function<Status(NodeList&)>& change) {
    const auto refused = [](const std::string& why) {
        return Error{ErrorCode::storage_failed, "The list of nodes cannot be kept.", why,
                     "Check the folder and its permissions."};
    };
    std::error_code failure;
    std::filesystem::create_directories(std::filesystem::path(file).parent_path(), failure);
    if (failure) return refused(failure.message() + ".");
    // The lock has a file of its own, because the list itself is replaced.
    const net::FileDescriptor lock(
        ::open((file + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock.is_open()) return refused(std::generic_category().message(errno) + ".");
    while (::flock(lock.get(), LOCK_EX) != 0) {
        if (errno != EINTR) return refused(std::generic_category().message(errno) + ".");
    }
    auto nodes = read_nodes(file);
    if (!nodes.ok()) return nodes.error();
    if (auto changed = change(nodes.value()); !changed.ok()) return changed;
    return write_nodes(file, std::move(nodes).value());
}

Error no_such_node(const std::string& name, const NodeList& nodes) {
    std::vector<std::string> known;
    for (const auto& entry : nodes.all) known.push_back(entry.name);
    std::string hint = registry::did_you_mean(name, known);
    if (!hint.empty()) hint += " ";
    return {ErrorCode::not_found, "There is no node \"" + name.substr(0, 64) + "\" here.",
            known.empty() ? "No node has been added." : "",
            hint +
                (known.empty() ? "`aitbc node add --name NAME --host HOST --port PORT` adds one"
                               : "`aitbc node list` shows them") +
                "; HOST:PORT of its REST interface is a name too."};
}

}  // namespace ait::cli
