#include "runtime/cli/passwords.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <optional>

#include "runtime/cli/session.hpp"
#include "runtime/supervise/home.hpp"

namespace ait::cli {
namespace {

constexpr mode_t others = S_IRWXG | S_IRWXO;

crypto::Secret without_line_end(std::string&& text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    return crypto::Secret(std::move(text));
}

Result<std::string> configured_file(Session& session) {
    auto config = session.configuration();
    if (!config.ok()) return config.error();
    return config.value()->values.wallet.password_file;
}

bool exists(const std::string& path) {
    std::error_code failure;
    return !path.empty() && std::filesystem::exists(path, failure);
}

/// The sources that need no question; nothing when there is none.
Result<std::optional<crypto::Secret>> given_password(Session& session, bool& from_made_file) {
    using Found = std::optional<crypto::Secret>;
    const auto wrap = [](Result<crypto::Secret> secret) -> Result<Found> {
        if (!secret.ok()) return secret.error();
        return Found(std::move(secret).value());
    };
    const auto& options = session.options;
    from_made_file = false;
    const bool from_input = options.password_stdin || options.password_file == "-";
    if (from_input) {
        auto text = session.console.read_input(wallet::password_bytes_max + 2);
        if (!text.ok()) return text.error();
        return Found(without_line_end(std::move(text).value()));
    }
    if (!options.password_file.empty()) return wrap(read_password_file(options.password_file));
    const auto variable =
        config::find_variable(session.console.environment, "AITBC_WALLET_PASSWORD");
    if (!variable.empty()) return Found(crypto::Secret::copy_of(variable));
    auto file = configured_file(session);
    if (!file.ok()) return file.error();
    if (!exists(file.value())) return Found(std::nullopt);
    from_made_file = true;
    return wrap(read_password_file(file.value()));
}

}  // namespace

Result<crypto::Secret> read_password_file(const std::string& path) {
    struct stat facts{};
    const bool open_to_others = ::stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) &&
                                (facts.st_mode & others) != 0;
    if (open_to_others) {
        return Error{ErrorCode::forbidden, "The password file \"" + path + "\" is open to others.",
                     "Its mode lets other users read it.", "chmod 600 " + path};
    }
    auto text = read_file(path, wallet::password_bytes_max + 2);
    if (!text.ok()) return text.error();
    return without_line_end(std::move(text).value());
}

Result<crypto::Secret> find_password(Session& session, std::string_view wallet) {
    bool unused = false;
    auto given = given_password(session, unused);
    if (!given.ok()) return given.error();
    if (given.value()) return std::move(*given.value());
    if (session.may_ask())
        return session.console.ask_secret("Password of wallet " + std::string(wallet) + ": ");
    return Error{ErrorCode::unauthenticated,
                 "The wallet \"" + std::string(wallet) + "\" needs its password.",
                 "None is configured and there is no terminal to ask on.",
                 "Give --password-file FILE, --password-stdin or AITBC_WALLET_PASSWORD."};
}

Result<crypto::Secret> password_from_made_file(Session& session) {
    auto file = configured_file(session);
    if (!file.ok()) return file.error();
    if (exists(file.value())) return read_password_file(file.value());
    auto config = session.configuration();
    if (!config.ok()) return config.error();
    auto password =
        supervise::ensure_wallet_password(config.value()->values, *session.console.random);
    if (!password.ok()) return password.error();
    session.note("The wallet's password is a random one, kept in " + file.value() +
                 " (mode 0600).");
    return password;
}

Result<crypto::Secret> new_password(Session& session, std::string_view wallet) {
    bool from_made_file = false;
    auto given = given_password(session, from_made_file);
    if (!given.ok()) return given.error();
    if (given.value()) {
        if (from_made_file)
            session.note("The password is the one in the configured password file.");
        return std::move(*given.value());
    }
    if (!session.may_ask()) return password_from_made_file(session);
    auto first =
        session.console.ask_secret("New password for wallet " + std::string(wallet) + ": ");
    if (!first.ok()) return first.error();
    auto second = session.console.ask_secret("Once more: ");
    if (!second.ok()) return second.error();
    if (first.value().equals(second.value())) return first;
    return Error{ErrorCode::invalid_argument, "The two passwords differ.", "",
                 "Type the same one twice."};
}

}  // namespace ait::cli
