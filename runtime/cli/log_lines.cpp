#include "runtime/cli/log_lines.hpp"

#include <array>

#include "runtime/base/clock.hpp"

namespace ait::cli {
namespace {

constexpr std::array<std::string_view, 6> level_names{"trace", "debug", "info",
                                                      "warn",  "error", "critical"};
constexpr std::string_view mask = "[redacted]";

bool is_level(std::string_view word) {
    if (word == "warning") return true;
    for (const auto name : level_names) {
        if (name == word) return true;
    }
    return false;
}

/// Cuts the first word off.
std::string_view take_word(std::string_view& text) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return word;
}

/// "12:34:56.789": a line for a terminal, without a date.
bool is_time_of_day(std::string_view word) {
    return word.size() == 12 && word[2] == ':' && word[5] == ':' && word[8] == '.';
}

/// {"time","level","process","message"} as set_up_logging writes it.
bool parse_json_line(std::string_view line, LogLine& parsed) {
    if (!line.starts_with('{')) return false;
    auto json = parse_json(line, log_line_bytes_max);
    if (!json.ok() || !json.value().is_object()) return false;
    const auto text = [&json](const char* name) {
        const auto found = json.value().find(name);
        return found != json.value().end() && found->is_string() ? found->get<std::string>()
                                                                 : std::string();
    };
    if (text("level").empty()) return false;
    const auto time = parse_rfc3339(text("time"));
    parsed.unix_ms = time.ok() ? time.value() : 0;
    parsed.level = log_level_of(text("level"));
    if (!text("process").empty()) parsed.process = text("process");
    parsed.message = redacted(text("message"));
    return true;
}

/// "TIME LEVEL [PROCESS] MESSAGE", as the supervisor and a terminal have it.
bool parse_text_line(std::string_view line, LogLine& parsed) {
    std::string_view rest = line;
    const auto stamp = take_word(rest);
    const auto time = parse_rfc3339(stamp);
    if (!time.ok() && !is_time_of_day(stamp)) return false;
    const auto level = take_word(rest);
    if (!is_level(level)) return false;
    if (time.ok()) parsed.unix_ms = time.value();
    parsed.level = log_level_of(level);
    if (rest.starts_with(parsed.process + " ")) rest.remove_prefix(parsed.process.size() + 1);
    parsed.message = redacted(rest);
    return true;
}

bool is_same_ignoring_case(std::string_view text, std::string_view lower) {
    for (std::size_t i = 0; i < lower.size(); ++i) {
        const char c = text[i];
        if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c + 0) != lower[i]) return false;
    }
    return true;
}

/// Length of a word at the beginning of `text` after which a secret stands, or 0.
std::size_t secret_word(std::string_view text) {
    constexpr std::array<std::string_view, 8> words{
        "bearer", "token", "password", "secret", "mnemonic", "seed", "api_key", "authorization"};
    for (const auto word : words) {
        if (text.size() <= word.size() || !is_same_ignoring_case(text.substr(0, word.size()), word))
            continue;
        const char next = text[word.size()];
        const bool assigns = next == '=' || next == ':' || next == '"';
        if (assigns || (word == "bearer" && next == ' ')) return word.size();
    }
    return 0;
}

bool separates(char c) {
    return c == ' ' || c == '=' || c == ':' || c == '"' || c == '\'';
}

}  // namespace

LogLevel log_level_of(std::string_view word) noexcept {
    if (word == "warning") return LogLevel::warn;
    for (std::size_t i = 0; i < level_names.size(); ++i) {
        if (level_names[i] == word) return static_cast<LogLevel>(i);
    }
    return LogLevel::info;
}

std::string_view name_of(LogLevel level) noexcept {
    return level_names[static_cast<std::size_t>(level)];
}

std::string redacted(std::string_view text) {
    std::string clean;
    clean.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t word = secret_word(text.substr(at));
        if (word == 0) {
            clean += text[at++];
            continue;
        }
        clean += text.substr(at, word);
        at += word;
        while (at < text.size() && separates(text[at])) clean += text[at++];
        // "Authorization: Bearer X": the scheme is no secret, what follows it is.
        if (secret_word(text.substr(at)) != 0) continue;
        const std::size_t begin = at;
        const char quote = clean.back() == '"' || clean.back() == '\'' ? clean.back() : '\0';
        const auto ends = [quote](char c) {
            return quote != '\0' ? c == quote : separates(c) || c == ',' || c == '}';
        };
        while (at < text.size() && !ends(text[at])) ++at;
        if (at > begin) clean += mask;
    }
    return clean;
}

LogLine parse_log_line(std::string_view line, std::string_view process, const LogLine& before) {
    LogLine parsed{.process = std::string(process)};
    if (parse_json_line(line, parsed) || parse_text_line(line, parsed)) return parsed;
    parsed.unix_ms = before.unix_ms;
    parsed.level = line.starts_with("error:") ? LogLevel::error : before.level;
    parsed.message = redacted(line);
    return parsed;
}

bool LogFilter::takes(const LogLine& line) const {
    if (line.level < level) return false;
    if (since_unix_ms != 0 && line.unix_ms < since_unix_ms) return false;
    const auto has = [&line](const std::string& text) {
        return text.empty() || line.message.find(text) != std::string::npos;
    };
    return has(job) && has(trace);
}

Json to_json(const LogLine& line) {
    return Json{{"time", line.unix_ms == 0 ? Json(nullptr) : Json(to_rfc3339(line.unix_ms))},
                {"level", std::string(name_of(line.level))},
                {"process", line.process},
                {"message", line.message}};
}

}  // namespace ait::cli
