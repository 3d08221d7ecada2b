// Manual pages in man(7) form, made from the operation table.

#include <algorithm>

#include "runtime/base/result.hpp"
#include "runtime/cli/help.hpp"
#include "runtime/cli/options.hpp"
#include "runtime/registry/input.hpp"
#include "runtime/registry/suggest.hpp"

namespace ait::cli {
namespace {

/// Text that roff takes literally.
std::string roff(std::string_view text) {
    std::string result;
    bool line_begins = true;
    for (const char c : text) {
        if (line_begins && (c == '.' || c == '\'')) result += "\\&";
        if (c == '\\')
            result += "\\e";
        else if (c == '-')
            result += "\\-";
        else
            result += c;
        line_begins = c == '\n';
    }
    return result;
}

std::string page_name(const Operation& operation) {
    std::string name = "aitbc-" + std::string(operation.cli);
    std::replace(name.begin(), name.end(), ' ', '-');
    return name;
}

std::string header(std::string title, std::string_view version) {
    for (auto& c : title) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return ".TH \"" + roff(title) + "\" \"1\" \"\" \"aitbc " + roff(version) +
           "\" \"User Commands\"\n";
}

std::string tagged(std::string_view tag, std::string_view text) {
    return ".TP\n\\fB" + roff(tag) + "\\fR\n" + roff(text) + "\n";
}

/// Lines as they are, without filling.
std::string verbatim(std::string_view lines) {
    std::string text = ".nf\n";
    for (const auto line : registry::split(lines, '\n')) text += roff(line) + "\n";
    return text + ".fi\n";
}

std::string flag_line(const Parameter& parameter) {
    std::string line = registry::flag_of(parameter);
    for (const auto flag : registry::split(parameter.flags, ',')) line += ", " + std::string(flag);
    if (parameter.kind == ValueKind::boolean) return line;
    std::string value(parameter.name);
    for (auto& c : value) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return line + " " + value;
}

std::string options_section(const Operation& operation) {
    std::string text = operation.parameters.empty() ? "" : ".SH OPTIONS\n";
    for (const auto& parameter : operation.parameters) {
        std::string help(parameter.help);
        if (!parameter.choices.empty()) {
            std::string choices(parameter.choices);
            for (std::size_t at = choices.find('|'); at != choices.npos; at = choices.find('|', at))
                choices.replace(at, 1, ", ");
            help += " One of: " + choices + ".";
        }
        if (!parameter.default_text.empty())
            help += " Default: " + std::string(parameter.default_text) + ".";
        if (parameter.presence == Presence::required) help += " Required.";
        if (parameter.repeated) help += " May be given several times.";
        if (parameter.positional) help += " May be given without its flag.";
        text += tagged(flag_line(parameter), help);
    }
    return text;
}

std::string global_section() {
    std::string text = ".SH OPTIONS OF EVERY COMMAND\n";
    for (const auto& flag : global_flags()) {
        std::string line;
        for (const auto spelling : registry::split(flag.spellings, ','))
            line += (line.empty() ? "" : ", ") + std::string(spelling);
        if (flag.arity == Arity::value) line += " " + std::string(flag.value_name);
        if (flag.arity == Arity::optional_value) line += "[=" + std::string(flag.value_name) + "]";
        text += tagged(line, flag.help);
    }
    return text;
}

std::string exit_section() {
    std::string text = ".SH EXIT STATUS\n" + tagged("0", "Done.");
    const auto [rows, count] = error_code_rows();
    for (int status = 1; status < 128; ++status) {
        std::string meanings;
        for (std::size_t i = 0; i < count; ++i) {
            if (rows[i].exit_status != status) continue;
            meanings += (meanings.empty() ? "" : "\n.br\n") + roff(rows[i].name) + ": " +
                        roff(rows[i].meaning);
        }
        if (!meanings.empty())
            text += ".TP\n\\fB" + std::to_string(status) + "\\fR\n" + meanings + "\n";
    }
    return text + tagged("130, 143", "Ended by SIGINT or SIGTERM.");
}

std::string environment_section() {
    return ".SH ENVIRONMENT\n" +
           tagged("AITBC_NODE, AITBC_URL", "Node to talk to, as --node takes it.") +
           tagged("AITBC_CONTEXT", "Context to use, as --context takes it.") +
           tagged("AITBC_TOKEN", "Token for a node over TCP.") +
           tagged("AITBC_CHAIN", "Chain of the node, as --chain takes it.") +
           tagged("AITBC_WALLET", "Wallet to use instead of the active one.") +
           tagged("AITBC_WALLET_PASSWORD", "Its password, where no file holds it.") +
           tagged("AITBC_SECTION__KEY",
                  "A configuration key, for example "
                  "AITBC_GATEWAY__TCP_PORT.") +
           tagged("AITBC_HOME", "Folder that holds data, configuration, cache and state.") +
           tagged("NO_COLOR", "No colours.");
}

std::string files_section() {
    return ".SH FILES\n" +
           tagged("$XDG_CONFIG_HOME/aitbc/node.toml", "Configuration of the node.") +
           tagged("$XDG_CONFIG_HOME/aitbc/contexts.json", "Contexts.") +
           tagged("$XDG_DATA_HOME/aitbc", "Keys, wallets, log, state, socket and logs.") +
           tagged("$XDG_CACHE_HOME/aitbc/models", "Model files.");
}

/// What kind of thing the command is, in sentences.
std::string description(const Operation& operation) {
    std::string text = std::string(operation.summary);
    if (operation.kind == OperationKind::command)
        text +=
            "\nIt becomes one transaction; the answer comes when that is durable. A repeat "
            "with the same --idempotency-key is never done twice.";
    if (operation.transaction.account_signed)
        text += "\nThe wallet's key signs it on this machine.";
    if (operation.dry_run) text += "\nWith --dry-run it is checked and shown, and changes nothing.";
    if (operation.kind == OperationKind::client)
        text += "\nThe command line does this itself, without a route of the node.";
    if (!operation.rest.path.empty()) {
        text += "\nREST: " + std::string(operation.rest.method) + " " +
                std::string(operation.rest.path);
    }
    std::string paragraphs = ".SH DESCRIPTION\n";
    for (const auto sentence : registry::split(text, '\n'))
        paragraphs += roff(sentence) + "\n.br\n";
    return paragraphs;
}

/// The other commands of its group, and the page of all.
std::string see_also(const Operation& operation) {
    const auto group = operation.cli.substr(0, operation.cli.find(' '));
    std::string text = ".SH SEE ALSO\n.BR aitbc (1)";
    for (const auto* other : commands_in_order()) {
        const bool same = other != &operation && other->cli.starts_with(group) &&
                          other->cli.substr(group.size()).starts_with(' ');
        if (same) text += ",\n.BR " + roff(page_name(*other)) + " (1)";
    }
    return text + "\n";
}

}  // namespace

std::string main_manual(std::string_view version) {
    std::string text = header("aitbc", version) +
                       ".SH NAME\naitbc \\- command line of a decentralised AI compute network\n" +
                       ".SH SYNOPSIS\n\\fBaitbc\\fR COMMAND [OPTIONS]\n.SH DESCRIPTION\n" +
                       "Submits jobs, runs miners, keeps wallets and operates nodes. "
                       "\\fBaitbc up\\fR starts a local node with a miner.\n.SH COMMANDS\n";
    for (const auto* operation : commands_in_order())
        text += tagged(operation->cli, operation->summary);
    return text + global_section() + exit_section() + environment_section() + files_section();
}

std::string command_manual(const Operation& operation, std::string_view version) {
    std::string text = header(page_name(operation), version) + ".SH NAME\n" +
                       roff(page_name(operation)) + " \\- " + roff(operation.summary) +
                       "\n.SH SYNOPSIS\n" + roff(synopsis(operation, std::string::npos)) + "\n" +
                       description(operation);
    if (!operation.examples.empty()) text += ".SH EXAMPLES\n" + verbatim(operation.examples);
    if (!operation.cli_aliases.empty()) {
        std::string spellings;
        for (const auto alias : registry::split(operation.cli_aliases, ';'))
            spellings += "aitbc " + std::string(alias) + "\n";
        text += ".SH ALSO SPELLED\n" + verbatim(spellings);
    }
    return text + options_section(operation) + global_section() + exit_section() +
           environment_section() + see_also(operation);
}

std::vector<ManualPage> manual_pages(std::string_view version) {
    std::vector<ManualPage> pages{{"aitbc.1", main_manual(version)}};
    for (const auto* operation : commands_in_order())
        pages.push_back({page_name(*operation) + ".1", command_manual(*operation, version)});
    return pages;
}

}  // namespace ait::cli
