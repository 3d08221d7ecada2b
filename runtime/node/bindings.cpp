#include "runtime/node/bindings.hpp"

#include <algorithm>
#include <set>

#include "actors/coordinator/actor.hpp"
#include "actors/coordinator/operations.hpp"
#include "actors/ledger/operations.hpp"
#include "actors/miner/actor.hpp"
#include "actors/miner/operations.hpp"
#include "runtime/node/handlers.hpp"
#include "runtime/node/membership.hpp"
#include "runtime/registry/registry.hpp"

namespace ait::node {
namespace {

std::vector<Binding> handlers_of_all_domains() {
    std::vector<Binding> all;
    for (const auto part :
         {ledger::bindings(), coordinator::bindings(), coordinator::edge_bindings(),
          miner::bindings(), miner::edge_bindings(), node_bindings(), membership_bindings()}) {
        all.insert(all.end(), part.begin(), part.end());
    }
    return all;
}

}  // namespace

Result<std::vector<Binding>> all_bindings() {
    std::vector<Binding> all = handlers_of_all_domains();
    std::set<std::string_view> bound;
    for (const auto& binding : all) {
        const bool is_first = bound.insert(binding.name).second;
        if (is_first && registry::find_operation(binding.name) != nullptr) continue;
        return Error{ErrorCode::internal,
                     "Operation " + std::string(binding.name) + " is bound twice or has no row.",
                     "", ""};
    }
    for (const Operation* operation : registry::all_operations()) {
        if (operation->kind == OperationKind::client || bound.contains(operation->name)) continue;
        if (!operation->transaction.account_signed) {
            return Error{ErrorCode::internal,
                         "Operation " + std::string(operation->name) + " has no handler.", "", ""};
        }
        all.push_back(Binding{.name = operation->name});
    }
    return all;
}

}  // namespace ait::node
