#pragma once

// A chain's tables as they were at one height, to be read slowly beside the blocks that follow. For
// the making of checkpoints; queries use a ReadGuard.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "storage/chain_store.hpp"

namespace ait::storage {

/// Holds a snapshot of the database, which keeps what is overwritten meanwhile on the disk: let go
/// of it. The store and the database outlive it. One thread.
class StoreImage {
  public:
    struct Implementation;
    explicit StoreImage(std::unique_ptr<Implementation> implementation);
    StoreImage(const StoreImage&) = delete;
    StoreImage& operator=(const StoreImage&) = delete;
    ~StoreImage();

    [[nodiscard]] std::uint64_t height() const noexcept;
    /// Rows that begin with `prefix`, in byte order; false ends the scan. Errors of all: those of
    /// ReadGuard.
    Status scan(StoreTable table, std::string_view prefix, const StateReader::Visit& visit) const;
    [[nodiscard]] Result<std::optional<std::string>> find(StoreTable table,
                                                          std::string_view key) const;
    [[nodiscard]] Result<std::optional<std::string>> find_block(std::uint64_t height) const;

  private:
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace ait::storage
