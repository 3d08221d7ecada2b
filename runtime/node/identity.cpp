#include "runtime/node/identity.hpp"

#include <sys/stat.h>

#include <filesystem>

#include "storage/data_directory.hpp"

namespace ait::node {
namespace {

constexpr std::size_t small_file_bytes_max = 1024 * 1024;

/// Only the owner may read a secret.
Status check_private(const std::string& path) {
    struct stat facts{};
    if (::stat(path.c_str(), &facts) != 0) {
        return Error{ErrorCode::not_found, "File " + path + " is not there.", "",
                     "`aitbc up` makes what a local node needs."};
    }
    if ((facts.st_mode & 077U) != 0) {
        return Error{ErrorCode::forbidden, "Others may read " + path + ".",
                     "Its mode lets the group or everybody in.", "Run: chmod 600 " + path};
    }
    return {};
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
        text.remove_suffix(1);
    return text;
}

}  // namespace

Result<crypto::SecretKey> load_node_key(const std::string& path) {
    const Status is_private = check_private(path);
    if (!is_private.ok()) return is_private.error();
    auto text = storage::read_file(path, small_file_bytes_max);
    if (!text.ok()) return text.error();
    auto seed = from_hex(trimmed(text.value()));
    if (!seed.ok() || seed.value().size() != crypto::seed_bytes) {
        return Error{ErrorCode::malformed, "The node key " + path + " cannot be read.",
                     "It must be 64 lower-case hexadecimal digits.", "Restore it from a backup."};
    }
    return crypto::SecretKey::from_seed(seed.value());
}

Result<consensus::Genesis> load_genesis(const std::string& path, const std::string& chain) {
    auto text = storage::read_file(path, small_file_bytes_max);
    if (!text.ok()) return text.error();
    auto genesis = consensus::parse_genesis(text.value());
    if (!genesis.ok()) return genesis.error();
    if (genesis.value().chain != chain) {
        return Error{ErrorCode::invalid_argument, "The genesis document is of another chain.",
                     path + " is for " + genesis.value().chain + "; node.chain says " + chain + ".",
                     "Correct node.chain or node.genesis_file."};
    }
    return genesis;
}

bool has_fresh_key_note(const std::string& path) {
    std::error_code unreadable;
    return std::filesystem::exists(path, unreadable);
}

Status remove_fresh_key_note(const std::string& path) {
    std::error_code failure;
    std::filesystem::remove(path, failure);
    if (!failure) return {};
    return Error{ErrorCode::storage_failed, "The note " + path + " cannot be removed.",
                 failure.message() + ".",
                 "Remove it: a key that has voted must not be taken for a new one."};
}

Result<std::string> load_or_make_token(const std::string& path, Random& random) {
    struct stat facts{};
    if (::stat(path.c_str(), &facts) != 0) {
        const std::string token = to_hex(random.bytes(32));
        const Status written = storage::write_file_durably(path, token + "\n", 0600);
        if (!written.ok()) return written.error();
        return token;
    }
    const Status is_private = check_private(path);
    if (!is_private.ok()) return is_private.error();
    auto text = storage::read_file(path, small_file_bytes_max);
    if (!text.ok()) return text.error();
    const std::string token(trimmed(text.value()));
    if (token.size() < 32) {
        return Error{ErrorCode::malformed, "The token file " + path + " is too short.",
                     "A token has at least 32 characters.",
                     "Delete it; the next start makes a new one."};
    }
    return token;
}

}  // namespace ait::node
