#include "runtime/base/crypto/merkle.hpp"

#include "runtime/base/assert.hpp"
#include "runtime/base/crypto/hash.hpp"

namespace ait::crypto {
namespace {

constexpr std::string_view leaf_tag("\x00", 1);
constexpr std::string_view node_tag("\x01", 1);

Hash leaf_hash(const Hash& leaf) {
    return Hasher().update(leaf_tag).update(leaf.view()).finish();
}

Hash node_hash(const Hash& left, const Hash& right) {
    return Hasher().update(node_tag).update(left.view()).update(right.view()).finish();
}

std::vector<Hash> leaf_level(std::span<const Hash> leaves) {
    std::vector<Hash> level;
    level.reserve(leaves.size());
    for (const Hash& leaf : leaves) level.push_back(leaf_hash(leaf));
    return level;
}

/// Replaces a level by the one above it. Pairing from the left and moving an odd last node up
/// builds exactly the tree that RFC 6962 defines by splitting at the largest power of two.
void climb(std::vector<Hash>& level) {
    const std::size_t pairs = level.size() / 2;
    for (std::size_t i = 0; i < pairs; ++i) level[i] = node_hash(level[2 * i], level[2 * i + 1]);
    if (level.size() % 2 != 0) level[pairs] = level.back();
    level.resize((level.size() + 1) / 2);
}

}  // namespace

Hash merkle_root(std::span<const Hash> leaves) {
    if (leaves.empty()) return blake2b_256({});
    std::vector<Hash> level = leaf_level(leaves);
    while (level.size() > 1) climb(level);
    return level.front();
}

std::vector<Hash> merkle_path(std::span<const Hash> leaves, std::uint64_t index) {
    AIT_ASSERT(index < leaves.size());
    std::vector<Hash> path;
    std::vector<Hash> level = leaf_level(leaves);
    for (std::size_t i = index; level.size() > 1; i /= 2) {
        const std::size_t sibling = i ^ 1U;
        if (sibling < level.size()) path.push_back(level[sibling]);
        climb(level);
    }
    return path;
}

bool merkle_verify(const Hash& leaf, std::uint64_t index, std::uint64_t count,
                   std::span<const Hash> path, const Hash& root) {
    if (index >= count) return false;
    Hash hash = leaf_hash(leaf);
    std::size_t used = 0;
    std::uint64_t last = count - 1;  // index of the last node on this level
    for (std::uint64_t i = index; last > 0; i /= 2, last /= 2) {
        const bool is_left = i % 2 == 0;
        if (is_left && i == last) continue;  // an odd last node has no sibling
        if (used == path.size()) return false;
        const Hash& sibling = path[used];
        ++used;
        hash = is_left ? node_hash(hash, sibling) : node_hash(sibling, hash);
    }
    return used == path.size() && hash == root;
}

}  // namespace ait::crypto
