#include "tests/unit/storage/faulty_rocks.hpp"

#include <rocksdb/file_system.h>

#include <cstdarg>
#include <span>

namespace ait::storage {
namespace {

using rocksdb::DirFsyncOptions;
using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

IOStatus to_rocks(const Status& status) {
    if (status.ok()) return IOStatus::OK();
    const std::string text = status.error().what + " " + status.error().why;
    if (status.error().code == ErrorCode::limit_reached) return IOStatus::NoSpace(text);
    if (status.error().code == ErrorCode::not_found) return IOStatus::PathNotFound(text);
    return IOStatus::IOError(text);
}

template <class T>
IOStatus to_rocks(const Result<T>& result) {
    return result.ok() ? IOStatus::OK() : to_rocks(Status(result.error()));
}

/// "/a//b/" -> "/a/b": the disk knows each file by one name.
std::string plain(std::string path) {
    std::string out;
    for (const char c : path) {
        if (c != '/' || out.empty() || out.back() != '/') out.push_back(c);
    }
    while (out.size() > 1 && out.back() == '/') out.pop_back();
    return out;
}

/// Reads as many bytes as there are; RocksDB takes a short answer for the end of the file.
IOStatus read_some(const File& file, std::uint64_t offset, std::size_t bytes, Slice* result,
                   char* scratch) {
    const auto count = file.read_at(offset, std::span(scratch, bytes));
    if (!count.ok()) return to_rocks(count);
    *result = Slice(scratch, count.value());
    return IOStatus::OK();
}

class Sequential final : public rocksdb::FSSequentialFile {
  public:
    explicit Sequential(std::unique_ptr<File> file) : file_(std::move(file)) {}
    IOStatus Read(std::size_t bytes, const IOOptions&, Slice* result, char* scratch,
                  IODebugContext*) override {
        auto status = read_some(*file_, offset_, bytes, result, scratch);
        if (status.ok()) offset_ += result->size();
        return status;
    }
    IOStatus Skip(std::uint64_t bytes) override {
        offset_ += bytes;
        return IOStatus::OK();
    }

  private:
    std::unique_ptr<File> file_;
    std::uint64_t offset_ = 0;
};

class RandomAccess final : public rocksdb::FSRandomAccessFile {
  public:
    explicit RandomAccess(std::unique_ptr<File> file) : file_(std::move(file)) {}
    IOStatus Read(std::uint64_t offset, std::size_t bytes, const IOOptions&, Slice* result,
                  char* scratch, IODebugContext*) const override {
        return read_some(*file_, offset, bytes, result, scratch);
    }

  private:
    std::unique_ptr<File> file_;
};

class Writable final : public rocksdb::FSWritableFile {
  public:
    Writable(std::unique_ptr<File> file, std::uint64_t offset)
        : file_(std::move(file)), offset_(offset) {}
    using rocksdb::FSWritableFile::Append;
    IOStatus Append(const Slice& bytes, const IOOptions&, IODebugContext*) override {
        auto status = to_rocks(file_->write_at(offset_, bytes.ToStringView()));
        if (status.ok()) offset_ += bytes.size();
        return status;
    }
    IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
    IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
    IOStatus Sync(const IOOptions&, IODebugContext*) override { return to_rocks(file_->sync()); }
    [[nodiscard]] bool IsSyncThreadSafe() const override { return true; }
    std::uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return offset_; }

  private:
    std::unique_ptr<File> file_;
    std::uint64_t offset_;
};

class Directory final : public rocksdb::FSDirectory {
  public:
    Directory(FaultyFileSystem& disk, std::string path) : disk_(&disk), path_(std::move(path)) {}
    IOStatus Fsync(const IOOptions&, IODebugContext*) override {
        return to_rocks(disk_->sync_directory(path_));
    }

  private:
    FaultyFileSystem* disk_;
    std::string path_;
};

/// RocksDB insists on a place for its own log; nobody reads it here.
class Silence final : public rocksdb::Logger {
  public:
    using rocksdb::Logger::Logv;
    void Logv(const char*, std::va_list) override {}
    [[nodiscard]] std::size_t GetLogFileSize() const override { return 0; }
};

class RocksFiles final : public rocksdb::FileSystem {
  public:
    explicit RocksFiles(FaultyFileSystem& disk) : disk_(&disk) {}
    [[nodiscard]] const char* Name() const override { return "ait.faulty"; }

    IOStatus NewSequentialFile(const std::string& name, const FileOptions&,
                               std::unique_ptr<rocksdb::FSSequentialFile>* result,
                               IODebugContext*) override {
        auto file = disk_->open(plain(name), OpenMode::existing);
        if (file.ok()) *result = std::make_unique<Sequential>(std::move(file).value());
        return to_rocks(file);
    }
    IOStatus NewRandomAccessFile(const std::string& name, const FileOptions&,
                                 std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                                 IODebugContext*) override {
        auto file = disk_->open(plain(name), OpenMode::existing);
        if (file.ok()) *result = std::make_unique<RandomAccess>(std::move(file).value());
        return to_rocks(file);
    }
    IOStatus NewWritableFile(const std::string& name, const FileOptions&,
                             std::unique_ptr<rocksdb::FSWritableFile>* result,
                             IODebugContext*) override {
        if (disk_->is_file(plain(name))) {
            const auto removed = disk_->remove(plain(name));
            if (!removed.ok()) return to_rocks(removed);
        }
        auto file = disk_->open(plain(name), OpenMode::create_new);
        if (file.ok()) *result = std::make_unique<Writable>(std::move(file).value(), 0);
        return to_rocks(file);
    }
    IOStatus NewDirectory(const std::string& name, const IOOptions&,
                          std::unique_ptr<rocksdb::FSDirectory>* result, IODebugContext*) override {
        *result = std::make_unique<Directory>(*disk_, plain(name));
        return IOStatus::OK();
    }
    IOStatus FileExists(const std::string& name, const IOOptions&, IODebugContext*) override {
        const bool is_there = disk_->is_file(plain(name)) || disk_->is_directory(plain(name));
        return is_there ? IOStatus::OK() : IOStatus::NotFound();
    }
    IOStatus GetChildren(const std::string& directory, const IOOptions&,
                         std::vector<std::string>* result, IODebugContext*) override {
        auto names = disk_->list(plain(directory));
        if (names.ok()) *result = std::move(names).value();
        return to_rocks(names);
    }
    IOStatus DeleteFile(const std::string& name, const IOOptions&, IODebugContext*) override {
        return to_rocks(disk_->remove(plain(name)));
    }
    IOStatus CreateDir(const std::string& name, const IOOptions&, IODebugContext*) override {
        return to_rocks(disk_->create_directory(plain(name)));
    }
    IOStatus CreateDirIfMissing(const std::string& name, const IOOptions&,
                                IODebugContext*) override {
        return to_rocks(disk_->create_directory(plain(name)));
    }
    IOStatus DeleteDir(const std::string& name, const IOOptions&, IODebugContext*) override {
        return to_rocks(disk_->remove_directory(plain(name)));
    }
    IOStatus GetFileSize(const std::string& name, const IOOptions&, std::uint64_t* size,
                         IODebugContext*) override {
        const auto file = disk_->open(plain(name), OpenMode::existing);
        if (!file.ok()) return to_rocks(file);
        const auto bytes = file.value()->size();
        if (bytes.ok()) *size = bytes.value();
        return to_rocks(bytes);
    }
    IOStatus GetFileModificationTime(const std::string&, const IOOptions&, std::uint64_t* time,
                                     IODebugContext*) override {
        *time = 0;
        return IOStatus::OK();
    }
    IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions&,
                        IODebugContext*) override {
        return to_rocks(disk_->rename(plain(from), plain(to)));
    }
    IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions&,
                      IODebugContext*) override {
        return to_rocks(disk_->link(plain(from), plain(to)));
    }
    IOStatus LockFile(const std::string&, const IOOptions&, rocksdb::FileLock** lock,
                      IODebugContext*) override {
        *lock = std::make_unique<rocksdb::FileLock>().release();
        return IOStatus::OK();
    }
    IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions&, IODebugContext*) override {
        const std::unique_ptr<rocksdb::FileLock> owned(lock);
        return IOStatus::OK();
    }
    IOStatus GetTestDirectory(const IOOptions&, std::string* path, IODebugContext*) override {
        *path = "/test";
        return IOStatus::OK();
    }
    IOStatus NewLogger(const std::string&, const IOOptions&,
                       std::shared_ptr<rocksdb::Logger>* result, IODebugContext*) override {
        *result = std::make_shared<Silence>();
        return IOStatus::OK();
    }
    IOStatus GetAbsolutePath(const std::string& path, const IOOptions&, std::string* result,
                             IODebugContext*) override {
        *result = path;
        return IOStatus::OK();
    }
    IOStatus IsDirectory(const std::string& path, const IOOptions&, bool* is_directory,
                         IODebugContext*) override {
        *is_directory = disk_->is_directory(plain(path));
        return IOStatus::OK();
    }

  private:
    FaultyFileSystem* disk_;
};

}  // namespace

std::unique_ptr<rocksdb::Env> rocks_on(FaultyFileSystem& disk) {
    return rocksdb::NewCompositeEnv(std::make_shared<RocksFiles>(disk));
}

}  // namespace ait::storage
