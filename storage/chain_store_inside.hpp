#pragma once

// The inside of a chain store, for the files of this room that make it up.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <thread>
#include <utility>

#include "storage/layers.hpp"
#include "storage/rocks.hpp"
#include "storage/store_image.hpp"

namespace ait::storage {

/// Invariants
///  1. `newer` over `flushing` over RocksDB is the state at `height` but for the resident keys, at
///     every moment in which `gate` is held, shared or not.
///  2. `flushing` is changed under `gate`: filled by the flush, or by a publish that finds nothing
///     in it, and emptied by the flush, under `flush_mutex` too. While its batch is being written
///     it stays, so that it does not matter whether RocksDB shows the batch yet.
///  3. RocksDB holds all effects of the blocks up to `flushed_height` and of no later one.
///  4. While `image_height` is set, a block above it is only published once `newer` holds no
///     effect of the blocks up to it: so RocksDB is at exactly that height for a moment.
///  5. `resident` is the state at `height` of its keys; what it says has changed, over `flushing`
///     over RocksDB, is the same.
struct ChainStore::Implementation {
    Implementation(Database::Implementation& given_database, std::string given_prefix,
                   const StoreOptions& given_options)
        : database(given_database),
          prefix(std::move(given_prefix)),
          options(given_options),
          resident(given_options.resident_prefixes) {}

    [[nodiscard]] std::shared_lock<std::shared_mutex> lock_shared();
    [[nodiscard]] std::unique_lock<std::shared_mutex> lock();
    /// Outside every chain's keys: those begin with a length, which is never zero.
    [[nodiscard]] std::string stamp_key() const { return '\0' + prefix; }
    Status load_height();
    Status load_resident();
    void publish_resident(WriteSet& state);
    [[nodiscard]] std::size_t unflushed() const {
        return newer.bytes() + resident.changed_bytes() + flushing.bytes();
    }
    Status flush();
    Status sync_now_and_then();
    /// What waits goes into the layer that is flushed. Needs an empty one, and `gate` held alone.
    void begin_flushing();
    void take_image();
    /// Under flush_mutex.
    Status write_layer(const Layer& layer, std::optional<std::uint64_t> layer_height);
    Status write_batch(const Layer& layer, std::optional<std::uint64_t> layer_height);
    void run_flusher();
    void stop_flusher();
    [[nodiscard]] LayeredColumn column(Column which, bool keeps_failure) const;

    Database::Implementation& database;
    const std::string prefix;
    const StoreOptions options;

    // A waiting writer keeps new readers out, which a shared_mutex alone need not do: otherwise
    // readers that overlap without end would hold up every block.
    std::mutex door;
    std::shared_mutex gate;
    Layer newer;
    Layer flushing;
    ResidentKeys resident;
    std::optional<std::uint64_t> height;
    std::shared_ptr<const void> attachment;
    std::optional<std::uint64_t> flushing_height;
    std::optional<std::uint64_t> flushed_height;
    std::optional<Error> failure;

    bool batch_failed = false;                  // RocksDB is told to go on before the next try
    std::optional<std::uint64_t> image_height;  // no later block joins this one's layer
    std::unique_ptr<StoreImage> image;          // of image_height, once that is in RocksDB

    std::mutex flush_mutex;          // taken before gate
    std::size_t unsynced_bytes = 0;  // under flush_mutex

    std::mutex flusher_mutex;  // taken last
    std::condition_variable flusher_wakes;
    bool flusher_stops = false;
    bool flusher_has_work = false;
    bool flusher_is_urged = false;
    std::thread flusher;
};

}  // namespace ait::storage
