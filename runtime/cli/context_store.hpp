#pragma once

// Contexts: a node, one of its chains, a token, a wallet and a form of output under one name, so
// that a person who works with several nodes says `--context prod` once instead of five options
// each time. They hold names of token files, never tokens.

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/cli/options.hpp"
#include "runtime/config/paths.hpp"

namespace ait::cli {

/// The local node with nothing chosen; always there, never stored.
inline constexpr std::string_view default_context = "default";
inline constexpr std::size_t contexts_max = 256;

struct Context {
    std::string name{};
    std::string node{};  ///< endpoint; empty = the local node
    std::string token_file{};
    std::string chain{};  ///< of the node; empty = its default one
    std::string wallet{};
    std::string output_format{};
};

struct Contexts {
    std::string current = std::string(default_context);
    std::vector<Context> all{};  ///< by name; without the default one

    [[nodiscard]] const Context* find(std::string_view name) const noexcept;
};

/// `contexts.json` in the configuration folder.
std::string contexts_file(const config::Paths& paths);

/// An absent file holds none. Errors: corrupt_data, which says how to begin anew; those of reading.
Result<Contexts> read_contexts(const std::string& file);
/// Mode 0600, replaced as a whole. Errors: limit_reached, storage_failed, forbidden.
Status write_contexts(const std::string& file, const Contexts& contexts);

/// Which context applies and who says so. `explicitly`: by --context or AITBC_CONTEXT.
struct ChosenContext {
    std::string name = std::string(default_context);
    std::string chosen_by = "nothing";  ///< "--context", "AITBC_CONTEXT", "context use", "nothing"
    [[nodiscard]] bool is_explicit() const noexcept {
        return chosen_by == "--context" || chosen_by == "AITBC_CONTEXT";
    }
};
ChosenContext chosen_context(const GlobalOptions& options, const config::Environment& environment,
                             const Contexts& contexts);

/// Fills in what the line leaves open. An explicitly chosen context weighs more than the
/// environment (AITBC_NODE, AITBC_URL, AITBC_TOKEN, AITBC_WALLET), the current one less. Errors:
/// not_found (no such context), those of read_contexts.
Status apply_context(GlobalOptions& options, const config::Environment& environment,
                     const config::Paths& paths);

}  // namespace ait::cli
