#include "runtime/supervise/home.hpp"

#include <filesystem>

#include "runtime/base/codec/json.hpp"
#include "runtime/supervise/embedded.hpp"
#include "runtime/wallet/keystore.hpp"

namespace ait::supervise {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t key_file_bytes_max = 256;
constexpr std::size_t genesis_bytes_max = 1024 * 1024;
constexpr std::size_t password_random_bytes = 24;

/// Makes a folder that only its owner enters; one that exists keeps its mode.
Status make_private_folder(const std::string& path) {
    std::error_code failure;
    const bool made = fs::create_directories(path, failure);
    if (!failure && made) fs::permissions(path, fs::perms::owner_all, failure);
    if (!failure) return {};
    return Error{ErrorCode::storage_failed, "The folder " + path + " could not be made.",
                 failure.message(), "Check the permissions of the folders above it."};
}

/// A file in its folder, reached by the rules for private files.
struct PrivateFile {
    wallet::Directory folder;
    std::string name;
};
PrivateFile private_file(const std::string& path, Random& random) {
    const fs::path whole(path);
    return {.folder = wallet::Directory(whole.parent_path(), random),
            .name = whole.filename().string()};
}

Result<crypto::SecretKey> key_of_text(std::string text, const std::string& path) {
    if (text.ends_with('\n')) text.pop_back();
    auto seed = from_hex(text);
    crypto::wipe(text);
    auto key = seed.ok() ? crypto::SecretKey::from_seed(seed.value()) : seed.error();
    if (seed.ok()) crypto::wipe(seed.value());
    if (key.ok()) return key;
    return Error{ErrorCode::corrupt_data, "The node's key cannot be read.",
                 path + " does not hold 64 hexadecimal digits.",
                 "Put back the file from a backup."};
}

/// The template with this validator and this time.
std::string devnet_genesis(const PublicKey& validator, const Clock& clock) {
    auto genesis = Json::parse(devnet_genesis_template(), nullptr, false);
    AIT_ASSERT(!genesis.is_discarded());
    genesis["time"] = to_rfc3339(clock.now_unix_ms());
    genesis["validators"] = Json::array(
        {Json{{"name", "local"}, {"public_key", to_hex(validator.view())}, {"weight", 1}}});
    return dump_json_pretty(genesis) + "\n";
}

/// A genesis that is there must be that of the configured chain.
Status check_genesis(const std::string& text, const config::NodeSection& node) {
    const auto genesis = parse_json(text, genesis_bytes_max);
    const bool names_chain = genesis.ok() && genesis.value().is_object() &&
                             genesis.value().contains("chain") &&
                             genesis.value()["chain"] == node.chain;
    if (names_chain) return {};
    return Error{ErrorCode::conflict, "The genesis does not belong to this node's chain.",
                 node.genesis_file + " is not one of " + node.chain + ".",
                 "Set node.chain and node.genesis_file so that they fit."};
}

}  // namespace

Status make_directories(const config::NodeConfig& config) {
    const auto layout = config::layout_of(config.node.data_dir);
    for (const auto& folder : {config.node.data_dir, layout.logs, layout.run}) {
        if (auto made = make_private_folder(folder); !made.ok()) return made;
    }
    return {};
}

Result<crypto::SecretKey> load_node_key(const std::string& data_dir) {
    const auto path = config::layout_of(data_dir).node_key;
    const auto file = private_file(path, system_random());
    auto text = file.folder.read(file.name, key_file_bytes_max);
    if (!text.ok()) return text.error();
    return key_of_text(std::move(text).value(), path);
}

Result<crypto::SecretKey> ensure_node_key(const std::string& data_dir, Random& random) {
    auto present = load_node_key(data_dir);
    if (present.ok() || present.error().code != ErrorCode::not_found) return present;
    auto key = crypto::SecretKey::generate(random);
    auto seed = key.seed();
    std::string text = to_hex(seed.view()) + "\n";
    const auto file = private_file(config::layout_of(data_dir).node_key, random);
    const auto written = file.folder.write_new(file.name, text);
    crypto::wipe(text);
    if (!written.ok()) return written.error();
    return key;
}

Status ensure_genesis(const config::NodeConfig& config, const PublicKey& validator,
                      const Clock& clock) {
    const auto& node = config.node;
    const auto present = config::read_text_file(node.genesis_file, genesis_bytes_max);
    if (present.ok()) return check_genesis(present.value(), node);
    if (present.error().code != ErrorCode::not_found) return present.error();
    if (node.chain != devnet_chain) {
        return Error{ErrorCode::not_found, "The genesis of " + node.chain + " is not there.",
                     "There is no file " + node.genesis_file + ".",
                     "Put the chain's genesis document there; only " + std::string(devnet_chain) +
                         " makes its own."};
    }
    const auto file = private_file(node.genesis_file, system_random());
    return file.folder.write_new(file.name, devnet_genesis(validator, clock));
}

Result<crypto::Secret> ensure_wallet_password(const config::NodeConfig& config, Random& random) {
    const auto& path = config.wallet.password_file;
    auto present = config::resolve_secret("file:" + path, {});
    if (present.ok() || present.error().code != ErrorCode::not_found) return present;
    auto bytes = random.bytes(password_random_bytes);
    std::string text = to_hex(bytes) + "\n";
    crypto::wipe(bytes);
    const auto file = private_file(path, random);
    const auto written = file.folder.write_new(file.name, text);
    crypto::wipe(text);
    if (!written.ok()) return written.error();
    return config::resolve_secret("file:" + path, {});
}

Result<ReadyWallet> ensure_wallet(const config::NodeConfig& config, Random& random,
                                  const Clock& clock) {
    wallet::WalletStore store(config::layout_of(config.node.data_dir).wallets, random, clock);
    const auto known = store.list();
    if (!known.ok()) return known.error();
    if (known.value().empty()) {
        const auto password = ensure_wallet_password(config, random);
        if (!password.ok()) return password.error();
        const auto created = store.create(default_wallet, password.value());
        if (!created.ok()) return created.error();
        if (auto chosen = store.use(default_wallet); !chosen.ok()) return chosen.error();
        return ReadyWallet{.name = std::string(default_wallet),
                           .address = created.value().facts.address,
                           .made = true};
    }
    // Wallets without an active one happen when a person removed files; the first name is as good
    // as any.
    const auto active = store.active();
    const auto name = active.ok() ? active.value() : known.value().front().name;
    const auto facts = store.find(name);
    if (!facts.ok()) return facts.error();
    return ReadyWallet{.name = name, .address = facts.value().address};
}

}  // namespace ait::supervise
