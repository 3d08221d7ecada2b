#include "runtime/config/config.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "runtime/base/assert.hpp"
#include "runtime/config/peers.hpp"
#include "runtime/config/values.hpp"

namespace ait::config {
namespace {

/// What the sources say about one key, the heaviest source last.
struct Draft {
    std::optional<Value> value{};
    std::string origin{};
};

class Loader {
  public:
    explicit Loader(const Sources& sources)
        : sources_(sources),
          paths_(default_paths(sources.environment)),
          home_(find_variable(sources.environment, "HOME")),
          drafts_(key_rows().size()) {}

    LoadReport run() {
        report_.config.file = sources_.file.empty() ? paths_.config + "/node.toml" : sources_.file;
        read_files();
        read_environment();
        for (const auto& [key, text] : sources_.flags) take_text("command line", "flag", key, text);
        fill_in();
        check_together();
        return std::move(report_);
    }

  private:
    Draft& draft_of(const KeyRow& row) {
        const auto index = static_cast<std::size_t>(&row - key_rows().data());
        AIT_ASSERT(index < drafts_.size());
        return drafts_[index];
    }

    void complain(std::string source, std::string message, std::string suggestion = "") {
        report_.issues.push_back({.source = std::move(source),
                                  .message = std::move(message),
                                  .suggestion = std::move(suggestion)});
    }

    void complain_at(const TomlSource& file, Place place, std::string message) {
        Issue issue{.source = file.file, .place = place, .message = std::move(message)};
        if (place.line > 0 && place.line <= file.lines.size()) {
            issue.source_line = file.lines[place.line - 1];
        }
        report_.issues.push_back(std::move(issue));
    }

    /// Shows the line only as far as the key reaches: the value may be a secret in a wrong place.
    void complain_at_key(const TomlSource& file, const TomlEntry& entry, std::string message,
                         std::string suggestion, std::size_t key_bytes) {
        complain_at(file, entry.key_place, std::move(message));
        auto& issue = report_.issues.back();
        issue.suggestion = std::move(suggestion);
        issue.caret_length = key_bytes;
        const auto shown = entry.key_place.column - 1 + key_bytes;
        if (issue.source_line.size() > shown) issue.source_line.resize(shown);
    }

    void read_files() {
        // A file that was named must be there; the default one may be missing.
        read_file(report_.config.file, !sources_.file.empty());
        namespace fs = std::filesystem;
        std::error_code failure;
        std::vector<std::string> extras;
        const auto folder = fs::path(report_.config.file).parent_path() / "conf.d";
        for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end;
             entry.increment(failure)) {
            if (entry->path().extension() == ".toml") extras.push_back(entry->path().string());
        }
        if (failure && failure != std::errc::no_such_file_or_directory) {
            complain(folder.string(), "The folder could not be read: " + failure.message() + ".");
        }
        std::sort(extras.begin(), extras.end());
        for (const auto& extra : extras) read_file(extra, true);
    }

    void read_file(const std::string& path, bool must_exist) {
        const auto text = read_text_file(path, toml_bytes_max);
        if (!text.ok()) {
            if (text.error().code == ErrorCode::not_found && !must_exist) return;
            complain(path, text.error().what + " " + text.error().why + ".");
            return;
        }
        report_.config.files_read.push_back(path);
        const TomlSource file = read_toml(path, text.value());
        for (const auto& problem : file.problems) complain_at(file, problem.place, problem.message);
        for (const auto& entry : file.entries) take_entry(file, entry);
    }

    void take_entry(const TomlSource& file, const TomlEntry& entry) {
        const auto* row = find_key(entry.key);
        const auto* table = row == nullptr ? find_table_of(entry.key) : nullptr;
        const std::string origin = "file " + file.file + ":" + std::to_string(entry.key_place.line);
        if (table != nullptr) {
            take_table_entry(file, entry, *table, origin);
            return;
        }
        if (row == nullptr) {
            const auto dot = entry.key.rfind('.');
            const auto written =
                dot == std::string::npos ? entry.key.size() : entry.key.size() - dot - 1;
            complain_at_key(file, entry, "unknown key \"" + entry.key + "\"",
                            std::string(nearest_key(entry.key)), written);
            return;
        }
        auto checked = value_from_toml(*row, entry, home_);
        if (!checked.ok() && row->type == KeyType::secret_table) {
            complain_at_key(file, entry, std::move(checked.complaint), "", 1);
            return;
        }
        if (!checked.ok()) {
            complain_at(file, entry.value_place, std::move(checked.complaint));
            return;
        }
        draft_of(*row) = {.value = std::move(checked.value), .origin = origin};
    }

    /// Lines of a table add up over files; the first one replaces the default.
    void take_table_entry(const TomlSource& file, const TomlEntry& entry, const KeyRow& row,
                          const std::string& origin) {
        const std::string name = entry.key.substr(row.name.size() + 1);
        const auto* text = std::get_if<std::string>(&entry.value);
        std::string complaint = text == nullptr ? entry.key + " must be a text in quotes."
                                                : table_entry_complaint(row, name, *text);
        if (!complaint.empty()) {
            complain_at_key(file, entry, std::move(complaint), "", name.size());
            return;
        }
        auto& draft = draft_of(row);
        if (!draft.value) draft.value = TextTable{};
        auto* table = std::get_if<TextTable>(&*draft.value);
        AIT_ASSERT(table != nullptr);
        (*table)[name] = *text;
        draft.origin = origin;
    }

    void read_environment() {
        for (const auto& [name, text] : sources_.environment) {
            // AITBC_HOME and the like have no section and are none of our business here.
            if (!name.starts_with("AITBC_") || name.find("__") == std::string::npos) continue;
            const auto match =
                std::find_if(key_rows().begin(), key_rows().end(),
                             [&name](const KeyRow& row) { return environment_name(row) == name; });
            if (match != key_rows().end()) {
                take_text("environment", "environment " + name, match->name, text);
                continue;
            }
            std::string key = name.substr(6);
            key.replace(key.find("__"), 2, ".");
            for (auto& c : key) c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
            const auto* near = find_key(nearest_key(key));
            complain("environment", "unknown variable " + name,
                     near == nullptr ? "" : environment_name(*near));
        }
    }

    void take_text(const std::string& source, const std::string& origin, std::string_view key,
                   std::string_view text) {
        const auto* row = find_key(key);
        if (row == nullptr) {
            complain(source, "unknown key \"" + std::string(key) + "\"",
                     std::string(nearest_key(key)));
            return;
        }
        auto checked = value_from_text(*row, text, home_);
        if (!checked.ok())
            complain(source, std::move(checked.complaint));
        else
            draft_of(*row) = {.value = std::move(checked.value), .origin = origin};
    }

    std::string expanded_default(const KeyRow& row) const {
        const std::string_view text = row.default_text;
        const auto close = text.find('}');
        if (!text.starts_with("${") || close == std::string_view::npos) return std::string(text);
        const auto name = text.substr(2, close - 2);
        const std::string rest(text.substr(close + 1));
        if (name == "data_home") return paths_.data + rest;
        if (name == "models_home") return paths_.models + rest;
        if (name == "host_name") return default_peer_name() + rest;
        AIT_ASSERT(name == "data_dir");
        // node.data_dir stands before all rows that refer to it.
        return report_.config.values.node.data_dir + rest;
    }

    void fill_in() {
        for (const auto& row : key_rows()) {
            auto& draft = draft_of(row);
            if (!draft.value) {
                auto checked = value_from_text(row, expanded_default(row), home_);
                if (!checked.ok()) {
                    complain("default", checked.complaint + " Set it to another value.");
                    continue;
                }
                draft = {.value = std::move(checked.value), .origin = "default"};
            }
            row.assign(report_.config.values, *draft.value);
            report_.config.settings.push_back(
                {.row = &row, .value = *draft.value, .origin = draft.origin});
        }
    }

    /// Rules that look at more than one key.
    void check_together() {
        check_gateway();
        check_peers();
    }

    void check_peers() {
        const auto& peer = report_.config.values.peer;
        const auto& gateway = report_.config.values.gateway;
        if (!is_peer_name(peer.name)) {
            complain(draft_of(*find_key("peer.name")).origin,
                     "peer.name must be " + std::string(peer_name_rule));
        }
        if (peer.nodes.empty()) return;
        const auto peers = peers_of(peer);
        if (!peers.ok()) {
            complain(draft_of(*find_key("peer.nodes")).origin, "peer.nodes: " + peers.error().why);
        }
        if (gateway.tcp_enabled && gateway.tcp_port != 0 && gateway.tcp_port == peer.listen_port) {
            complain(draft_of(*find_key("peer.listen_port")).origin,
                     "gateway.tcp_port and peer.listen_port are the same port; give each its own");
        }
    }

    void check_gateway() {
        const auto& gateway = report_.config.values.gateway;
        const bool loopback = gateway.tcp_host == "127.0.0.1" || gateway.tcp_host == "::1" ||
                              gateway.tcp_host == "localhost";
        if (gateway.tcp_enabled && !loopback && !gateway.unsafe_public_bind) {
            complain(
                draft_of(*find_key("gateway.tcp_host")).origin,
                "gateway.tcp_host = \"" + gateway.tcp_host +
                    "\" can be reached from other machines, unencrypted; use 127.0.0.1, or set "
                    "gateway.unsafe_public_bind = true behind a TLS proxy");
        }
        if (gateway.tcp_port != 0 &&
            gateway.tcp_port == report_.config.values.miner.inference_port) {
            complain(
                draft_of(*find_key("miner.inference_port")).origin,
                "gateway.tcp_port and miner.inference_port are the same port; give each its own");
        }
    }

    const Sources& sources_;
    const Paths paths_;
    const std::string home_;
    std::vector<Draft> drafts_;
    LoadReport report_{};
};

}  // namespace

LoadReport inspect_config(const Sources& sources) {
    return Loader(sources).run();
}

Result<LoadedConfig> load_config(const Sources& sources) {
    auto report = inspect_config(sources);
    if (report.issues.empty()) return std::move(report.config);
    std::string list;
    for (const auto& issue : report.issues) list += "\n" + render(issue);
    const auto count = report.issues.size();
    return Error{
        ErrorCode::invalid_argument,
        "The configuration has " + std::to_string(count) + (count == 1 ? " error." : " errors."),
        list, "Correct them; `aitbc config explain KEY` says what a key takes."};
}

std::vector<Change> changes_between(const LoadedConfig& before, const LoadedConfig& after) {
    AIT_ASSERT(before.settings.size() == after.settings.size());
    std::vector<Change> changes;
    for (std::size_t i = 0; i < before.settings.size(); ++i) {
        const auto& old_setting = before.settings[i];
        const auto& new_setting = after.settings[i];
        AIT_ASSERT(old_setting.row == new_setting.row);
        if (old_setting.value == new_setting.value) continue;
        changes.push_back(
            {.row = old_setting.row, .before = old_setting.value, .after = new_setting.value});
    }
    return changes;
}

}  // namespace ait::config
