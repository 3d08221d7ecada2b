#pragma once

// What an open engine is made of. Internal to gpu/core.

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "gpu/core/chat_template.hpp"
#include "gpu/core/engine.hpp"
#include "gpu/core/model.hpp"
#include "gpu/core/tokenizer.hpp"
#include "gpu/cpu/kv_cache.hpp"
#include "gpu/cpu/llama.hpp"
#include "gpu/cpu/llama_weights.hpp"
#include "gpu/cpu/threads.hpp"

namespace ait::gpu {

/// The order of the members is the order of their dependence; nothing here moves once it is built.
struct Engine::Parts {
    Parts(LlamaModel loaded, Tokenizer words, ChatTemplate chat_form)
        : model(std::move(loaded)), tokenizer(std::move(words)), chat(std::move(chat_form)) {}

    LlamaModel model;
    Tokenizer tokenizer;
    ChatTemplate chat;
    ModelFacts facts{};
    std::unique_ptr<ThreadTeam> team{};
    LlamaWeights weights{};
    std::unique_ptr<KvCache> cache{};
    std::unique_ptr<LlamaForward> forward{};
    std::vector<std::uint32_t> cached_tokens{};  ///< what the cache's positions stand for

    std::mutex mutex{};
    std::condition_variable_any turn{};
    bool busy = false;  ///< guarded by mutex; whoever set it may use cache, forward, cached_tokens
};

}  // namespace ait::gpu
