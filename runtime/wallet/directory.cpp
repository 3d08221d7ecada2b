#include "runtime/wallet/directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>
#include <utility>

#include "runtime/base/assert.hpp"
#include "runtime/base/bytes.hpp"

namespace ait::wallet {
namespace {

constexpr std::size_t entries_max = 10'000;
constexpr mode_t others_mask = S_IRWXG | S_IRWXO;

class Descriptor {
  public:
    explicit Descriptor(int number) noexcept : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    [[nodiscard]] int get() const noexcept { return number_; }
    [[nodiscard]] bool is_open() const noexcept { return number_ >= 0; }

  private:
    int number_;
};

struct CloseStream {
    void operator()(DIR* stream) const noexcept { ::closedir(stream); }
};

/// Needs errno as the failed call left it.
Error system_error(const char* what, const std::filesystem::path& path) {
    const int code = errno;
    const bool refused = code == EACCES || code == EPERM || code == EROFS;
    const std::string why = path.string() + ": " + std::generic_category().message(code) + ".";
    if (code == ENOENT) return Error{ErrorCode::not_found, what, why, "Check the path."};
    if (code == ELOOP) {
        return Error{ErrorCode::forbidden, what, path.string() + " is a symbolic link.",
                     "Put the file itself there."};
    }
    return Error{refused ? ErrorCode::forbidden : ErrorCode::storage_failed, what, why,
                 refused ? "Run as the owner of that folder." : "Check the disk, then try again."};
}

Error wrong_mode(const std::filesystem::path& path, const char* what, const char* mode) {
    return Error{ErrorCode::forbidden, "A secret is not used while others can reach it.",
                 path.string() + " is a " + what + " that other users may open.",
                 "Run: chmod " + std::string(mode) + " '" + path.string() + "'"};
}

Error wrong_owner(const std::filesystem::path& path) {
    return Error{ErrorCode::forbidden, "The wallets of another user are not used.",
                 path.string() + " does not belong to the user who runs this program.",
                 "Run as its owner, or choose another wallet folder."};
}

Status check_private(const Descriptor& file, const std::filesystem::path& path, bool is_folder) {
    struct stat facts{};
    if (::fstat(file.get(), &facts) != 0) return system_error("A wallet file was not read.", path);
    const bool has_kind = is_folder ? S_ISDIR(facts.st_mode) : S_ISREG(facts.st_mode);
    if (!has_kind) {
        return Error{ErrorCode::forbidden, "A wallet file was not read.",
                     path.string() + " is not a regular file.", "Put the file itself there."};
    }
    if (facts.st_uid != ::geteuid()) return wrong_owner(path);
    if ((facts.st_mode & others_mask) != 0) {
        return is_folder ? wrong_mode(path, "folder", "700") : wrong_mode(path, "file", "600");
    }
    return {};
}

Result<Descriptor> open_folder(const std::filesystem::path& path) {
    Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder.is_open()) return system_error("The wallet folder was not opened.", path);
    const Status is_private = check_private(folder, path, true);
    if (!is_private.ok()) return is_private.error();
    return folder;
}

/// Up to bytes_max + 1 bytes, so that the caller sees when there are more.
Result<std::string> read_all(const Descriptor& file, const std::filesystem::path& path,
                             std::size_t bytes_max) {
    std::string bytes(bytes_max + 1, '\0');
    std::size_t count = 0;
    while (count < bytes.size()) {
        const ssize_t got = ::read(file.get(), bytes.data() + count, bytes.size() - count);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error("A wallet file was not read.", path);
        if (got == 0) break;
        count += static_cast<std::size_t>(got);
    }
    bytes.resize(count);
    return bytes;
}

bool write_all(const Descriptor& file, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::write(file.get(), bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    return ::fsync(file.get()) == 0;
}

bool sync_folder(const std::filesystem::path& path) {
    const Descriptor folder(
        ::open(path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return folder.is_open() && ::fsync(folder.get()) == 0;
}

/// Makes `path` and its parents, private from their first moment on and safe from a power cut.
bool make_folders(const std::filesystem::path& path) {
    std::filesystem::path so_far;
    for (const std::filesystem::path& part : path) {
        const std::filesystem::path parent = so_far;
        so_far /= part;
        const bool made = ::mkdir(so_far.c_str(), S_IRWXU) == 0;
        if (!made && errno != EEXIST) return false;
        if (made && !sync_folder(parent)) return false;
    }
    return true;
}

bool is_single_name(std::string_view name) {
    return !name.empty() && name.find('/') == std::string_view::npos && name != "." && name != "..";
}

}  // namespace

Directory::Directory(std::filesystem::path path, Random& random)
    : path_(std::move(path)), random_(random) {}

Result<std::vector<std::string>> Directory::names(std::string_view suffix) const {
    auto folder = open_folder(path_);
    if (!folder.ok() && folder.error().code == ErrorCode::not_found) {
        return std::vector<std::string>{};
    }
    if (!folder.ok()) return folder.error();
    // fdopendir takes the descriptor over, so it gets one of its own.
    const int copy = ::fcntl(folder.value().get(), F_DUPFD_CLOEXEC, 0);
    const std::unique_ptr<DIR, CloseStream> stream(copy < 0 ? nullptr : ::fdopendir(copy));
    if (!stream) return system_error("The wallet folder was not read.", path_);
    std::vector<std::string> names;
    for (std::size_t entries = 0;; ++entries) {
        errno = 0;
        const dirent* entry = ::readdir(stream.get());
        if (entry == nullptr && errno != 0) {
            return system_error("The wallet folder was not read.", path_);
        }
        if (entry == nullptr) break;
        if (entries == entries_max) {
            return Error{ErrorCode::limit_reached, "The wallets were not listed.",
                         path_.string() + " holds more than 10000 files.",
                         "Move files that are no wallets elsewhere."};
        }
        const std::string_view name(entry->d_name);
        if (name.ends_with(suffix) && !name.starts_with('.')) names.emplace_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

Result<std::string> Directory::read(const std::string& name, std::size_t bytes_max) const {
    AIT_ASSERT(is_single_name(name));
    const auto folder = open_folder(path_);
    if (!folder.ok()) return folder.error();
    // O_NONBLOCK: opening a pipe that somebody put there must not hang.
    const Descriptor file(::openat(folder.value().get(), name.c_str(),
                                   O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (!file.is_open()) return system_error("A wallet file was not read.", path_ / name);
    const Status is_private = check_private(file, path_ / name, false);
    if (!is_private.ok()) return is_private.error();
    auto bytes = read_all(file, path_ / name, bytes_max);
    if (!bytes.ok()) return bytes.error();
    if (bytes.value().size() > bytes_max) {
        return Error{ErrorCode::too_large, "A wallet file was not read.",
                     (path_ / name).string() + " has more than " + std::to_string(bytes_max) +
                         " bytes, so it is no wallet file.",
                     "Move it elsewhere."};
    }
    return bytes;
}

Status Directory::make() const {
    if (!make_folders(path_)) return system_error("The wallet folder was not made.", path_);
    return {};
}

Status Directory::write(const std::string& name, std::string_view bytes, bool may_replace) const {
    AIT_ASSERT(is_single_name(name));
    const Status made = make();
    if (!made.ok()) return made.error();
    const auto folder = open_folder(path_);
    if (!folder.ok()) return folder.error();
    const int at = folder.value().get();
    const std::string draft = "." + name + "." + to_hex(random_.bytes(8)) + ".tmp";
    const Descriptor file(::openat(at, draft.c_str(),
                                   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                   S_IRUSR | S_IWUSR));
    if (!file.is_open()) return system_error("A wallet file was not written.", path_ / draft);
    const auto give_up = [&]() -> Error {
        const int code = errno;
        Error error = system_error("A wallet file was not written.", path_ / name);
        if (code == EEXIST) error.code = ErrorCode::already_exists;
        ::unlinkat(at, draft.c_str(), 0);
        return error;
    };
    if (!write_all(file, bytes)) return give_up();
    const unsigned flags = may_replace ? 0U : static_cast<unsigned>(RENAME_NOREPLACE);
    if (::renameat2(at, draft.c_str(), at, name.c_str(), flags) != 0) return give_up();
    if (::fsync(at) != 0)
        return system_error("A wallet file may not be on the disk.", path_ / name);
    return {};
}

Status Directory::write_new(const std::string& name, std::string_view bytes) const {
    return write(name, bytes, false);
}

Status Directory::replace(const std::string& name, std::string_view bytes) const {
    return write(name, bytes, true);
}

Status Directory::remove(const std::string& name) const {
    AIT_ASSERT(is_single_name(name));
    const auto folder = open_folder(path_);
    if (!folder.ok()) return folder.error();
    const int at = folder.value().get();
    if (::unlinkat(at, name.c_str(), 0) != 0 || ::fsync(at) != 0) {
        return system_error("A wallet file was not removed.", path_ / name);
    }
    return {};
}

}  // namespace ait::wallet
