// `aitbc explain`: whatever a person has in hand (an id, a hash, a code, a key) in words. Codes and
// keys need no node; the rest is put together from what the node answers.

#include <algorithm>
#include <array>

#include "runtime/base/crypto/bech32m.hpp"
#include "runtime/cli/commands.hpp"
#include "runtime/cli/error_causes.hpp"
#include "runtime/cli/ids.hpp"
#include "runtime/registry/registry.hpp"
#include "runtime/registry/suggest.hpp"

namespace ait::cli {
namespace {

constexpr std::size_t waiting_jobs_max = 20;

std::string text_at(const Json& value, std::string_view path) {
    const Json* found = find_path(value, path);
    return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

// ---- error codes ----------------------------------------------------------------------------

Json view_of(const ErrorCodeRow& row) {
    Json causes = Json::array();
    for (const auto cause : registry::split(usual_causes(row.code), ';'))
        causes.push_back(std::string(cause));
    return Json{{"code", std::string(row.name)}, {"meaning", std::string(row.meaning)},
                {"causes", std::move(causes)},   {"remedy", std::string(row.remedy)},
                {"exit", row.exit_status},       {"http_status", row.http_status},
                {"retryable", row.retryable}};
}

std::vector<std::string> code_names() {
    std::vector<std::string> names;
    const auto [rows, count] = error_code_rows();
    for (std::size_t i = 0; i < count; ++i) names.emplace_back(rows[i].name);
    return names;
}

Result<Answer> explain_code(Session& /*session*/, const Request& request) {
    const std::string code = text_in(request.local, "code");
    if (const auto* row = find_error_code(code)) return Answer{.value = view_of(*row)};
    std::string hint = registry::did_you_mean(code, code_names());
    if (!hint.empty()) hint += " ";
    return Error{ErrorCode::not_found, "There is no error code \"" + code.substr(0, 64) + "\".", "",
                 hint + "`aitbc help exit-codes` lists them."};
}

// ---- transactions ---------------------------------------------------------------------------

Json effects_of(const Json& transaction) {
    Json effects = Json::array();
    const Json* events = find_path(transaction, "events");
    if (events == nullptr || !events->is_array()) return effects;
    for (const auto& event : *events) {
        effects.push_back(Json{{"what", text_at(event, "kind")},
                               {"subject", text_at(event, "subject")},
                               {"with", event.value("attributes", Json(nullptr))}});
    }
    return effects;
}

std::string story_of(const Json& transaction, std::int64_t blocks_since, std::size_t effects) {
    const std::string status = text_at(transaction, "status");
    std::string story = text_at(transaction, "kind") + " by " + text_at(transaction, "account") +
                        " is in block " + std::to_string(integer_in(transaction, "height", 0)) +
                        ", which is final and has " + std::to_string(blocks_since) +
                        " blocks after it. ";
    if (status == "applied")
        return story + "It was applied and had " + std::to_string(effects) + " effects.";
    return story + "Its rule refused it with " + status + ": " + text_at(transaction, "error") +
           " Nothing changed but the account's nonce.";
}

Result<Answer> explain_transaction(Session& session, std::string hash) {
    if (hash.starts_with("0x")) hash.erase(0, 2);
    auto found = call_node(session, "tx.get", Json{{"hash", hash}});
    if (!found.ok()) {
        Error error = found.error();
        if (error.code != ErrorCode::not_found) return error;
        error.why =
            "It waits for its block, was never accepted, belongs to another chain, or its "
            "block was pruned.";
        error.next = "Look again in a second; `aitbc wallet history` shows what moved money.";
        return error;
    }
    auto chain = call_node(session, "chain.info", Json::object());
    if (!chain.ok()) return chain.error();
    const Json& transaction = found.value();
    const auto blocks_since = std::max<std::int64_t>(
        0, integer_in(chain.value(), "height", 0) - integer_in(transaction, "height", 0));
    Json effects = effects_of(transaction);
    const std::string status = text_at(transaction, "status");
    Json view{{"hash", text_at(transaction, "hash")},
              {"summary", story_of(transaction, blocks_since, effects.size())},
              {"status", status},
              {"kind", text_at(transaction, "kind")},
              {"account", text_at(transaction, "account")},
              {"nonce", transaction.value("nonce", Json(nullptr))},
              {"time", transaction.value("time", Json(nullptr))},
              {"height", transaction.value("height", Json(nullptr))},
              {"blocks_since", blocks_since},
              {"effects", std::move(effects)}};
    return Answer{.value = std::move(view),
                  .next = status == "applied" ? "" : "aitbc explain code " + status};
}

Result<Answer> explain_tx(Session& session, const Request& request) {
    return explain_transaction(session, text_in(request.local, "hash"));
}

// ---- miners ---------------------------------------------------------------------------------

/// What this node has heard of the miner; null when it never has since its start.
Json heard_of(Session& session, const std::string& miner_id) {
    auto health = call_node(session, "node.health", Json::object());
    if (!health.ok()) return nullptr;
    const Json* miners = find_path(health.value(), "miners");
    if (miners == nullptr || !miners->is_array()) return nullptr;
    for (const auto& each : *miners) {
        if (text_at(each, "miner_id") == miner_id) return each;
    }
    return nullptr;
}

/// Why this miner does not have a job that waits: the first rule that speaks against it.
Json against(const Json& explained, const std::string& miner_id) {
    const Json* miners = find_path(explained, "miners");
    if (miners == nullptr) return nullptr;
    for (const auto& candidate : *miners) {
        if (text_at(candidate, "miner_id") != miner_id) continue;
        const Json* rules = find_path(candidate, "rules");
        if (rules == nullptr) return nullptr;
        for (const auto& rule : *rules) {
            if (text_at(rule, "verdict") != "failed") continue;
            return text_at(rule, "rule") + ": " + text_at(rule, "why") + " " +
                   text_at(rule, "remedy");
        }
        return nullptr;
    }
    return "this miner is not among those that the node looked at";
}

Result<Json> waiting_jobs(Session& session, const std::string& miner_id) {
    auto queued = jobs_in_queue(session, waiting_jobs_max);
    if (!queued.ok()) return queued.error();
    Json jobs = Json::array();
    for (const auto& job : queued.value()) {
        const std::string id = text_at(job, "job_id");
        auto explained = call_node(session, "job.explain",
                                   Json{{"job_id", id}, {"limit", limits::list_rows_max}});
        if (!explained.ok()) continue;  // it was taken or ended meanwhile
        Json why = against(explained.value(), miner_id);
        jobs.push_back(Json{{"job_id", id}, {"could_take", why.is_null()}, {"why_not", why}});
    }
    return jobs;
}

struct Judgement {
    std::string summary{};
    std::string next{};
};

Judgement judge(const Json& miner, const Json& heard) {
    const std::string status = text_at(miner, "status");
    const auto running = integer_in(miner, "jobs_running", 0);
    const auto places = integer_in(miner, "concurrency", 1);
    const std::string work = "It works on " + std::to_string(running) + " of " +
                             std::to_string(places) + " jobs at a time.";
    if (status == "deregistered")
        return {"It has left the network and gets no jobs.", "aitbc miner register"};
    if (status == "draining") {
        return {"It is draining: it finishes what it has and takes nothing new. " + work,
                "Register again to take jobs: aitbc miner register"};
    }
    if (heard.is_null()) {
        return {"It is registered, but this node has not heard of it since it started. " + work,
                "Start its process: aitbc miner start; or ask the node that it talks to."};
    }
    const std::string ago =
        std::to_string(integer_in(heard, "heard_ms_ago", 0) / 1'000) + " seconds ago";
    if (!flag_in(heard, "alive")) {
        return {"It counts as lost: its last heartbeat was " + ago + ". " + work,
                "Read its log: aitbc admin logs --service miner; start it: aitbc miner start"};
    }
    if (running >= places)
        return {"It is well and busy; its last heartbeat was " + ago + ". " + work, ""};
    return {"It is well and has a place free; its last heartbeat was " + ago + ". " + work, ""};
}

Result<Answer> explain_one_miner(Session& session, const std::string& given) {
    Json input = Json::object();
    if (!given.empty()) {
        input["miner_id"] = given;
    } else {
        auto account = session.wallet();
        if (!account.ok()) return account.error();
        input["miner_id"] = crypto::to_text(account.value().address);
    }
    if (auto resolved = resolve_ids(session, *registry::find_operation("miner.get"), input);
        !resolved.ok())
        return resolved.error();
    auto miner = call_node(session, "miner.get", input);
    if (!miner.ok()) return miner.error();
    const std::string id = text_at(miner.value(), "miner_id");
    const Json heard = heard_of(session, id);
    auto jobs = call_node(session, "miner.jobs", Json{{"miner_id", id}});
    if (!jobs.ok()) return jobs.error();
    auto waiting = waiting_jobs(session, id);
    if (!waiting.ok()) return waiting.error();
    const Judgement judgement = judge(miner.value(), heard);
    Json view{{"miner_id", id},
              {"summary", judgement.summary},
              {"next", judgement.next.empty() ? Json(nullptr) : Json(judgement.next)},
              {"status", text_at(miner.value(), "status")},
              {"heard", heard}};
    for (const auto* name : {"address", "price_per_hour", "region", "concurrency", "jobs_completed",
                             "jobs_failed", "jobs_expired", "earned", "last_active_at"})
        view[name] = miner.value().value(name, Json(nullptr));
    view["working_on"] = items_of(jobs.value());
    view["waiting_jobs"] = std::move(waiting).value();
    return Answer{.value = std::move(view), .next = judgement.next};
}

Result<Answer> explain_miner(Session& session, const Request& request) {
    return explain_one_miner(session, text_in(request.local, "miner"));
}

// ---- anything -------------------------------------------------------------------------------

Result<Answer> explain_job(Session& session, const std::string& given) {
    const Operation* operation = registry::find_operation("job.explain");
    Json input{{"job_id", given}};
    if (auto resolved = resolve_ids(session, *operation, input); !resolved.ok())
        return resolved.error();
    auto value = call_node(session, *operation, input);
    if (!value.ok()) return value.error();
    return Answer{.value = std::move(value).value(), .shape = operation};
}

bool is_hash(std::string_view text) {
    if (text.starts_with("0x")) text.remove_prefix(2);
    return text.size() == 64 && text.find_first_not_of("0123456789abcdefABCDEF") == text.npos;
}

/// The key that is meant by a name without its section, where only one has it.
std::string whole_key(const std::string& term) {
    std::string found;
    for (const auto& row : config::key_rows()) {
        const bool same = row.name == term || row.name.substr(row.name.find('.') + 1) == term;
        if (!same) continue;
        if (!found.empty()) return {};
        found = row.name;
    }
    return found;
}

Error nothing_known(const std::string& term) {
    std::vector<std::string> known = code_names();
    for (const auto& row : config::key_rows()) known.emplace_back(row.name);
    for (const auto& word : registry::next_words(std::vector<std::string>{"explain"}))
        known.push_back(word);
    std::string hint = registry::did_you_mean(term, known);
    if (!hint.empty()) hint += " ";
    return {ErrorCode::not_found,
            "\"" + term.substr(0, 64) + "\" is nothing that can be explained.",
            "It has the form of no job, miner, transaction, error code or configuration key.",
            hint + "`aitbc help exit-codes` lists the codes, `aitbc config show` the keys."};
}

Result<Answer> explain(Session& session, const Request& request) {
    const std::string term = text_in(request.local, "term");
    if (const auto* row = find_error_code(term)) return Answer{.value = view_of(*row)};
    if (term == "@last" || term.starts_with("job-")) return explain_job(session, term);
    if (term.starts_with("miner-") || term.starts_with("ait1"))
        return explain_one_miner(session, term);
    if (is_hash(term)) return explain_transaction(session, term);
    if (const auto key = whole_key(term); !key.empty()) return explain_key(session, key);
    if (term.find('.') != std::string::npos) return explain_key(session, term);
    return nothing_known(term);
}

constexpr std::array rows{
    CommandRow{"cli.explain", &explain},
    CommandRow{"explain.tx", &explain_tx},
    CommandRow{"explain.miner", &explain_miner},
    CommandRow{"explain.code", &explain_code},
};

}  // namespace

Result<Json> jobs_in_queue(Session& session, std::size_t count_max) {
    Json jobs = Json::array();
    for (const auto* status : {"queued", "pending"}) {
        auto listed = call_node(session, "job.list",
                                Json{{"status", status}, {"all", true}, {"limit", count_max}});
        if (!listed.ok()) return listed.error();
        for (const auto& job : items_of(listed.value())) jobs.push_back(job);
    }
    return jobs;
}

std::span<const CommandRow> explain_commands() {
    return rows;
}

}  // namespace ait::cli
