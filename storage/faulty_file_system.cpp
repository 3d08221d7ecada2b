#include "storage/faulty_file_system.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "runtime/base/assert.hpp"

namespace ait::storage {
namespace {

constexpr std::uint64_t sector_bytes = 512;

std::string directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash);
}

/// True when the countdown ends with this call.
bool is_due(std::atomic<std::uint64_t>& countdown) {
    std::uint64_t left = countdown.load();
    while (left != 0 && !countdown.compare_exchange_weak(left, left - 1)) {
    }
    return left == 1;
}

bool lies_below(const std::string& path, const std::string& directory) {
    return path.size() > directory.size() && path.starts_with(directory) &&
           path[directory.size()] == '/';
}

}  // namespace

class FaultyFileSystem::OpenFile final : public File {
  public:
    OpenFile(FaultyFileSystem& disk, std::string path, std::shared_ptr<Inode> inode)
        : disk_(&disk),
          path_(std::move(path)),
          inode_(std::move(inode)),
          generation_(disk.generation_) {}

    Status write_at(std::uint64_t offset, std::string_view bytes) override {
        const std::lock_guard lock(disk_->mutex_);
        if (is_gone()) return from_errno(EIO, "write to", path_);
        if (bytes.empty()) return {};
        return disk_->change(*inode_, path_, {offset, std::string(bytes)});
    }
    Result<std::size_t> read_at(std::uint64_t offset, std::span<char> out) const override {
        const std::lock_guard lock(disk_->mutex_);
        if (is_gone()) return from_errno(EIO, "read", path_);
        if (offset >= inode_->current.size()) return std::size_t{0};
        return inode_->current.copy(out.data(), out.size(), offset);
    }
    Status sync() override {
        const std::lock_guard lock(disk_->mutex_);
        if (is_gone()) return from_errno(EIO, "sync", path_);
        return disk_->sync(*inode_, path_);
    }
    Status reserve(std::uint64_t bytes) override {
        const std::lock_guard lock(disk_->mutex_);
        if (is_gone()) return from_errno(EIO, "reserve space for", path_);
        return disk_->change(*inode_, path_, {bytes, {}});
    }
    Result<std::uint64_t> size() const override {
        const std::lock_guard lock(disk_->mutex_);
        if (is_gone()) return from_errno(EIO, "inspect", path_);
        return static_cast<std::uint64_t>(inode_->current.size());
    }

  private:
    [[nodiscard]] bool is_gone() const {
        return disk_->is_dead_ || generation_ != disk_->generation_;
    }

    FaultyFileSystem* disk_;
    std::string path_;
    std::shared_ptr<Inode> inode_;
    std::uint64_t generation_;
};

FaultyFileSystem::FaultyFileSystem(std::uint64_t seed) : random_(seed) {}

FaultyFileSystem::FaultyFileSystem(const DiskImage& disk, std::uint64_t seed) : random_(seed) {
    for (const auto& [path, content] : disk) {
        names_[path] = std::make_shared<Inode>(Inode{content, content, {}});
        directories_[directory_of(path)] = true;
    }
    durable_names_ = names_;
}

FaultyFileSystem::~FaultyFileSystem() = default;

Result<std::unique_ptr<File>> FaultyFileSystem::open(const std::string& path, OpenMode mode) {
    const std::lock_guard lock(mutex_);
    if (is_dead_) return from_errno(EIO, "open", path);
    auto found = names_.find(path);
    if (mode == OpenMode::existing && found == names_.end())
        return from_errno(ENOENT, "open", path);
    if (mode == OpenMode::create_new) {
        if (found != names_.end()) return from_errno(EEXIST, "open", path);
        if (!directories_.contains(directory_of(path))) return from_errno(ENOENT, "open", path);
        found = names_.emplace(path, std::make_shared<Inode>()).first;
    }
    return std::unique_ptr<File>(std::make_unique<OpenFile>(*this, path, found->second));
}

Result<std::vector<std::string>> FaultyFileSystem::list(const std::string& directory) {
    const std::lock_guard lock(mutex_);
    if (is_dead_) return from_errno(EIO, "list", directory);
    if (!directories_.contains(directory)) return from_errno(ENOENT, "list", directory);
    std::vector<std::string> names;
    for (const auto& [path, inode] : names_) {
        if (directory_of(path) == directory) names.push_back(path.substr(directory.size() + 1));
    }
    return names;
}

Status FaultyFileSystem::create_directory(const std::string& path) {
    const std::lock_guard lock(mutex_);
    if (is_dead_) return from_errno(EIO, "create the directory", path);
    directories_.emplace(path, false);
    return {};
}

Status FaultyFileSystem::remove(const std::string& path) {
    const std::lock_guard lock(mutex_);
    if (is_dead_) return from_errno(EIO, "remove", path);
    if (names_.erase(path) == 0) return from_errno(ENOENT, "remove", path);
    return {};
}

bool FaultyFileSystem::is_file(const std::string& path) const {
    const std::lock_guard lock(mutex_);
    return !is_dead_ && names_.contains(path);
}

bool FaultyFileSystem::is_directory(const std::string& path) const {
    const std::lock_guard lock(mutex_);
    return !is_dead_ && directories_.contains(path);
}

Status FaultyFileSystem::remove_directory(const std::string& path) {
    const std::lock_guard lock(mutex_);
    if (is_dead_) return from_errno(EIO, "remove the directory", path);
    if (directories_.erase(path) == 0) return from_errno(ENOENT, "remove the directory", path);
    return {};
}

void FaultyFileSystem::move(Names& names, const std::string& from, const std::string& to) {
    Names moved;
    std::erase_if(names, [&](const auto& entry) {
        const bool is_it = entry.first == from || lies_below(entry.first, from);
        if (is_it) moved[to + entry.first.substr(from.size())] = entry.second;
        return is_it;
    });
    for (auto& [path, inode] : moved) names[path] = inode;
}

Status FaultyFileSystem::rename(const std::string& from, const std::string& to) {
    const std::lock_guard lock(mutex_);
    if (is_dead_) return from_errno(EIO, "rename", from);
    if (!names_.contains(from) && !directories_.contains(from))
        return from_errno(ENOENT, "rename", from);
    move(names_, from, to);
    // Directories come to stay with their name: only the files in them show what a cut undoes.
    if (const auto found = directories_.find(from); found != directories_.end()) {
        directories_[to] = found->second;
        directories_.erase(from);
    }
    unsynced_renames_.emplace_back(from, to);
    return {};
}

Status FaultyFileSystem::link(const std::string& from, const std::string& to) {
    const std::lock_guard lock(mutex_);
    if (is_dead_) return from_errno(EIO, "link", from);
    const auto found = names_.find(from);
    if (found == names_.end()) return from_errno(ENOENT, "link", from);
    if (!names_.emplace(to, found->second).second) return from_errno(EEXIST, "link", to);
    return {};
}

Status FaultyFileSystem::sync_directory(const std::string& path) {
    const std::lock_guard lock(mutex_);
    ++sync_count_;
    if (is_dead()) return from_errno(EIO, "sync the directory", path);
    if (is_due(sync_fails_in_)) return from_errno(EIO, "sync the directory", path);
    for (auto& [directory, is_durable] : directories_) {
        if (directory_of(directory) == path) is_durable = true;
    }
    std::erase_if(unsynced_renames_, [&](const auto& names) {
        if (directory_of(names.first) != path) return false;
        move(durable_names_, names.first, names.second);
        return true;
    });
    const auto lies_here = [&](const auto& entry) { return directory_of(entry.first) == path; };
    std::erase_if(durable_names_, lies_here);
    std::copy_if(names_.begin(), names_.end(), std::inserter(durable_names_, durable_names_.end()),
                 lies_here);
    return {};
}

void FaultyFileSystem::apply(std::string& content, const Write& write) {
    const auto end = write.offset + write.bytes.size();
    if (content.size() < end) content.resize(end, '\0');
    content.replace(write.offset, write.bytes.size(), write.bytes);
}

Status FaultyFileSystem::change(Inode& inode, const std::string& path, Write write) {
    ++write_count_;
    if (is_dead()) return from_errno(EIO, "write to", path);
    const auto end = write.offset + write.bytes.size();
    const auto growth = end > inode.current.size() ? end - inode.current.size() : 0;
    if (space_bytes_ != UINT64_MAX && growth > 0 && space_used() + growth > space_bytes_) {
        return from_errno(ENOSPC, "write to", path);
    }
    const bool fails = is_due(write_fails_in_);
    if (fails) write.bytes.resize(random_() % (write.bytes.size() + 1));
    apply(inode.current, write);
    inode.unsynced.push_back(std::move(write));
    if (fails) return from_errno(EIO, "write to", path);
    return {};
}

Status FaultyFileSystem::sync(Inode& inode, const std::string& path) {
    ++sync_count_;
    if (is_dead()) return from_errno(EIO, "sync", path);
    const auto writes = std::exchange(inode.unsynced, {});
    if (is_due(sync_fails_in_)) return from_errno(EIO, "sync", path);
    for (const auto& write : writes) apply(inode.durable, write);
    return {};
}

void FaultyFileSystem::flip_bit(const std::string& path, std::uint64_t offset, unsigned bit) {
    const std::lock_guard lock(mutex_);
    Inode& inode = *names_.at(path);
    AIT_ASSERT(offset < inode.current.size());
    const auto flipped =
        static_cast<char>(static_cast<unsigned char>(inode.current[offset]) ^ (1U << (bit % 8)));
    inode.current[offset] = flipped;
    if (offset < inode.durable.size()) inode.durable[offset] = flipped;
}

/// Turns `durable` into what the disk holds after the cut.
void FaultyFileSystem::survive(Inode& inode, PowerCut cut) {
    for (std::size_t i = 0; i < inode.unsynced.size(); ++i) {
        Write& write = inode.unsynced[i];
        switch (cut) {
            case PowerCut::lose_unsynced:
                break;
            case PowerCut::keep_all:
                apply(inode.durable, write);
                break;
            case PowerCut::tear_last:
                if (i + 1 == inode.unsynced.size()) {
                    write.bytes.resize(random_() % (write.bytes.size() + 1));
                }
                apply(inode.durable, write);
                break;
            case PowerCut::random_sectors:
                for (std::uint64_t done = 0; done < write.bytes.size();) {
                    const auto offset = write.offset + done;
                    const auto bytes =
                        std::min(sector_bytes - offset % sector_bytes, write.bytes.size() - done);
                    if (random_() % 2 == 0)
                        apply(inode.durable, {offset, write.bytes.substr(done, bytes)});
                    done += bytes;
                }
                if (write.bytes.empty() && random_() % 2 == 0) apply(inode.durable, write);
                break;
        }
    }
    inode.unsynced.clear();
    inode.current = inode.durable;
}

/// Of the renames a first part came to the disk; of new and removed names each did or did not.
void FaultyFileSystem::settle_names() {
    const auto renamed = random_() % (unsynced_renames_.size() + 1);
    for (std::size_t i = 0; i < unsynced_renames_.size(); ++i) {
        const auto& [from, to] = unsynced_renames_[i];
        if (i < renamed) move(durable_names_, from, to);
    }
    const auto is_renamed = [&](const std::string& path) {
        return std::any_of(unsynced_renames_.begin(), unsynced_renames_.end(), [&](const auto& r) {
            return path == r.first || lies_below(path, r.first) || path == r.second ||
                   lies_below(path, r.second);
        });
    };
    for (const auto& [path, inode] : names_) {
        if (!is_renamed(path) && random_() % 2 == 0) durable_names_.emplace(path, inode);
    }
    std::erase_if(durable_names_, [&](const auto& entry) {
        return !names_.contains(entry.first) && !is_renamed(entry.first) && random_() % 2 == 0;
    });
}

void FaultyFileSystem::die() {
    const std::lock_guard lock(mutex_);
    is_dead_ = true;
}

void FaultyFileSystem::power_cut(PowerCut cut) {
    const std::lock_guard lock(mutex_);
    ++generation_;
    is_dead_ = false;
    dies_in_ = 0;
    if (cut == PowerCut::keep_all) durable_names_ = names_;
    if (cut == PowerCut::random_sectors) settle_names();
    unsynced_renames_.clear();
    if (cut != PowerCut::keep_all)
        std::erase_if(directories_, [](auto& entry) { return !entry.second; });
    names_ = durable_names_;
    for (auto& [path, inode] : names_) survive(*inode, cut);
}

/// Counts one more operation that the disk may die at.
bool FaultyFileSystem::is_dead() {
    if (is_due(dies_in_)) is_dead_ = true;
    return is_dead_;
}

std::uint64_t FaultyFileSystem::write_count() const {
    const std::lock_guard lock(mutex_);
    return write_count_;
}

std::uint64_t FaultyFileSystem::sync_count() const {
    const std::lock_guard lock(mutex_);
    return sync_count_;
}

std::uint64_t FaultyFileSystem::space_used() const {
    std::uint64_t bytes = 0;
    for (const auto& [path, inode] : names_) bytes += inode->current.size();
    return bytes;
}

DiskImage FaultyFileSystem::image() const {
    const std::lock_guard lock(mutex_);
    DiskImage image;
    for (const auto& [path, inode] : names_) image[path] = inode->current;
    return image;
}

}  // namespace ait::storage
