#include "runtime/miner/miner_key.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "net/file_descriptor.hpp"

namespace ait::miner_process {
namespace {

constexpr std::size_t text_bytes_max = 128;

Error not_usable(const std::string& path, std::string why) {
    return Error{ErrorCode::unavailable, "The miner's key file cannot be used.",
                 path + ": " + std::move(why) + ".", "Check the data folder."};
}

Result<crypto::SecretKey> parse(std::string& text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    auto seed = from_hex(text);
    crypto::wipe(text);
    if (!seed.ok() || seed.value().size() != crypto::seed_bytes) {
        return Error{ErrorCode::malformed, "The miner's key cannot be read.",
                     "It must be 64 lower-case hexadecimal digits.", "Restore it from a backup."};
    }
    auto key = crypto::SecretKey::from_seed(seed.value());
    crypto::wipe(seed.value());
    return key;
}

/// On the disk before it has its name, so that no crash leaves half a key.
Status write_new(const std::string& path, std::string_view text) {
    const std::string draft = path + ".new";
    ::unlink(draft.c_str());  // of a start that was interrupted; nothing refers to it
    net::FileDescriptor file(
        ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!file.is_open()) return not_usable(path, std::strerror(errno));
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written != static_cast<ssize_t>(text.size()) || ::fsync(file.get()) != 0) {
        return not_usable(path, "it could not be written");
    }
    if (::rename(draft.c_str(), path.c_str()) != 0) return not_usable(path, std::strerror(errno));
    const std::string folder = path.substr(0, path.find_last_of('/') + 1);
    const net::FileDescriptor directory(
        ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory.is_open() || ::fsync(directory.get()) != 0) {
        return not_usable(path, "its folder could not be synchronised");
    }
    return {};
}

}  // namespace

Result<crypto::SecretKey> read_key(int descriptor) {
    const net::FileDescriptor file(descriptor);
    std::array<char, text_bytes_max> space{};
    std::size_t size = 0;
    while (size < space.size()) {
        const ssize_t count = ::read(file.get(), space.data() + size, space.size() - size);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            return Error{
                ErrorCode::unavailable, "The miner's key was not handed over.",
                "Descriptor " + std::to_string(descriptor) + ": " + std::strerror(errno) + ".",
                "Start the miner with aitbc."};
        }
        if (count == 0) break;
        size += static_cast<std::size_t>(count);
    }
    std::string text(space.data(), size);
    crypto::wipe(std::span(reinterpret_cast<std::uint8_t*>(space.data()), space.size()));
    return parse(text);
}

Result<crypto::SecretKey> load_or_make_key(const std::string& path, Random& random) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor >= 0) {
        struct stat facts{};
        if (::fstat(descriptor, &facts) != 0 || (facts.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
            ::close(descriptor);
            return Error{ErrorCode::forbidden, "Others may read " + path + ".",
                         "Its mode lets the group or everybody in.", "Run: chmod 600 " + path};
        }
        return read_key(descriptor);
    }
    if (errno != ENOENT) return not_usable(path, std::strerror(errno));
    crypto::SecretKey key = crypto::SecretKey::generate(random);
    std::string text = to_hex(key.seed().view()) + "\n";
    const Status written = write_new(path, text);
    crypto::wipe(text);
    if (!written.ok()) return written.error();
    return key;
}

}  // namespace ait::miner_process
