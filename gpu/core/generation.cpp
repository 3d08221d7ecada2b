#include "gpu/core/generation.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "runtime/base/assert.hpp"
#include "runtime/base/bytes.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/limits.hpp"

namespace ait::gpu {
namespace {

Error invalid(std::string why, std::string next) {
    return Error{ErrorCode::invalid_argument, "The request was not started.", std::move(why),
                 std::move(next)};
}

std::size_t text_bytes(const GenerateRequest& request) {
    std::size_t bytes = request.prompt.size();
    for (const ChatMessage& message : request.messages) {
        bytes += message.role.size() + message.content.size();
    }
    return bytes;
}

std::vector<std::uint32_t> raw_tokens(const Tokenizer& tokenizer, const std::string& prompt) {
    std::vector<std::uint32_t> tokens = tokenizer.encode(prompt, true);
    const auto bos = tokenizer.bos();
    const bool begins = bos.has_value() && !tokens.empty() && tokens.front() == *bos;
    if (tokenizer.adds_bos() && bos.has_value() && !begins) tokens.insert(tokens.begin(), *bos);
    return tokens;
}

}  // namespace

Status check_request(const GenerateRequest& request) {
    if (auto checked = check_sampling(request.sampling); !checked.ok()) return checked;
    if (request.tokens_max == 0) {
        return invalid("tokens_max is 0.", "Ask for at least one token.");
    }
    if (request.top_logprobs > top_logprobs_max) {
        return invalid("top_logprobs is " + std::to_string(request.top_logprobs) + ".",
                       "Ask for at most " + std::to_string(top_logprobs_max) + ".");
    }
    if (request.stop.size() > stop_strings_max) {
        return Error{ErrorCode::too_large, "The request was not started.",
                     "It has " + std::to_string(request.stop.size()) + " stop strings.",
                     "Give at most " + std::to_string(stop_strings_max) + "."};
    }
    for (const std::string& stop : request.stop) {
        if (stop.empty() || stop.size() > stop_string_bytes_max || !is_utf8(stop)) {
            return invalid("A stop string of " + std::to_string(stop.size()) +
                               " bytes is empty, too long or not UTF-8.",
                           "Give stop strings of 1 to " + std::to_string(stop_string_bytes_max) +
                               " bytes of UTF-8.");
        }
    }
    return {};
}

Result<std::vector<std::uint32_t>> prompt_tokens(const Tokenizer& tokenizer,
                                                 const ChatTemplate& chat,
                                                 const GenerateRequest& request,
                                                 std::uint32_t context_tokens) {
    if (request.prompt.empty() == request.messages.empty()) {
        return invalid(request.prompt.empty() ? "There is neither a prompt nor a message."
                                              : "There are both a prompt and messages.",
                       "Give a prompt, or messages.");
    }
    if (request.raw && request.prompt.empty()) {
        return invalid("Messages cannot be raw.", "Give a prompt, or leave out raw.");
    }
    if (const std::size_t bytes = text_bytes(request); bytes > limits::prompt_bytes_max) {
        return Error{ErrorCode::too_large, "The request was not started.",
                     "Its text has " + std::to_string(bytes) + " bytes; at most " +
                         std::to_string(limits::prompt_bytes_max) + " are taken.",
                     "Send less text."};
    }
    std::vector<std::uint32_t> tokens;
    if (request.raw) {
        tokens = raw_tokens(tokenizer, request.prompt);
    } else {
        const std::vector<ChatMessage> single{{.role = "user", .content = request.prompt}};
        auto encoded = chat.encode(tokenizer, request.messages.empty() ? single : request.messages);
        if (!encoded.ok()) return encoded.error();
        tokens = std::move(encoded).value();
    }
    if (tokens.empty()) {
        return invalid("No token of the vocabulary spells the prompt.", "Send other text.");
    }
    if (tokens.size() >= context_tokens) {
        return Error{ErrorCode::too_large, "The request was not started.",
                     "The prompt has " + std::to_string(tokens.size()) +
                         " tokens; the context holds " + std::to_string(context_tokens) +
                         ", the answer included.",
                     "Send a shorter prompt or open the model with a larger context."};
    }
    return tokens;
}

Generation::Generation(KvCache& cache, LlamaForward& forward, const Tokenizer& tokenizer,
                       const GenerateRequest& request, std::vector<std::uint32_t> prompt,
                       std::vector<std::string> stops)
    : cache_(&cache),
      forward_(&forward),
      tokenizer_(&tokenizer),
      request_(&request),
      tokens_(std::move(prompt)),
      budget_(std::min(request.tokens_max,
                       cache.capacity() - static_cast<std::uint32_t>(tokens_.size()))),
      sampler_(request.sampling),
      decoder_(tokenizer),
      filter_(std::move(stops)) {
    AIT_ASSERT(budget_ > 0);
}

Result<GenerateOutcome> Generation::run(std::vector<std::uint32_t>& known,
                                        const TokenCallback& on_token,
                                        const std::stop_token& stop) {
    const std::int64_t begin_us = system_clock().monotonic_us();
    outcome_.prompt_tokens = static_cast<std::uint32_t>(tokens_.size());
    reuse_prefix(known);
    const std::vector<std::uint32_t> fresh(tokens_.begin() + cache_->length(), tokens_.end());
    Status done = evaluate(fresh, stop);
    const std::int64_t prompt_end_us = system_clock().monotonic_us();
    outcome_.prompt_us = prompt_end_us - begin_us;
    if (done.ok()) done = decode(on_token, stop);
    outcome_.decode_us = system_clock().monotonic_us() - prompt_end_us;
    known.assign(tokens_.begin(), tokens_.begin() + cache_->length());
    if (done.ok()) return std::move(outcome_);
    if (done.error().code != ErrorCode::cancelled) return done.error();
    outcome_.finish = stop.stop_requested() ? FinishReason::cancelled : FinishReason::deadline;
    return std::move(outcome_);
}

bool Generation::is_late() const {
    const std::int64_t deadline = request_->deadline_monotonic_us;
    return deadline != 0 && system_clock().monotonic_us() >= deadline;
}

bool Generation::should_end(const std::stop_token& stop) const {
    return stop.stop_requested() || is_late();
}

Status Generation::evaluate(std::span<const std::uint32_t> tokens, const std::stop_token& stop) {
    return forward_->forward(*cache_, {.tokens = tokens, .logits_rows = 1},
                             [&] { return should_end(stop); });
}

/// Keeps what the cache and the prompt have in common, but for the last token: its logits are
/// needed and are not kept. Results do not change, because no row depends on its batch.
void Generation::reuse_prefix(const std::vector<std::uint32_t>& known) {
    AIT_ASSERT(known.size() == cache_->length());
    const auto end = std::mismatch(known.begin(), known.end(), tokens_.begin(), tokens_.end() - 1);
    const auto common = static_cast<std::uint32_t>(end.first - known.begin());
    cache_->set_length(common);
    outcome_.prompt_tokens_cached = common;
}

Status Generation::decode(const TokenCallback& on_token, const std::stop_token& stop) {
    for (;;) {
        auto next = take_step(on_token);
        if (!next.ok()) return next.error();
        if (next.value() == Next::finish) return {};
        if (auto done = evaluate({&tokens_.back(), 1}, stop); !done.ok()) return done;
    }
}

Result<Generation::Next> Generation::take_step(const TokenCallback& on_token) {
    const std::span<float> logits = forward_->logits(0);
    TokenStep step;
    if (request_->top_logprobs > 0) step.top = score(logits);
    auto token = sampler_.sample(logits, tokens_);
    if (!token.ok()) return token.error();
    step.token = token.value();
    if (tokenizer_->ends_generation(step.token)) return end_turn(std::move(step), on_token);
    tokens_.push_back(step.token);
    ++outcome_.completion_tokens;
    const bool is_last = outcome_.completion_tokens == budget_;
    std::string text = decoder_.push(step.token);
    if (is_last) text += decoder_.finish();
    StopFilter::Passed passed = filter_.push(text);
    step.text = std::move(passed.text);
    if (is_last && !passed.stopped) step.text += filter_.finish();
    if (deliver(std::move(step), on_token) == Next::finish) return Next::finish;
    if (!passed.stopped && !is_last) return Next::step;
    outcome_.finish = passed.stopped ? FinishReason::stop : FinishReason::length;
    return Next::finish;
}

/// The ending token is no part of the answer; what was held back is.
Generation::Next Generation::end_turn(TokenStep step, const TokenCallback& on_token) {
    StopFilter::Passed passed = filter_.push(decoder_.finish());
    step.text = std::move(passed.text);
    if (!passed.stopped) step.text += filter_.finish();
    outcome_.finish = FinishReason::stop;
    if (!step.text.empty()) (void)deliver(std::move(step), on_token);  // over, whatever it answers
    outcome_.finish = FinishReason::stop;
    return Next::finish;
}

Generation::Next Generation::deliver(TokenStep step, const TokenCallback& on_token) {
    outcome_.text += step.text;
    const bool goes_on = !on_token || on_token(step);
    if (request_->top_logprobs > 0) outcome_.steps.push_back(std::move(step));
    if (goes_on) return Next::step;
    outcome_.finish = FinishReason::cancelled;
    return Next::finish;
}

std::vector<TokenScore> Generation::score(std::span<const float> logits) const {
    std::vector<TokenScore> scores;
    for (const ScoredToken& scored : top_tokens(logits, request_->top_logprobs)) {
        std::string text(tokenizer_->token_bytes(scored.token));
        if (!is_utf8(text)) {
            StreamDecoder alone(*tokenizer_);
            text = alone.push(scored.token) + alone.finish();
        }
        scores.push_back({scored.token, std::move(text), scored.logit, scored.logprob});
    }
    return scores;
}

}  // namespace ait::gpu
