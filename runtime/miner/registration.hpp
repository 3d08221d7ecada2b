#pragma once

// What a miner says of itself on the chain. A registration replaces the whole record, so whoever
// wants to change one thing has to repeat the rest.

#include <optional>
#include <string>

#include "runtime/miner/node_session.hpp"

namespace ait::miner_process {

/// The offer with which `model` is mined, or nothing when the record says so already. GPUs, price,
/// region and the rest of an existing record stay. A record that takes any model is narrowed to
/// this one: a loop that runs one model must not be leased others. Pure.
std::optional<miner::RegisterMiner> offer_with_model(
    const std::optional<RegistrationState>& existing, const std::string& model);

/// Whether the chain holds exactly this offer from an active miner. Pure.
bool is_registered_as(const std::optional<RegistrationState>& existing,
                      const miner::RegisterMiner& offer);

}  // namespace ait::miner_process
