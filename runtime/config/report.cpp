#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "runtime/config/config.hpp"

namespace ait::config {
namespace {

Json json_of(const Value& value) {
    if (const auto* boolean = std::get_if<bool>(&value)) return *boolean;
    if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
    if (const auto* text = std::get_if<std::string>(&value)) return *text;
    Json table = Json::object();
    for (const auto& [name, entry] : *std::get_if<TextTable>(&value)) table[name] = entry;
    return table;
}

std::string_view name_of(Reload reload) {
    switch (reload) {
        case Reload::live:
            return "live";
        case Reload::miner:
            return "miner";
        case Reload::restart:
            return "restart";
    }
    return "";
}

std::string effect_of(Reload reload) {
    switch (reload) {
        case Reload::live:
            return "on SIGHUP.";
        case Reload::miner:
            return "on SIGHUP: the supervisor restarts the miner process for it.";
        case Reload::restart:
            return "after a restart.";
    }
    return "";
}

/// "# meaning" in lines of at most 96 columns.
std::string as_comment(std::string_view text) {
    constexpr std::size_t columns = 96;
    std::string out = "#";
    std::size_t line_start = 0;
    while (!text.empty()) {
        const auto space = text.find(' ');
        const auto word = text.substr(0, space);
        if (out.size() - line_start + 1 + word.size() > columns) {
            out += "\n#";
            line_start = out.size() - 1;
        }
        out += " " + std::string(word);
        text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
    }
    return out + "\n";
}

/// "key = value", or the lines of a table, as they would stand in the file.
std::string example_lines(const KeyRow& row, std::string_view key) {
    const bool bare = row.type == KeyType::integer || row.type == KeyType::boolean;
    if (row.type == KeyType::secret_table)
        return "# [" + std::string(row.name) + "]\n# admin = \"file:/path/to/token\"\n";
    if (row.type == KeyType::peer_table)
        return "# [" + std::string(row.name) + "]\n# \"us-east-1\" = \"KEY@10.0.0.5:7800\"\n";
    if (row.type != KeyType::table) {
        const std::string quote = bare ? "" : "\"";
        return "# " + std::string(key) + " = " + quote + std::string(row.default_text) + quote +
               "\n";
    }
    std::string lines = "# [" + std::string(row.name) + "]\n";
    std::string_view pairs = row.default_text;
    while (!pairs.empty()) {
        const auto comma = pairs.find(',');
        const auto pair = pairs.substr(0, comma);
        const auto equals = pair.find('=');
        lines += "# \"" + std::string(pair.substr(0, equals)) + "\" = \"" +
                 std::string(pair.substr(equals + 1)) + "\"\n";
        pairs.remove_prefix(comma == std::string_view::npos ? pairs.size() : comma + 1);
    }
    return lines;
}

Status write_new_file(const std::string& file, const std::string& text, bool replace) {
    const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (replace ? O_TRUNC : O_EXCL);
    const int descriptor = ::open(file.c_str(), flags, 0600);
    if (descriptor < 0 && errno == EEXIST) {
        return Error{ErrorCode::already_exists, "The configuration was not written.",
                     "There is a file " + file + " already.", "Add --force to replace it."};
    }
    bool written = descriptor >= 0;
    std::size_t done = 0;
    while (written && done < text.size()) {
        const auto count = ::write(descriptor, text.data() + done, text.size() - done);
        if (count < 0 && errno == EINTR) continue;
        written = count > 0;
        if (written) done += static_cast<std::size_t>(count);
    }
    const int failure = errno;
    if (descriptor >= 0) ::close(descriptor);
    if (written) return {};
    return Error{ErrorCode::storage_failed, "The configuration " + file + " was not written.",
                 std::strerror(failure), "Check the folder and its permissions."};
}

Json issue_to_json(const Issue& issue) {
    Json json{{"source", issue.source}};
    json["line"] = issue.place.line == 0 ? Json(nullptr) : Json(issue.place.line);
    json["column"] = issue.place.column == 0 ? Json(nullptr) : Json(issue.place.column);
    json["message"] = issue.message;
    json["suggestion"] = issue.suggestion.empty() ? Json(nullptr) : Json(issue.suggestion);
    json["text"] = render(issue);
    return json;
}

}  // namespace

std::string to_text(const Value& value) {
    const Json json = json_of(value);
    return json.is_string() ? json.get<std::string>() : dump_json(json);
}

std::string render(const Issue& issue) {
    std::string text = issue.source;
    if (issue.place.line != 0) {
        text += ":" + std::to_string(issue.place.line) + ":" + std::to_string(issue.place.column);
    }
    text += ": " + issue.message;
    if (!issue.suggestion.empty()) text += "; did you mean " + issue.suggestion + "?";
    if (issue.place.line == 0 || issue.source_line.empty()) return text;
    const std::string number = std::to_string(issue.place.line);
    const std::string margin(number.size(), ' ');
    text += "\n  " + number + " | " + issue.source_line + "\n  " + margin + " | ";
    // A tab stays a tab, so that the caret stands below its place whatever the terminal makes of
    // it.
    for (std::size_t i = 0; i + 1 < issue.place.column && i < issue.source_line.size(); ++i) {
        text += issue.source_line[i] == '\t' ? '\t' : ' ';
    }
    return text + std::string(std::max<std::size_t>(issue.caret_length, 1), '^');
}

std::string example_file() {
    std::string text =
        "# Configuration of one AITBC node. Every key is here with its default; take away the \"# "
        "\" to\n"
        "# change one. Flags weigh more than the environment (AITBC_SECTION__KEY), that more than "
        "this\n"
        "# file and conf.d/*.toml beside it. `aitbc config validate` checks, `aitbc config show "
        "--origin`\n"
        "# tells where each value came from. ${data_home} stands for $XDG_DATA_HOME/aitbc, "
        "${models_home}\n"
        "# for $XDG_CACHE_HOME/aitbc/models, ${data_dir} for node.data_dir, ${host_name} for the "
        "machine's\n# name; write such values in full.\n";
    std::string_view section;
    for (const auto& row : key_rows()) {
        const auto dot = row.name.find('.');
        if (row.name.substr(0, dot) != section) {
            section = row.name.substr(0, dot);
            text += "\n[" + std::string(section) + "]\n";
        }
        text += "\n" + as_comment(row.meaning) +
                as_comment("Takes " + expectation(row) + ". A change takes effect " +
                           effect_of(row.reload));
        text += example_lines(row, row.name.substr(dot + 1));
    }
    return text;
}

Result<Json> init_config(const std::string& file, bool force) {
    std::error_code failure;
    const auto folder = std::filesystem::path(file).parent_path();
    if (!folder.empty()) std::filesystem::create_directories(folder, failure);
    if (failure) {
        return Error{ErrorCode::storage_failed, "The folder " + folder.string() + " was not made.",
                     failure.message(), "Check its permissions."};
    }
    const auto written = write_new_file(file, example_file(), force);
    if (!written.ok()) return written.error();
    return Json{{"file", file}, {"keys", key_rows().size()}};
}

Json validate_config(const Sources& sources) {
    const auto report = inspect_config(sources);
    Json issues = Json::array();
    for (const auto& issue : report.issues) issues.push_back(issue_to_json(issue));
    return Json{{"ok", report.issues.empty()},
                {"file", report.config.file},
                {"files_read", report.config.files_read},
                {"issues", std::move(issues)}};
}

Json show_config(const LoadedConfig& config) {
    Json items = Json::array();
    for (const auto& setting : config.settings) {
        items.push_back(Json{{"key", setting.row->name},
                             {"value", json_of(setting.value)},
                             {"origin", setting.origin}});
    }
    return Json{{"items", std::move(items)}, {"next_cursor", nullptr}};
}

Result<Json> explain_key(const LoadedConfig& config, std::string_view key) {
    for (const auto& setting : config.settings) {
        const auto& row = *setting.row;
        if (row.name != key) continue;
        return Json{{"key", row.name},
                    {"meaning", row.meaning},
                    {"type", type_name(row.type)},
                    {"takes", expectation(row)},
                    {"default", row.default_text},
                    {"value", json_of(setting.value)},
                    {"origin", setting.origin},
                    {"environment", environment_name(row)},
                    {"reload", name_of(row.reload)},
                    {"takes_effect", effect_of(row.reload)}};
    }
    const auto near = nearest_key(key);
    return Error{
        ErrorCode::not_found,
        "There is no configuration key \"" + std::string(key.substr(0, 64)) + "\".",
        near.empty() ? "No known key is near it." : "Did you mean " + std::string(near) + "?",
        "aitbc config show lists all keys."};
}

}  // namespace ait::config
