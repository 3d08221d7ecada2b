#include "gpu/cpu/kernels.hpp"

namespace ait::gpu {
namespace {

#ifdef AIT_X86_KERNELS
bool has_avx2() noexcept {
    return __builtin_cpu_supports("avx2") > 0 && __builtin_cpu_supports("fma") > 0 &&
           __builtin_cpu_supports("f16c") > 0;
}

bool has_avx512() noexcept {
    return has_avx2() && __builtin_cpu_supports("avx512f") > 0 &&
           __builtin_cpu_supports("avx512bw") > 0 && __builtin_cpu_supports("avx512vl") > 0 &&
           __builtin_cpu_supports("avx512vnni") > 0;
}

const Kernels* find_avx2() noexcept {
    return has_avx2() ? &kernels_avx2() : nullptr;
}
const Kernels* find_avx512() noexcept {
    return has_avx512() ? &kernels_avx512() : nullptr;
}
#else
const Kernels* find_avx2() noexcept {
    return nullptr;
}
const Kernels* find_avx512() noexcept {
    return nullptr;
}
#endif

}  // namespace

const Kernels* select_kernels(KernelChoice choice) noexcept {
    switch (choice) {
        case KernelChoice::scalar:
            return &kernels_scalar();
        case KernelChoice::avx2:
            return find_avx2();
        case KernelChoice::avx512:
            return find_avx512();
        case KernelChoice::automatic:
            break;
    }
    if (const Kernels* kernels = find_avx512(); kernels != nullptr) return kernels;
    if (const Kernels* kernels = find_avx2(); kernels != nullptr) return kernels;
    return &kernels_scalar();
}

}  // namespace ait::gpu
