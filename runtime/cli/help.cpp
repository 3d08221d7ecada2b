#include "runtime/cli/help.hpp"

#include <algorithm>

#include "runtime/cli/options.hpp"
#include "runtime/registry/input.hpp"
#include "runtime/registry/registry.hpp"
#include "runtime/registry/suggest.hpp"

namespace ait::cli {
namespace {

constexpr std::size_t text_column = 34;
constexpr std::size_t usage_columns = 92;

std::string value_name(const Parameter& parameter) {
    if (parameter.kind == ValueKind::choice) return std::string(parameter.choices);
    std::string name(parameter.name);
    for (auto& c : name) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    return name;
}

/// Two columns; a long left side gets a line of its own.
std::string entry(const std::string& left, const std::string& right) {
    const std::string indented = "  " + left;
    if (right.empty()) return indented + "\n";
    if (indented.size() + 2 > text_column)
        return indented + "\n" + std::string(text_column, ' ') + right + "\n";
    return indented + std::string(text_column - indented.size(), ' ') + right + "\n";
}

std::string flag_text(const Parameter& parameter) {
    std::string text = registry::flag_of(parameter);
    for (const auto flag : registry::split(parameter.flags, ',')) text += ", " + std::string(flag);
    if (parameter.kind != ValueKind::boolean) text += " " + value_name(parameter);
    return text;
}

std::string parameter_entry(const Parameter& parameter) {
    std::string help(parameter.help);
    if (!parameter.default_text.empty())
        help += " [default: " + std::string(parameter.default_text) + "]";
    if (parameter.presence == Presence::required) help += " [required]";
    if (parameter.repeated) help += " [may be repeated]";
    return entry(flag_text(parameter), help);
}

std::string global_entry(const GlobalFlag& flag) {
    std::string left;
    for (const auto spelling : registry::split(flag.spellings, ','))
        left += (left.empty() ? "" : ", ") + std::string(spelling);
    if (flag.arity == Arity::value) left += " " + std::string(flag.value_name);
    if (flag.arity == Arity::optional_value) left += "[=" + std::string(flag.value_name) + "]";
    return entry(left, std::string(flag.help));
}

std::string global_section() {
    std::string text = "\nOptions of every command:\n";
    for (const auto& flag : global_flags()) text += global_entry(flag);
    return text;
}

std::string commands_below(std::string_view prefix) {
    std::string text;
    for (const auto* operation : commands_in_order()) {
        const bool below =
            prefix.empty() || (operation->cli.starts_with(prefix) &&
                               operation->cli.substr(prefix.size()).starts_with(' '));
        if (below) text += entry(std::string(operation->cli), std::string(operation->summary));
    }
    return text;
}

}  // namespace

std::vector<const Operation*> commands_in_order() {
    std::vector<const Operation*> commands;
    for (const auto* operation : registry::all_operations()) {
        if (!operation->cli.empty()) commands.push_back(operation);
    }
    // Groups stay together, in the order in which the tables first name them.
    std::vector<std::string_view> groups;
    for (const auto* operation : commands) {
        const auto group = operation->cli.substr(0, operation->cli.find(' '));
        if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
    }
    const auto place = [&groups](const Operation* operation) {
        const auto group = operation->cli.substr(0, operation->cli.find(' '));
        return std::find(groups.begin(), groups.end(), group) - groups.begin();
    };
    std::stable_sort(commands.begin(), commands.end(),
                     [&](const Operation* a, const Operation* b) { return place(a) < place(b); });
    return commands;
}

std::string synopsis(const Operation& operation, std::size_t width) {
    std::string text = "aitbc " + std::string(operation.cli);
    std::size_t line_bytes = text.size();
    for (const auto& parameter : operation.parameters) {
        const bool required = parameter.presence == Presence::required;
        std::string one =
            parameter.positional ? value_name(parameter) : registry::flag_of(parameter);
        if (!parameter.positional && parameter.kind != ValueKind::boolean)
            one += " " + value_name(parameter);
        if (parameter.repeated) one += "...";
        const std::string piece = required ? one : "[" + one + "]";
        const bool wraps = line_bytes + piece.size() + 1 > width;
        text += wraps ? "\n      " + piece : " " + piece;
        line_bytes = wraps ? piece.size() + 6 : line_bytes + piece.size() + 1;
    }
    return text;
}

std::string main_help() {
    std::string text =
        "aitbc: jobs, miners, wallets and nodes of a decentralised AI compute network.\n"
        "\nBegin here:\n"
        "  aitbc up                                                    start a local node and a "
        "miner\n"
        "  aitbc client submit --prompt \"Why is the sky blue?\" --wait  run a job, see its "
        "result\n"
        "  aitbc wallet balance                                        see what you have\n"
        "\nCommands:\n";
    text += commands_below("");
    return text + global_section() +
           "\nMore: `aitbc COMMAND --help`, `aitbc help exit-codes`, `aitbc man`.\n";
}

std::string group_help(std::span<const std::string> words) {
    std::string prefix;
    for (const auto& word : words) prefix += (prefix.empty() ? "" : " ") + word;
    std::string below = commands_below(prefix);
    if (below.empty()) {  // a group of older spellings only
        for (const auto& word : registry::next_words(words))
            below += entry(prefix + " " + word, "");
    }
    return "Commands of `aitbc " + prefix + "`:\n" + below + "\nMore: `aitbc " + prefix +
           " COMMAND --help`.\n";
}

std::string command_help(const Operation& operation) {
    std::string text = std::string(operation.summary) + "\n";
    if (!operation.examples.empty()) text += "\nExamples:\n";
    for (const auto example : registry::split(operation.examples, '\n'))
        text += "  " + std::string(example) + "\n";
    text += "\nUsage:\n  " + synopsis(operation, usage_columns) + "\n";
    if (!operation.parameters.empty()) text += "\nOptions:\n";
    for (const auto& parameter : operation.parameters) text += parameter_entry(parameter);
    if (!operation.cli_aliases.empty()) text += "\nAlso spelled:\n";
    for (const auto alias : registry::split(operation.cli_aliases, ';'))
        text += "  aitbc " + std::string(alias) + "\n";
    text += global_section();
    if (!operation.rest.path.empty()) {
        text += "\nREST: " + std::string(operation.rest.method) + " " +
                std::string(operation.rest.path) + "\n";
    }
    return text;
}

}  // namespace ait::cli
