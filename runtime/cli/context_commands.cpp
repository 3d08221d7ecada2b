// Commands on contexts. None of them talks to a node.

#include <algorithm>
#include <array>
#include <filesystem>

#include "net/http_client.hpp"
#include "runtime/cli/commands.hpp"
#include "runtime/cli/context_store.hpp"

namespace ait::cli {
namespace {

Json view_of(const Context& context, bool is_current) {
    const auto or_null = [](const std::string& text) {
        return text.empty() ? Json(nullptr) : Json(text);
    };
    return Json{{"name", context.name},
                {"current", is_current},
                {"node", or_null(context.node)},
                {"token_file", or_null(context.token_file)},
                {"chain", or_null(context.chain)},
                {"wallet", or_null(context.wallet)},
                {"output_format", or_null(context.output_format)}};
}

bool is_name(std::string_view name) {
    const auto good = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
    };
    return !name.empty() && name.front() != '-' && std::all_of(name.begin(), name.end(), good);
}

Error unknown(const std::string& name) {
    return {ErrorCode::not_found, "There is no context \"" + name.substr(0, 64) + "\".", "",
            "`aitbc context list` shows them; `aitbc context add` makes one."};
}

std::string file_of(const Session& session) {
    return contexts_file(session.paths());
}

Result<Answer> list(Session& session, const Request& /*request*/) {
    auto contexts = read_contexts(file_of(session));
    if (!contexts.ok()) return contexts.error();
    const auto chosen =
        chosen_context(session.options, session.console.environment, contexts.value());
    Json items = Json::array();
    const Context local{.name = std::string(default_context)};
    items.push_back(view_of(local, chosen.name == local.name));
    for (const auto& context : contexts.value().all)
        items.push_back(view_of(context, chosen.name == context.name));
    return Answer{.value = Json{{"items", std::move(items)}, {"next_cursor", nullptr}}};
}

Result<Answer> show(Session& session, const Request& request) {
    auto contexts = read_contexts(file_of(session));
    if (!contexts.ok()) return contexts.error();
    const auto chosen =
        chosen_context(session.options, session.console.environment, contexts.value());
    const std::string name = text_in(request.local, "name", chosen.name);
    const Context local{.name = std::string(default_context)};
    const Context* context = name == default_context ? &local : contexts.value().find(name);
    if (context == nullptr) return unknown(name);
    Json view = view_of(*context, name == chosen.name);
    view["chosen_by"] = name == chosen.name ? Json(chosen.chosen_by) : Json(nullptr);
    return Answer{.value = std::move(view)};
}

/// What the line says, checked. The token file need not be there yet, but must be reachable from
/// any folder later.
Result<Context> context_of(Session& session, const Request& request) {
    Context context{.name = text_in(request.local, "name"),
                    .node = text_in(request.local, "node"),
                    .token_file = text_in(request.local, "token_file"),
                    .chain = text_in(request.local, "chain"),
                    .wallet = text_in(request.local, "wallet"),
                    .output_format = text_in(request.local, "output_format")};
    if (!is_name(context.name) || context.name == default_context) {
        return Error{ErrorCode::invalid_argument,
                     "\"" + context.name.substr(0, 64) + "\" cannot be the name of a context.",
                     "A name is of letters, digits, dot, dash and underscore, and not \"default\".",
                     "aitbc context add prod --node http://10.0.0.5:7700"};
    }
    if (!context.node.empty()) {
        auto endpoint = net::parse_http_endpoint(context.node);
        if (!endpoint.ok()) return endpoint.error();
    }
    if (context.token_file.empty()) return context;
    std::error_code failure;
    const auto whole = std::filesystem::absolute(context.token_file, failure);
    if (!failure) context.token_file = whole.string();
    if (!std::filesystem::exists(context.token_file, failure))
        session.note("there is no file " + context.token_file + " yet");
    return context;
}

Result<Answer> add(Session& session, const Request& request) {
    auto context = context_of(session, request);
    if (!context.ok()) return context.error();
    auto contexts = read_contexts(file_of(session));
    if (!contexts.ok()) return contexts.error();
    auto& all = contexts.value().all;
    const std::string name = context.value().name;
    const bool known = contexts.value().find(name) != nullptr;
    if (known && !flag_in(request.local, "force")) {
        return Error{ErrorCode::already_exists, "There is a context \"" + name + "\" already.", "",
                     "Add --force to replace it, or choose another name."};
    }
    std::erase_if(all, [&name](const Context& one) { return one.name == name; });
    all.push_back(context.value());
    if (flag_in(request.local, "use")) contexts.value().current = name;
    if (auto written = write_contexts(file_of(session), contexts.value()); !written.ok())
        return written.error();
    const bool is_current = contexts.value().current == name;
    return Answer{.value = view_of(context.value(), is_current),
                  .next = is_current ? "aitbc status" : "aitbc context use " + name};
}

Result<Answer> use(Session& session, const Request& request) {
    auto contexts = read_contexts(file_of(session));
    if (!contexts.ok()) return contexts.error();
    const std::string name = text_in(request.local, "name");
    const Context local{.name = std::string(default_context)};
    const Context* context = name == default_context ? &local : contexts.value().find(name);
    if (context == nullptr) return unknown(name);
    const Json view = view_of(*context, true);
    contexts.value().current = name;
    if (auto written = write_contexts(file_of(session), contexts.value()); !written.ok())
        return written.error();
    if (!config::find_variable(session.console.environment, "AITBC_CONTEXT").empty())
        session.note("AITBC_CONTEXT is set and weighs more than this choice");
    return Answer{.value = view, .next = "aitbc status"};
}

Result<Answer> remove(Session& session, const Request& request) {
    auto contexts = read_contexts(file_of(session));
    if (!contexts.ok()) return contexts.error();
    const std::string name = text_in(request.local, "name");
    const Context* context = contexts.value().find(name);
    if (context == nullptr) return unknown(name);
    Json view = view_of(*context, false);
    std::erase_if(contexts.value().all, [&name](const Context& one) { return one.name == name; });
    if (contexts.value().current == name) {
        contexts.value().current = default_context;
        session.note("the current context is \"default\" again: the local node");
    }
    if (auto written = write_contexts(file_of(session), contexts.value()); !written.ok())
        return written.error();
    return Answer{.value = std::move(view)};
}

constexpr std::array rows{
    CommandRow{"context.list", &list},     CommandRow{"context.show", &show},
    CommandRow{"context.add", &add},       CommandRow{"context.use", &use},
    CommandRow{"context.remove", &remove},
};

}  // namespace

std::span<const CommandRow> context_commands() {
    return rows;
}

}  // namespace ait::cli
