#pragma once

// Ids as people give them: in full, by a unique prefix, as `@last`, or not at all.

#include "runtime/cli/session.hpp"

namespace ait::cli {

/// Completes every id of `input` that the operation takes. A read without an id takes the last one
/// that this wallet made and says so; a write takes the only candidate. Errors: not_found;
/// ambiguous, which lists the candidates; usage.
Status resolve_ids(Session& session, const Operation& operation, Json& input);

/// True for a kind prefix, a dash and the 26 characters that the chain gives.
bool is_full_id(std::string_view text);

}  // namespace ait::cli
