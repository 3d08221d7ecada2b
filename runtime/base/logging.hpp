#pragma once

// One way to log for every process: readable lines on a terminal, one JSON object a line
// elsewhere. A line is an event in the past tense and its fields (STYLE part 14); never a prompt,
// key or token.

#include <string>
#include <string_view>

namespace ait {

enum class LogForm : unsigned char { automatic, text, json };

/// Makes standard error the process's log. `level`: trace, debug, info, warn, error, critical, off;
/// `automatic` looks whether standard error is a terminal. Call once, before threads start.
void set_up_logging(std::string_view process, std::string_view level, LogForm form);

/// The form of a configuration's word: "text", "json", anything else is automatic.
LogForm log_form_from_name(std::string_view name) noexcept;

/// A text inside a JSON string: quotes, backslashes and control characters escaped.
std::string json_escaped(std::string_view text);

}  // namespace ait
