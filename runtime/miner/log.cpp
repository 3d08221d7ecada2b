#include "runtime/miner/log.hpp"

#include <spdlog/spdlog.h>

namespace ait::miner_process {
namespace {

std::string_view code_of(const Error& error) {
    return error_code_row(error.code).name;
}

}  // namespace

std::string log_text(std::string_view text) {
    constexpr std::size_t bytes_max = 512;
    std::string out(text.substr(0, bytes_max));
    for (char& c : out) {
        if (static_cast<unsigned char>(c) < 0x20 || c == '\x7F') c = ' ';
        if (c == '"' || c == '\\') c = '\'';
    }
    return out;
}

void LogObserver::polling() {
    spdlog::debug("poll_started");
}

void LogObserver::received(const miner::PolledJobView& job) {
    spdlog::info("job_received job={} attempt={} model={}", job.job_id, job.attempt,
                 log_text(job.model));
}

void LogObserver::executing(const miner::PolledJobView& job) {
    spdlog::debug("execution_started job={}", job.job_id);
}

void LogObserver::submitted(const miner::PolledJobView& job, const Execution& execution,
                            const coordinator::CompleteAnswer& answer) {
    const std::scoped_lock lock(mutex_);
    last_trouble_.clear();
    spdlog::info(
        "result_submitted job={} model={} duration_ms={} prompt_tokens={} completion_tokens={} "
        "payment_state={} paid_to_miner={}",
        job.job_id, log_text(execution.model_ran), execution.duration_ms, execution.prompt_tokens,
        execution.completion_tokens, name_of(answer.payment_state), to_text(answer.paid_to_miner));
}

void LogObserver::failed(const miner::PolledJobView& job, const Error& error, bool is_requeued) {
    spdlog::warn("job_failed job={} code={} requeued={}", job.job_id, code_of(error), is_requeued);
}

void LogObserver::dropped(const miner::PolledJobView& job, const Error& why) {
    spdlog::warn("job_dropped job={} code={}", job.job_id, code_of(why));
}

void LogObserver::waiting(std::string_view reason) {
    spdlog::debug("waiting reason='{}'", reason);
}

void LogObserver::troubled(std::string_view activity, const Error& error, std::int64_t retry_ms) {
    const std::string trouble = std::string(activity) + " " + std::string(code_of(error));
    const std::scoped_lock lock(mutex_);
    constexpr std::uint64_t repeat_every = 30;
    if (trouble == last_trouble_ && ++troubles_same_ % repeat_every != 0) return;
    if (trouble != last_trouble_) troubles_same_ = 0;
    last_trouble_ = trouble;
    spdlog::warn("node_unavailable activity={} code={} what='{}' retry_ms={} repeated={}", activity,
                 code_of(error), log_text(error.what), retry_ms, troubles_same_);
}

}  // namespace ait::miner_process
