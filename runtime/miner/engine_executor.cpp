#include "runtime/miner/engine_executor.hpp"

#include <algorithm>

#include "runtime/base/codec/json.hpp"
#include "runtime/miner/generate_options.hpp"

namespace ait::miner_process {
namespace {

constexpr std::int64_t us_per_ms = 1'000;
constexpr std::int64_t ns_per_us = 1'000;

Execution to_execution(const gpu::GenerateOutcome& outcome, const std::string& model,
                       std::uint64_t seed) {
    Execution execution{.model_ran = model,
                        .prompt_tokens = outcome.prompt_tokens,
                        .completion_tokens = outcome.completion_tokens,
                        .duration_ms = static_cast<std::uint64_t>(
                            (outcome.prompt_us + outcome.decode_us) / us_per_ms)};
    execution.result =
        dump_json(Json{{"response", outcome.text},
                       {"model", model},
                       {"provider", "aitbc-cpu"},
                       {"done_reason", std::string(finish_name(outcome.finish))},
                       {"prompt_eval_count", outcome.prompt_tokens},
                       {"eval_count", outcome.completion_tokens},
                       {"total_duration", (outcome.prompt_us + outcome.decode_us) * ns_per_us},
                       {"prompt_eval_duration", outcome.prompt_us * ns_per_us},
                       {"eval_duration", outcome.decode_us * ns_per_us},
                       {"seed", seed}});
    return execution;
}

}  // namespace

Result<Execution> EngineExecutor::run(const miner::PolledJobView& job, const Progress& progress,
                                      std::stop_token stop) {
    const auto request = read_job_payload(job.payload.text);
    if (!request.ok()) return request.error();
    const auto model = host_->acquire(job.model, Backend::automatic);
    if (!model.ok()) return model.error();
    gpu::GenerateRequest generate = to_generate_request(request.value(), tokens_default, *random_);
    const std::int64_t left_ms = job.expires_at.ms - clock_->now_unix_ms();
    if (job.expires_at.ms != 0) {
        generate.deadline_monotonic_us =
            clock_->monotonic_us() + std::max<std::int64_t>(left_ms, 1) * us_per_ms;
    }
    std::uint64_t tokens = 0;
    const auto outcome = model.value().engine->generate(
        generate,
        [&](const gpu::TokenStep&) {
            progress(++tokens);
            return true;
        },
        stop);
    if (!outcome.ok()) return outcome.error();
    if (outcome.value().finish == gpu::FinishReason::cancelled) {
        return Error{ErrorCode::cancelled, "The work on the job was stopped.", "", ""};
    }
    if (outcome.value().finish == gpu::FinishReason::deadline) {
        return Error{ErrorCode::deadline_exceeded, "The job was not done before its end.",
                     std::to_string(outcome.value().completion_tokens) + " tokens were written.",
                     "Give it more time, or ask for fewer tokens."};
    }
    return to_execution(outcome.value(), model.value().name, generate.sampling.seed);
}

}  // namespace ait::miner_process
