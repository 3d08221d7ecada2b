#pragma once

#include <rocksdb/env.h>

#include <memory>

#include "storage/faulty_file_system.hpp"

// RocksDB on the same faulty disk as the block log, so that one power cut takes from both what
// neither had synced, at the same moment.

namespace ait::storage {

/// An environment whose files lie on `disk`, which must outlive it and what is opened with it.
[[nodiscard]] std::unique_ptr<rocksdb::Env> rocks_on(FaultyFileSystem& disk);

}  // namespace ait::storage
