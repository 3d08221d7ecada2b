#pragma once

// Parameters that rows of several domains have in common, so that paging and the choice of a wallet
// are spelled, explained and bounded the same everywhere.

#include "runtime/base/limits.hpp"
#include "runtime/base/operation.hpp"

namespace ait::shared_parameters {

inline constexpr Parameter wallet{.name = "wallet",
                                  .help = "Wallet to use instead of the active one.",
                                  .flags = "--wallet-name",
                                  .cli_only = true,
                                  .bytes_max = limits::name_bytes_max};
inline constexpr Parameter limit{.name = "limit",
                                 .kind = ValueKind::integer,
                                 .help = "Rows at most.",
                                 .default_text = "50",
                                 .flags = "-n"};
inline constexpr Parameter cursor{
    .name = "cursor", .help = "next_cursor of the page before.", .bytes_max = 512};

}  // namespace ait::shared_parameters
