#include "runtime/cli/render.hpp"

#include <algorithm>
#include <cstdlib>

#include "runtime/registry/suggest.hpp"

namespace ait::cli {
namespace {

/// The object with only the asked fields, in their order; paths become keys.
Json pick(const Json& value, const std::vector<std::string>& fields) {
    Json picked = Json::object();
    for (const auto& field : fields) {
        const Json* found = find_path(value, field);
        picked[field] = found == nullptr ? Json(nullptr) : *found;
    }
    return picked;
}

Json with_fields(const Json& value, const RenderStyle& style) {
    if (style.fields.empty()) return value;
    if (!style.list) return pick(value, style.fields);
    Json changed = value;
    Json items = Json::array();
    for (const auto& item : items_of(value)) items.push_back(pick(item, style.fields));
    changed["items"] = std::move(items);
    return changed;
}

/// Every asked field must be in the schema or in some answer: a misspelt one is an error, not an
/// empty column.
Status check_fields(const Json& value, const RenderStyle& style) {
    for (const auto& field : style.fields) {
        const Json& items = style.list ? items_of(value) : value;
        bool known = false;
        std::vector<std::string> names;
        if (style.schema != nullptr) {
            for (const auto& each : style.schema->fields) names.push_back(each.name);
        }
        const std::string first = field.substr(0, field.find('.'));
        known = std::find(names.begin(), names.end(), first) != names.end();
        if (!style.list) {
            known = known || find_path(items, field) != nullptr;
            for (const auto& [name, unused] : items.items()) names.push_back(name);
        } else {
            for (const auto& item : items) known = known || find_path(item, field) != nullptr;
            known = known || (items.empty() && style.schema == nullptr);
        }
        if (known) continue;
        return Error{ErrorCode::invalid_argument, "The answer has no field \"" + field + "\".", "",
                     registry::did_you_mean(field, names)};
    }
    return {};
}

/// What names a thing: its first column, or the first field that ends in "_id", "name" or "hash".
std::string name_of_thing(const Json& item, const std::vector<std::string>& columns) {
    const auto text = [&item](std::string_view path) -> std::string {
        const Json* found = find_path(item, path);
        return found != nullptr && found->is_string() ? printable(found->get<std::string>()) : "";
    };
    if (!item.is_object())
        return item.is_string() ? printable(item.get<std::string>()) : dump_json(item);
    for (const auto& [key, value] : item.items()) {
        const bool names = key.ends_with("_id") || key == "id" || key == "name" || key == "hash" ||
                           key == "address";
        if (names && value.is_string()) return printable(value.get<std::string>());
    }
    for (const auto& column : columns) {
        if (std::string found = text(column); !found.empty()) return found;
    }
    for (const auto& [key, value] : item.items()) {
        if (value.is_string()) return printable(value.get<std::string>());
    }
    return dump_json(item);
}

std::string render_names(const Json& value, const RenderStyle& style) {
    if (!style.list) return name_of_thing(value, {}) + "\n";
    std::string text;
    for (const auto& item : items_of(value))
        text += name_of_thing(item, columns_of(items_of(value), style)) + "\n";
    return text;
}

std::string render_lines(const Json& value, const RenderStyle& style) {
    if (!style.list) return dump_json(value) + "\n";
    std::string text;
    for (const auto& item : items_of(value)) text += dump_json(item) + "\n";
    return text;
}

std::string amount_text(const std::string& amount) {
    const auto parsed = parse_amount(amount);
    if (!parsed.ok()) return printable(amount);
    std::string text = to_text(parsed.value());
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
    return text;
}

std::string list_text(const Json& value, const RenderStyle& style) {
    std::string text;
    for (const auto& element : value) {
        if (element.is_structured()) return printable(dump_json(value));
        text += (text.empty() ? "" : ", ") + cell_text(element, ValueKind::text, style);
    }
    return text;
}

}  // namespace

const Json* find_path(const Json& value, std::string_view path) {
    // A key may hold dots itself (--fields payment.amount makes one): the whole key comes first.
    if (value.is_object()) {
        const auto whole = value.find(path);
        if (whole != value.end()) return &*whole;
    }
    const Json* at = &value;
    for (const auto part : registry::split(path, '.')) {
        if (!at->is_object()) return nullptr;
        const auto found = at->find(part);
        if (found == at->end()) return nullptr;
        at = &*found;
    }
    return at;
}

const Json& items_of(const Json& value) {
    static const Json none = Json::array();
    if (value.is_array()) return value;
    const auto found = value.is_object() ? value.find("items") : value.end();
    return found != value.end() && found->is_array() ? *found : none;
}

ValueKind kind_at(const Schema* schema, std::string_view path) {
    ValueKind kind = ValueKind::text;
    for (const auto part : registry::split(path, '.')) {
        if (schema == nullptr) return ValueKind::text;
        const auto found =
            std::find_if(schema->fields.begin(), schema->fields.end(),
                         [&](const SchemaField& field) { return field.name == part; });
        if (found == schema->fields.end()) return ValueKind::text;
        kind = found->kind;
        schema = found->object;
    }
    return kind;
}

std::vector<std::string> columns_of(const Json& items, const RenderStyle& style) {
    if (!style.fields.empty()) return style.fields;
    if (style.format != OutputFormat::wide && !style.columns.empty()) return style.columns;
    // Wide: the usual columns first, then whatever else any row has.
    std::vector<std::string> columns = style.columns;
    for (const auto& item : items) {
        if (!item.is_object()) continue;
        for (const auto& [key, value] : item.items()) {
            if (std::find(columns.begin(), columns.end(), key) == columns.end())
                columns.push_back(key);
        }
    }
    return columns;
}

std::string relative_time(std::int64_t unix_ms, std::int64_t now_unix_ms) {
    const std::int64_t seconds = (now_unix_ms - unix_ms) / 1'000;
    const std::int64_t size = seconds < 0 ? -seconds : seconds;
    if (size == 0) return "now";
    std::string text;
    if (size < 60)
        text = std::to_string(size) + "s";
    else if (size < 3'600)
        text = std::to_string(size / 60) + "m";
    else if (size < 86'400)
        text = std::to_string(size / 3'600) + "h";
    else
        text = std::to_string(size / 86'400) + "d";
    return seconds < 0 ? "in " + text : text + " ago";
}

std::string cell_text(const Json& value, ValueKind kind, const RenderStyle& style) {
    if (value.is_null()) return "-";
    if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
    if (value.is_array()) return value.empty() ? "-" : list_text(value, style);
    if (!value.is_string()) return printable(dump_json(value));
    const auto& text = value.get_ref<const std::string&>();
    if (text.empty()) return "-";
    if (kind == ValueKind::amount) return amount_text(text);
    if (kind == ValueKind::time && style.format != OutputFormat::wide) {
        const auto ms = parse_rfc3339(text);
        if (ms.ok()) return relative_time(ms.value(), style.now_unix_ms);
    }
    return printable(text);
}

Result<std::string> render(const Json& value, const RenderStyle& style) {
    if (auto known = check_fields(value, style); !known.ok()) return known.error();
    switch (style.format) {
        case OutputFormat::table:
        case OutputFormat::wide:
            return render_table(value, style);
        case OutputFormat::json:
            return dump_json_pretty(with_fields(value, style)) + "\n";
        case OutputFormat::yaml:
            return render_yaml(with_fields(value, style));
        case OutputFormat::jsonl:
            return render_lines(with_fields(value, style), style);
        case OutputFormat::csv:
            return render_csv(value, style);
        case OutputFormat::name:
            return render_names(value, style);
    }
    return std::string();
}

}  // namespace ait::cli
