#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/config/config.hpp"

namespace ait::config {
namespace {

constexpr std::size_t secret_bytes_max = 4'096;

/// Refuses a file that others may read, before a byte of it is used.
Status check_mode(const std::string& path) {
    struct stat facts{};
    if (::stat(path.c_str(), &facts) != 0) {
        const auto code = errno == ENOENT ? ErrorCode::not_found : ErrorCode::storage_failed;
        return Error{code, "The secret in " + path + " could not be read.", std::strerror(errno),
                     "Write it there, with mode 0600."};
    }
    if ((facts.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return Error{ErrorCode::forbidden, "The secret in " + path + " was not used.",
                     "Others than its owner may open the file.", "chmod 600 " + path};
    }
    return {};
}

Result<crypto::Secret> secret_of_file(const std::string& path) {
    if (auto fit = check_mode(path); !fit.ok()) return fit.error();
    auto text = read_text_file(path, secret_bytes_max);
    if (!text.ok()) return text.error();
    std::string secret = std::move(text).value();
    if (secret.ends_with('\n')) secret.pop_back();
    return crypto::Secret(std::move(secret));
}

}  // namespace

Result<crypto::Secret> resolve_secret(std::string_view reference, const Environment& environment) {
    if (reference.starts_with("file:/")) return secret_of_file(std::string(reference.substr(5)));
    if (!reference.starts_with("env:")) {
        return Error{ErrorCode::invalid_argument, "A secret is not given by reference.",
                     "Configuration holds file:/path or env:NAME, never the secret itself.",
                     "Put it into a file of mode 0600 and name that."};
    }
    const std::string name(reference.substr(4));
    const auto value = find_variable(environment, name);
    if (value.empty()) {
        return Error{ErrorCode::not_found,
                     "The secret in the variable " + name + " could not be read.",
                     "The variable is not set.", "Set it before the node starts."};
    }
    if (value.size() > secret_bytes_max) {
        return Error{ErrorCode::too_large, "The secret in the variable " + name + " was not used.",
                     "It is longer than " + std::to_string(secret_bytes_max) + " bytes.", ""};
    }
    return crypto::Secret::copy_of(value);
}

}  // namespace ait::config
