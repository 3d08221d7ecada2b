#include "runtime/miner/stage_log.hpp"

namespace ait::miner_process {
namespace {

std::string job_facts(const miner::PolledJobView& job) {
    return "job=" + job.job_id + " attempt=" + std::to_string(job.attempt);
}

std::string error_facts(const Error& error) {
    return "code=" + std::string(error_code_row(error.code).name) + " what=\"" + error.what +
           "\" why=\"" + error.why + "\"";
}

/// Terminals act on control characters, and these texts come from servers.
std::string printable(std::string text) {
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
    }
    return text;
}

}  // namespace

void StageLog::line(std::string_view stage, const std::string& facts) {
    const std::scoped_lock lock(mutex_);
    write_(to_rfc3339(clock_->now_unix_ms()) + "  " + std::string(stage) + "  " + printable(facts));
}

void StageLog::polling() {
    line("polling", "model=" + model_);
}

void StageLog::received(const miner::PolledJobView& job) {
    line("job received", job_facts(job) + " type=" + job.type +
                             " model=" + (job.model.empty() ? "any" : job.model) +
                             " price_per_hour=" + to_text(job.price_per_hour));
}

void StageLog::executing(const miner::PolledJobView& job) {
    line("local inference execution",
         job_facts(job) + " model=" + (job.model.empty() ? model_ : job.model));
}

void StageLog::submitted(const miner::PolledJobView& job, const Execution& execution,
                         const coordinator::CompleteAnswer& answer) {
    line("result submitted",
         job_facts(job) + " model=" + execution.model_ran +
             " duration_ms=" + std::to_string(execution.duration_ms) +
             " prompt_tokens=" + std::to_string(execution.prompt_tokens) +
             " completion_tokens=" + std::to_string(execution.completion_tokens) +
             " payment_state=" + std::string(name_of(answer.payment_state)) +
             " paid_to_miner=" + to_text(answer.paid_to_miner));
}

void StageLog::failed(const miner::PolledJobView& job, const Error& error, bool is_requeued) {
    line("job failed", job_facts(job) + " requeued=" + (is_requeued ? "true" : "false") + " " +
                           error_facts(error));
}

void StageLog::dropped(const miner::PolledJobView& job, const Error& why) {
    line("job dropped", job_facts(job) + " " + error_facts(why));
}

void StageLog::waiting(std::string_view reason) {
    line("waiting", "model=" + model_ + " reason=\"" + std::string(reason) + "\"");
}

void StageLog::troubled(std::string_view activity, const Error& error, std::int64_t retry_ms) {
    line("trouble", "activity=" + std::string(activity) + " " + error_facts(error) +
                        " retry_ms=" + std::to_string(retry_ms));
}

}  // namespace ait::miner_process
