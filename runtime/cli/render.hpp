#pragma once

// Turns one JSON value into what stands on standard output. A table is a view of the JSON: every
// cell is cell_text() of a value found in it, and nothing else is shown.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/codec/json.hpp"
#include "runtime/cli/options.hpp"

namespace ait::cli {

struct RenderStyle {
    OutputFormat format = OutputFormat::table;
    bool header = true;
    bool list = false;                   ///< {"items":[...]}: one row each
    std::vector<std::string> columns{};  ///< of a list; paths such as "miner.region"
    std::vector<std::string> fields{};   ///< asked for; stand over columns, also in JSON
    const Schema* schema = nullptr;      ///< tells amounts and times from texts; may be null
    std::int64_t now_unix_ms = 0;        ///< for relative times
};

/// Ends with a line feed unless empty. Error: invalid_argument for a field that is nowhere.
Result<std::string> render(const Json& value, const RenderStyle& style);

/// The value at a path such as "payment.amount", or null.
const Json* find_path(const Json& value, std::string_view path);

/// How one value reads in a table. Texts lose control characters, so that an answer cannot drive
/// the terminal; amounts lose trailing zeros; times are relative unless `style` is wide.
std::string cell_text(const Json& value, ValueKind kind, const RenderStyle& style);

/// Pieces of it, each pure.
std::string render_table(const Json& value, const RenderStyle& style);
std::string render_yaml(const Json& value);
std::string render_csv(const Json& value, const RenderStyle& style);

/// "3m ago", "in 2h"; exact times stay in the JSON.
std::string relative_time(std::int64_t unix_ms, std::int64_t now_unix_ms);
/// Columns on a terminal; wide characters of East Asia count two.
std::size_t display_width(std::string_view text);
/// Without control characters, which become U+FFFD; line feeds become spaces.
std::string printable(std::string_view text);

/// The rows that a list shows, the columns it shows them by.
const Json& items_of(const Json& value);
std::vector<std::string> columns_of(const Json& items, const RenderStyle& style);
/// Kind of the value at a path, by the schema; text where it says nothing.
ValueKind kind_at(const Schema* schema, std::string_view path);

}  // namespace ait::cli
