#pragma once

// One TOML file as a flat list of "section.key" values with their places, so that whoever checks
// them can point at the line. The TOML library stays behind this header.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/base/result.hpp"

namespace ait::config {

inline constexpr std::size_t toml_bytes_max = 256 * 1024;
inline constexpr std::size_t toml_entries_max = 4'096;

/// Counted from 1; 0 where a value came from no file.
struct Place {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
};

/// Something else than text, integer or boolean: its TOML name, for the message.
struct OtherValue {
    std::string_view type_name;
};

struct TomlEntry {
    std::string key{};  ///< "gateway.tcp_port"
    Place key_place{};
    std::variant<std::string, std::int64_t, bool, OtherValue> value{};
    Place value_place{};
};

struct TomlProblem {
    Place place{};
    std::string message{};
};

struct TomlSource {
    std::string file{};
    std::vector<std::string> lines{};
    std::vector<TomlEntry> entries{};
    std::vector<TomlProblem> problems{};  ///< a syntax error ends reading, so there is at most one
};

/// Never fails: what is wrong with the text is in `problems`. Pure.
TomlSource read_toml(std::string file, std::string_view text);

/// Reads a file of bounded size. Errors: not_found, too_large, storage_failed.
Result<std::string> read_text_file(const std::string& path, std::size_t bytes_max);

}  // namespace ait::config
