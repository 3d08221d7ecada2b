#pragma once

// What a node needs on disk before its first start: folders, its key, the genesis of a development
// chain, and for the person a wallet and its password. What is there already stays as it is.

#include <string>

#include "runtime/base/crypto/keys.hpp"
#include "runtime/base/crypto/secret.hpp"
#include "runtime/base/result.hpp"
#include "runtime/config/config.hpp"

namespace ait::supervise {

inline constexpr std::string_view devnet_chain = "ait-devnet";
inline constexpr std::string_view default_wallet = "default";

/// The data directory with its folders, mode 0700. Errors: forbidden (others may enter it),
/// storage_failed.
Status make_directories(const config::NodeConfig& config);

/// The node's key, in <data_dir>/node.key. Errors: not_found, corrupt_data, forbidden.
Result<crypto::SecretKey> load_node_key(const std::string& data_dir);
/// The same; makes one where there is none.
Result<crypto::SecretKey> ensure_node_key(const std::string& data_dir, Random& random);

/// Writes the genesis of ait-devnet with this validator, where node.genesis_file is not there yet.
/// Errors: not_found for another chain, whose genesis nobody can invent; storage_failed.
Status ensure_genesis(const config::NodeConfig& config, const PublicKey& validator,
                      const Clock& clock);

/// The password of wallet.password_file; makes a random one where there is none. Errors: forbidden,
/// storage_failed.
Result<crypto::Secret> ensure_wallet_password(const config::NodeConfig& config, Random& random);

struct ReadyWallet {
    std::string name{};
    Address address{};
    bool made = false;
};
/// The active wallet; makes `default` where there is none at all and says so.
Result<ReadyWallet> ensure_wallet(const config::NodeConfig& config, Random& random,
                                  const Clock& clock);

}  // namespace ait::supervise
