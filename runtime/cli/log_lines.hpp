#pragma once

// The logs of a node's processes, read back: lines of several forms become one form, are filtered,
// and nothing that looks like a secret passes, whoever wrote it. Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/codec/json.hpp"

namespace ait::cli {

enum class LogLevel : std::uint8_t { trace, debug, info, warn, error, critical };

/// The level of a word such as "warning"; info where it is unknown.
LogLevel log_level_of(std::string_view word) noexcept;
std::string_view name_of(LogLevel level) noexcept;

inline constexpr std::size_t log_line_bytes_max = 16 * 1024;  ///< the rest of a line is dropped

struct LogLine {
    std::int64_t unix_ms = 0;  ///< 0: the line has no time of its own
    LogLevel level = LogLevel::info;
    std::string process{};
    std::string message{};  ///< secrets replaced
};

/// One line of a log file; `process` is the one that the file belongs to. A line without time or
/// level continues the one `before` it and has what that has.
LogLine parse_log_line(std::string_view line, std::string_view process, const LogLine& before);

/// The text with what follows "Bearer", "token=", "password=", "secret=", "seed=", "mnemonic="
/// and "authorization:" replaced by "[redacted]".
std::string redacted(std::string_view text);

struct LogFilter {
    LogLevel level = LogLevel::trace;
    std::int64_t since_unix_ms = 0;
    std::string job{};
    std::string trace{};

    [[nodiscard]] bool takes(const LogLine& line) const;
};

/// {"time","level","process","message"}; the time is null where there is none.
Json to_json(const LogLine& line);

}  // namespace ait::cli
