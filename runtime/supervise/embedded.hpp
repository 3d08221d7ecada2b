#pragma once

// Texts of configs/ that are part of the binary, so that an installed one needs no other file.

#include <string_view>

namespace ait::supervise {

/// configs/genesis/ait-devnet.json: a genesis without a validator.
std::string_view devnet_genesis_template() noexcept;

/// configs/systemd/aitbcd.service: a node and its miner as a service, data in /var/lib/aitbc and
/// configuration in /etc/aitbc.
std::string_view systemd_unit() noexcept;

}  // namespace ait::supervise
