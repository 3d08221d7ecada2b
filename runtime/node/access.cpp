#include "runtime/node/access.hpp"

#include <algorithm>

#include "runtime/base/crypto/bech32m.hpp"
#include "runtime/base/crypto/hash.hpp"

namespace ait::node {
namespace {

constexpr std::string_view bearer = "Bearer ";
constexpr std::size_t token_bytes_max = 512;

std::string_view role_name(Role role) {
    switch (role) {
        case Role::anyone:
            return "anyone";
        case Role::viewer:
            return "viewer";
        case Role::member:
            return "member";
        case Role::operator_:
            return "operator";
        case Role::admin:
            return "admin";
    }
    return "unknown";
}

}  // namespace

Status Access::add_token(std::string_view token, Role role) {
    if (token.size() < token_bytes_min) {
        return Error{ErrorCode::invalid_argument,
                     "The token of the role " + std::string(role_name(role)) + " is too short.",
                     "It has " + std::to_string(token.size()) + " characters; at least " +
                         std::to_string(token_bytes_min) + " are needed.",
                     "Make one: openssl rand -hex 32"};
    }
    const std::scoped_lock lock(mutex_);
    // The stronger role stays where one token was given for two.
    Role& kept = tokens_.try_emplace(crypto::blake2b_256(token), role).first->second;
    kept = std::max(kept, role);
    return {};
}

bool Access::take_tokens(const Access& other) {
    const std::scoped_lock lock(mutex_, other.mutex_);
    const bool differs = tokens_ != other.tokens_;
    tokens_ = other.tokens_;
    return differs;
}

Result<Principal> Access::by_token(std::string_view token, const miner::Sessions& sessions) const {
    {
        const std::shared_lock lock(mutex_);
        const auto found = tokens_.find(crypto::blake2b_256(token));
        if (found != tokens_.end())
            return Principal{.role = found->second, .account = {}, .name = "token"};
    }
    if (const auto miner = sessions.find(token)) {
        return Principal{
            .role = Role::member, .account = *miner, .name = std::string(session_principal)};
    }
    return Error{ErrorCode::unauthenticated, "The token is not valid.",
                 "It is unknown to this node, or expired.",
                 "Give the token of the node's api.token file, or open a new session."};
}

Result<Principal> Access::identify(const net::HttpRequest& request,
                                   const miner::Sessions& sessions) const {
    Principal principal;
    if (const auto* header = request.find_header("authorization")) {
        if (!header->starts_with(bearer) || header->size() > token_bytes_max) {
            return Error{ErrorCode::unauthenticated, "The Authorization header cannot be read.", "",
                         "Send: Authorization: Bearer TOKEN"};
        }
        auto known = by_token(std::string_view(*header).substr(bearer.size()), sessions);
        if (!known.ok()) return known.error();
        principal = std::move(known).value();
    } else if (request.local_socket) {
        if (request.peer_uid != own_uid_ && request.peer_uid != 0) {
            return Error{ErrorCode::forbidden, "This unix socket belongs to another user.",
                         "User " + std::to_string(request.peer_uid) + " is not " +
                             std::to_string(own_uid_) + ".",
                         "Use TCP with a token."};
        }
        principal = Principal{.role = Role::admin, .account = {}, .name = "owner"};
    }
    if (const auto* account = request.find_header("aitbc-account");
        account != nullptr && principal.account.is_zero()) {
        auto address = crypto::parse_address(*account);
        if (!address.ok()) return address.error();
        principal.account = address.value();
    }
    return principal;
}

Status check_role(const Principal& principal, Role needed, bool over_socket) {
    if (principal.role >= needed) return {};
    if (principal.role == Role::anyone && !over_socket) {
        return Error{
            ErrorCode::unauthenticated, "This needs a token.",
            "The role " + std::string(role_name(needed)) + " is needed.",
            "Send Authorization: Bearer TOKEN; the owner's is in the node's api.token file."};
    }
    return Error{ErrorCode::forbidden, "The token's role does not allow this.",
                 "It is " + std::string(role_name(principal.role)) + "; " +
                     std::string(role_name(needed)) + " is needed.",
                 "Ask the node's owner for a token with that role."};
}

}  // namespace ait::node
