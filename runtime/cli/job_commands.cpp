// The commands on jobs that are more than one call.

#include <algorithm>
#include <array>

#include "runtime/base/crypto/hash.hpp"
#include "runtime/cli/commands.hpp"
#include "runtime/cli/job_wait.hpp"
#include "runtime/cli/receipts.hpp"
#include "runtime/registry/input.hpp"
#include "runtime/registry/registry.hpp"

namespace ait::cli {
namespace {

constexpr std::uint32_t wait_ms_default = 120'000;

std::string id_in(const Json& answer) {
    return text_in(answer, "job_id");
}

Result<Json> payload_of_file(Session& session, const std::string& path) {
    const Operation* row = registry::find_operation("job.submit");
    for (const auto& parameter : row->parameters) {
        if (parameter.name == "data")
            return read_value(session, {&parameter, path == "-" ? path : "@" + path});
    }
    return Error{ErrorCode::internal, "The operation table has no payload.", "", ""};
}

/// --file is --data @FILE; both at once would hide one of them.
Status merge_payload(Session& session, const Request& request, Json& input) {
    const std::string file = text_in(request.local, "file");
    if (!file.empty()) {
        if (input.contains("data"))
            return Error{ErrorCode::usage, "`--data` and `--file` are both given.", "",
                         "Keep one of them."};
        auto payload = payload_of_file(session, file);
        if (!payload.ok()) return payload.error();
        input["data"] = std::move(payload).value();
    }
    if (input.contains("data") && !input["data"].is_object()) {
        return Error{ErrorCode::invalid_argument, "The job's data are not a JSON object.",
                     "They are a " + std::string(input["data"].type_name()) + ".",
                     "Write them like '{\"prompt\":\"Hello\"}'."};
    }
    if (!input.contains("data") && !input.contains("prompt")) {
        return Error{ErrorCode::usage, "The job has nothing to work on.",
                     "Neither --prompt nor --data is given.",
                     "aitbc client submit --prompt \"Why is the sky blue?\""};
    }
    return {};
}

Result<Json> pay(Session& session, const std::string& job_id, const std::string& amount) {
    // The payment is a command of its own; its key follows from the submit's, so a repeat of the
    // line repeats both.
    const Hash derived = crypto::blake2b_256("pay|" + session.options.idempotency_key);
    session.options.idempotency_key = to_hex(derived.view().substr(0, 16));
    return call_node(session, "job.pay", Json{{"job_id", job_id}, {"amount", amount}});
}

JobWait wait_of(Session& session, const std::string& job_id) {
    JobWait wait;
    wait.job_id = job_id;
    wait.state = session.options.wait.value_or("");
    wait.timeout_ms = session.options.timeout_ms.value_or(wait_ms_default);
    wait.on_change = [&session](const Json& job) {
        const Json* position = find_path(job, "queue_position");
        const bool queued = position != nullptr && position->is_number();
        session.note(text_in(job, "job_id") + " " + text_in(job, "status") +
                     (queued ? ", position " + dump_json(*position) : ""));
    };
    return wait;
}

/// What the result is in words: its text, as a terminal may show it.
std::optional<std::string> plain_text(const Session& session, const Json& result) {
    std::string text = text_in(result, "text");
    if (text.empty()) return std::nullopt;
    if (session.console.out_is_terminal) {
        std::string safe;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t end = std::min(text.find('\n', at), text.size());
            safe += printable(std::string_view(text).substr(at, end - at)) +
                    (end < text.size() ? "\n" : "");
            at = end + 1;
        }
        text = std::move(safe);
    }
    if (!text.ends_with('\n')) text += '\n';
    return text;
}

/// Adds what this machine verified itself; the node's own claims stay beside it.
void add_proof(Session& session, const std::string& job_id, Answer& answer) {
    Json& result = answer.value;
    const Json* whole = find_path(result, "result");
    const Json proof = proof_of(session, job_id, whole == nullptr ? Json(nullptr) : *whole);
    if (!result.contains("proof") || !result["proof"].is_object()) result["proof"] = Json::object();
    for (const auto& [name, value] : proof.items()) result["proof"][name] = value;
    if (flag_in(proof, "verified")) {
        session.note("proof: receipt " + text_in(proof, "receipt_id") + " verified, block " +
                     dump_json(proof["block_height"]) + ", miner " + text_in(proof, "miner_key"));
        if (flag_in(proof, "result_verified")) return;
        session.note("warning: the result shown is not byte for byte what the miner signed.");
        return;
    }
    const std::string problem = text_in(proof, "problem");
    session.note("warning: the receipt is not verified. " + problem);
    if (text_in(proof, "problem_code") == "check_failed") {
        answer.verdict = Error{ErrorCode::check_failed, "The receipt of this result does not hold.",
                               problem, "Do not trust the result; aitbc explain job " + job_id};
    }
}

Result<Answer> fetch_result(Session& session, const std::string& job_id) {
    auto result = call_node(session, "job.result", Json{{"job_id", job_id}});
    if (!result.ok()) return result.error();
    Answer answer;
    answer.shape = registry::find_operation("job.result");
    answer.value = std::move(result).value();
    answer.plain = plain_text(session, answer.value);
    add_proof(session, job_id, answer);
    return answer;
}

Result<Answer> wait_and_fetch(Session& session, const std::string& job_id) {
    auto job = wait_for_job(session, wait_of(session, job_id));
    if (!job.ok()) return job.error();
    if (has_ended(job.value())) return fetch_result(session, job_id);
    return Answer{.value = std::move(job).value(), .shape = registry::find_operation("job.get")};
}

Result<Answer> submit(Session& session, const Request& request) {
    Json input = request.input;
    if (auto merged = merge_payload(session, request, input); !merged.ok()) return merged.error();
    auto job = call_node(session, *request.operation, input);
    if (!job.ok()) return job.error();
    Answer answer;
    answer.value = std::move(job).value();
    if (session.options.dry_run) return answer;
    remember(session, answer.value);
    const std::string job_id = id_in(answer.value);
    answer.next = "aitbc client result " + job_id + " --wait";
    const std::string amount = text_in(request.local, "payment_amount");
    if (!amount.empty()) {
        auto paid = pay(session, job_id, amount);
        if (!paid.ok()) {
            answer.verdict = paid.error();
            answer.verdict->next = "The job is submitted but not paid. aitbc client pay " + job_id +
                                   " --amount " + amount;
            return answer;
        }
        answer.value["payment_state"] = find_path(paid.value(), "payment_state") == nullptr
                                            ? Json(nullptr)
                                            : paid.value()["payment_state"];
        answer.value["payment"] = std::move(paid).value();
    }
    if (!session.options.wait) return answer;
    session.note("submitted " + job_id);
    return wait_and_fetch(session, job_id);
}

/// Rows of a file may have `ttl` and the like as texts: each is checked like a command line.
Result<Answer> batch_submit(Session& session, const Request& request) {
    const Json& jobs = request.input["jobs"];
    if (!jobs.is_array() || jobs.empty() || jobs.size() > limits::batch_jobs_max) {
        return Error{ErrorCode::invalid_argument, "The file is not a list of jobs.",
                     "It needs 1 to " + std::to_string(limits::batch_jobs_max) + " objects.",
                     "[{\"prompt\":\"Hello\"}, ...]"};
    }
    const Operation* one = registry::find_operation("job.submit");
    Json checked_jobs = Json::array();
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        Json job = jobs[i];
        for (const auto& parameter : one->parameters) {
            const bool text = job.is_object() && job.contains(parameter.name) &&
                              job[std::string(parameter.name)].is_string();
            if (!text || parameter.kind == ValueKind::text) continue;
            auto value = registry::value_from_text(
                parameter, job[std::string(parameter.name)].get<std::string>());
            if (!value.ok()) return value.error();
            job[std::string(parameter.name)] = std::move(value).value();
        }
        auto checked = registry::check_input(*one, std::move(job));
        if (!checked.ok()) {
            Error error = checked.error();
            error.what = "Job " + std::to_string(i + 1) + ": " + error.what;
            return error;
        }
        checked_jobs.push_back(std::move(checked).value());
    }
    auto answer = call_node(session, *request.operation, Json{{"jobs", std::move(checked_jobs)}});
    if (!answer.ok()) return answer.error();
    const Json* made = find_path(answer.value(), "jobs");
    if (made != nullptr && made->is_array() && !made->empty() && !session.options.dry_run)
        remember(session, made->back());
    return Answer{.value = std::move(answer).value(), .next = "aitbc client list"};
}

Result<Answer> write_result(const Request& request, Result<Answer> answer) {
    const std::string file = text_in(request.local, "output_file");
    if (!answer.ok() || file.empty()) return answer;
    const std::string text = text_in(answer.value().value, "text");
    const Json* whole = find_path(answer.value().value, "result");
    auto written =
        write_file(file, text.empty() && whole != nullptr ? dump_json(*whole) : text, 0644, false);
    if (!written.ok()) return written.error();
    answer.value().value["output_file"] = file;
    answer.value().plain.reset();
    return answer;
}

Result<Answer> result(Session& session, const Request& request) {
    const std::string job_id = id_in(request.input);
    return write_result(request, session.options.wait ? wait_and_fetch(session, job_id)
                                                      : fetch_result(session, job_id));
}

/// With --watch: a row at every change until the job has ended.
Result<Answer> status(Session& session, const Request& request) {
    const bool follows = session.options.watch || session.options.wait.has_value() ||
                         request.operation->name == "job.watch";
    if (!follows) {
        auto job = call_node(session, *request.operation, request.input);
        if (!job.ok()) return job.error();
        return Answer{.value = std::move(job).value()};
    }
    JobWait wait = wait_of(session, id_in(request.input));
    if (!session.options.timeout_ms) wait.timeout_ms = UINT32_MAX;
    const auto seconds =
        std::clamp<std::int64_t>(integer_in(request.local, "interval", 1), 1, 3'600);
    wait.look_ms = static_cast<std::uint32_t>(seconds) * 1'000;
    Status shown;
    if (!session.options.wait) {
        const Operation* list = registry::find_operation("job.list");
        wait.on_change = [&session, &shown, list, is_first = true](const Json& job) mutable {
            RenderStyle style = session.style_for(list);
            const bool is_rows = style.format == OutputFormat::table ||
                                 style.format == OutputFormat::wide ||
                                 style.format == OutputFormat::csv;
            if (!is_rows) {
                if (auto told = session.emit(job, list); !told.ok()) shown = told.error();
                return;
            }
            style.header = style.header && std::exchange(is_first, false);
            auto text = render(Json{{"items", Json::array({job})}}, style);
            if (text.ok())
                session.console.out(text.value());
            else
                shown = text.error();
        };
    }
    auto job = wait_for_job(session, wait);
    if (!shown.ok()) return shown.error();
    if (!job.ok()) return job.error();
    if (!session.options.wait) return Answer{};
    return Answer{.value = std::move(job).value(), .shape = registry::find_operation("job.get")};
}

/// Byte for byte as served: a receipt is canonical, and a verifier compares every byte.
Result<Answer> show_receipt(const Request& request, const char* subject,
                            Result<std::string> bytes) {
    if (!bytes.ok()) return bytes.error();
    auto document = parse_json(bytes.value(), 64U * 1024 * 1024);
    if (!document.ok()) return document.error();
    const std::string file = text_in(request.local, "output_file");
    if (file.empty())
        return Answer{.value = std::move(document).value(), .plain = std::move(bytes).value()};
    auto written = write_file(file, bytes.value(), 0644, false);
    if (!written.ok()) return written.error();
    return Answer{.value = Json{{subject, text_in(request.input, subject)},
                                {"output_file", file},
                                {"bytes", bytes.value().size()}},
                  .next = "aitbc verify receipt " + file + " --genesis GENESIS"};
}

Result<Answer> receipt(Session& session, const Request& request) {
    return show_receipt(request, "job_id", fetch_receipt(session, "jobs", id_in(request.input)));
}

Result<Answer> operation_receipt(Session& session, const Request& request) {
    return show_receipt(request, "hash",
                        fetch_receipt(session, "transactions", text_in(request.input, "hash")));
}

constexpr std::array rows{
    CommandRow{"job.submit", &submit},
    CommandRow{"job.batch_submit", &batch_submit},
    CommandRow{"job.result", &result},
    CommandRow{"job.get", &status},
    CommandRow{"job.watch", &status},
    CommandRow{"job.receipt", &receipt},
    CommandRow{"tx.receipt", &operation_receipt},
};

}  // namespace

std::span<const CommandRow> job_commands() {
    return rows;
}

}  // namespace ait::cli
