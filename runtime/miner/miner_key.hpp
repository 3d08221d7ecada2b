#pragma once

// Where a miner's key comes from: a file of its own, or a pipe from whoever unlocked a wallet.

#include <string>

#include "runtime/base/clock.hpp"
#include "runtime/base/crypto/keys.hpp"

namespace ait::miner_process {

/// The key in a file of 64 hexadecimal digits, mode 0600; made if the file is not there. Errors:
/// forbidden (others may read it), malformed, unavailable.
Result<crypto::SecretKey> load_or_make_key(const std::string& path, Random& random);

/// Reads 64 hexadecimal digits from a descriptor up to its end, and closes it. Errors: malformed,
/// unavailable.
Result<crypto::SecretKey> read_key(int descriptor);

}  // namespace ait::miner_process
