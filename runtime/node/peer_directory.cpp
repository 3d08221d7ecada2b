#include "runtime/node/peer_directory.hpp"

#include <algorithm>

#include "runtime/config/peers.hpp"

namespace ait::node {
namespace {

std::string why_down(const net::PeerLinkFigures& link) {
    if (link.is_up) return {};
    if (link.last_end == net::PeerEnd::none) return "no link has come about yet";
    std::string why(net::peer_end_meaning(link.last_end));
    if (!link.last_end_detail.empty()) why += " (" + link.last_end_detail + ")";
    return why;
}

}  // namespace

PeerView view_of_link(const net::PeerLinkFigures& link) {
    PeerView view{.name = link.name,
                  .public_key = link.key,
                  .role = std::string(name_of(link.role)),
                  .is_connected = link.is_up,
                  .why = why_down(link)};
    if (!link.host.empty())
        view.address = config::to_text(config::HostPort{.host = link.host, .port = link.port});
    if (!link.is_up) return view;
    view.connected_since = UnixMs{link.connected_since_ms};
    if (link.rtt_us < 0) return view;
    view.rtt_us = link.rtt_us;
    view.clock_skew_us = link.skew_us;
    return view;
}

std::vector<PeerView> LinkedPeers::peers() const {
    std::vector<PeerView> views;
    const auto heights = heights_();
    for (const auto& link : network_.figures().links) {
        auto view = view_of_link(link);
        const auto told = heights.find(view.public_key);
        if (told != heights.end()) view.height = told->second;
        views.push_back(std::move(view));
    }
    std::sort(views.begin(), views.end(),
              [](const PeerView& a, const PeerView& b) { return a.name < b.name; });
    return views;
}

}  // namespace ait::node
