#include "runtime/node/chain_manifest.hpp"

#include <algorithm>
#include <filesystem>

#include "runtime/config/paths.hpp"
#include "runtime/config/peers.hpp"
#include "storage/data_directory.hpp"
#include "storage/file_system.hpp"

namespace ait::node {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t file_bytes_max = 1024 * 1024;
constexpr std::uint64_t manifest_version = 1;
constexpr ::mode_t file_mode = 0600;

Error cannot_make(const std::string& folder, const std::error_code& cause) {
    return {ErrorCode::storage_failed, "The folder " + folder + " cannot be made.",
            cause.message() + ".", "Give the node's user the right to write there."};
}

Result<consensus::Genesis> read_genesis(const std::string& path) {
    auto text = storage::read_file(path, file_bytes_max);
    if (!text.ok()) return text.error();
    return consensus::parse_genesis(text.value());
}

Error refuse(std::string why, std::string next) {
    return {ErrorCode::invalid_argument, "The chain cannot be hosted so.", std::move(why),
            std::move(next)};
}

/// A template: whoever makes the chain is its validator, and it begins now.
void complete(Json& document, const PlanFacts& facts) {
    const auto validators = document.find("validators");
    if (validators != document.end() && !(validators->is_array() && validators->empty())) return;
    document["validators"] = Json::array(
        {Json{{"name", facts.name}, {"public_key", to_hex(facts.key.view())}, {"weight", 1}}});
    document["time"] = to_rfc3339(facts.now_unix_ms);
}

Status check_part(const ChainPlan& plan, bool is_new, const PublicKey& key) {
    const auto& genesis = plan.genesis;
    if (!is_chain_name(genesis.chain)) {
        return refuse("Its name \"" + genesis.chain.substr(0, 64) + "\" is not fit for a folder.",
                      "A name has " + std::string(config::peer_name_rule));
    }
    const bool votes = consensus::is_validator(genesis, key);
    if (is_new && !votes) {
        return refuse("This node (" + to_hex(key.view()) + ") is none of its validators.",
                      "Host a chain of others with: aitbc chain join --genesis FILE --listen "
                      "HOST:PORT --peers NAME=KEY@HOST:PORT");
    }
    const bool is_alone = votes && genesis.validators.size() == 1;
    if (!is_alone && plan.peers.nodes.empty()) {
        return refuse("Other nodes keep it, and no peer is given.",
                      "Add --peers NAME=KEY@HOST:PORT of at least one of them.");
    }
    if (!plan.peers.nodes.empty() && plan.manifest.listen.empty()) {
        return refuse("There are peers, but no address for them.",
                      "Add --listen HOST:PORT, a port that no other chain of this node uses.");
    }
    return {};
}

}  // namespace

bool is_chain_name(std::string_view name) noexcept {
    return config::is_peer_name(name);
}

Result<config::PeerSection> peer_section(const ChainManifest& manifest,
                                         const std::string& own_name) {
    config::PeerSection section{.name = own_name};
    if (!manifest.listen.empty()) {
        auto address = config::parse_host_port(manifest.listen);
        if (!address.ok()) return address.error();
        section.listen_host = std::move(address.value().host);
        section.listen_port = address.value().port;
    }
    for (const auto& line : manifest.peers) {
        const auto equals = line.find('=');
        if (equals == std::string::npos) {
            return refuse("The peer \"" + line.substr(0, 200) + "\" has no name.",
                          "Write it as NAME=KEY@HOST:PORT.");
        }
        if (!section.nodes.emplace(line.substr(0, equals), line.substr(equals + 1)).second) {
            return refuse("Two peers are called \"" + line.substr(0, equals).substr(0, 64) + "\".",
                          "Give each its own name.");
        }
    }
    const auto peers = config::peers_of(section);
    if (!peers.ok()) return peers.error();
    return section;
}

Result<ChainPlan> plan_chain(const ChainWish& wish, const PlanFacts& facts) {
    if (!wish.genesis.is_object())
        return refuse("The genesis is no JSON object.", "Give the whole document.");
    Json document = wish.genesis;
    if (wish.is_new) complete(document, facts);
    auto genesis = consensus::parse_genesis(dump_json(document));
    if (!genesis.ok()) return genesis.error();
    ChainPlan plan{.genesis = std::move(genesis).value(),
                   .manifest = {.version = manifest_version,
                                .chain = {},
                                .listen = wish.listen,
                                .peers = wish.peers},
                   .peers = {}};
    plan.manifest.chain = plan.genesis.chain;
    auto section = peer_section(plan.manifest, facts.name);
    if (!section.ok()) return section.error();
    plan.peers = std::move(section).value();
    const Status part = check_part(plan, wish.is_new, facts.key);
    if (!part.ok()) return part.error();
    return plan;
}

Result<std::vector<std::string>> hosted_names(const std::string& data_dir) {
    std::vector<std::string> names;
    const std::string folder = config::layout_of(data_dir).chains;
    std::error_code failure;
    if (!fs::exists(folder, failure) && !failure) return names;
    for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end;
         entry.increment(failure)) {
        const std::string name = entry->path().filename().string();
        std::error_code unreadable;
        if (is_chain_name(name) && fs::exists(entry->path() / "chain.json", unreadable))
            names.push_back(name);
    }
    if (failure) {
        return Error{ErrorCode::storage_failed, "The folder " + folder + " cannot be read.",
                     failure.message() + ".", "Give the node's user the right to read it."};
    }
    std::sort(names.begin(), names.end());
    return names;
}

Result<ChainPlan> read_chain(const std::string& folder, const std::string& own_name) {
    auto text = storage::read_file(folder + "/chain.json", file_bytes_max);
    if (!text.ok()) return text.error();
    auto json = parse_json(text.value(), file_bytes_max);
    if (!json.ok()) return json.error();
    auto manifest = from_json_value<ChainManifest>(json.value());
    if (!manifest.ok()) return manifest.error();
    if (manifest.value().version != manifest_version) {
        return Error{ErrorCode::unsupported, "The chain's manifest is of another release.",
                     folder + "/chain.json has version " +
                         std::to_string(manifest.value().version) + "; this program knows " +
                         std::to_string(manifest_version) + ".",
                     "Start the release that wrote it."};
    }
    auto genesis = read_genesis(folder + "/genesis.json");
    if (!genesis.ok()) return genesis.error();
    const std::string named = fs::path(folder).filename().string();
    if (genesis.value().chain != named || manifest.value().chain != named) {
        return Error{ErrorCode::invalid_argument, "A folder of chains holds another chain.",
                     folder + " has the genesis of " + genesis.value().chain +
                         " and the manifest of " + manifest.value().chain + ".",
                     "Restore the folder from a backup."};
    }
    auto section = peer_section(manifest.value(), own_name);
    if (!section.ok()) return section.error();
    return ChainPlan{.genesis = std::move(genesis).value(),
                     .manifest = std::move(manifest).value(),
                     .peers = std::move(section).value()};
}

Status prepare_chain(const std::string& folder, const ChainPlan& plan, const PrepareFacts& facts) {
    const std::string genesis_file = folder + "/genesis.json";
    const auto present = read_genesis(genesis_file);
    const bool is_same = present.ok() && consensus::genesis_hash(present.value()) ==
                                             consensus::genesis_hash(plan.genesis);
    std::error_code failure;
    if (!is_same && fs::exists(folder, failure)) {
        fs::rename(folder, folder + ".unfinished-" + std::to_string(facts.now_unix_ms), failure);
        if (failure) return cannot_make(folder, failure);
    }
    auto& files = storage::posix_file_system();
    const std::string parent = fs::path(folder).parent_path().string();
    for (const auto& each : {parent, folder}) {
        if (const Status made = files.create_directory(each); !made.ok()) return made;
        const Status kept = files.sync_directory(fs::path(each).parent_path().string());
        if (!kept.ok()) return kept;
    }
    // Whoever has opened the journal of its votes knows them; the note speaks for nobody else.
    const bool has_votes = plan.genesis.validators.size() > 1 || !plan.peers.nodes.empty();
    if (facts.is_new && has_votes &&
        !fs::exists(folder + "/votes-" + plan.genesis.chain, failure)) {
        const Status noted = storage::write_file_durably(folder + "/fresh-key", "", file_mode);
        if (!noted.ok()) return noted;
    }
    if (is_same) return {};
    return storage::write_file_durably(genesis_file, consensus::genesis_to_text(plan.genesis),
                                       file_mode);
}

Status write_manifest(const std::string& folder, const ChainManifest& manifest) {
    return storage::write_file_durably(folder + "/chain.json",
                                       dump_json_pretty(to_json_value(manifest)) + "\n", file_mode);
}

Status withdraw_manifest(const std::string& folder) {
    std::error_code failure;
    fs::rename(folder + "/chain.json", folder + "/left.json", failure);
    if (!failure) return storage::posix_file_system().sync_directory(folder);
    return Error{ErrorCode::storage_failed, "The chain's manifest cannot be put aside.",
                 folder + "/chain.json: " + failure.message() + ".",
                 "Give the node's user the right to write there."};
}

}  // namespace ait::node
