#include "tests/simulation/epochs_node.hpp"

#include <algorithm>

namespace ait::simulation {

Members members_after(Members members, std::uint64_t operations, std::uint32_t nodes) {
    for (std::uint32_t bit = 0; bit < epoch_operations_max; ++bit) {
        if ((operations >> bit & 1U) == 0 || bit % 3 != 1) continue;
        const std::uint32_t who = bit * 7 % nodes;
        const auto at = std::find(members.begin(), members.end(), who);
        if (at == members.end())
            members.push_back(who);
        else if (members.size() > 2)
            members.erase(at);
    }
    return members;
}

simplex::Peer number_of(const EpochsNode& at, std::uint32_t node) {
    const Members& members = at.sets.at(at.config.epoch);
    const auto found = std::find(members.begin(), members.end(), node);
    return found == members.end() ? static_cast<simplex::Peer>(members.size() + node)
                                  : static_cast<simplex::Peer>(found - members.begin());
}

std::uint32_t node_of(const EpochsNode& at, simplex::Peer peer) {
    const Members& members = at.sets.at(at.config.epoch);
    return peer < members.size() ? members[peer]
                                 : peer - static_cast<std::uint32_t>(members.size());
}

}  // namespace ait::simulation
