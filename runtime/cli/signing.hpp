#pragma once

// Commands that an account signs itself: the transaction is built and signed here, the node only
// carries it. A nonce that another transaction took first is fetched again, a few times.

#include <string>
#include <vector>

#include "runtime/cli/session.hpp"

namespace ait::cli {

struct SignedCommand {
    const Operation* operation = nullptr;
    Json fields{};                     ///< of the transaction's struct
    std::vector<std::string> blobs{};  ///< sidecars
};

/// Answers with the rule's answer and where it was included. Errors: those of the wallet, the node
/// and the rule; nonce_mismatch when the account is used by many at once.
Result<Json> send_signed(Session& session, const SignedCommand& command);

/// The body as it is posted: {"transaction": base64, "blobs": [...]}. Errors: invalid_argument.
struct SigningFacts {
    std::string chain{};
    Hash genesis{};
    std::uint64_t height = 0;
    std::uint64_t nonce = 0;
    std::string idempotency_key{};
};
Result<Json> sign_command(const SignedCommand& command, const SigningFacts& facts,
                          const crypto::SecretKey& key);

}  // namespace ait::cli
