#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "storage/file_system.hpp"

namespace ait::storage {
namespace {

class PosixFile final : public File {
  public:
    PosixFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
    // Nothing hangs on the answer of close: what matters was synced before.
    ~PosixFile() override { ::close(descriptor_); }

    Status write_at(std::uint64_t offset, std::string_view bytes) override {
        while (!bytes.empty()) {
            const auto written =
                ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<::off_t>(offset));
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) return from_errno(errno, "write to", path_);
            bytes.remove_prefix(static_cast<std::size_t>(written));
            offset += static_cast<std::uint64_t>(written);
        }
        return {};
    }

    Result<std::size_t> read_at(std::uint64_t offset, std::span<char> out) const override {
        std::size_t filled = 0;
        while (filled < out.size()) {
            const auto count = ::pread(descriptor_, out.data() + filled, out.size() - filled,
                                       static_cast<::off_t>(offset + filled));
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return from_errno(errno, "read", path_);
            if (count == 0) break;
            filled += static_cast<std::size_t>(count);
        }
        return filled;
    }

    Status sync() override {
        // No retry, not even for EINTR: after a failure the kernel may have dropped the pages.
        if (::fdatasync(descriptor_) != 0) return from_errno(errno, "sync", path_);
        return {};
    }

    Status reserve(std::uint64_t bytes) override {
        while (::fallocate(descriptor_, 0, 0, static_cast<::off_t>(bytes)) != 0) {
            if (errno == EINTR) continue;
            if (errno != EOPNOTSUPP) return from_errno(errno, "reserve space for", path_);
            // Some file systems cannot reserve; then only writing finds out that the disk is full.
            if (::ftruncate(descriptor_, static_cast<::off_t>(bytes)) == 0) return {};
            return from_errno(errno, "extend", path_);
        }
        return {};
    }

    Result<std::uint64_t> size() const override {
        struct ::stat facts{};
        if (::fstat(descriptor_, &facts) != 0) return from_errno(errno, "inspect", path_);
        return static_cast<std::uint64_t>(facts.st_size);
    }

  private:
    std::string path_;
    int descriptor_;
};

class PosixFileSystem final : public FileSystem {
  public:
    Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
        const int flags =
            O_RDWR | O_CLOEXEC | (mode == OpenMode::create_new ? O_CREAT | O_EXCL : 0);
        const int descriptor = ::open(path.c_str(), flags, 0600);
        if (descriptor < 0) return from_errno(errno, "open", path);
        return std::unique_ptr<File>(std::make_unique<PosixFile>(path, descriptor));
    }

    Result<std::vector<std::string>> list(const std::string& directory) override {
        std::error_code code;
        std::filesystem::directory_iterator entry(directory, code);
        std::vector<std::string> names;
        for (; !code && entry != std::filesystem::directory_iterator(); entry.increment(code)) {
            if (entry->is_regular_file(code)) names.push_back(entry->path().filename().string());
            if (code) break;
        }
        if (code) return from_errno(code.value(), "list", directory);
        std::sort(names.begin(), names.end());
        return names;
    }

    Status create_directory(const std::string& path) override {
        if (::mkdir(path.c_str(), 0700) == 0) return {};
        const int reason = errno;
        struct ::stat facts{};
        if (reason == EEXIST && ::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode))
            return {};
        return from_errno(reason, "create the directory", path);
    }

    Status remove(const std::string& path) override {
        if (::unlink(path.c_str()) != 0) return from_errno(errno, "remove", path);
        return {};
    }

    Status sync_directory(const std::string& path) override {
        const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (descriptor < 0) return from_errno(errno, "open the directory", path);
        const int failure = ::fsync(descriptor) == 0 ? 0 : errno;
        ::close(descriptor);  // opened to sync only, nothing to lose
        if (failure != 0) return from_errno(failure, "sync the directory", path);
        return {};
    }
};

ErrorCode code_of(int error_number) {
    switch (error_number) {
        case ENOSPC:
        case EDQUOT:
            return ErrorCode::limit_reached;
        case ENOENT:
            return ErrorCode::not_found;
        case EEXIST:
            return ErrorCode::already_exists;
        default:
            return ErrorCode::storage_failed;
    }
}

std::string remedy_of(ErrorCode code) {
    if (code == ErrorCode::limit_reached)
        return "Free some space on this disk, or raise the quota.";
    if (code == ErrorCode::storage_failed) {
        return "Look at the permissions, at the disk's health and at the kernel's messages.";
    }
    return "";
}

}  // namespace

Error from_errno(int error_number, std::string_view doing, const std::string& path) {
    const auto code = code_of(error_number);
    return Error{code, "The storage could not " + std::string(doing) + " " + path + ".",
                 "The system says: " + std::generic_category().message(error_number) + ".",
                 error_number == EFBIG
                     ? "Raise the limit on the size of a process's files (ulimit -f)."
                     : remedy_of(code)};
}

FileSystem& posix_file_system() {
    static PosixFileSystem files;
    return files;
}

}  // namespace ait::storage
