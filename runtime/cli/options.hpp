#pragma once

// The options that every command takes, wherever they stand on the line.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

namespace ait::cli {

enum class OutputFormat : std::uint8_t { table, wide, json, yaml, jsonl, csv, name };
enum class ColorMode : std::uint8_t { automatic, always, never };

struct GlobalOptions {
    OutputFormat output = OutputFormat::table;
    bool output_given = false;  ///< on the line: a context's form does not stand over it
    std::vector<std::string> fields{};
    bool no_header = false;
    bool quiet = false;
    int verbosity = 0;
    ColorMode color = ColorMode::automatic;
    bool no_input = false;
    bool yes = false;
    bool dry_run = false;
    std::optional<std::string> wait{};  ///< the state waited for; empty = the end
    std::optional<std::uint32_t> timeout_ms{};
    bool watch = false;
    std::string idempotency_key{};
    std::string context{};
    std::string node{};   ///< endpoint
    std::string chain{};  ///< of the node; empty: its default one
    std::string token_file{};
    std::string data_dir{};
    std::string wallet{};
    std::string password_file{};
    bool password_stdin = false;
    bool version = false;
    bool help = false;
};

enum class Arity : std::uint8_t { none, value, optional_value };

struct GlobalFlag {
    std::string_view spellings;  ///< comma-separated, the shown one first
    Arity arity = Arity::none;
    std::string_view value_name = "";
    std::string_view choices = "";  ///< "a|b", where there are some
    std::string_view help = "";
    Status (*apply)(GlobalOptions& options, std::string_view value) = nullptr;
};

/// All of them, in the order of help.
std::span<const GlobalFlag> global_flags();
/// By one spelling, or null.
const GlobalFlag* find_global_flag(std::string_view spelling);

std::string_view name_of(OutputFormat format);
Result<OutputFormat> parse_output_format(std::string_view text);

/// "90s", "5m", "2h", "1d", "250ms"; a bare number is seconds. Error: invalid_argument.
Result<std::uint64_t> parse_duration_ms(std::string_view text);
/// RFC 3339, "now", or a time ago: "1 hour ago", "90s", "2d". Error: invalid_argument.
Result<std::int64_t> parse_time(std::string_view text, std::int64_t now_unix_ms);

}  // namespace ait::cli
