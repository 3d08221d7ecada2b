#pragma once

// From a text or a TOML value to a checked Value of its key. Internal to this room.

#include <string>
#include <string_view>

#include "runtime/config/keys.hpp"
#include "runtime/config/toml_source.hpp"

namespace ait::config {

/// A checked value, or what is wrong with it.
struct Checked {
    Value value{};
    std::string complaint{};
    [[nodiscard]] bool ok() const noexcept { return complaint.empty(); }
};

/// A text of the environment, a flag or a default.
Checked value_from_text(const KeyRow& row, std::string_view text, std::string_view home);
/// A value of a file, for a row that is no table.
Checked value_from_toml(const KeyRow& row, const TomlEntry& entry, std::string_view home);
/// A single line of a table. Empty when it is fine.
std::string table_entry_complaint(const KeyRow& row, std::string_view name, std::string_view text);
/// True when `text` is one of "a|b|c".
bool is_choice(std::string_view choices, std::string_view text) noexcept;

}  // namespace ait::config
