#include "runtime/node/peer_directory.hpp"

#include <gtest/gtest.h>

namespace ait::node {
namespace {

// Breaks if a link that is down shows figures of its better days, or no reason.
TEST(PeerDirectoryView, a_link_tells_its_figures_while_it_is_up_and_why_when_not) {
    net::PeerLinkFigures link{.name = "node-2",
                              .role = net::PeerRole::validator,
                              .host = "fd00::2",
                              .port = 7'800,
                              .is_up = true,
                              .connected_since_ms = 1'000,
                              .rtt_us = 850,
                              .skew_us = -20};
    const auto up = view_of_link(link);
    EXPECT_TRUE(up.is_connected);
    EXPECT_EQ(up.address, "[fd00::2]:7800");
    EXPECT_EQ(up.role, "validator");
    EXPECT_EQ(up.rtt_us, std::optional<std::int64_t>(850));
    EXPECT_EQ(up.clock_skew_us, std::optional<std::int64_t>(-20));
    EXPECT_EQ(up.why, "");

    link.is_up = false;
    link.last_end = net::PeerEnd::another_cluster;
    link.last_end_detail = "ours is 12";
    const auto down = view_of_link(link);
    EXPECT_FALSE(down.rtt_us.has_value());
    EXPECT_EQ(down.connected_since.ms, 0);
    EXPECT_NE(down.why.find("ours is 12"), std::string::npos);
    link.last_end = net::PeerEnd::none;
    EXPECT_FALSE(view_of_link(link).why.empty());

    link.rtt_us = -1;  // not measured yet
    link.is_up = true;
    EXPECT_FALSE(view_of_link(link).rtt_us.has_value());
}

}  // namespace
}  // namespace ait::node
