#include "runtime/wallet/keystore.hpp"

#include <algorithm>
#include <utility>

#include "runtime/base/assert.hpp"
#include "runtime/base/crypto/hash.hpp"
#include "runtime/wallet/slip10.hpp"

namespace ait::wallet {
namespace {

using crypto::Secret;
using crypto::SecretKey;

constexpr std::string_view suffix = ".json";
const char* const active_file = "active";
constexpr std::size_t active_bytes_max = 256;

std::string file_of(std::string_view name) {
    AIT_ASSERT(is_wallet_name(name));
    return std::string(name).append(suffix);
}

/// At most 64 characters of what somebody typed, without those that could fool a terminal.
std::string shown(std::string_view typed) {
    std::string text;
    for (const char c : typed.substr(0, 64)) text.push_back(c >= 32 && c < 127 ? c : '?');
    return text;
}

Status check_name(std::string_view name) {
    if (is_wallet_name(name)) return {};
    return Error{ErrorCode::invalid_argument, "\"" + shown(name) + "\" is not a wallet name.",
                 "A name has 1 to 64 letters, digits, '-' or '_'.", "Choose another name."};
}

Status check_password_size(const Secret& password, std::size_t bytes_min) {
    if (password.size() >= bytes_min && password.size() <= password_bytes_max) return {};
    return Error{ErrorCode::invalid_argument, "The password cannot be used.",
                 "It has " + std::to_string(password.size()) + " bytes; " +
                     std::to_string(bytes_min) + " to 1024 are allowed.",
                 "Choose another password."};
}

WalletFacts facts_of(const KeystoreFile& file) {
    return {.name = file.name,
            .address = file.address,
            .public_key = file.public_key,
            .created_at = file.created_at,
            .problem = std::nullopt};
}

Result<SecretKey> key_of(const WalletSecret& secret) {
    if (secret.kind == WalletSecret::Kind::seed) return SecretKey::from_seed(secret.bytes.view());
    const auto mnemonic = mnemonic_from_entropy(secret.bytes.view());
    if (!mnemonic.ok()) return mnemonic.error();
    const auto seed = seed_from_mnemonic(mnemonic.value().view(), {});
    if (!seed.ok()) return seed.error();
    return account_key(seed.value().view(), secret.account);
}

Error mismatch(std::string_view name, const char* why) {
    return Error{ErrorCode::corrupt_data,
                 "The wallet file \"" + std::string(name) + ".json\" is not usable.", why,
                 "Restore the wallet from its seed phrase, or the file from a backup."};
}

}  // namespace

WalletStore::WalletStore(std::filesystem::path directory, Random& random, const Clock& clock,
                         KdfCost cost)
    : directory_(std::move(directory), random), random_(random), clock_(clock), cost_(cost) {
    AIT_ASSERT(cost.memory_kib >= kdf_cost_min.memory_kib);
    AIT_ASSERT(cost.memory_kib <= kdf_cost_max.memory_kib);
    AIT_ASSERT(cost.passes >= kdf_cost_min.passes);
    AIT_ASSERT(cost.passes <= kdf_cost_max.passes);
}

Result<CreatedWallet> WalletStore::create(std::string_view name, const Secret& password,
                                          std::uint32_t words) {
    const Status allowed = check_new(name, password);
    if (!allowed.ok()) return allowed.error();
    auto mnemonic = generate_mnemonic(random_, words);
    if (!mnemonic.ok()) return mnemonic.error();
    auto facts = restore(name, mnemonic.value(), password, 0);
    if (!facts.ok()) return facts.error();
    return CreatedWallet{.facts = std::move(facts).value(),
                         .mnemonic = std::move(mnemonic).value()};
}

Result<WalletFacts> WalletStore::restore(std::string_view name, const Secret& mnemonic,
                                         const Secret& password, std::uint32_t account) {
    const Status allowed = check_new(name, password);
    if (!allowed.ok()) return allowed.error();
    auto entropy = entropy_from_mnemonic(mnemonic.view());
    if (!entropy.ok()) return entropy.error();
    return save(name,
                {.kind = WalletSecret::Kind::mnemonic,
                 .account = account,
                 .bytes = std::move(entropy).value()},
                password);
}

Result<WalletFacts> WalletStore::import_seed(std::string_view name, const Secret& seed,
                                             const Secret& password) {
    const Status allowed = check_new(name, password);
    if (!allowed.ok()) return allowed.error();
    return save(
        name,
        {.kind = WalletSecret::Kind::seed, .account = 0, .bytes = Secret::copy_of(seed.view())},
        password);
}

Result<Secret> WalletStore::export_mnemonic(std::string_view name, const Secret& password) const {
    const auto opened = open(name, password);
    if (!opened.ok()) return opened.error();
    const WalletSecret& secret = opened.value().secret;
    if (secret.kind == WalletSecret::Kind::seed) {
        return Error{ErrorCode::conflict, "The wallet has no seed phrase.",
                     "It was imported as a single key, which has none.",
                     "Export its seed instead."};
    }
    return mnemonic_from_entropy(secret.bytes.view());
}

Result<Secret> WalletStore::export_seed(std::string_view name, const Secret& password) const {
    const auto key = unlock(name, password);
    if (!key.ok()) return key.error();
    return key.value().seed();
}

Result<std::vector<WalletFacts>> WalletStore::list() const {
    const auto files = directory_.names(suffix);
    if (!files.ok()) return files.error();
    std::vector<WalletFacts> wallets;
    for (const std::string& file : files.value()) {
        const std::string_view name = std::string_view(file).substr(0, file.size() - suffix.size());
        auto facts = find(name);
        if (facts.ok()) {
            wallets.push_back(std::move(facts).value());
        } else {
            WalletFacts unusable;
            unusable.name = shown(name);
            unusable.problem = facts.error();
            wallets.push_back(std::move(unusable));
        }
    }
    return wallets;
}

Result<WalletFacts> WalletStore::find(std::string_view name) const {
    const auto file = load(name);
    if (!file.ok()) return file.error();
    return facts_of(file.value());
}

Result<SecretKey> WalletStore::unlock(std::string_view name, const Secret& password) const {
    const auto opened = open(name, password);
    if (!opened.ok()) return opened.error();
    auto key = key_of(opened.value().secret);
    if (!key.ok()) return key.error();
    if (key.value().public_key() != opened.value().file.public_key) {
        return mismatch(name, "Its key does not belong to its address.");
    }
    return key;
}

Result<WalletFacts> WalletStore::rename(std::string_view from, std::string_view to,
                                        const Secret& password) {
    const Status unused = check_unused(to);
    if (!unused.ok()) return unused.error();
    auto opened = open(from, password);
    if (!opened.ok()) return opened.error();
    KeystoreFile& file = opened.value().file;
    file.name = to;
    const Status stored = store(file, opened.value().secret, password);
    if (!stored.ok()) return stored.error();
    // In this order a crash leaves the wallet under both names, never under none, and the active
    // name always means a file that is there.
    const auto chosen = active();
    if (chosen.ok() && chosen.value() == from) {
        const Status moved = use(to);
        if (!moved.ok()) return moved.error();
    }
    const Status removed = directory_.remove(file_of(from));
    if (!removed.ok()) return removed.error();
    return facts_of(file);
}

Result<std::string> WalletStore::active() const {
    auto bytes = directory_.read(active_file, active_bytes_max);
    if (!bytes.ok() && bytes.error().code == ErrorCode::not_found) {
        return Error{ErrorCode::not_found, "No wallet is active.", "None was chosen yet.",
                     "Choose one: aitbc wallet use NAME"};
    }
    if (!bytes.ok()) return bytes.error();
    std::string name = std::move(bytes).value();
    if (name.ends_with('\n')) name.pop_back();
    if (is_wallet_name(name)) return name;
    return Error{ErrorCode::corrupt_data, "It cannot be read which wallet is active.",
                 (directory_.path() / active_file).string() + " does not hold a wallet name.",
                 "Choose one again: aitbc wallet use NAME"};
}

Status WalletStore::use(std::string_view name) {
    const auto facts = find(name);
    if (!facts.ok()) return facts.error();
    return directory_.replace(active_file, std::string(name) + "\n");
}

Result<KeystoreFile> WalletStore::load(std::string_view name) const {
    const Status allowed = check_name(name);
    if (!allowed.ok()) return allowed.error();
    const auto bytes = directory_.read(file_of(name), keystore_bytes_max);
    if (!bytes.ok() && bytes.error().code == ErrorCode::not_found) return unknown_wallet(name);
    if (!bytes.ok()) return bytes.error();
    auto file = parse_keystore(bytes.value());
    if (!file.ok()) {
        Error error = file.error();
        error.why = file_of(name) + ": " + error.why;
        return error;
    }
    if (file.value().name != name) {
        return mismatch(name, "It holds a wallet of another name; files were renamed or swapped.");
    }
    return file;
}

Result<WalletStore::Opened> WalletStore::open(std::string_view name, const Secret& password) const {
    auto file = load(name);
    if (!file.ok()) return file.error();
    const Status usable = check_password_size(password, 1);
    if (!usable.ok()) return usable.error();
    auto secret = open_sealed(file.value(), password);
    if (!secret.ok()) return secret.error();
    return Opened{std::move(file).value(), std::move(secret).value()};
}

Status WalletStore::check_unused(std::string_view name) const {
    const Status allowed = check_name(name);
    if (!allowed.ok()) return allowed.error();
    const auto names = directory_.names(suffix);
    if (!names.ok()) return names.error();
    if (std::binary_search(names.value().begin(), names.value().end(), file_of(name))) {
        return Error{ErrorCode::already_exists,
                     "There is a wallet \"" + std::string(name) + "\" already.",
                     "A wallet is never overwritten.", "Choose another name."};
    }
    return {};
}

Status WalletStore::check_new(std::string_view name, const Secret& password) const {
    const Status unused = check_unused(name);
    if (!unused.ok()) return unused.error();
    return check_password_size(password, password_bytes_min);
}

Result<WalletFacts> WalletStore::save(std::string_view name, const WalletSecret& secret,
                                      const Secret& password) {
    const auto key = key_of(secret);
    if (!key.ok()) return key.error();
    KeystoreFile file;
    file.name = name;
    file.public_key = key.value().public_key();
    file.address = crypto::address_of(file.public_key);
    file.created_at = to_rfc3339(clock_.now_unix_ms());
    const Status stored = store(file, secret, password);
    if (!stored.ok()) return stored.error();
    return facts_of(file);
}

Status WalletStore::store(KeystoreFile& file, const WalletSecret& secret, const Secret& password) {
    file.cost = cost_;
    const Status sealed = seal(file, secret, password, random_);
    if (!sealed.ok()) return sealed.error();
    const std::string text = render_keystore(file);
    // What is about to be written must be readable: a wallet that cannot be opened again is lost.
    AIT_ASSERT(parse_keystore(text).ok());
    return directory_.write_new(file_of(file.name), text);
}

Error WalletStore::unknown_wallet(std::string_view name) const {
    constexpr std::size_t names_shown_max = 10;
    const auto names = directory_.names(suffix);
    std::string known;
    const std::size_t count = names.ok() ? std::min(names.value().size(), names_shown_max) : 0;
    for (std::size_t i = 0; i < count; ++i) {
        const std::string_view file = names.value()[i];
        known += (i == 0 ? "" : ", ") + shown(file.substr(0, file.size() - suffix.size()));
    }
    return Error{ErrorCode::not_found, "There is no wallet \"" + std::string(name) + "\".",
                 known.empty() ? "There are no wallets yet." : "There are: " + known + ".",
                 "Make it: aitbc wallet create --name " + std::string(name)};
}

}  // namespace ait::wallet
