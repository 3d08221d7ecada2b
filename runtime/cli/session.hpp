#pragma once

// One run of the command line: its options, and what commands share (node, wallets, messages), each
// made when it is first needed, so that `--help` touches nothing.

#include <optional>
#include <string>
#include <string_view>

#include "runtime/cli/console.hpp"
#include "runtime/cli/last_ids.hpp"
#include "runtime/cli/node_client.hpp"
#include "runtime/cli/options.hpp"
#include "runtime/cli/render.hpp"
#include "runtime/config/config.hpp"
#include "runtime/wallet/keystore.hpp"

namespace ait::cli {

/// What a command hands back. A null value prints nothing: it was shown piece by piece.
struct Answer {
    Json value{};
    const Operation* shape = nullptr;  ///< whose columns and schema apply; null = the command's own
    std::string columns{};             ///< instead of the shape's; empty = those
    std::string next{};                ///< "Next:" line
    std::optional<std::string>
        plain{};  ///< stands for the table where the value is a text, and is in it
    std::optional<Error> verdict{};  ///< the result is shown, then this decides the exit status
};

class Session {
  public:
    Session(Console& console, GlobalOptions options);

    Console& console;
    GlobalOptions options;

    // ---- what is outside -----------------------------------------------------------------------
    /// The configuration in effect. Error: invalid_argument with all that is wrong.
    Result<const config::LoadedConfig*> configuration();
    [[nodiscard]] config::Sources sources() const;
    Result<NodeClient*> node();
    /// True when commands go to the node of this machine's data directory.
    [[nodiscard]] bool is_local() const;
    /// The chain that is named, by option or AITBC_CHAIN; empty: the node's default one.
    [[nodiscard]] std::string chain() const;
    /// A second connection, for streams beside requests or with a token of its own.
    Result<NodeClient> new_node_client(std::string token = {});
    Result<wallet::WalletStore*> wallets();
    /// The wallet named or active. Error: not_found, which says how to make one.
    Result<wallet::WalletFacts> wallet();
    /// Its address as text, or empty where there is no wallet at all.
    Result<std::string> account_or_none();
    /// Asks for the password where none is configured.
    Result<crypto::SecretKey> unlock(const wallet::WalletFacts& wallet);
    LastIds& last_ids() { return last_ids_; }
    /// Under what an account's last ids of the chain in use are kept.
    [[nodiscard]] std::string last_ids_key(const std::string& account) const;
    [[nodiscard]] const config::Paths& paths() const { return paths_; }

    /// For calls on behalf of the wallet in use; commands get an idempotency key.
    Result<CallOptions> call_options(bool command);

    // ---- what people see -----------------------------------------------------------------------
    void note(std::string_view text);    ///< a line on standard error, unless --quiet
    void detail(std::string_view text);  ///< the same, only with -v
    [[nodiscard]] bool may_ask() const;
    [[nodiscard]] bool is_machine_output() const;
    [[nodiscard]] RenderStyle style_for(const Operation* shape) const;
    /// Prints one piece of a stream: a row of JSON lines, or text in a table.
    Status emit(const Json& value, const Operation* shape);
    [[nodiscard]] std::int64_t now_unix_ms() const { return console.clock->now_unix_ms(); }

  private:
    [[nodiscard]] std::string named_endpoint() const;
    Result<net::HttpEndpoint> endpoint();
    Result<std::string> configured_token();

    config::Paths paths_;
    std::optional<config::LoadedConfig> config_{};
    std::optional<NodeClient> node_{};
    std::optional<wallet::WalletStore> wallets_{};
    LastIds last_ids_;
};

}  // namespace ait::cli
