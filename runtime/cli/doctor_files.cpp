// The part of a health check that looks at files: what was configured, who may read the keys,
// whether there is a wallet and a model.

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "actors/consensus/genesis.hpp"
#include "runtime/cli/context_store.hpp"
#include "runtime/cli/doctor.hpp"

namespace ait::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t genesis_bytes_max = 4U * 1024 * 1024;
constexpr std::size_t files_max = 10'000;

void examine_config(Session& session, Findings& findings) {
    const auto report = config::inspect_config(session.sources());
    if (report.issues.empty()) {
        const auto files = report.config.files_read.size();
        findings.push_back({.check = "config",
                            .what = files == 0 ? "defaults; there is no file yet"
                                               : "without errors, from " + report.config.file +
                                                     (files == 1 ? "" : " and conf.d")});
        return;
    }
    findings.push_back({.status = Health::fail,
                        .check = "config",
                        .what = std::to_string(report.issues.size()) + " errors",
                        .why = config::render(report.issues.front()),
                        .next = "aitbc config validate"});
}

void examine_context(Session& session, Findings& findings) {
    const auto contexts = read_contexts(contexts_file(session.paths()));
    if (!contexts.ok()) {
        findings.push_back({.status = Health::fail,
                            .check = "context",
                            .what = contexts.error().what,
                            .why = contexts.error().why,
                            .next = contexts.error().next});
        return;
    }
    const auto chosen =
        chosen_context(session.options, session.console.environment, contexts.value());
    const bool is_known =
        chosen.name == default_context || contexts.value().find(chosen.name) != nullptr;
    if (is_known) {
        findings.push_back(
            {.check = "context", .what = chosen.name + ", chosen by " + chosen.chosen_by});
        return;
    }
    findings.push_back({.status = Health::fail,
                        .check = "context",
                        .what = "there is no context \"" + chosen.name + "\"",
                        .why = "It is chosen by " + chosen.chosen_by + ".",
                        .next = "aitbc context list; aitbc context use default"});
}

/// One file or folder that nobody but its owner may touch.
struct PrivatePath {
    std::string path;
    bool is_required = false;
};

void examine_mode(const PrivatePath& wanted, Findings& findings, std::size_t& good) {
    struct stat facts{};
    if (::lstat(wanted.path.c_str(), &facts) != 0) {
        if (!wanted.is_required) return;
        findings.push_back({.status = Health::fail,
                            .check = "keys",
                            .what = wanted.path + " is not there",
                            .why = "A node cannot sign without it.",
                            .next = "aitbc up makes a new node; a backup brings the old one back"});
        return;
    }
    const bool is_folder = S_ISDIR(facts.st_mode);
    if ((facts.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        findings.push_back(
            {.status = Health::fail,
             .check = "keys",
             .what = "others may open " + wanted.path,
             .why = "Keys and passwords lie there; the node and the wallet refuse it.",
             .next = std::string("chmod ") + (is_folder ? "700 " : "600 ") + wanted.path});
        return;
    }
    if (facts.st_uid != ::geteuid() && ::geteuid() != 0) {
        findings.push_back(
            {.status = Health::warn,
             .check = "keys",
             .what = wanted.path + " belongs to user " + std::to_string(facts.st_uid),
             .why = "This command runs as user " + std::to_string(::geteuid()) + ".",
             .next = "Run it as the owner of the node."});
        return;
    }
    ++good;
}

void examine_keys(const config::NodeConfig& config, const config::Paths& paths,
                  Findings& findings) {
    const auto layout = config::layout_of(config.node.data_dir);
    std::vector<PrivatePath> wanted{{config.node.data_dir},
                                    {layout.node_key, true},
                                    {config.node.data_dir + "/api.token"},
                                    {layout.wallets},
                                    {config.wallet.password_file},
                                    {contexts_file(paths)}};
    std::error_code failure;
    for (fs::directory_iterator entry(layout.wallets, failure), end; !failure && entry != end;
         entry.increment(failure)) {
        if (wanted.size() < files_max) wanted.push_back({entry->path().string()});
    }
    for (const auto& [role, reference] : config.gateway.tokens) {
        if (reference.starts_with("file:")) wanted.push_back({reference.substr(5), true});
    }
    const std::size_t before = findings.size();
    std::size_t good = 0;
    for (const auto& each : wanted) examine_mode(each, findings, good);
    if (findings.size() == before)
        findings.push_back(
            {.check = "keys",
             .what = std::to_string(good) + " private files are their owner's alone"});
}

void examine_genesis(const config::NodeConfig& config, Findings& findings) {
    auto text = read_file(config.node.genesis_file, genesis_bytes_max);
    const auto genesis = text.ok() ? consensus::parse_genesis(text.value())
                                   : Result<consensus::Genesis>(text.error());
    if (!genesis.ok()) {
        findings.push_back(
            {.status = Health::fail,
             .check = "genesis",
             .what = genesis.error().what,
             .why = genesis.error().why,
             .next = "Put the chain's genesis document to " + config.node.genesis_file});
        return;
    }
    const bool fits = genesis.value().chain == config.node.chain;
    findings.push_back(
        {.status = fits ? Health::ok : Health::fail,
         .check = "genesis",
         .what = "of the chain " + genesis.value().chain,
         .why = fits ? "" : "node.chain is " + config.node.chain + ".",
         .next = fits ? "" : "Set node.chain and node.genesis_file so that they fit."});
}

void examine_wallet(Session& session, const config::NodeConfig& config, Findings& findings) {
    auto wallet = session.wallet();
    if (!wallet.ok()) {
        const bool none = wallet.error().code == ErrorCode::not_found;
        findings.push_back({.status = none ? Health::warn : Health::fail,
                            .check = "wallet",
                            .what = wallet.error().what,
                            .why = wallet.error().why,
                            .next = wallet.error().next});
        return;
    }
    if (wallet.value().problem) {
        findings.push_back({.status = Health::fail,
                            .check = "wallet",
                            .what = wallet.value().problem->what,
                            .why = wallet.value().problem->why,
                            .next = wallet.value().problem->next});
        return;
    }
    const bool has_password =
        !session.options.password_file.empty() || fs::exists(config.wallet.password_file) ||
        !config::find_variable(session.console.environment, "AITBC_WALLET_PASSWORD").empty();
    findings.push_back(
        {.check = "wallet",
         .what = wallet.value().name + (has_password ? ", unlocked by a file or variable"
                                                     : ", its password is asked for when needed")});
}

bool is_gguf(const fs::path& path) {
    std::array<char, 4> magic{};
    std::ifstream file(path, std::ios::binary);
    return file.read(magic.data(), magic.size()) &&
           std::string_view(magic.data(), magic.size()) == "GGUF";
}

fs::path file_in(const fs::path& folder, std::string_view model) {
    std::error_code failure;
    std::size_t seen = 0;
    for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end;
         entry.increment(failure)) {
        if (++seen > files_max) break;
        if (is_file_of_model(entry->path().filename().string(), model)) return entry->path();
    }
    return {};
}

/// The model cache of the account, where the miner looks too, whatever HOME says.
fs::path account_models() {
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) != 0) return {};
    if (found == nullptr || found->pw_dir == nullptr) return {};
    return fs::path(found->pw_dir) / ".cache" / "aitbc" / "models";
}

void examine_model(const config::NodeConfig& config, Findings& findings) {
    if (!config.miner.enabled) {
        findings.push_back({.status = Health::skip,
                            .check = "model",
                            .what = "miner.enabled is false: no model is needed here"});
        return;
    }
    std::string model = config.miner.model;
    if (const auto alias = config.models.aliases.find(model); alias != config.models.aliases.end())
        model = alias->second;
    if (model.starts_with("synthetic://")) {
        findings.push_back(
            {.check = "model", .what = "synthetic weights: answers are noise, for trials only"});
        return;
    }
    fs::path file = model.find('/') != std::string::npos ? fs::path(model)
                                                         : file_in(config.miner.models_dir, model);
    if (file.empty()) file = file_in(account_models(), model);
    std::error_code failure;
    if (file.empty() || !fs::is_regular_file(file, failure)) {
        findings.push_back({.status = Health::fail,
                            .check = "model",
                            .what = "the weights of " + model + " are not there",
                            .why = "No .gguf file of that name in " + config.miner.models_dir + ".",
                            .next = "Fetch them with scripts/setup, put a .gguf file there, or set "
                                    "miner.model."});
        return;
    }
    const bool good = is_gguf(file);
    findings.push_back(
        {.status = good ? Health::ok : Health::fail,
         .check = "model",
         .what = file.filename().string() + (good ? "" : " is not a GGUF file, or cut off"),
         .why = good ? "" : "It does not begin with the mark of that format.",
         .next = good ? "" : "Fetch it again."});
}

}  // namespace

void examine_files(Session& session, Findings& findings) {
    examine_config(session, findings);
    examine_context(session, findings);
    auto loaded = session.configuration();
    if (!loaded.ok()) return;  // said by the check of the configuration
    const auto& config = loaded.value()->values;
    if (session.is_local()) {
        std::error_code failure;
        if (!fs::is_directory(config.node.data_dir, failure)) {
            findings.push_back({.status = Health::warn,
                                .check = "data",
                                .what = "there is no data directory " + config.node.data_dir,
                                .why = "No node has been started here.",
                                .next = "aitbc up"});
            return;
        }
        examine_keys(config, session.paths(), findings);
        examine_genesis(config, findings);
        examine_model(config, findings);
    }
    examine_wallet(session, config, findings);
}

}  // namespace ait::cli
