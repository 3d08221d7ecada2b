#include "runtime/cli/options.hpp"

#include <array>
#include <charconv>
#include <limits>

#include "runtime/base/codec/json.hpp"
#include "runtime/registry/suggest.hpp"

namespace ait::cli {
namespace {

constexpr std::array<std::string_view, 7> format_names{"table", "wide", "json", "yaml",
                                                       "jsonl", "csv",  "name"};
constexpr std::string_view format_choices = "table|wide|json|yaml|jsonl|csv|name";
constexpr std::string_view color_choices = "auto|always|never";

Error bad_choice(std::string_view what, std::string_view text, std::string_view choices) {
    std::vector<std::string> names;
    std::string all;
    for (const auto name : registry::split(choices, '|')) {
        names.emplace_back(name);
        all += (all.empty() ? "" : ", ") + std::string(name);
    }
    return {ErrorCode::usage,
            "\"" + std::string(text.substr(0, 40)) + "\" is not " + std::string(what) + ".",
            "It is one of: " + all + ".", registry::did_you_mean(text, names)};
}

Status set_color(GlobalOptions& options, std::string_view text) {
    if (text == "auto")
        options.color = ColorMode::automatic;
    else if (text == "always" || text.empty())
        options.color = ColorMode::always;
    else if (text == "never")
        options.color = ColorMode::never;
    else
        return bad_choice("a colour mode", text, color_choices);
    return {};
}

Status set_timeout(GlobalOptions& options, std::string_view text) {
    auto ms = parse_duration_ms(text);
    if (!ms.ok()) return ms.error();
    if (ms.value() > std::numeric_limits<std::uint32_t>::max()) {
        return Error{ErrorCode::usage, "The timeout is too long.", "At most 49 days can be waited.",
                     ""};
    }
    options.timeout_ms = static_cast<std::uint32_t>(ms.value());
    return {};
}

template <bool GlobalOptions::* member>
Status switch_on(GlobalOptions& options, std::string_view) {
    options.*member = true;
    return {};
}

template <std::string GlobalOptions::* member>
Status set_text(GlobalOptions& options, std::string_view text) {
    options.*member = std::string(text);
    return {};
}

constexpr std::array flags{
    GlobalFlag{"--output,-o,--format", Arity::value, "FORMAT", format_choices,
               "Form of the result: table, wide, json, yaml, jsonl, csv or name.",
               [](GlobalOptions& options, std::string_view text) -> Status {
                   auto format = parse_output_format(text);
                   if (!format.ok()) return format.error();
                   options.output = format.value();
                   options.output_given = true;
                   return {};
               }},
    GlobalFlag{"--fields", Arity::value, "A,B", "", "Only these fields, in this order.",
               [](GlobalOptions& options, std::string_view text) -> Status {
                   for (const auto name : registry::split(text, ','))
                       options.fields.emplace_back(name);
                   return {};
               }},
    GlobalFlag{"--no-header,--no-headers", Arity::none, "", "",
               "Tables and CSV without their first line.", &switch_on<&GlobalOptions::no_header>},
    GlobalFlag{"--context", Arity::value, "NAME", "",
               "Node, token, wallet and output form by one name; see `aitbc context list`.",
               &set_text<&GlobalOptions::context>},
    GlobalFlag{"--node,--url", Arity::value, "ENDPOINT", "",
               "Node to talk to: unix:/path or http://host:port.", &set_text<&GlobalOptions::node>},
    GlobalFlag{"--chain,--chain-id", Arity::value, "NAME", "",
               "Chain of the node that this is about; see `aitbc chain list`.",
               &set_text<&GlobalOptions::chain>},
    GlobalFlag{"--token-file", Arity::value, "FILE", "", "File with the token for a node over TCP.",
               &set_text<&GlobalOptions::token_file>},
    GlobalFlag{"--data-dir", Arity::value, "DIR", "", "Data directory of the local node.",
               &set_text<&GlobalOptions::data_dir>},
    GlobalFlag{"--wallet", Arity::value, "NAME", "", "Wallet to use instead of the active one.",
               &set_text<&GlobalOptions::wallet>},
    GlobalFlag{"--password-file", Arity::value, "FILE", "", "File with the wallet's password.",
               &set_text<&GlobalOptions::password_file>},
    GlobalFlag{"--password-stdin", Arity::none, "", "",
               "Read the wallet's password from standard input.",
               &switch_on<&GlobalOptions::password_stdin>},
    GlobalFlag{"--dry-run", Arity::none, "", "", "Check and show the plan; change nothing.",
               &switch_on<&GlobalOptions::dry_run>},
    GlobalFlag{"--wait", Arity::optional_value, "STATE", "",
               "Wait for the end, or for a state: --wait=queued.",
               [](GlobalOptions& options, std::string_view text) -> Status {
                   options.wait = std::string(text);
                   return {};
               }},
    GlobalFlag{"--timeout", Arity::value, "TIME", "", "How long to wait at most: 90, 90s, 5m.",
               &set_timeout},
    GlobalFlag{"--watch", Arity::none, "", "", "Show again whenever it changes.",
               &switch_on<&GlobalOptions::watch>},
    GlobalFlag{"--idempotency-key", Arity::value, "KEY", "",
               "Makes a repeat harmless; made by itself if absent.",
               &set_text<&GlobalOptions::idempotency_key>},
    GlobalFlag{"--yes,-y", Arity::none, "", "", "Answer every question with yes.",
               &switch_on<&GlobalOptions::yes>},
    GlobalFlag{"--no-input", Arity::none, "", "", "Never ask; fail instead.",
               &switch_on<&GlobalOptions::no_input>},
    GlobalFlag{"--quiet,-q", Arity::none, "", "", "No progress and no hints.",
               &switch_on<&GlobalOptions::quiet>},
    GlobalFlag{"--verbose,-v,--debug", Arity::none, "", "",
               "Say more on standard error; -vv for each request.",
               [](GlobalOptions& options, std::string_view) -> Status {
                   ++options.verbosity;
                   return {};
               }},
    GlobalFlag{"--color,--colour", Arity::optional_value, "WHEN", color_choices,
               "auto, always or never.", &set_color},
    GlobalFlag{"--no-color", Arity::none, "", "", "The same as --color=never.",
               [](GlobalOptions& options, std::string_view) -> Status {
                   options.color = ColorMode::never;
                   return {};
               }},
    GlobalFlag{"--version", Arity::none, "", "", "Show the version.",
               &switch_on<&GlobalOptions::version>},
    GlobalFlag{"--help,-h", Arity::none, "", "", "Show help.", &switch_on<&GlobalOptions::help>},
};

Error bad_duration(std::string_view text) {
    return {ErrorCode::usage, "\"" + std::string(text.substr(0, 40)) + "\" is not a duration.", "",
            "Write it like 90, 90s, 5m, 2h, 1d or 250ms."};
}

/// Milliseconds of a unit as people write it, or 0.
std::uint64_t unit_ms(std::string_view unit) {
    if (unit == "ms") return 1;
    if (unit.empty() || unit == "s" || unit == "sec" || unit == "second" || unit == "seconds")
        return 1'000;
    if (unit == "m" || unit == "min" || unit == "minute" || unit == "minutes") return 60'000;
    if (unit == "h" || unit == "hour" || unit == "hours") return 3'600'000;
    if (unit == "d" || unit == "day" || unit == "days") return 86'400'000;
    if (unit == "w" || unit == "week" || unit == "weeks") return 604'800'000;
    return 0;
}

}  // namespace

std::span<const GlobalFlag> global_flags() {
    return flags;
}

const GlobalFlag* find_global_flag(std::string_view spelling) {
    for (const auto& flag : flags) {
        for (const auto known : registry::split(flag.spellings, ',')) {
            if (known == spelling) return &flag;
        }
    }
    return nullptr;
}

std::string_view name_of(OutputFormat format) {
    return format_names[static_cast<std::size_t>(format)];
}

Result<OutputFormat> parse_output_format(std::string_view text) {
    for (std::size_t i = 0; i < format_names.size(); ++i) {
        if (format_names[i] == text) return static_cast<OutputFormat>(i);
    }
    return bad_choice("an output format", text, format_choices);
}

Result<std::uint64_t> parse_duration_ms(std::string_view text) {
    std::uint64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, failure] = std::from_chars(text.data(), end, number);
    if (failure != std::errc{}) return bad_duration(text);
    std::string_view unit(rest, static_cast<std::size_t>(end - rest));
    while (unit.starts_with(' ')) unit.remove_prefix(1);
    const std::uint64_t factor = unit_ms(unit);
    std::uint64_t ms = 0;
    if (factor == 0 || __builtin_mul_overflow(number, factor, &ms)) return bad_duration(text);
    if (ms > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max() / 2))
        return bad_duration(text);
    return ms;
}

Result<std::int64_t> parse_time(std::string_view text, std::int64_t now_unix_ms) {
    if (text == "now") return now_unix_ms;
    if (auto absolute = parse_rfc3339(text); absolute.ok()) return absolute;
    std::string_view ago = text;
    if (ago.ends_with(" ago")) ago.remove_suffix(4);
    auto ms = parse_duration_ms(ago);
    if (!ms.ok()) {
        return Error{ErrorCode::usage, "\"" + std::string(text.substr(0, 40)) + "\" is not a time.",
                     "", "Write it like 2026-11-21T08:15:30Z, \"1 hour ago\" or 90s."};
    }
    return now_unix_ms - static_cast<std::int64_t>(ms.value());
}

}  // namespace ait::cli
