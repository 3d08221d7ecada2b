#include "runtime/cli/run.hpp"

#include <algorithm>
#include <csignal>

#include "runtime/base/version.hpp"
#include "runtime/cli/arguments.hpp"
#include "runtime/cli/commands.hpp"
#include "runtime/cli/complete.hpp"
#include "runtime/cli/context_store.hpp"
#include "runtime/cli/help.hpp"
#include "runtime/cli/render.hpp"
#include "runtime/registry/registry.hpp"
#include "runtime/registry/suggest.hpp"

namespace ait::cli {
namespace {

/// Whether errors go out as JSON: known even when the line cannot be parsed.
bool wants_json(std::span<const std::string> arguments) {
    bool wanted = false;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string& argument = arguments[i];
        if (argument == "--") break;
        for (const std::string_view flag : {"-o", "--output", "--format"}) {
            std::string_view value;
            if (argument == flag && i + 1 < arguments.size())
                value = arguments[i + 1];
            else if (argument.starts_with(flag))
                value = std::string_view(argument).substr(flag.size());
            if (value.starts_with('=')) value.remove_prefix(1);
            if (value == "json" || value == "jsonl") wanted = true;
        }
    }
    return wanted;
}

constexpr std::string_view red = "\x1b[31m";
constexpr std::string_view plain = "\x1b[0m";

bool uses_color(const Console& console, ColorMode mode) {
    if (mode != ColorMode::automatic) return mode == ColorMode::always;
    const bool dumb = config::find_variable(console.environment, "TERM") == "dumb";
    const bool refused = !config::find_variable(console.environment, "NO_COLOR").empty();
    return console.err_is_terminal && !dumb && !refused;
}

/// Errors quote what was typed and what others named: none of it may command the terminal.
std::string printable_lines(std::string_view text) {
    std::string lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        lines += printable(text.substr(at, end - at)) + "\n";
        at = end + 1;
    }
    return lines;
}

int report(Console& console, const Error& error, bool json, const std::string& trace,
           ColorMode color) {
    if (json) {
        console.err(dump_json(error_to_json(error, trace)) + "\n");
    } else {
        std::string text = printable_lines(render_error(error, trace));
        if (uses_color(console, color))
            text = std::string(red) + text.substr(0, 6) + std::string(plain) + text.substr(6);
        console.err(text);
    }
    if (error.code == ErrorCode::cancelled && console.stop.stop_requested()) {
        const int number = console.stop_signal ? console.stop_signal() : SIGINT;
        return 128 + (number == 0 ? SIGINT : number);
    }
    return error_code_row(error.code).exit_status;
}

/// Asking for the plan of something that has none must not do it.
Status check_dry_run(const Operation& operation, const GlobalOptions& options) {
    const bool changes =
        operation.kind == OperationKind::command || operation.kind == OperationKind::local;
    const bool own = operation.kind == OperationKind::client &&
                     (operation.name.starts_with("wallet.") ||
                      operation.name.starts_with("node.") || operation.name.starts_with("miner.") ||
                      operation.name.starts_with("context.") || operation.name == "config.init");
    if (!options.dry_run || operation.dry_run ||
        (!changes && !own && operation.name != "miner.poll"))
        return {};
    return Error{ErrorCode::unsupported,
                 "`aitbc " + std::string(operation.cli) + "` has no dry run.", "",
                 "Leave out --dry-run to do it."};
}

Status show(Session& session, const Operation& operation, const Answer& answer) {
    if (answer.value.is_null() && !answer.plain) return {};
    const bool as_text =
        answer.plain && !session.is_machine_output() && session.options.fields.empty();
    if (as_text) {
        session.console.out(*answer.plain);
        return {};
    }
    RenderStyle style = session.style_for(answer.shape != nullptr ? answer.shape : &operation);
    if (!answer.columns.empty()) {
        style.columns.clear();
        for (const auto column : registry::split(answer.columns, ','))
            style.columns.emplace_back(column);
    }
    auto text = render(answer.value, style);
    if (!text.ok()) return text.error();
    session.console.out(text.value());
    const Json* cursor = find_path(answer.value, "next_cursor");
    const bool more = cursor != nullptr && cursor->is_string() && !session.is_machine_output();
    if (more) session.note("more: --cursor " + cursor->get<std::string>());
    return {};
}

void show_next(Session& session, const Answer& answer) {
    const bool wanted = session.console.out_is_terminal && session.console.err_is_terminal &&
                        !session.options.dry_run && !answer.verdict;
    if (wanted && !answer.next.empty()) session.note("Next: " + answer.next);
}

/// After a command whose outcome is unknown, the same key makes a repeat harmless. Where only the
/// waiting ran out of time, the outcome is known and the error says how to resume.
Error with_retry_hint(const Session& session, const Operation& operation, Error error) {
    const bool unknown =
        error.code == ErrorCode::deadline_exceeded && operation.kind == OperationKind::command;
    const bool is_resumable = error.next.starts_with("Resume");
    if (!unknown || is_resumable || session.options.idempotency_key.empty()) return error;
    error.next = "Repeat with --idempotency-key " + session.options.idempotency_key +
                 ": it is never done twice.";
    return error;
}

Result<Answer> run_invocation(Session& session, const Invocation& invocation) {
    const Operation& operation = *invocation.operation;
    if (auto allowed = check_dry_run(operation, session.options); !allowed.ok())
        return allowed.error();
    auto request = build_request(session, invocation);
    if (!request.ok()) return request.error();
    auto answer = run_command(session, request.value());
    if (!answer.ok()) return with_retry_hint(session, operation, answer.error());
    if (auto shown = show(session, operation, answer.value()); !shown.ok()) return shown.error();
    show_next(session, answer.value());
    return answer;
}

int show_help(Console& console, const Invocation& invocation) {
    if (invocation.operation != nullptr)
        console.out(command_help(*invocation.operation));
    else if (invocation.words.empty())
        console.out(main_help());
    else
        console.out(group_help(invocation.words));
    return 0;
}

bool is_json(OutputFormat format) {
    return format == OutputFormat::json || format == OutputFormat::jsonl;
}

/// Commands that mend contexts, or that need no node, must work with any file of contexts.
Status use_context(Invocation& invocation, const Console& console) {
    const auto name = invocation.operation->name;
    const bool must_work =
        name.starts_with("context.") || name.starts_with("cli.") || name == "node.doctor";
    const auto applied = apply_context(invocation.options, console.environment,
                                       config::default_paths(console.environment));
    return must_work ? Status{} : applied;
}

/// A group without its command: the commands, as what to do next.
int incomplete(Console& console, const Invocation& invocation, bool json) {
    std::string words;
    for (const auto& word : invocation.words) words += " " + word;
    std::string known;
    for (const auto& word : registry::next_words(invocation.words))
        known += (known.empty() ? "" : ", ") + word;
    return report(console,
                  {ErrorCode::usage, "`aitbc" + words + "` needs one more word.",
                   "It can be: " + known + ".", "`aitbc" + words + " --help` says what they do."},
                  json, "", invocation.options.color);
}

}  // namespace

std::string_view version_text() {
    return version;
}

int run(std::span<const std::string> arguments, Console& console) {
    if (is_completion_request(arguments)) return run_completion(arguments.subspan(1), console);
    const bool json = wants_json(arguments);
    auto parsed = parse_arguments(arguments);
    if (!parsed.ok()) return report(console, parsed.error(), json, "", ColorMode::automatic);
    Invocation& invocation = parsed.value();
    if (auto lifted = lift_options(invocation, invocation.options); !lifted.ok()) {
        return report(console, lifted.error(), json, "", invocation.options.color);
    }
    if (invocation.options.help) return show_help(console, invocation);
    if (invocation.options.version) {
        const std::string text(version_text());
        console.out(json ? dump_json(Json{{"name", "aitbc"}, {"version", text}}) + "\n"
                         : "aitbc " + text + "\n");
        return 0;
    }
    if (invocation.operation == nullptr) {
        return invocation.words.empty() ? show_help(console, invocation)
                                        : incomplete(console, invocation, json);
    }
    if (auto applied = use_context(invocation, console); !applied.ok())
        return report(console, applied.error(), json, "", invocation.options.color);
    const bool json_errors =
        json || (!invocation.options.output_given && is_json(invocation.options.output));
    Session session(console, invocation.options);
    const auto trace = [&session]() -> std::string {
        auto node = session.node();
        return node.ok() ? node.value()->request_id() : "";
    };
    auto answer = run_invocation(session, invocation);
    if (!answer.ok())
        return report(console, answer.error(), json_errors, trace(), invocation.options.color);
    if (answer.value().verdict)
        return report(console, *answer.value().verdict, json_errors, "", invocation.options.color);
    return 0;
}

}  // namespace ait::cli
