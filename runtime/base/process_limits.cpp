#include "runtime/base/process_limits.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>

namespace ait {
namespace {

constexpr std::uint64_t descriptors_kept_back = 512;
constexpr std::uint32_t connections_least = 8;
constexpr std::uint64_t descriptors_of_a_chain = 128;
constexpr std::uint64_t state_files_least = 20;  // RocksDB takes no fewer
constexpr std::uint64_t state_files_most = 256;

}  // namespace

void keep_memory_private() noexcept {
    // Both, because either alone has a gap: a pipe as core pattern ignores the limit, and a program
    // that is executed from here becomes dumpable again but keeps the limit. Neither can fail for
    // a process that only gives rights away.
    const rlimit none{.rlim_cur = 0, .rlim_max = 0};
    (void)::setrlimit(RLIMIT_CORE, &none);
    (void)::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

std::uint64_t raise_descriptor_limit() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    const rlimit raised{.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return raised.rlim_cur;
    return limit.rlim_cur;
}

std::uint32_t connections_that_fit(std::uint32_t wanted, std::uint64_t descriptors) noexcept {
    // Of a small limit, two thirds: what the process and its state need is no fewer then.
    const std::uint64_t kept = std::min(descriptors_kept_back, descriptors / 3 * 2);
    const std::uint64_t fitting = std::max<std::uint64_t>(descriptors - kept, connections_least);
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, fitting));
}

std::uint32_t further_chains_that_fit(std::uint32_t connections_wanted,
                                      std::uint64_t descriptors) noexcept {
    const std::uint64_t taken =
        descriptors_kept_back + connections_that_fit(connections_wanted, descriptors);
    return descriptors <= taken
               ? 0
               : static_cast<std::uint32_t>((descriptors - taken) / descriptors_of_a_chain);
}

std::uint32_t state_files_that_fit(std::uint64_t descriptors) noexcept {
    return static_cast<std::uint32_t>(
        std::clamp(descriptors / 8, state_files_least, state_files_most));
}

}  // namespace ait
