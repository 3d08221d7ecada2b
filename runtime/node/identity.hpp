#pragma once

// What a node is: its key, its chain's genesis, the token of its owner. All are files of the data
// directory; loose modes are refused.

#include <string>

#include "actors/consensus/genesis.hpp"
#include "runtime/base/crypto/keys.hpp"

namespace ait::node {

/// Reads the node's key (64 hexadecimal digits, mode 0600). Errors: not_found, forbidden,
/// malformed.
Result<crypto::SecretKey> load_node_key(const std::string& path);

/// Reads and checks the genesis document. Errors: not_found, malformed, invalid_argument.
Result<consensus::Genesis> load_genesis(const std::string& path, const std::string& chain);

/// The note that whoever makes a node's key leaves beside it: this key never voted. It goes once
/// the key's votes are kept. Error of the second: storage_failed.
bool has_fresh_key_note(const std::string& path);
Status remove_fresh_key_note(const std::string& path);

/// The owner's bearer token for TCP, made at the first start (mode 0600).
Result<std::string> load_or_make_token(const std::string& path, Random& random);

}  // namespace ait::node
