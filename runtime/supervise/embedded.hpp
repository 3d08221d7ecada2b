#pragma once

// Texts of configs/ that are part of the binary, so that an installed one needs no other file.

#include <string_view>

namespace ait::supervise {

/// configs/genesis/ait-devnet.json: a genesis without a validator.
std::string_view devnet_genesis_template() noexcept;

}  // namespace ait::supervise
