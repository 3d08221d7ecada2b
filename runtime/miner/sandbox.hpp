#pragma once

// A process that reads what strangers wrote gives up, before it begins, all it does not need for
// reading: what it could be made to do by the bytes is then little.

#include "runtime/base/result.hpp"

namespace ait::miner_process {

/// From here on this process may use its memory and the descriptors it has, and end; any other
/// system call (opening a file, a socket, another process, executable memory) ends it with SIGSYS.
/// Cannot be undone. Call while there is one thread. Error: unavailable (a kernel without
/// seccomp). Under a sanitizer, which needs more than that, it does nothing.
Status enter_sandbox();

/// Whether enter_sandbox() does something in this build.
[[nodiscard]] bool has_sandbox() noexcept;

}  // namespace ait::miner_process
