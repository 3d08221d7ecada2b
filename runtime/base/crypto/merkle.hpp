#pragma once

// Binary Merkle trees over a list of hashes, so that one element can be proved against a root
// without the others. The shape is that of RFC 6962 section 2.1 (an odd last node moves up
// unchanged, so no two lists share a root); the hash is BLAKE2b-256. A leaf is hashed with 0x00
// before it and an inner node with 0x01, so neither can be presented as the other.

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/bytes.hpp"

namespace ait::crypto {

/// The root of the list; of an empty list the hash of no bytes. Pure; any thread.
Hash merkle_root(std::span<const Hash> leaves);

/// The siblings from leaf `index` up to the root. Needs index < leaves.size() (asserted).
std::vector<Hash> merkle_path(std::span<const Hash> leaves, std::uint64_t index);

/// True when `leaf` is element `index` of a list of `count` with this root. A path that is one
/// step too long or too short is refused. Total: any input is allowed.
bool merkle_verify(const Hash& leaf, std::uint64_t index, std::uint64_t count,
                   std::span<const Hash> path, const Hash& root);

}  // namespace ait::crypto
