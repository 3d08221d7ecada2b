#include "gpu/core/engine.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <utility>

#include "gpu/core/engine_parts.hpp"
#include "gpu/core/generation.hpp"
#include "gpu/core/synthetic.hpp"
#include "runtime/base/assert.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/limits.hpp"

namespace ait::gpu {
namespace {

Result<GgufFile> open_source(const std::string& source) {
    if (source.starts_with(synthetic_scheme)) return open_synthetic(source);
    return GgufFile::open(source);
}

/// What stands in a file, before anything is made of it.
struct ModelParts {
    LlamaModel llama;
    Tokenizer tokenizer;
    ChatTemplate chat;
};

Result<ModelParts> read_model(const GgufFile& file) {
    auto llama = load_llama(file);
    if (!llama.ok()) return llama.error();
    auto tokenizer = Tokenizer::from_gguf(file);
    if (!tokenizer.ok()) return tokenizer.error();
    if (tokenizer.value().vocabulary() > llama.value().config.vocabulary) {
        return Error{ErrorCode::malformed, "The model was not opened.",
                     "Its tokenizer has " + std::to_string(tokenizer.value().vocabulary()) +
                         " tokens, its embedding table " +
                         std::to_string(llama.value().config.vocabulary) + " rows.",
                     "Use a file in which they agree."};
    }
    auto chat = ChatTemplate::from_gguf(file, tokenizer.value());
    return ModelParts{std::move(llama).value(), std::move(tokenizer).value(), std::move(chat)};
}

Status check_options(const EngineOptions& options, const LlamaConfig& config) {
    const auto refused = [](ErrorCode code, std::string why, std::string next) {
        return Error{code, "The model was not opened.", std::move(why), std::move(next)};
    };
    if (options.threads > team_threads_max) {
        return refused(ErrorCode::invalid_argument,
                       std::to_string(options.threads) + " threads are asked for.",
                       "Use at most " + std::to_string(team_threads_max) + ", or 0.");
    }
    if (options.context_tokens == 1 || options.context_tokens > config.context_tokens_max) {
        return refused(ErrorCode::invalid_argument,
                       "A context of " + std::to_string(options.context_tokens) +
                           " tokens is asked for; the model was trained for " +
                           std::to_string(config.context_tokens_max) + ".",
                       "Use 2 to " + std::to_string(config.context_tokens_max) + ", or 0.");
    }
    if (select_kernels(options.kernels) == nullptr) {
        return refused(ErrorCode::unavailable,
                       "This processor or this build lacks the kernels asked for.",
                       "Use the automatic choice.");
    }
    return {};
}

/// The type that holds most weights names the file's quantisation.
void count_weights(const GgufFile& file, ModelFacts& facts) {
    std::map<std::uint32_t, std::uint64_t> elements_by_type;
    for (const TensorView& tensor : file.tensors()) {
        facts.parameters += tensor.elements();
        elements_by_type[static_cast<std::uint32_t>(tensor.type)] += tensor.elements();
    }
    const auto most =
        std::max_element(elements_by_type.begin(), elements_by_type.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    if (most == elements_by_type.end()) return;
    for (const char c : tensor_type_row(static_cast<TensorType>(most->first)).name) {
        facts.quantisation += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
}

ModelFacts facts_of(const LlamaModel& model, std::string name, const EngineOptions& options) {
    const LlamaConfig& config = model.config;
    ModelFacts facts;
    facts.name = name.empty() ? config.name : std::move(name);
    facts.architecture =
        std::string(model.file.find_string("general.architecture").value_or("llama"));
    facts.kernels = select_kernels(options.kernels)->name;
    facts.file_bytes = model.file.image_bytes();
    facts.vocabulary = config.vocabulary;
    facts.width = config.width;
    facts.layers = config.blocks;
    facts.context_tokens_max = config.context_tokens_max;
    facts.context_tokens = options.context_tokens != 0
                               ? options.context_tokens
                               : std::min(config.context_tokens_max, context_tokens_default_max);
    count_weights(model.file, facts);
    return facts;
}

/// Gives the turn back on every way out.
class Turn {
  public:
    Turn(std::mutex& mutex, std::condition_variable_any& changed, bool& busy)
        : mutex_(&mutex), changed_(&changed), busy_(&busy) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
        if (!held_) return;
        {
            const std::scoped_lock lock(*mutex_);
            AIT_ASSERT(*busy_);
            *busy_ = false;
        }
        changed_->notify_one();
    }

    /// False when the stop token or the deadline (0: none) came first.
    bool wait(const std::stop_token& stop, std::int64_t deadline_monotonic_us) {
        std::unique_lock lock(*mutex_);
        const auto is_free = [this] { return !*busy_; };
        if (deadline_monotonic_us == 0) {
            held_ = changed_->wait(lock, stop, is_free);
        } else {
            const auto left = std::chrono::microseconds(
                std::max<std::int64_t>(0, deadline_monotonic_us - system_clock().monotonic_us()));
            held_ = changed_->wait_for(lock, stop, left, is_free);
        }
        if (held_) *busy_ = true;
        return held_;
    }

  private:
    std::mutex* mutex_;
    std::condition_variable_any* changed_;
    bool* busy_;
    bool held_ = false;
};

}  // namespace

Engine::Engine(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Engine::~Engine() = default;

const ModelFacts& Engine::facts() const noexcept {
    return parts_->facts;
}

Result<std::unique_ptr<Engine>> Engine::open(const std::string& source, std::string model_name,
                                             const EngineOptions& options) {
    auto file = open_source(source);
    if (!file.ok()) return file.error();
    return open_file(file.value(), std::move(model_name), options);
}

Status check_model(const GgufFile& file) {
    const auto read = read_model(file);
    return read.ok() ? Status() : read.error();
}

Result<std::unique_ptr<Engine>> Engine::open_file(const GgufFile& file, std::string model_name,
                                                  const EngineOptions& options) {
    auto read = read_model(file);
    if (!read.ok()) return read.error();
    ModelParts& model = read.value();
    if (auto checked = check_options(options, model.llama.config); !checked.ok()) {
        return checked.error();
    }
    auto parts = std::make_unique<Parts>(std::move(model.llama), std::move(model.tokenizer),
                                         std::move(model.chat));
    const Kernels& kernels = *select_kernels(options.kernels);
    parts->facts = facts_of(parts->model, std::move(model_name), options);
    parts->team = std::make_unique<ThreadTeam>(options.threads);
    parts->facts.threads = parts->team->size();
    auto weights = prepare_weights(parts->model, kernels, *parts->team);
    if (!weights.ok()) return weights.error();
    parts->weights = std::move(weights).value();
    const LlamaConfig& config = parts->model.config;
    auto cache = KvCache::create(config, kernels, parts->facts.context_tokens);
    if (!cache.ok()) return cache.error();
    parts->cache = std::make_unique<KvCache>(std::move(cache).value());
    auto forward = LlamaForward::create(config, parts->weights, kernels, *parts->team,
                                        parts->facts.context_tokens);
    if (!forward.ok()) return forward.error();
    parts->forward = std::make_unique<LlamaForward>(std::move(forward).value());
    return std::unique_ptr<Engine>(new Engine(std::move(parts)));
}

Result<GenerateOutcome> Engine::generate(const GenerateRequest& request,
                                         const TokenCallback& on_token, std::stop_token stop) {
    Parts& parts = *parts_;
    if (auto checked = check_request(request); !checked.ok()) return checked.error();
    auto prompt = prompt_tokens(parts.tokenizer, parts.chat, request, parts.facts.context_tokens);
    if (!prompt.ok()) return prompt.error();
    std::vector<std::string> stops = request.stop;
    if (!request.raw) {
        const auto own = parts.chat.stop_texts();
        stops.insert(stops.end(), own.begin(), own.end());
    }
    Turn turn(parts.mutex, parts.turn, parts.busy);
    if (!turn.wait(stop, request.deadline_monotonic_us)) {
        GenerateOutcome outcome;
        outcome.finish = stop.stop_requested() ? FinishReason::cancelled : FinishReason::deadline;
        outcome.prompt_tokens = static_cast<std::uint32_t>(prompt.value().size());
        return outcome;
    }
    Generation generation(*parts.cache, *parts.forward, parts.tokenizer, request,
                          std::move(prompt).value(), std::move(stops));
    return generation.run(parts.cached_tokens, on_token, stop);
}

Result<std::vector<std::uint32_t>> Engine::tokenize(std::string_view text) const {
    if (text.size() > limits::prompt_bytes_max) {
        return Error{ErrorCode::too_large, "The text was not tokenized.",
                     "It has " + std::to_string(text.size()) + " bytes; at most " +
                         std::to_string(limits::prompt_bytes_max) + " are taken.",
                     "Send it in parts."};
    }
    return parts_->tokenizer.encode(text, true);
}

Result<std::vector<float>> Engine::evaluate(std::span<const std::uint32_t> tokens,
                                            std::uint32_t rows) {
    Parts& parts = *parts_;
    Turn turn(parts.mutex, parts.turn, parts.busy);
    const bool held = turn.wait({}, 0);
    AIT_ASSERT(held);  // without a stop token or deadline it waits for its turn
    parts.cached_tokens.clear();
    parts.cache->set_length(0);
    const ForwardRequest request{.tokens = tokens, .logits_rows = rows};
    const Status done = parts.forward->forward(*parts.cache, request, {});
    parts.cache->set_length(0);
    if (!done.ok()) return done.error();
    std::vector<float> logits;
    for (std::uint32_t row = 0; row < rows; ++row) {
        const auto values = parts.forward->logits(row);
        logits.insert(logits.end(), values.begin(), values.end());
    }
    return logits;
}

}  // namespace ait::gpu
