#include "runtime/cli/ids.hpp"

#include <algorithm>
#include <array>

#include "runtime/registry/input.hpp"
#include "runtime/registry/registry.hpp"

namespace ait::cli {
namespace {

constexpr std::size_t id_tail_characters = 26;  // base32 of 16 bytes: consensus::make_id
constexpr std::size_t candidates_shown_max = 10;

/// How the things behind an id are called and listed.
struct IdKind {
    std::string_view parameter;
    std::string_view noun;
    std::string_view list_operation;
    std::string_view list_command;
};

constexpr std::array id_kinds{
    IdKind{"job_id", "job", "job.list", "aitbc client list"},
    IdKind{"miner_id", "miner", "miner.list", "aitbc miner list"},
};

const IdKind* find_kind(std::string_view parameter) {
    for (const auto& kind : id_kinds) {
        if (kind.parameter == parameter) return &kind;
    }
    return nullptr;
}

Result<Json> list_of(Session& session, const IdKind& kind, Json filter) {
    const Operation* operation = registry::find_operation(kind.list_operation);
    AIT_ASSERT(operation != nullptr);
    auto checked = registry::check_input(*operation, std::move(filter));
    if (!checked.ok()) return checked.error();
    auto node = session.node();
    if (!node.ok()) return node.error();
    auto call = session.call_options(false);
    if (!call.ok()) return call.error();
    call.value().dry_run = false;
    auto answer = node.value()->call(*operation, checked.value(), call.value());
    if (!answer.ok()) return answer.error();
    return items_of(answer.value());
}

std::vector<std::string> ids_of(const Json& items, const IdKind& kind, std::string_view prefix) {
    std::vector<std::string> ids;
    for (const auto& item : items) {
        const Json* id = find_path(item, kind.parameter);
        if (id == nullptr || !id->is_string()) continue;
        if (id->get_ref<const std::string&>().starts_with(prefix))
            ids.push_back(id->get<std::string>());
    }
    return ids;
}

Error several(const IdKind& kind, const std::vector<std::string>& ids, const std::string& why) {
    std::string names;
    for (std::size_t i = 0; i < std::min(ids.size(), candidates_shown_max); ++i)
        names += (i == 0 ? "" : ", ") + ids[i];
    if (ids.size() > candidates_shown_max)
        names += ", and " + std::to_string(ids.size() - candidates_shown_max) + " more";
    return {ErrorCode::ambiguous, "Which " + std::string(kind.noun) + "?", why + " " + names + ".",
            "Name one of them with --" + std::string(kind.noun) + "-id, or see `" +
                std::string(kind.list_command) + "`."};
}

Result<std::string> by_prefix(Session& session, const IdKind& kind, const std::string& text) {
    Json filter{{"limit", static_cast<std::int64_t>(limits::list_rows_max)}};
    auto items = list_of(session, kind, std::move(filter));
    if (!items.ok()) return items.error();
    const auto ids = ids_of(items.value(), kind, text);
    if (ids.size() == 1) return ids.front();
    if (ids.size() > 1)
        return several(kind, ids,
                       "\"" + text + "\" begins " + std::to_string(ids.size()) + " ids:");
    return text;  // not among those listed: the node decides
}

Result<std::string> last_of(Session& session, const IdKind& kind) {
    auto account = session.account_or_none();
    if (!account.ok()) return account.error();
    return session.last_ids().find(session.last_ids_key(account.value()), kind.parameter);
}

Error none_named(const IdKind& kind, const Operation& operation) {
    const std::string noun(kind.noun);
    return {ErrorCode::usage, "`aitbc " + std::string(operation.cli) + "` needs a " + noun + ".",
            "This wallet has made no " + noun + " from here that could be meant.",
            "Name one: `aitbc " + std::string(operation.cli) + " ID`; `" +
                std::string(kind.list_command) + "` lists them."};
}

Result<std::string> last_for_read(Session& session, const IdKind& kind,
                                  const Operation& operation) {
    auto last = last_of(session, kind);
    if (!last.ok()) return last.error();
    if (last.value().empty()) return none_named(kind, operation);
    session.note("using " + last.value() + ", the last " + std::string(kind.noun) +
                 " of this wallet");
    return last;
}

/// The jobs that a write without an id can be about: those it would not be refused for.
Result<std::string> only_candidate(Session& session, const IdKind& kind,
                                   const Operation& operation) {
    const bool pay = operation.name == "job.pay";
    Json filter = pay ? Json{{"unpaid", true}} : Json::object();
    auto items = list_of(session, kind, std::move(filter));
    if (!items.ok()) return items.error();
    Json open = Json::array();
    for (const auto& item : items.value()) {
        const Json* status = find_path(item, "status");
        const std::string text =
            status != nullptr && status->is_string() ? status->get<std::string>() : "";
        const bool ended =
            text == "completed" || text == "failed" || text == "cancelled" || text == "expired";
        if (pay || !ended) open.push_back(item);
    }
    const auto ids = ids_of(open, kind, "");
    const std::string what = pay ? "unpaid job" : "open job";
    if (ids.empty()) {
        return Error{ErrorCode::not_found, "There is no " + what + " of this wallet.", "",
                     "Submit one: `aitbc client submit --prompt TEXT`; or name a job."};
    }
    if (ids.size() > 1)
        return several(kind, ids,
                       "This wallet has " + std::to_string(ids.size()) + " " + what + "s:");
    session.note("using " + ids.front() + ", the only " + what + " of this wallet");
    return ids.front();
}

Result<std::string> resolve(Session& session, const Operation& operation, const IdKind& kind,
                            const std::string& given) {
    if (given == "@last") {
        auto last = last_of(session, kind);
        if (!last.ok()) return last.error();
        if (!last.value().empty()) return last;
        return none_named(kind, operation);
    }
    if (!given.empty())
        return is_full_id(given) || given.starts_with("ait1") ? Result<std::string>(given)
                                                              : by_prefix(session, kind, given);
    const bool writes = operation.kind == OperationKind::command;
    return writes ? only_candidate(session, kind, operation)
                  : last_for_read(session, kind, operation);
}

}  // namespace

bool is_full_id(std::string_view text) {
    const std::size_t dash = text.rfind('-');
    return dash != std::string_view::npos && dash > 0 &&
           text.size() - dash - 1 >= id_tail_characters;
}

Status resolve_ids(Session& session, const Operation& operation, Json& input) {
    for (const auto& parameter : operation.parameters) {
        const IdKind* kind = find_kind(parameter.name);
        if (kind == nullptr || parameter.repeated) continue;
        const std::string name(parameter.name);
        const bool given = input.contains(name) && input[name].is_string();
        if (!given && parameter.presence == Presence::optional) continue;
        auto id = resolve(session, operation, *kind, given ? input[name].get<std::string>() : "");
        if (!id.ok()) return id.error();
        input[name] = std::move(id).value();
    }
    return {};
}

}  // namespace ait::cli
