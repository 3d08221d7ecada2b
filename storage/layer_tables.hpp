#pragma once

// Puts a large layer into RocksDB as tables of its own, made from rows that are in order already:
// no memtable, no log of RocksDB's, no second writing of the same bytes. Private to this room.

#include <cstdint>
#include <string>

#include "storage/layers.hpp"
#include "storage/rocks.hpp"

namespace ait::storage {

/// Whose rows they are, and what the tables say of them.
struct LayerPlace {
    const std::string& prefix;     ///< of the chain's keys
    const std::string& stamp_key;  ///< below all of the chain's keys; holds the height
    const std::string& height_key;
    std::uint64_t height = 0;
};

/// All of the layer or nothing of it, for readers after a crash and after a loss of power; it is
/// durable when this returns. Whatever was written before must be durable already. One at a time
/// for a chain. Errors: limit_reached (disk full; may be tried again), storage_failed.
Status ingest_layer(Database::Implementation& database, const Layer& layer,
                    const LayerPlace& place);

/// Where the tables are made. What a crash left there is of no use.
[[nodiscard]] std::string incoming_directory(const std::string& database_directory);
/// Makes it, and empties it. Before the database takes layers.
Status clear_incoming(rocksdb::Env& env, const std::string& database_directory);

}  // namespace ait::storage
