#include "runtime/node/metrics_text.hpp"

#include <gtest/gtest.h>

namespace ait::node {
namespace {

std::size_t count_of(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
    return count;
}

// Breaks if a dashboard of a node with one chain loses its lines, or the figures of two chains
// cannot be told apart.
TEST(MetricsText, the_default_chain_has_the_plain_names_and_others_a_label) {
    consensus::ChainFigures first, second;
    first.height = 7;
    second.height = 9;
    std::vector<ChainMetrics> chains;
    chains.push_back({.chain = "ait-devnet", .is_default = true, .figures = first});
    chains.push_back({.chain = "ait-health",
                      .is_default = false,
                      .figures = second,
                      .replication = consensus::ReplicationState{.quorum_weight = 2}});
    const GatewayFigures gateway;
    const auto text = metrics_text({.chains = chains, .gateway = gateway});
    EXPECT_NE(text.find("\naitbc_chain_height 7\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\naitbc_chain_height{chain=\"ait-health\"} 9\n"), std::string::npos);
    EXPECT_EQ(count_of(text, "# TYPE aitbc_chain_height "), 1U);
    EXPECT_NE(text.find("\naitbc_consensus_quorum_weight{chain=\"ait-health\"} 2\n"),
              std::string::npos);
    EXPECT_EQ(count_of(text, "\naitbc_consensus_quorum_weight "), 0U);
    EXPECT_NE(
        text.find("aitbc_consensus_refused_total{reason=\"duplicate\",chain=\"ait-health\"} 0\n"),
        std::string::npos);
    EXPECT_NE(text.find("\naitbc_node_chains_hosted 2\n"), std::string::npos);
    EXPECT_EQ(count_of(text, "chain=\"ait-devnet\""), 0U);
}

}  // namespace
}  // namespace ait::node
