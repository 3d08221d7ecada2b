#pragma once

// Loads a node's configuration from flags, environment, files and defaults, in this order of
// weight, and says of each value where it came from. Validation is complete: all errors at once,
// each with its place, because a person who corrects one error a run gives up.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/codec/json.hpp"
#include "runtime/base/crypto/secret.hpp"
#include "runtime/base/result.hpp"
#include "runtime/config/keys.hpp"
#include "runtime/config/node_config.hpp"
#include "runtime/config/paths.hpp"
#include "runtime/config/toml_source.hpp"

namespace ait::config {

/// Where values come from. Files: `file`, then `conf.d/*.toml` beside it by name; the later wins.
struct Sources {
    Environment environment{};
    std::string file{};  ///< empty: node.toml in the configuration folder, which may be absent
    std::vector<std::pair<std::string, std::string>> flags{};  ///< ("gateway.tcp_port", "7701")
};

/// One thing that is wrong.
struct Issue {
    std::string source{};  ///< file path, "environment" or "command line"
    Place place{};
    std::string source_line{};  ///< the text that `place` points into
    std::size_t caret_length = 1;
    std::string message{};
    std::string suggestion{};  ///< may be empty
};

/// One key's value in effect.
struct Setting {
    const KeyRow* row = nullptr;
    Value value{};
    std::string origin{};  ///< "default", "file /etc/node.toml:12", "environment AITBC_...", "flag"
};

struct LoadedConfig {
    NodeConfig values{};
    std::vector<Setting> settings{};  ///< one a row, in the table's order
    std::string file{};               ///< the main file, whether or not it is there
    std::vector<std::string> files_read{};
};

struct LoadReport {
    LoadedConfig config{};
    std::vector<Issue> issues{};  ///< empty: `config` may be used
};

/// Reads everything and reports everything. Any thread.
LoadReport inspect_config(const Sources& sources);
/// The same for those who just want it: error invalid_argument, whose `why` lists all issues.
Result<LoadedConfig> load_config(const Sources& sources);

/// "node.toml:12:1: ..." with the line and a caret below the place.
std::string render(const Issue& issue);

/// A key whose value differs, for SIGHUP; `row->reload` says when it takes effect.
struct Change {
    const KeyRow* row = nullptr;
    Value before{};
    Value after{};
};
std::vector<Change> changes_between(const LoadedConfig& before, const LoadedConfig& after);

/// The secret behind "file:/path" (mode 0600 at most, one final new line dropped) or "env:NAME".
/// Errors: invalid_argument, not_found, forbidden, too_large. The text never holds the secret.
Result<crypto::Secret> resolve_secret(std::string_view reference, const Environment& environment);

/// A value as people read it; secrets are references here and so may be shown.
std::string to_text(const Value& value);

// What `aitbc config init|validate|show|explain` answer.

/// The commented file with every key at its default. configs/node.toml is this text.
std::string example_file();
/// Writes the example file (mode 0600). Error: already_exists, unless `force`.
Result<Json> init_config(const std::string& file, bool force);
/// {"ok":bool,"files":[...],"issues":[{source,line,column,message,suggestion,text}]}
Json validate_config(const Sources& sources);
/// {"items":[{key,value,origin}],"next_cursor":null}
Json show_config(const LoadedConfig& config);
/// {key,meaning,type,takes,default,value,origin,environment,reload,takes_effect}. Error: not_found
/// with the nearest key.
Result<Json> explain_key(const LoadedConfig& config, std::string_view key);

}  // namespace ait::config
