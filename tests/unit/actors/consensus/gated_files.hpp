#pragma once

// A disk whose syncs wait until the test lets them go.

#include <condition_variable>
#include <memory>
#include <mutex>

#include "storage/file_system.hpp"

namespace ait::consensus {

class SyncGate {
  public:
    void close() {
        const std::lock_guard lock(mutex_);
        is_open_ = false;
    }
    void open() {
        {
            const std::lock_guard lock(mutex_);
            is_open_ = true;
        }
        changed_.notify_all();
    }
    /// Until somebody waits at the closed gate.
    void await_somebody() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return waiting_ > 0; });
    }
    void pass() {
        std::unique_lock lock(mutex_);
        ++waiting_;
        changed_.notify_all();
        changed_.wait(lock, [this] { return is_open_; });
        --waiting_;
    }

  private:
    std::mutex mutex_{};
    std::condition_variable changed_{};
    bool is_open_ = true;
    int waiting_ = 0;
};

class GatedFile final : public storage::File {
  public:
    GatedFile(std::unique_ptr<storage::File> file, SyncGate& gate)
        : file_(std::move(file)), gate_(gate) {}
    Status write_at(std::uint64_t offset, std::string_view bytes) override {
        return file_->write_at(offset, bytes);
    }
    [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset,
                                              std::span<char> out) const override {
        return file_->read_at(offset, out);
    }
    Status sync() override {
        gate_.pass();
        return file_->sync();
    }
    Status reserve(std::uint64_t bytes) override { return file_->reserve(bytes); }
    [[nodiscard]] Result<std::uint64_t> size() const override { return file_->size(); }

  private:
    std::unique_ptr<storage::File> file_;
    SyncGate& gate_;
};

class GatedFiles final : public storage::FileSystem {
  public:
    GatedFiles(storage::FileSystem& files, SyncGate& gate) : files_(files), gate_(gate) {}
    Result<std::unique_ptr<storage::File>> open(const std::string& path,
                                                storage::OpenMode mode) override {
        auto file = files_.open(path, mode);
        if (!file.ok()) return file.error();
        return std::unique_ptr<storage::File>(
            std::make_unique<GatedFile>(std::move(file).value(), gate_));
    }
    Result<std::vector<std::string>> list(const std::string& directory) override {
        return files_.list(directory);
    }
    Status create_directory(const std::string& path) override {
        return files_.create_directory(path);
    }
    Status remove(const std::string& path) override { return files_.remove(path); }
    Status sync_directory(const std::string& path) override { return files_.sync_directory(path); }

  private:
    storage::FileSystem& files_;
    SyncGate& gate_;
};

}  // namespace ait::consensus
