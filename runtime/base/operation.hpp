#pragma once

// The operation registry: one constexpr row declares an operation `domain.verb`, and CLI verbs,
// help, completion, man pages, REST routes and OpenAPI are derived from it. Rows are data that both
// binaries link; aitbcd binds a handler to each by name and refuses to start when one has none.
// To add an operation: one row in actors/<domain>/operations.hpp, one handler in operations.cpp.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/fields.hpp"

namespace ait {

enum class OperationKind : std::uint8_t {
    query,    ///< reads applied state; no side effect
    command,  ///< exactly one transaction type
    stream,   ///< an answer in pieces (SSE), or a long wait
    local,    ///< changes only this node or what it runs
    client,   ///< done by the command line itself: wallet files, contexts
};

enum class Role : std::uint8_t { anyone, viewer, member, operator_, admin };
enum class RateClass : std::uint8_t { read, spend, heavy };
enum class DeadlineClass : std::uint8_t { interactive, long_poll, unlimited };

/// One input. In JSON `name`; on the command line `--name` with dashes, or positional.
struct Parameter {
    std::string_view name;
    ValueKind kind = ValueKind::text;
    Presence presence = Presence::optional;
    std::string_view help = "";
    std::string_view default_text = "";  ///< shown in help and applied when absent; empty = none
    std::string_view flags = "";         ///< further spellings, comma-separated: "--gpu,-g"
    std::string_view choices = "";       ///< of a choice: "a|b|c"
    bool positional = false;             ///< may also be given without its flag, in row order
    bool repeated = false;               ///< a list: the flag may be given several times
    bool cli_only = false;               ///< consumed by the command line, never sent
    std::uint32_t bytes_max = field_bytes_max_default;
};

struct RestRoute {
    std::string_view method = "";
    std::string_view path = "";  ///< {name} takes a parameter from the path
};

/// How JSON becomes a transaction's body and back; all null for operations without one.
struct TransactionForm {
    std::string_view kind = "";                                      ///< "ledger.transfer"
    bool account_signed = false;                                     ///< else batched by the node
    Result<std::string> (*encode)(std::string_view json) = nullptr;  ///< strict JSON -> body bytes
    Result<std::string> (*decode)(std::string_view body) = nullptr;  ///< body bytes -> JSON text
    Result<std::string> (*response)(std::string_view bytes) = nullptr;  ///< outcome -> JSON text
    /// Of a transaction about many things that each may need a proof of its own: the list's name in
    /// body and answer.
    std::string_view items = "";
};

struct Operation {
    std::string_view name;  ///< "job.submit"
    OperationKind kind = OperationKind::query;
    std::string_view summary = "";
    Role role = Role::viewer;
    RateClass rate = RateClass::read;
    DeadlineClass deadline = DeadlineClass::interactive;
    bool dry_run = false;
    std::string_view cli = "";          ///< command words: "client submit"; empty = no command
    std::string_view cli_aliases = "";  ///< other command words, ';'-separated
    RestRoute rest{};
    std::span<const Parameter> parameters{};
    const Schema& (*response)() = nullptr;  ///< of the answer; for lists, of one item
    bool list = false;                      ///< answers {"items":[...],"next_cursor":...}
    std::string_view columns = "";          ///< default table columns of a list, comma-separated
    TransactionForm transaction{};
    bool mcp = false;
    std::string_view examples = "";  ///< full command lines, newline-separated
};

}  // namespace ait
