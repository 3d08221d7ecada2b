#include "runtime/cli/context_store.hpp"

#include <algorithm>
#include <filesystem>

#include "runtime/base/codec/json.hpp"
#include "runtime/cli/console.hpp"
#include "runtime/registry/suggest.hpp"

namespace ait::cli {
namespace {

constexpr std::size_t file_bytes_max = 256 * 1024;
constexpr int format_version = 1;

Error damaged(const std::string& file, const std::string& why) {
    return {ErrorCode::corrupt_data, "The contexts cannot be read.", file + ": " + why,
            "Correct that file, or remove it and add the contexts again."};
}

std::string text_of(const Json& object, std::string_view name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Context context_of(const std::string& name, const Json& fields) {
    return {.name = name,
            .node = text_of(fields, "node"),
            .token_file = text_of(fields, "token_file"),
            .chain = text_of(fields, "chain"),
            .wallet = text_of(fields, "wallet"),
            .output_format = text_of(fields, "output_format")};
}

Json fields_of(const Context& context) {
    Json fields = Json::object();
    const auto put = [&fields](const char* name, const std::string& value) {
        if (!value.empty()) fields[name] = value;
    };
    put("node", context.node);
    put("token_file", context.token_file);
    put("chain", context.chain);
    put("wallet", context.wallet);
    put("output_format", context.output_format);
    return fields;
}

Error no_such_context(const std::string& name, const Contexts& contexts,
                      const ChosenContext& chosen) {
    std::vector<std::string> known{std::string(default_context)};
    for (const auto& context : contexts.all) known.push_back(context.name);
    std::string hint = registry::did_you_mean(name, known);
    if (!hint.empty()) hint += " ";
    return {ErrorCode::not_found, "There is no context \"" + name.substr(0, 64) + "\".",
            "It was chosen by " + chosen.chosen_by + ".",
            hint +
                "`aitbc context list` shows them; `aitbc context use default` is the local "
                "node."};
}

}  // namespace

const Context* Contexts::find(std::string_view name) const noexcept {
    const auto found = std::find_if(all.begin(), all.end(),
                                    [name](const Context& one) { return one.name == name; });
    return found == all.end() ? nullptr : &*found;
}

std::string contexts_file(const config::Paths& paths) {
    return paths.config + "/contexts.json";
}

Result<Contexts> read_contexts(const std::string& file) {
    auto text = read_file(file, file_bytes_max);
    if (!text.ok()) {
        if (text.error().code == ErrorCode::not_found) return Contexts{};
        return text.error();
    }
    auto json = parse_json(text.value());
    if (!json.ok()) return damaged(file, json.error().why);
    if (!json.value().is_object()) return damaged(file, "It is not a JSON object.");
    if (json.value().value("version", Json(0)) != Json(format_version))
        return damaged(file,
                       "It is of another version than " + std::to_string(format_version) + ".");
    Contexts contexts;
    const auto listed = json.value().find("contexts");
    if (listed == json.value().end() || !listed->is_object())
        return damaged(file, "It lists no contexts.");
    if (listed->size() > contexts_max) return damaged(file, "It lists too many contexts.");
    for (const auto& [name, fields] : listed->items()) {
        if (!fields.is_object()) return damaged(file, "\"" + name + "\" is not an object.");
        contexts.all.push_back(context_of(name, fields));
    }
    std::sort(contexts.all.begin(), contexts.all.end(),
              [](const Context& a, const Context& b) { return a.name < b.name; });
    contexts.current = text_of(json.value(), "current");
    if (contexts.current.empty()) contexts.current = default_context;
    return contexts;
}

Status write_contexts(const std::string& file, const Contexts& contexts) {
    if (contexts.all.size() > contexts_max) {
        return Error{ErrorCode::limit_reached, "The context was not added.",
                     "At most " + std::to_string(contexts_max) + " are kept.",
                     "Remove one: `aitbc context remove NAME`."};
    }
    std::error_code failure;
    std::filesystem::create_directories(std::filesystem::path(file).parent_path(), failure);
    if (failure) {
        return Error{ErrorCode::storage_failed, "The contexts cannot be kept.",
                     failure.message() + ".", "Check the folder and its permissions."};
    }
    Json listed = Json::object();
    for (const auto& context : contexts.all) listed[context.name] = fields_of(context);
    const Json document{
        {"version", format_version}, {"current", contexts.current}, {"contexts", listed}};
    return write_file(file, dump_json_pretty(document) + "\n", 0600, true);
}

ChosenContext chosen_context(const GlobalOptions& options, const config::Environment& environment,
                             const Contexts& contexts) {
    if (!options.context.empty()) return {options.context, "--context"};
    const auto named = config::find_variable(environment, "AITBC_CONTEXT");
    if (!named.empty()) return {std::string(named), "AITBC_CONTEXT"};
    if (contexts.current != default_context) return {contexts.current, "context use"};
    return {};
}

Status apply_context(GlobalOptions& options, const config::Environment& environment,
                     const config::Paths& paths) {
    const auto contexts = read_contexts(contexts_file(paths));
    if (!contexts.ok()) return contexts.error();
    const auto chosen = chosen_context(options, environment, contexts.value());
    if (chosen.name == default_context) return {};
    const Context* context = contexts.value().find(chosen.name);
    if (context == nullptr) return no_such_context(chosen.name, contexts.value(), chosen);
    const auto fill = [&](std::string& option, const std::string& value,
                          std::initializer_list<std::string_view> variables) {
        const bool told = !chosen.is_explicit() &&
                          std::any_of(variables.begin(), variables.end(), [&](auto variable) {
                              return !config::find_variable(environment, variable).empty();
                          });
        if (option.empty() && !told) option = value;
    };
    fill(options.node, context->node, {"AITBC_NODE", "AITBC_URL"});
    fill(options.token_file, context->token_file, {"AITBC_TOKEN"});
    fill(options.chain, context->chain, {"AITBC_CHAIN"});
    fill(options.wallet, context->wallet, {"AITBC_WALLET"});
    if (options.output_given || context->output_format.empty()) return {};
    auto format = parse_output_format(context->output_format);
    if (!format.ok()) return format.error();
    options.output = format.value();
    return {};
}

}  // namespace ait::cli
