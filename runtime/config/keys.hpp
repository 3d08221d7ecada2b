#pragma once

// The one table of configuration keys. Loading, validation, `config explain`, the commented example
// file and the documentation all follow from it: to add a key, add a member to node_config.hpp and
// a row to keys.cpp.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "runtime/config/node_config.hpp"

namespace ait::config {

enum class KeyType : std::uint8_t {
    text,
    path,  ///< absolute, or beginning with ~/
    integer,
    boolean,
    choice,
    amount,        ///< decimal text, at most 6 places
    table,         ///< names and texts: [section.key] with one line each
    secret_table,  ///< like table; the texts are references to secrets
    peer_table,    ///< like table; the texts are KEY@HOST:PORT
};

/// When a change takes effect after SIGHUP: at once; once the supervisor has restarted the miner
/// process, which it does by itself; or after a restart of the node.
enum class Reload : std::uint8_t { live, miner, restart };

using Value = std::variant<bool, std::int64_t, std::string, TextTable>;

struct KeyRow {
    std::string_view name;  ///< "gateway.tcp_port"
    KeyType type = KeyType::text;
    /// As it would stand in the environment. May hold ${data_home}, ${models_home}, ${data_dir},
    /// ${host_name}.
    std::string_view default_text = "";
    std::int64_t minimum = 0;       ///< of an integer
    std::int64_t maximum = 0;       ///< of an integer; longest text otherwise
    std::string_view choices = "";  ///< "a|b": values of a choice, names of a secret_table
    Reload reload = Reload::restart;
    std::string_view meaning = "";
    void (*assign)(NodeConfig& config, const Value& value) = nullptr;
};

/// All rows, grouped by section.
std::span<const KeyRow> key_rows() noexcept;
/// The row of "section.key", or null.
const KeyRow* find_key(std::string_view name) noexcept;
/// The table row that "models.aliases.llama3" belongs to, or null.
const KeyRow* find_table_of(std::string_view name) noexcept;
/// "integer", "true or false", ...
std::string_view type_name(KeyType type) noexcept;
/// What the key takes, for messages: "an integer from 1 to 65535".
std::string expectation(const KeyRow& row);
/// "AITBC_GATEWAY__TCP_PORT".
std::string environment_name(const KeyRow& row);
/// The known key nearest to a misspelt one, or empty when none is near.
std::string_view nearest_key(std::string_view name);

}  // namespace ait::config
