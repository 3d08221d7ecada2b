#pragma once

// From what people type to the signed registration, and the rules that a registration obeys. Both
// binaries link it: the command line composes and checks before signing, the chain checks again.

#include "actors/miner/messages.hpp"
#include "runtime/base/codec/json.hpp"

namespace ait::miner {

/// Reads the row miner.register: gpus (text as gpu_spec reads it, or a list of objects as the
/// machine's driver gives them), memory, price_per_hour, region, models, types, concurrency.
/// Errors: invalid_argument, malformed.
Result<RegisterMiner> compose_registration(const Json& input);

/// Bounds and form; fills `types` where it is empty. Error: invalid_argument, limit_reached.
Result<RegisterMiner> checked(RegisterMiner registration);

}  // namespace ait::miner
