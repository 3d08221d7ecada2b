#pragma once

// Everything outside of the command line's own code: streams, terminal, environment, time. Tests
// give one made of strings.

#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "runtime/base/clock.hpp"
#include "runtime/base/crypto/secret.hpp"
#include "runtime/base/result.hpp"
#include "runtime/config/paths.hpp"

namespace ait::cli {

struct Console {
    config::Environment environment{};
    std::function<void(std::string_view)> out{};  ///< results only
    std::function<void(std::string_view)> err{};  ///< everything else
    /// All of standard input, at most so many bytes. Errors: too_large, unavailable.
    std::function<Result<std::string>(std::size_t bytes_max)> read_input{};
    /// One line from the terminal, not echoed. Errors: cancelled, unavailable.
    std::function<Result<crypto::Secret>(std::string_view prompt)> ask_secret{};
    /// One line from the terminal.
    std::function<Result<std::string>(std::string_view prompt)> ask_line{};
    bool in_is_terminal = false;
    bool out_is_terminal = false;
    bool err_is_terminal = false;
    unsigned width = 80;
    const Clock* clock = nullptr;
    Random* random = nullptr;
    std::stop_token stop{};              ///< Ctrl-C and termination
    std::function<int()> stop_signal{};  ///< the signal behind `stop`; SIGINT where null
    std::string program{};               ///< path of this binary
    std::string vocabulary = "aitbc";    ///< the name that it was called by
};

/// The process's own streams and terminal. Installs handlers for SIGINT and SIGTERM that request
/// `stop`. Call once, from main.
Console process_console(std::string_view argument0, std::stop_source& stop);

/// Ends the process with status 0 and no word after so long, whatever it waits for then. For
/// answers that are worthless when late.
void end_process_after(std::uint32_t ms);

/// Reads a whole regular file. Errors: not_found, too_large, forbidden, unavailable.
Result<std::string> read_file(const std::string& path, std::size_t bytes_max);
/// Writes a new file with that mode, or replaces one that `may_replace` allows. Errors:
/// already_exists, forbidden, storage_failed.
Status write_file(const std::string& path, std::string_view bytes, unsigned mode, bool may_replace);

/// Waits for at most so long; true when `stop` came first. The only wait of the command line that
/// is not a wait for bytes.
bool wait_or_stop(const std::stop_token& stop, std::uint32_t ms);

}  // namespace ait::cli
