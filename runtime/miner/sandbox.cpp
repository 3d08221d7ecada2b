#include "runtime/miner/sandbox.hpp"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace ait::miner_process {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool is_built_with_sanitizer = true;
#else
constexpr bool is_built_with_sanitizer = false;
#endif

#if defined(__x86_64__)
constexpr std::uint32_t own_architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t own_architecture = AUDIT_ARCH_AARCH64;
#else
#error "Name the audit architecture of this processor."
#endif

/// Reading what is mapped, answering through a pipe, memory, and the ways in which a process ends.
constexpr std::array allowed{SYS_read,         SYS_write,     SYS_close,  SYS_fstat,
                             SYS_newfstatat,   SYS_lseek,     SYS_munmap, SYS_mremap,
                             SYS_madvise,      SYS_brk,       SYS_futex,  SYS_rt_sigprocmask,
                             SYS_rt_sigaction, SYS_getpid,    SYS_gettid, SYS_tgkill,
                             SYS_rt_sigreturn, SYS_getrandom, SYS_exit,   SYS_exit_group,
                             SYS_clock_gettime};
/// Allowed as long as no memory becomes executable; for both, the protection is argument 2.
constexpr std::array allowed_without_execution{SYS_mmap, SYS_mprotect};

constexpr std::uint32_t offset_of_protection =
    offsetof(seccomp_data, args) + 2 * sizeof(std::uint64_t);  // its low half: little-endian

sock_filter load(std::size_t offset) {
    return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}

/// Goes on with the next instruction if it is equal, else skips `otherwise` of them.
sock_filter if_equal(std::uint32_t value, std::uint8_t otherwise) {
    return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, otherwise);
}

sock_filter answer(std::uint32_t action) {
    return BPF_STMT(BPF_RET | BPF_K, action);
}

std::vector<sock_filter> make_filter() {
    std::vector<sock_filter> filter{
        load(offsetof(seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, own_architecture, 1, 0),
        answer(SECCOMP_RET_KILL_PROCESS),
        // Calls of the x32 form have a high bit and so equal none of these numbers.
        load(offsetof(seccomp_data, nr)),
    };
    for (const long number : allowed) {
        filter.push_back(if_equal(static_cast<std::uint32_t>(number), 1));
        filter.push_back(answer(SECCOMP_RET_ALLOW));
    }
    for (const long number : allowed_without_execution) {
        filter.push_back(if_equal(static_cast<std::uint32_t>(number), 4));
        filter.push_back(load(offset_of_protection));
        filter.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0));
        filter.push_back(answer(SECCOMP_RET_ALLOW));
        filter.push_back(answer(SECCOMP_RET_KILL_PROCESS));
    }
    filter.push_back(answer(SECCOMP_RET_KILL_PROCESS));
    return filter;
}

}  // namespace

bool has_sandbox() noexcept {
    return !is_built_with_sanitizer;
}

Status enter_sandbox() {
    if (!has_sandbox()) return {};
    std::vector<sock_filter> filter = make_filter();
    const sock_fprog program{.len = static_cast<unsigned short>(filter.size()),
                             .filter = filter.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
        ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0) {
        return {};
    }
    return Error{
        ErrorCode::unavailable, "Model files cannot be checked in safety.",
        "This kernel does not filter system calls: " + std::string(std::strerror(errno)) + ".",
        "Use a kernel with CONFIG_SECCOMP_FILTER."};
}

}  // namespace ait::miner_process
