// Manual pages in man(7) form.

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

std::string header(std::string_view title, std::string_view version) {
    return ".TH \"" + roff(title) + "\" \"1\" \"\" \"aitbc " + roff(version) + "\" \"AITBC\"\n";
}

std::string tagged(std::string_view tag, std::string_view text) {
    return ".TP\n\\fB" + roff(tag) + "\\fR\n" + roff(text) + "\n";
}

std::string examples_section(const Operation& operation) {
    if (operation.examples.empty()) return {};
    std::string text = ".SH EXAMPLES\n.nf\n";
    for (const auto example : registry::split(operation.examples, '\n'))
        text += roff(example) + "\n";
    return text + ".fi\n";
}

std::string options_section(const Operation& operation) {
    std::string text = operation.parameters.empty() ? "" : ".SH OPTIONS\n";
    for (const auto& parameter : operation.parameters) {
        std::string flags = registry::flag_of(parameter);
        for (const auto flag : registry::split(parameter.flags, ','))
            flags += ", " + std::string(flag);
        std::string help(parameter.help);
        if (!parameter.choices.empty()) help += " One of: " + std::string(parameter.choices) + ".";
        if (!parameter.default_text.empty())
            help += " Default: " + std::string(parameter.default_text) + ".";
        text += tagged(flags, help);
    }
    return text;
}

std::string global_section() {
    std::string text = ".SH OPTIONS OF EVERY COMMAND\n";
    for (const auto& flag : global_flags()) text += tagged(flag.spellings, flag.help);
    return text;
}

std::string exit_section() {
    std::string text = ".SH EXIT STATUS\n" + tagged("0", "Done.");
    const auto [rows, count] = error_code_rows();
    for (std::size_t i = 0; i < count; ++i) {
        text += tagged(std::to_string(rows[i].exit_status),
                       std::string(rows[i].name) + ": " + std::string(rows[i].meaning));
    }
    return text + tagged("130, 143", "Ended by SIGINT or SIGTERM.");
}

}  // namespace

std::string main_manual(std::string_view version) {
    std::string text = header("AITBC", version) +
                       ".SH NAME\naitbc \\- command line of a decentralised AI compute network\n" +
                       ".SH SYNOPSIS\n\\fBaitbc\\fR COMMAND [OPTIONS]\n.SH COMMANDS\n";
    for (const auto* operation : commands_in_order())
        text += tagged(operation->cli, operation->summary);
    return text + global_section() + exit_section();
}

std::string command_manual(const Operation& operation, std::string_view version) {
    std::string title = "aitbc-" + std::string(operation.cli);
    for (auto& c : title) c = c == ' ' ? '-' : c;
    return header(title, version) + ".SH NAME\n" + roff(title) + " \\- " + roff(operation.summary) +
           "\n.SH SYNOPSIS\n" + roff(synopsis(operation, std::string::npos)) + "\n" +
           examples_section(operation) + options_section(operation) + global_section();
}

}  // namespace ait::cli
