// The text forms of render(): aligned tables, YAML and CSV.

#include <algorithm>

#include "runtime/cli/render.hpp"

namespace ait::cli {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";
constexpr std::size_t nesting_max = limits::json_depth_max + 1;

struct CodePoint {
    std::uint32_t value = 0;
    std::size_t bytes = 1;
};

/// One code point of text that is_utf8 has seen or the JSON library has written.
CodePoint code_point_at(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) -> std::uint32_t {
        return at + i < text.size() ? static_cast<std::uint8_t>(text[at + i]) : 0;
    };
    const std::uint32_t first = byte(0);
    if (first < 0x80U) return {first, 1};
    if (first < 0xE0U) return {(first & 0x1FU) << 6U | (byte(1) & 0x3FU), 2};
    if (first < 0xF0U)
        return {(first & 0x0FU) << 12U | (byte(1) & 0x3FU) << 6U | (byte(2) & 0x3FU), 3};
    return {(first & 0x07U) << 18U | (byte(1) & 0x3FU) << 12U | (byte(2) & 0x3FU) << 6U |
                (byte(3) & 0x3FU),
            4};
}

bool is_control(std::uint32_t c) {
    const bool format = (c >= 0x200BU && c <= 0x200FU) || (c >= 0x202AU && c <= 0x202EU) ||
                        (c >= 0x2066U && c <= 0x2069U);
    return c < 0x20U || (c >= 0x7FU && c < 0xA0U) || format;
}

bool is_wide(std::uint32_t c) {
    return (c >= 0x1100U && c <= 0x115FU) || (c >= 0x2E80U && c <= 0xA4CFU) ||
           (c >= 0xAC00U && c <= 0xD7A3U) || (c >= 0xF900U && c <= 0xFAFFU) ||
           (c >= 0xFE30U && c <= 0xFE6FU) || (c >= 0xFF00U && c <= 0xFF60U) ||
           (c >= 0xFFE0U && c <= 0xFFE6U) || (c >= 0x1F300U && c <= 0x1FAFFU) ||
           (c >= 0x20000U && c <= 0x3FFFDU);
}

std::string padded(const std::string& text, std::size_t width, bool right) {
    const std::size_t size = display_width(text);
    const std::string space(width > size ? width - size : 0, ' ');
    return right ? space + text : text + space;
}

std::string upper(std::string_view text) {
    std::string result(text);
    for (auto& c : result) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
        if (c == '_') c = ' ';
    }
    return result;
}

struct Line {
    std::vector<std::string> cells{};
};

std::string aligned(const std::vector<Line>& lines, const std::vector<bool>& right) {
    std::vector<std::size_t> widths(right.size(), 0);
    for (const auto& line : lines) {
        for (std::size_t i = 0; i < line.cells.size(); ++i)
            widths[i] = std::max(widths[i], display_width(line.cells[i]));
    }
    std::string text;
    for (const auto& line : lines) {
        std::string row;
        for (std::size_t i = 0; i < line.cells.size(); ++i) {
            if (i > 0) row += "  ";
            row += padded(line.cells[i], widths[i], right[i]);
        }
        row.erase(row.find_last_not_of(' ') + 1);
        text += row + "\n";
    }
    return text;
}

std::string list_table(const Json& items, const RenderStyle& style) {
    const auto columns = columns_of(items, style);
    std::vector<bool> right;
    std::vector<Line> lines;
    Line head;
    for (const auto& column : columns) {
        const auto kind = kind_at(style.schema, column);
        right.push_back(kind == ValueKind::amount || kind == ValueKind::integer ||
                        kind == ValueKind::number);
        head.cells.push_back(upper(column));
    }
    if (style.header) lines.push_back(std::move(head));
    for (const auto& item : items) {
        Line line;
        for (const auto& column : columns) {
            const Json* value = find_path(item, column);
            line.cells.push_back(
                value == nullptr ? "-" : cell_text(*value, kind_at(style.schema, column), style));
        }
        lines.push_back(std::move(line));
    }
    return aligned(lines, right);
}

/// One line a leaf: "payment.amount  10". Lists of objects are numbered: "miners[0].rules[1].why".
void flatten(const Json& value, const std::string& path, const std::string& schema_path,
             const RenderStyle& style, std::vector<Line>& lines, std::size_t depth) {
    const bool deep = value.is_structured() && !value.empty() && depth < nesting_max;
    if (deep && value.is_object()) {
        for (const auto& [key, inner] : value.items()) {
            const std::string dot = path.empty() ? "" : ".";
            flatten(inner, path + dot + key, schema_path + (schema_path.empty() ? "" : ".") + key,
                    style, lines, depth + 1);
        }
        return;
    }
    const bool structured = deep && std::any_of(value.begin(), value.end(), [](const Json& each) {
                                return each.is_structured();
                            });
    if (structured) {
        for (std::size_t i = 0; i < value.size(); ++i) {
            flatten(value[i], path + "[" + std::to_string(i) + "]", schema_path, style, lines,
                    depth + 1);
        }
        return;
    }
    lines.push_back(
        {{printable(path), cell_text(value, kind_at(style.schema, schema_path), style)}});
}

std::string object_table(const Json& value, const RenderStyle& style) {
    std::vector<Line> lines;
    if (style.fields.empty()) {
        flatten(value, "", "", style, lines, 0);
    } else {
        for (const auto& field : style.fields) {
            const Json* found = find_path(value, field);
            lines.push_back(
                {{field, found == nullptr
                             ? "-"
                             : cell_text(*found, kind_at(style.schema, field), style)}});
        }
    }
    if (!style.header) {
        for (auto& line : lines) line.cells.erase(line.cells.begin());
        return aligned(lines, {false});
    }
    return aligned(lines, {false, false});
}

bool plain_in_yaml(const std::string& text) {
    if (text.empty() || text.size() > 200) return false;
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    if (!letter(text.front())) return false;
    for (const char c : text) {
        const bool good =
            letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '/' || c == '.';
        if (!good) return false;
    }
    // Words that YAML 1.1 or 1.2 reads as something else than text.
    static constexpr std::string_view reserved[] = {"true", "false", "null", "yes", "no",
                                                    "on",   "off",   "y",    "n"};
    std::string lower = text;
    for (auto& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    return std::find(std::begin(reserved), std::end(reserved), lower) == std::end(reserved);
}

/// JSON texts are YAML texts, so whatever is not plain keeps its JSON form.
std::string yaml_scalar(const Json& value) {
    if (value.is_string() && plain_in_yaml(value.get_ref<const std::string&>()))
        return value.get<std::string>();
    return dump_json(value);
}

void write_yaml(const Json& value, std::size_t indent, std::string& text, std::size_t depth) {
    const std::string space(indent, ' ');
    const auto follow = [&](const Json& inner, bool in_list) {
        if (inner.is_structured() && !inner.empty() && depth < nesting_max) {
            text += "\n";
            write_yaml(inner, indent + 2, text, depth + 1);
        } else {
            text += (in_list ? "" : " ") + yaml_scalar(inner) + "\n";
        }
    };
    if (value.is_object()) {
        for (const auto& [key, inner] : value.items()) {
            text += space + yaml_scalar(Json(key)) + ":";
            follow(inner, false);
        }
    } else {
        for (const auto& inner : value) {
            text += space + "- ";
            follow(inner, true);
        }
    }
}

std::string csv_cell(const Json* value) {
    if (value == nullptr || value->is_null()) return "";
    std::string text = value->is_string() ? value->get<std::string>() : dump_json(*value);
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + "\"";
}

}  // namespace

std::string printable(std::string_view text) {
    std::string result;
    if (!is_utf8(text)) return std::string(replacement);
    for (std::size_t at = 0; at < text.size();) {
        const auto point = code_point_at(text, at);
        if (point.value == '\n' || point.value == '\t')
            result += ' ';
        else if (is_control(point.value))
            result += replacement;
        else
            result += text.substr(at, point.bytes);
        at += point.bytes;
    }
    return result;
}

std::size_t display_width(std::string_view text) {
    std::size_t width = 0;
    for (std::size_t at = 0; at < text.size();) {
        const auto point = code_point_at(text, at);
        const bool combining = point.value >= 0x300U && point.value <= 0x36FU;
        width += combining ? 0U : is_wide(point.value) ? 2U : 1U;
        at += point.bytes;
    }
    return width;
}

std::string render_table(const Json& value, const RenderStyle& style) {
    if (value.is_null()) return "";
    if (style.list) return list_table(items_of(value), style);
    if (value.is_object()) return object_table(value, style);
    return cell_text(value, ValueKind::text, style) + "\n";
}

std::string render_yaml(const Json& value) {
    if (!value.is_structured() || value.empty()) return yaml_scalar(value) + "\n";
    std::string text;
    write_yaml(value, 0, text, 0);
    return text;
}

std::string render_csv(const Json& value, const RenderStyle& style) {
    Json one = Json::array({value});
    const Json& items = style.list ? items_of(value) : one;
    RenderStyle all = style;
    if (!style.list) all.format = OutputFormat::wide;
    const auto columns = columns_of(items, all);
    std::string text;
    for (std::size_t i = 0; style.header && i < columns.size(); ++i) {
        const Json name(columns[i]);
        text += (i == 0 ? "" : ",") + csv_cell(&name);
    }
    if (style.header) text += "\r\n";
    for (const auto& item : items) {
        for (std::size_t i = 0; i < columns.size(); ++i)
            text += (i == 0 ? "" : ",") + csv_cell(find_path(item, columns[i]));
        text += "\r\n";
    }
    return text;
}

}  // namespace ait::cli
