#pragma once

// Where the password of a wallet comes from, in this order: --password-file, --password-stdin,
// AITBC_WALLET_PASSWORD, the configured file, a question on the terminal. Never from an argument.

#include <string>
#include <string_view>

#include "runtime/base/crypto/secret.hpp"
#include "runtime/base/result.hpp"

namespace ait::cli {

class Session;

/// For opening a wallet. Error: wrong_password family is the caller's; unavailable when there is no
/// source and nobody to ask.
Result<crypto::Secret> find_password(Session& session, std::string_view wallet);

/// For a new wallet. Asks twice; off a terminal, where nothing is configured, it makes the
/// configured file with a random password and says so.
Result<crypto::Secret> new_password(Session& session, std::string_view wallet);

/// The configured file's password; the file is made (mode 0600, random content) where it is absent.
Result<crypto::Secret> password_from_made_file(Session& session);

/// Reads a password file. Errors: not_found; forbidden when others may read it.
Result<crypto::Secret> read_password_file(const std::string& path);

}  // namespace ait::cli
