#include "runtime/base/crypto/merkle.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "runtime/base/crypto/hash.hpp"

namespace ait::crypto {
namespace {

constexpr std::size_t leaves_max = 20;

std::vector<Hash> leaves_of(std::size_t count) {
    std::vector<Hash> leaves;
    for (std::size_t i = 0; i < count; ++i) {
        leaves.push_back(blake2b_256(std::string(1, static_cast<char>(i))));
    }
    return leaves;
}

/// The definition of RFC 6962 section 2.1 word for word, to compare with.
Hash root_by_definition(std::span<const Hash> leaves) {
    if (leaves.empty()) return blake2b_256("");
    if (leaves.size() == 1) {
        return blake2b_256(std::string(1, '\0').append(leaves.front().view()));
    }
    std::size_t split = 1;
    while (split * 2 < leaves.size()) split *= 2;
    std::string node(1, '\1');
    node.append(root_by_definition(leaves.first(split)).view());
    node.append(root_by_definition(leaves.subspan(split)).view());
    return blake2b_256(node);
}

// Breaks if a node of another version computed another root for the same block.
TEST(MerkleRoot, has_fixed_values) {
    EXPECT_EQ(to_hex(merkle_root(leaves_of(1)).view()),
              "3946e42970577c9173a8f4d152fd19978ce2dd8ebe9ae841b0ce809661d3aa0c");
    EXPECT_EQ(to_hex(merkle_root(leaves_of(3)).view()),
              "e13696916a40519dfef0ed54b55992e01bf1993215ba50ac94c75be929ebbeb8");
    EXPECT_EQ(to_hex(merkle_root(leaves_of(11)).view()),
              "3aa7751e7431b1d9a4773af182afd6bfe285aa5a128ca3d589fd5ee42d2c4357");
}

TEST(MerkleRoot, has_the_shape_of_rfc_6962) {
    for (std::size_t count = 0; count <= leaves_max; ++count) {
        EXPECT_EQ(merkle_root(leaves_of(count)), root_by_definition(leaves_of(count))) << count;
    }
}

// Breaks if two lists could share a root, as when an odd last leaf is doubled.
TEST(MerkleRoot, differs_when_the_last_leaf_is_repeated) {
    auto leaves = leaves_of(3);
    const Hash root = merkle_root(leaves);
    leaves.push_back(leaves.back());
    EXPECT_NE(merkle_root(leaves), root);
}

TEST(MerklePath, proves_every_leaf_of_every_small_tree) {
    for (std::size_t count = 1; count <= leaves_max; ++count) {
        const auto leaves = leaves_of(count);
        const Hash root = merkle_root(leaves);
        for (std::size_t i = 0; i < count; ++i) {
            EXPECT_TRUE(merkle_verify(leaves[i], i, count, merkle_path(leaves, i), root));
        }
    }
}

// Breaks if a proof of one position could be shown for another one, or for another tree size.
TEST(MerklePath, proves_nothing_else) {
    for (std::size_t count = 1; count <= leaves_max; ++count) {
        const auto leaves = leaves_of(count);
        const Hash root = merkle_root(leaves);
        for (std::size_t i = 0; i < count; ++i) {
            const auto path = merkle_path(leaves, i);
            for (std::size_t j = 0; j < count; ++j) {
                EXPECT_EQ(merkle_verify(leaves[i], j, count, path, root), i == j);
                EXPECT_EQ(merkle_verify(leaves[j], i, count, path, root), i == j);
            }
            EXPECT_FALSE(merkle_verify(leaves[i], count, count, path, root));
            EXPECT_FALSE(merkle_verify(leaves[i], i, 0, path, root));
        }
    }
}

// Breaks if a byte of a proof did not matter.
TEST(MerklePath, a_path_that_was_changed_or_has_another_length_is_refused) {
    const auto leaves = leaves_of(13);
    const Hash root = merkle_root(leaves);
    for (std::size_t i = 0; i < leaves.size(); ++i) {
        const auto path = merkle_path(leaves, i);
        auto longer = path;
        longer.push_back(root);
        EXPECT_FALSE(merkle_verify(leaves[i], i, leaves.size(), longer, root));
        const auto shorter = std::span(path).first(path.size() - 1);
        EXPECT_FALSE(merkle_verify(leaves[i], i, leaves.size(), shorter, root));
        for (std::size_t step = 0; step < path.size(); ++step) {
            auto changed = path;
            changed[step].bytes[step] ^= 1U;
            EXPECT_FALSE(merkle_verify(leaves[i], i, leaves.size(), changed, root));
        }
    }
}

// Breaks if an inner node could be passed off as a transaction.
TEST(MerklePath, an_inner_node_is_not_a_leaf) {
    const auto leaves = leaves_of(4);
    const Hash root = merkle_root(leaves);
    const auto right = merkle_path(leaves, 0).back();
    const Hash left = root_by_definition(std::span(leaves).first(2));
    EXPECT_FALSE(merkle_verify(left, 0, 2, std::vector{right}, root));
}

TEST(MerklePath, any_size_from_outside_is_answered_at_once) {
    const auto most = std::numeric_limits<std::uint64_t>::max();
    EXPECT_FALSE(merkle_verify(Hash{}, most - 1, most, {}, Hash{}));
    EXPECT_FALSE(merkle_verify(Hash{}, 0, most, std::vector<Hash>(63), Hash{}));
    EXPECT_FALSE(merkle_verify(Hash{}, most, most, std::vector<Hash>(64), Hash{}));
}

}  // namespace
}  // namespace ait::crypto
