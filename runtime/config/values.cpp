#include "runtime/config/values.hpp"

#include <algorithm>
#include <charconv>

#include "runtime/base/bytes.hpp"
#include "runtime/base/limits.hpp"
#include "runtime/config/peers.hpp"

namespace ait::config {
namespace {

constexpr std::size_t table_entries_max = 256;

Checked complaint_about(const KeyRow& row, std::string_view found) {
    return {.complaint = std::string(row.name) + " must be " + expectation(row) + ", not " +
                         std::string(found) + "."};
}

std::string quoted(std::string_view text) {
    constexpr std::size_t shown_bytes_max = 80;
    const bool cut = text.size() > shown_bytes_max;
    return "\"" + std::string(text.substr(0, shown_bytes_max)) + (cut ? "...\"" : "\"");
}

bool is_printable_utf8(std::string_view text) {
    const auto is_control = [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    };
    return is_utf8(text) && std::none_of(text.begin(), text.end(), is_control);
}

Checked check_integer(const KeyRow& row, std::int64_t integer) {
    if (integer < row.minimum || integer > row.maximum)
        return complaint_about(row, std::to_string(integer));
    return {.value = integer};
}

Checked check_path(const KeyRow& row, std::string_view text, std::string_view home) {
    std::string path(text);
    if (path == "~" || path.starts_with("~/")) path.replace(0, 1, home);
    const bool fits = path.size() <= static_cast<std::size_t>(row.maximum);
    if (!path.starts_with('/') || !fits || !is_printable_utf8(path))
        return complaint_about(row, quoted(text));
    return {.value = std::move(path)};
}

/// Texts of every single-valued type but integer and boolean.
Checked check_text(const KeyRow& row, std::string_view text, std::string_view home) {
    if (row.type == KeyType::path) return check_path(row, text, home);
    if (row.type == KeyType::choice) {
        if (!is_choice(row.choices, text)) return complaint_about(row, quoted(text));
    } else if (row.type == KeyType::amount) {
        if (!parse_amount(text).ok()) return complaint_about(row, quoted(text));
    } else {
        const bool fits = !text.empty() && text.size() <= static_cast<std::size_t>(row.maximum);
        if (!fits || !is_printable_utf8(text)) return complaint_about(row, quoted(text));
    }
    return {.value = std::string(text)};
}

/// "name=text,name=text", the spelling of a table in one environment variable.
Checked table_from_text(const KeyRow& row, std::string_view text) {
    TextTable table;
    while (!text.empty()) {
        const auto comma = text.find(',');
        const auto pair = text.substr(0, comma);
        text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
        const auto equals = pair.find('=');
        if (equals == std::string_view::npos) {
            return {.complaint =
                        std::string(row.name) + " must be written as name=value,name=value here."};
        }
        auto complaint =
            table_entry_complaint(row, pair.substr(0, equals), pair.substr(equals + 1));
        if (!complaint.empty()) return {.complaint = std::move(complaint)};
        if (table.size() == table_entries_max)
            return {.complaint = std::string(row.name) + " has too many entries."};
        table[std::string(pair.substr(0, equals))] = std::string(pair.substr(equals + 1));
    }
    return {.value = std::move(table)};
}

}  // namespace

bool is_choice(std::string_view choices, std::string_view text) noexcept {
    while (!choices.empty()) {
        const auto bar = choices.find('|');
        if (choices.substr(0, bar) == text) return true;
        choices.remove_prefix(bar == std::string_view::npos ? choices.size() : bar + 1);
    }
    return false;
}

std::string table_entry_complaint(const KeyRow& row, std::string_view name, std::string_view text) {
    const std::string at =
        std::string(row.name) + "." + std::string(name.substr(0, limits::name_bytes_max));
    if (name.empty() || name.size() > limits::model_name_bytes_max)
        return at + " has a name of unfit length.";
    if (row.type == KeyType::secret_table) {
        if (!is_choice(row.choices, name))
            return at + " is unknown; the names are " + std::string(row.choices) + ".";
        // The value may be the secret itself by mistake, so it is not repeated.
        const bool is_reference =
            text.starts_with("file:/") || (text.starts_with("env:") && text.size() > 4);
        if (!is_reference || !is_printable_utf8(text)) {
            return at + " must be a reference (file:/path or env:NAME), never the secret itself.";
        }
    }
    if (row.type == KeyType::peer_table) {
        const auto peer = parse_peer(name, text);
        return peer.ok() ? std::string() : at + ": " + peer.error().why;
    }
    const bool fits = !text.empty() && text.size() <= static_cast<std::size_t>(row.maximum);
    if (!fits || !is_printable_utf8(text)) {
        return at + " must be a text of 1 to " + std::to_string(row.maximum) + " bytes.";
    }
    return {};
}

Checked value_from_text(const KeyRow& row, std::string_view text, std::string_view home) {
    switch (row.type) {
        case KeyType::integer: {
            std::int64_t integer = 0;
            const auto [end, failure] =
                std::from_chars(text.data(), text.data() + text.size(), integer);
            if (failure != std::errc{} || end != text.data() + text.size()) {
                return complaint_about(row, quoted(text));
            }
            return check_integer(row, integer);
        }
        case KeyType::boolean:
            if (text == "true" || text == "1") return {.value = true};
            if (text == "false" || text == "0") return {.value = false};
            return complaint_about(row, quoted(text));
        case KeyType::table:
        case KeyType::secret_table:
        case KeyType::peer_table:
            return table_from_text(row, text);
        case KeyType::text:
        case KeyType::path:
        case KeyType::choice:
        case KeyType::amount:
            return check_text(row, text, home);
    }
    return complaint_about(row, quoted(text));
}

Checked value_from_toml(const KeyRow& row, const TomlEntry& entry, std::string_view home) {
    if (row.type == KeyType::secret_table) {
        // The value may be the secret itself by mistake, so it is not repeated.
        return {.complaint = std::string(row.name) + " must be " + expectation(row) + "."};
    }
    if (const auto* other = std::get_if<OtherValue>(&entry.value))
        return complaint_about(row, other->type_name);
    if (const auto* boolean = std::get_if<bool>(&entry.value)) {
        if (row.type == KeyType::boolean) return {.value = *boolean};
        return complaint_about(row, *boolean ? "true" : "false");
    }
    if (const auto* integer = std::get_if<std::int64_t>(&entry.value)) {
        if (row.type == KeyType::integer) return check_integer(row, *integer);
        return complaint_about(row, "the number " + std::to_string(*integer));
    }
    const auto& text = *std::get_if<std::string>(&entry.value);
    const bool takes_text = row.type == KeyType::text || row.type == KeyType::path ||
                            row.type == KeyType::choice || row.type == KeyType::amount;
    return takes_text ? check_text(row, text, home)
                      : complaint_about(row, "the text " + quoted(text));
}

}  // namespace ait::config
