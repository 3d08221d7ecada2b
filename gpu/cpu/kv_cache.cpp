#include "gpu/cpu/kv_cache.hpp"

#include "runtime/base/assert.hpp"

namespace ait::gpu {

// The product of the largest factors that load_llama lets through fits in 64 bits.
static_assert(std::uint64_t{model_blocks_max} * 2 * model_heads_max * model_head_dim_max *
                  model_context_max <
              UINT64_MAX / 4);

Result<KvCache> KvCache::create(const LlamaConfig& config, const Kernels& kernels,
                                std::uint32_t capacity) {
    KvCache cache;
    cache.capacity_ = capacity;
    cache.layers_ = config.blocks;
    cache.heads_ = config.kv_heads;
    cache.position_bytes_ = std::size_t{config.head_dim} * kernels.kv_element_bytes;
    const std::size_t strips = std::size_t{2} * config.blocks * config.kv_heads;
    auto memory =
        PageBuffer::allocate(strips * capacity * cache.position_bytes_, false, "the KV cache");
    if (!memory.ok()) return memory.error();
    cache.memory_ = std::move(memory).value();
    return cache;
}

void KvCache::set_length(std::uint32_t length) noexcept {
    AIT_ASSERT(length <= capacity_);
    length_ = length;
}

std::uint8_t* KvCache::keys(std::uint32_t layer, std::uint32_t head) const noexcept {
    AIT_ASSERT_SLOW(layer < layers_);
    AIT_ASSERT_SLOW(head < heads_);
    const std::size_t strip = std::size_t{layer} * heads_ + head;
    return memory_.bytes() + 2 * strip * capacity_ * position_bytes_;
}

std::uint8_t* KvCache::values(std::uint32_t layer, std::uint32_t head) const noexcept {
    return keys(layer, head) + capacity_ * position_bytes_;
}

}  // namespace ait::gpu
