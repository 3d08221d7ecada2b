#pragma once

// Who is asking: the owner of the node's unix socket, the bearer of a token, or a miner's session.

#include <map>
#include <string>

#include "actors/binding.hpp"
#include "actors/miner/sessions.hpp"
#include "net/http_types.hpp"

namespace ait::node {

/// Tokens are kept as hashes; a look-up gives nothing away by its timing.
class Access {
  public:
    /// `own_uid`: the user that the node runs as; that user and root are administrators on the
    /// socket.
    Access(std::uint32_t own_uid, const miner::Sessions& sessions)
        : own_uid_(own_uid), sessions_(sessions) {}
    void add_token(std::string_view token, Role role);

    /// The principal of a request. Errors: unauthenticated (a token that is unknown), forbidden
    /// (another user on the socket), invalid_argument (Aitbc-Account that cannot be read).
    [[nodiscard]] Result<Principal> identify(const net::HttpRequest& request) const;

  private:
    [[nodiscard]] Result<Principal> by_token(std::string_view token) const;

    std::uint32_t own_uid_;
    const miner::Sessions& sessions_;
    std::map<Hash, Role> tokens_{};
};

/// Error forbidden or unauthenticated unless the principal's role reaches `needed`.
Status check_role(const Principal& principal, Role needed, bool over_socket);

}  // namespace ait::node
