#include "runtime/registry/tables.hpp"

#include <array>

#include "actors/coordinator/operations.hpp"
#include "actors/ledger/membership_operations.hpp"
#include "actors/ledger/operations.hpp"
#include "actors/miner/operations.hpp"
#include "actors/node/operations.hpp"
#include "runtime/registry/client_operations.hpp"
#include "runtime/registry/node_operations.hpp"

namespace ait::registry {

std::span<const std::span<const Operation>> tables() {
    static constexpr std::array<std::span<const Operation>, 7> all{
        coordinator::operations,      miner::operations,
        ledger::operations,           node::operations,
        node::cluster_operations,     client::operations,
        ledger::membership_operations};
    return all;
}

}  // namespace ait::registry
