#pragma once

// Tells systemd how the service is (sd_notify(3)): one datagram to the socket that it names.
// Without that socket nothing happens, so callers need not ask who started them.

#include <cstdint>
#include <string_view>

#include "runtime/base/result.hpp"

namespace ait::supervise {

/// Sends "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=..." or several lines. Any thread. Error:
/// unavailable when there is a socket and it refuses.
Status sd_notify(std::string_view state);

/// How often to send WATCHDOG=1 (half of what systemd waits); 0: not asked for.
std::int64_t sd_watchdog_interval_ms();

}  // namespace ait::supervise
