#pragma once

// The wallets of one user: making, restoring, listing and unlocking them. A wallet is one sealed
// file; what its owner may forget stays in the file, what only the owner knows (the password, the
// words on paper) never does.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.hpp"
#include "runtime/base/crypto/keys.hpp"
#include "runtime/base/crypto/secret.hpp"
#include "runtime/base/result.hpp"
#include "runtime/wallet/bip39.hpp"
#include "runtime/wallet/directory.hpp"
#include "runtime/wallet/keystore_file.hpp"
#include "runtime/wallet/sealed.hpp"

namespace ait::wallet {

inline constexpr std::size_t password_bytes_min = 8;  ///< for new wallets; opening takes any
inline constexpr std::size_t password_bytes_max = 1'024;

/// What can be said of a wallet without its password.
struct WalletFacts {
    std::string name{};
    Address address{};
    PublicKey public_key{};
    std::string created_at{};        ///< RFC 3339, UTC
    std::optional<Error> problem{};  ///< set, and all but the name empty: the file cannot be used
};

struct CreatedWallet {
    WalletFacts facts{};
    crypto::Secret mnemonic{};  ///< to be shown once and then forgotten
};

/// Functions block: unlocking and writing take a 64 MiB key derivation, about 0.1 s. Any thread.
/// Names are 1 to 64 of [A-Za-z0-9_-], else invalid_argument. All functions may give forbidden
/// (folder or file open to others; `next` holds the chmod command) and storage_failed.
class WalletStore {
  public:
    /// The folder is made at the first write. `random` and `clock` must outlive the store.
    WalletStore(std::filesystem::path directory, Random& random, const Clock& clock,
                KdfCost cost = {});

    /// A new wallet at account 0 of a new phrase of 24 or 12 words. Errors: already_exists,
    /// invalid_argument (name, password, number of words), unavailable (no memory).
    Result<CreatedWallet> create(std::string_view name, const crypto::Secret& password,
                                 std::uint32_t words = mnemonic_words_default);
    /// The wallet of a phrase. Errors as create, and those of the phrase and the account number.
    Result<WalletFacts> restore(std::string_view name, const crypto::Secret& mnemonic,
                                const crypto::Secret& password, std::uint32_t account = 0);
    /// A wallet of a 32-byte Ed25519 seed from elsewhere. Errors as create; malformed.
    Result<WalletFacts> import_seed(std::string_view name, const crypto::Secret& seed,
                                    const crypto::Secret& password);

    /// Errors: not_found, wrong_password, corrupt_data, conflict for a wallet without a phrase.
    [[nodiscard]] Result<crypto::Secret> export_mnemonic(std::string_view name,
                                                         const crypto::Secret& password) const;
    /// The 32-byte Ed25519 seed of the wallet's key. Errors: not_found, wrong_password,
    /// corrupt_data.
    [[nodiscard]] Result<crypto::Secret> export_seed(std::string_view name,
                                                     const crypto::Secret& password) const;

    /// All wallets by name. A file that cannot be used is listed with its problem.
    [[nodiscard]] Result<std::vector<WalletFacts>> list() const;
    /// Errors: not_found, corrupt_data.
    [[nodiscard]] Result<WalletFacts> find(std::string_view name) const;
    /// Errors: not_found, wrong_password, corrupt_data, unavailable.
    [[nodiscard]] Result<crypto::SecretKey> unlock(std::string_view name,
                                                   const crypto::Secret& password) const;

    /// Needs the password, because the name is sealed with the secret. Keeps the wallet active if
    /// it was. Errors: those of unlock, already_exists.
    Result<WalletFacts> rename(std::string_view from, std::string_view to,
                               const crypto::Secret& password);

    /// The name of the active wallet. Errors: not_found when none is chosen, corrupt_data.
    [[nodiscard]] Result<std::string> active() const;
    /// Makes a wallet the active one. Errors: not_found, corrupt_data.
    Status use(std::string_view name);

  private:
    struct Opened {
        KeystoreFile file{};
        WalletSecret secret{};
    };

    [[nodiscard]] Result<KeystoreFile> load(std::string_view name) const;
    [[nodiscard]] Result<Opened> open(std::string_view name, const crypto::Secret& password) const;
    [[nodiscard]] Status check_unused(std::string_view name) const;
    [[nodiscard]] Status check_new(std::string_view name, const crypto::Secret& password) const;
    Result<WalletFacts> save(std::string_view name, const WalletSecret& secret,
                             const crypto::Secret& password);
    Status store(KeystoreFile& file, const WalletSecret& secret, const crypto::Secret& password);
    [[nodiscard]] Error unknown_wallet(std::string_view name) const;

    Directory directory_;
    Random& random_;
    const Clock& clock_;
    KdfCost cost_;
};

}  // namespace ait::wallet
