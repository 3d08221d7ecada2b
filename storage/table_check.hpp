#pragma once

#include <rocksdb/env.h>

#include <string>

#include "runtime/base/result.hpp"

namespace ait::storage {

/// Looks, before RocksDB opens a table file, at the one block that it parses before it checks it:
/// the table's properties. Damage there ends the process in builds of RocksDB with assertions
/// (Debian's 7.8), so that a node would die at every start instead of making the state good.
/// Says nothing of other damage, which RocksDB reports itself, nor of files that are no whole table
/// (a crash leaves such). Error: corrupt_data. Format: RocksDB's wiki, "Rocksdb BlockBasedTable
/// Format"; checksums are those of format version 5 with kCRC32c.
Status check_table_properties(rocksdb::Env& env, const std::string& path);

/// The same of all tables in a directory; no directory is no error. One that is damaged is kept as
/// DIRECTORY.damaged-NAME: where it was in use RocksDB says that it is missing, and where a loss of
/// power tore it while it was being made nobody needs it. Error: corrupt_data where it cannot be
/// moved.
Status put_damaged_tables_aside(rocksdb::Env& env, const std::string& directory);

}  // namespace ait::storage
