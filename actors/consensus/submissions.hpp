#pragma once

// What the shells of a chain do alike with an operation: check what came along with it, try it on a
// builder, answer one that was done before.

#include "actors/consensus/execution.hpp"
#include "actors/consensus/messages.hpp"
#include "actors/consensus/reader.hpp"

namespace ait::consensus {

Error pool_is_full();
Error node_is_stopping();

/// The sidecars that an operation names must come along, or the chain has them: in its store, or
/// where `is_elsewhere` says. Error: invalid_argument, too_large.
Status check_blobs(const Submission& submission, const ChainReader& reader,
                   const std::function<bool(const Hash&)>& is_elsewhere = {});

/// Those that it names and only stores hold. A block brings them along: a member that began from a
/// snapshot may lack old ones.
std::vector<Sidecar> stored_blobs(const Submission& submission, const ChainReader& reader,
                                  const std::function<bool(const Hash&)>& is_elsewhere);

/// Adds it to a block; fills in what is known of its answer so far.
Admission admit(BlockBuilder& builder, const Submission& submission, Applied& applied);

/// The idempotency key is known: the outcome that the chain holds.
Result<Applied> repeated(const Submission& submission, const Hash& operation,
                         const ChainReader& reader);

/// Its deadline passed while it waited.
[[nodiscard]] bool is_late(const Submission& submission, std::int64_t now_unix_ms);

}  // namespace ait::consensus
