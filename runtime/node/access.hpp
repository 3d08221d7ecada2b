#pragma once

// Who is asking: the owner of the node's unix socket, the bearer of a token, or a miner's session.

#include <map>
#include <shared_mutex>
#include <string>

#include "actors/binding.hpp"
#include "actors/miner/sessions.hpp"
#include "net/http_types.hpp"

namespace ait::node {

/// Name of the principal behind a miner's session; its account is proven, not just named.
inline constexpr std::string_view session_principal = "miner session";
inline constexpr std::size_t token_bytes_min = 32;  ///< 128 bits, as hexadecimal digits

/// Tokens are kept as hashes; a look-up gives nothing away by its timing.
class Access {
  public:
    /// `own_uid`: the user that the node runs as; that user and root are administrators on the
    /// socket.
    explicit Access(std::uint32_t own_uid) : own_uid_(own_uid) {}
    /// Only the token's hash is kept. Errors: invalid_argument (one that could be guessed).
    Status add_token(std::string_view token, Role role);
    /// Takes the tokens of `other` instead of its own; true when they differ. Any thread.
    bool take_tokens(const Access& other);

    /// The principal of a request about the chain of these sessions: one of another chain is a
    /// stranger. Errors: unauthenticated (a token that is unknown), forbidden
    /// (another user on the socket), invalid_argument (Aitbc-Account that cannot be read).
    [[nodiscard]] Result<Principal> identify(const net::HttpRequest& request,
                                             const miner::Sessions& sessions) const;

  private:
    [[nodiscard]] Result<Principal> by_token(std::string_view token,
                                             const miner::Sessions& sessions) const;

    std::uint32_t own_uid_;
    mutable std::shared_mutex mutex_{};  ///< over tokens_, which a reload replaces
    std::map<Hash, Role> tokens_{};
};

/// Error forbidden or unauthenticated unless the principal's role reaches `needed`.
Status check_role(const Principal& principal, Role needed, bool over_socket);

}  // namespace ait::node
