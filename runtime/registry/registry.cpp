#include "runtime/registry/registry.hpp"

#include <algorithm>

#include "net/http_target.hpp"
#include "runtime/registry/suggest.hpp"
#include "runtime/registry/tables.hpp"

namespace ait::registry {
namespace {

/// One spelling of a command, cut into words.
struct Command {
    std::vector<std::string_view> words{};
    const Operation* operation = nullptr;
};

struct Route {
    const Operation* operation = nullptr;
    std::vector<std::string_view> segments{};
    std::size_t literals = 0;
};

bool is_parameter(std::string_view segment) {
    return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

std::vector<Command> commands_of(std::span<const Operation* const> rows) {
    std::vector<Command> commands;
    for (const auto* row : rows) {
        if (row->cli.empty()) continue;
        commands.push_back({split(row->cli, ' '), row});
        for (const auto alias : split(row->cli_aliases, ';'))
            commands.push_back({split(alias, ' '), row});
    }
    return commands;
}

std::vector<Route> routes_of(std::span<const Operation* const> rows) {
    std::vector<Route> routes;
    for (const auto* row : rows) {
        if (row->rest.path.empty()) continue;
        Route route{row, split(row->rest.path, '/')};
        for (const auto segment : route.segments) route.literals += is_parameter(segment) ? 0U : 1U;
        routes.push_back(std::move(route));
    }
    // The most literal route of a length comes first, so the first match is the best one.
    std::stable_sort(routes.begin(), routes.end(),
                     [](const Route& a, const Route& b) { return a.literals > b.literals; });
    return routes;
}

const std::vector<Command>& commands() {
    static const std::vector<Command> all = commands_of(all_operations());
    return all;
}

const std::vector<Route>& routes() {
    static const std::vector<Route> all = routes_of(all_operations());
    return all;
}

bool route_matches(const Route& route, std::span<const std::string_view> segments) {
    if (route.segments.size() != segments.size()) return false;
    for (std::size_t i = 0; i < segments.size(); ++i) {
        if (!is_parameter(route.segments[i]) && route.segments[i] != segments[i]) return false;
    }
    return true;
}

bool words_match(std::span<const std::string_view> command, std::span<const std::string> words) {
    if (command.size() > words.size()) return false;
    return std::equal(command.begin(), command.end(), words.begin());
}

/// True when `command` is longer than `words` and begins with them.
bool goes_on(const Command& command, std::span<const std::string> words) {
    return command.words.size() > words.size() &&
           std::equal(words.begin(), words.end(), command.words.begin());
}

}  // namespace

std::span<const Operation* const> all_operations() {
    static const std::vector<const Operation*> all = [] {
        std::vector<const Operation*> rows;
        for (const auto table : tables()) {
            for (const auto& row : table) rows.push_back(&row);
        }
        return rows;
    }();
    return all;
}

const Operation* find_operation(std::string_view name) {
    for (const auto* row : all_operations()) {
        if (row->name == name) return row;
    }
    return nullptr;
}

CommandMatch find_command(std::span<const std::string> words) {
    CommandMatch best;
    for (const auto& command : commands()) {
        if (command.words.size() > best.words && words_match(command.words, words)) {
            best = {command.operation, command.words.size()};
        }
    }
    return best;
}

bool is_command_group(std::span<const std::string> words) {
    return std::any_of(commands().begin(), commands().end(),
                       [&](const Command& command) { return goes_on(command, words); });
}

std::vector<std::string> next_words(std::span<const std::string> words) {
    std::vector<std::string> next;
    for (const auto& command : commands()) {
        if (!goes_on(command, words)) continue;
        const std::string word(command.words[words.size()]);
        if (std::find(next.begin(), next.end(), word) == next.end()) next.push_back(word);
    }
    return next;
}

RouteMatch find_route(std::string_view method, std::string_view path) {
    const auto segments = split(path, '/');
    RouteMatch match;
    std::size_t literals = 0;
    for (const auto& route : routes()) {
        if (!route_matches(route, segments)) continue;
        if (!match.allow.empty() && route.literals < literals) break;
        if (route.operation->rest.method != method) {
            literals = route.literals;
            match.allow +=
                (match.allow.empty() ? "" : ", ") + std::string(route.operation->rest.method);
            continue;
        }
        match.allow.clear();
        match.operation = route.operation;
        for (std::size_t i = 0; i < segments.size(); ++i) {
            const auto segment = route.segments[i];
            if (!is_parameter(segment)) continue;
            match.parameters.emplace_back(segment.substr(1, segment.size() - 2), segments[i]);
        }
        return match;
    }
    return match;
}

std::vector<std::string_view> path_parameters(std::string_view path) {
    std::vector<std::string_view> names;
    for (const auto segment : split(path, '/')) {
        if (is_parameter(segment)) names.push_back(segment.substr(1, segment.size() - 2));
    }
    return names;
}

Result<std::string> fill_route(const Operation& operation, std::span<const PathValue> values) {
    std::string path;
    for (const auto segment : split(operation.rest.path, '/')) {
        path += '/';
        if (!is_parameter(segment)) {
            path += segment;
            continue;
        }
        const auto name = segment.substr(1, segment.size() - 2);
        const auto found = std::find_if(values.begin(), values.end(), [&](const PathValue& value) {
            return value.first == name;
        });
        if (found == values.end() || found->second.empty()) {
            return Error{ErrorCode::invalid_argument, "\"" + std::string(name) + "\" is missing.",
                         std::string(operation.name) + " is about one thing and must name it.", ""};
        }
        path += net::percent_encode(found->second);
    }
    return path;
}

Status self_check() {
    return check_rows(all_operations());
}

}  // namespace ait::registry
