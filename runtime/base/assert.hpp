#pragma once

// Assertions for what cannot happen unless our own code is wrong. On in every build: print and
// abort, the supervisor restarts the node from the log. Never assert on outside input.

namespace ait {

/// Prints the failed condition to standard error and aborts. Any thread.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace ait

#define AIT_ASSERT(condition)                            \
    (static_cast<bool>(condition) ? static_cast<void>(0) \
                                  : ::ait::assertion_failed(#condition, __FILE__, __LINE__))

/// For hot kernels: off only where the release preset says so.
#ifdef NDEBUG
#define AIT_ASSERT_SLOW(condition) static_cast<void>(0)
#else
#define AIT_ASSERT_SLOW(condition) AIT_ASSERT(condition)
#endif
