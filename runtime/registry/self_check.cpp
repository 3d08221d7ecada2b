#include <algorithm>
#include <map>
#include <set>

#include "runtime/registry/input.hpp"
#include "runtime/registry/registry.hpp"
#include "runtime/registry/suggest.hpp"

namespace ait::registry {
namespace {

Error broken(const Operation& row, std::string why) {
    return {ErrorCode::internal,
            "The operation table is wrong at \"" + std::string(row.name) + "\".", std::move(why),
            "Correct the row in its operations.hpp."};
}

const Parameter* find_parameter(const Operation& row, std::string_view name) {
    for (const auto& parameter : row.parameters) {
        if (parameter.name == name) return &parameter;
    }
    return nullptr;
}

/// Where two routes of one method would be the same to find_route.
std::string route_shape(const RestRoute& route) {
    std::string shape(route.method);
    for (const auto segment : split(route.path, '/')) {
        shape += '/';
        shape += segment.starts_with('{') ? "{}" : segment;
    }
    return shape;
}

Status check_parameters(const Operation& row) {
    std::set<std::string> flags;
    for (const auto& parameter : row.parameters) {
        std::vector<std::string> spellings{flag_of(parameter)};
        for (const auto flag : split(parameter.flags, ',')) spellings.emplace_back(flag);
        for (const auto& flag : spellings) {
            if (!flags.insert(flag).second)
                return broken(row, "The flag " + flag + " is there twice.");
            if (flag.size() < 2 || flag.front() != '-')
                return broken(row, flag + " is not a flag.");
        }
        const bool choice = parameter.kind == ValueKind::choice;
        if (choice && parameter.choices.empty()) {
            return broken(row, std::string(parameter.name) + " has no choices.");
        }
        if (parameter.default_text.empty()) continue;
        const auto value = value_from_text(parameter, parameter.default_text);
        if (!value.ok()) return broken(row, "A default does not fit: " + value.error().why);
    }
    return {};
}

Status check_columns(const Operation& row) {
    if (row.columns.empty() || row.response == nullptr) return {};
    const Schema& schema = row.response();
    for (const auto column : split(row.columns, ',')) {
        const auto first = column.substr(0, column.find('.'));
        const bool known =
            std::any_of(schema.fields.begin(), schema.fields.end(),
                        [&](const SchemaField& field) { return field.name == first; });
        if (!known)
            return broken(row, "The column " + std::string(column) + " is not in the answer.");
    }
    return {};
}

Status check_kind(const Operation& row) {
    const bool has_route = !row.rest.path.empty();
    switch (row.kind) {
        case OperationKind::command:
            if (row.transaction.kind.empty()) return broken(row, "A command needs a transaction.");
            if (!has_route) return broken(row, "A command needs a route.");
            break;
        case OperationKind::query:
        case OperationKind::stream:
        case OperationKind::local:
            if (!has_route) return broken(row, "What a node does needs a route.");
            break;
        case OperationKind::client:
            if (has_route) return broken(row, "What the command line does itself has no route.");
            if (row.cli.empty()) return broken(row, "It cannot be called: it has no command.");
            break;
    }
    const bool needs_encode = row.transaction.account_signed && row.transaction.encode == nullptr;
    if (needs_encode) return broken(row, "A signed command needs its encoding.");
    return {};
}

Status check_route(const Operation& row) {
    for (const auto name : path_parameters(row.rest.path)) {
        const auto* parameter = find_parameter(row, name);
        if (parameter == nullptr)
            return broken(row, "The route names " + std::string(name) + ", which is no parameter.");
        if (parameter->cli_only)
            return broken(row, std::string(name) + " is in the route but never sent.");
    }
    return {};
}

Status check_row(const Operation& row) {
    if (row.summary.empty()) return broken(row, "It has no summary.");
    if (auto kind = check_kind(row); !kind.ok()) return kind;
    if (auto route = check_route(row); !route.ok()) return route;
    if (auto parameters = check_parameters(row); !parameters.ok()) return parameters;
    return check_columns(row);
}

}  // namespace

Status check_rows(std::span<const Operation* const> rows) {
    std::set<std::string, std::less<>> names, shapes, commands;
    for (const auto* row : rows) {
        if (auto checked = check_row(*row); !checked.ok()) return checked;
        if (!names.emplace(row->name).second) return broken(*row, "The name is there twice.");
        if (!row->rest.path.empty() && !shapes.insert(route_shape(row->rest)).second) {
            return broken(*row, "Its route is taken: " + route_shape(row->rest) + ".");
        }
        std::vector<std::string_view> spellings = split(row->cli_aliases, ';');
        if (!row->cli.empty()) spellings.push_back(row->cli);
        for (const auto spelling : spellings) {
            if (!commands.emplace(spelling).second) {
                return broken(*row,
                              "The command \"" + std::string(spelling) + "\" is there twice.");
            }
        }
    }
    return {};
}

}  // namespace ait::registry
