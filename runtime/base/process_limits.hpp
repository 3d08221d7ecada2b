#pragma once

// What a process settles with the kernel before it holds anything of value: that its memory stays
// its own, and how many files and sockets it may have.

#include <cstdint>

namespace ait {

/// No core dump is ever written of this process, and no other process of the same user may attach
/// to it or read its memory and environment. First thing in main: before it holds a secret.
void keep_memory_private() noexcept;

/// Raises the limit of open files to what the system grants at most, and answers what it then is.
std::uint64_t raise_descriptor_limit() noexcept;

/// Of so many descriptors, how many client connections may have at most; the rest is for the log,
/// the state and what the process opens itself. A store that cannot open its file stops the node,
/// a client that finds no place asks again. At least 8.
std::uint32_t connections_that_fit(std::uint32_t wanted, std::uint64_t descriptors) noexcept;

/// How many chains besides the first may be hosted, with their logs, states and peers, where so
/// many client connections are wanted.
std::uint32_t further_chains_that_fit(std::uint32_t connections_wanted,
                                      std::uint64_t descriptors) noexcept;

/// How many files of the state may be open at once; part of what the above keeps back.
std::uint32_t state_files_that_fit(std::uint64_t descriptors) noexcept;

}  // namespace ait
