#pragma once

// The end of RocksDB's MANIFEST that a loss of power tore. RocksDB takes a record that was cut off
// for one that was never written, but one of which a later sector came to the disk and an earlier
// one did not for damage, and opens no more. Such a record was never synced, so nothing rests on
// it. Format: RocksDB's log_format.h. Private to this room.

#include <rocksdb/env.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace ait::storage {

/// What may have been unsynced; damage further from the end is none of a cut.
inline constexpr std::uint64_t torn_manifest_bytes_max = 16U * 1024;

/// Up to the end of the last whole record before the first that is not. Pure.
[[nodiscard]] std::uint64_t whole_records_end(std::string_view manifest);

/// Puts the manifest that is in force back to its last whole record, where what follows is neither
/// whole nor more than a cut can tear. RocksDB's own log is put aside too: the tables alone are the
/// state of one height, and the block log goes on from there, or is too short, and the node says
/// so. So it does no harm where it was rot instead. What was there is kept as DIRECTORY.torn-*.
/// Before RocksDB opens the directory. Errors: storage_failed, limit_reached.
Status mend_torn_manifest(rocksdb::Env& env, const std::string& directory);

}  // namespace ait::storage
