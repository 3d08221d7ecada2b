#include "runtime/config/toml_source.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace ait::config {
namespace {

constexpr int table_depth_max = 3;

Place place_of(const toml::source_region& region) {
    return {.line = region.begin.line, .column = region.begin.column};
}

std::string_view name_of(toml::node_type type) {
    switch (type) {
        case toml::node_type::none:
            return "nothing";
        case toml::node_type::table:
            return "a table";
        case toml::node_type::array:
            return "a list";
        case toml::node_type::string:
            return "a text";
        case toml::node_type::integer:
            return "an integer";
        case toml::node_type::floating_point:
            return "a decimal number";
        case toml::node_type::boolean:
            return "true or false";
        case toml::node_type::date:
            return "a date";
        case toml::node_type::time:
            return "a time";
        case toml::node_type::date_time:
            return "a date and time";
    }
    return "an unknown type";
}

/// Depth is bounded, so nested tables from outside cannot exhaust the stack.
void flatten(const toml::table& table, const std::string& prefix, int depth, TomlSource& source) {
    for (const auto& [key, node] : table) {
        if (source.entries.size() == toml_entries_max) return;
        TomlEntry entry{
            .key = prefix.empty() ? std::string(key.str()) : prefix + "." + std::string(key.str()),
            .key_place = place_of(key.source()),
            .value = OtherValue{name_of(node.type())},
            .value_place = place_of(node.source())};
        const auto* inner = node.as_table();
        if (inner != nullptr && depth < table_depth_max) {
            flatten(*inner, entry.key, depth + 1, source);
            continue;
        }
        if (const auto* text = node.as_string())
            entry.value = text->get();
        else if (const auto* integer = node.as_integer())
            entry.value = integer->get();
        else if (const auto* boolean = node.as_boolean())
            entry.value = boolean->get();
        source.entries.push_back(std::move(entry));
    }
}

std::vector<std::string> split_lines(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const auto end = text.find('\n');
        lines.emplace_back(text.substr(0, end));
        if (lines.back().ends_with('\r')) lines.back().pop_back();
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return lines;
}

}  // namespace

TomlSource read_toml(std::string file, std::string_view text) {
    TomlSource source{.file = std::move(file), .lines = split_lines(text)};
    if (text.size() > toml_bytes_max) {
        source.problems.push_back(
            {.message = "The file is larger than " + std::to_string(toml_bytes_max) + " bytes."});
        return source;
    }
    try {
        const toml::table table = toml::parse(text, source.file);
        flatten(table, "", 1, source);
        // The library orders by name; people read from the top.
        std::stable_sort(source.entries.begin(), source.entries.end(),
                         [](const TomlEntry& a, const TomlEntry& b) {
                             return std::pair(a.key_place.line, a.key_place.column) <
                                    std::pair(b.key_place.line, b.key_place.column);
                         });
    } catch (const toml::parse_error& cause) {
        source.problems.push_back(
            {.place = place_of(cause.source()), .message = std::string(cause.description())});
    }
    return source;
}

Result<std::string> read_text_file(const std::string& path, std::size_t bytes_max) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        const auto code = errno == ENOENT ? ErrorCode::not_found : ErrorCode::storage_failed;
        return Error{code, "The file " + path + " could not be read.", std::strerror(errno), ""};
    }
    // One byte more than allowed tells "too large" apart from "just fits".
    std::string text(bytes_max + 1, '\0');
    std::size_t filled = 0;
    ssize_t count = 0;
    do {
        count = ::read(descriptor, text.data() + filled, text.size() - filled);
        if (count > 0) filled += static_cast<std::size_t>(count);
    } while ((count > 0 && filled < text.size()) || (count < 0 && errno == EINTR));
    const int failure = count < 0 ? errno : 0;
    ::close(descriptor);
    if (failure != 0) {
        return Error{ErrorCode::storage_failed, "The file " + path + " could not be read.",
                     std::strerror(failure), ""};
    }
    if (filled > bytes_max) {
        return Error{ErrorCode::too_large, "The file " + path + " is too large.",
                     "At most " + std::to_string(bytes_max) + " bytes are read.", ""};
    }
    text.resize(filled);
    return text;
}

}  // namespace ait::config
