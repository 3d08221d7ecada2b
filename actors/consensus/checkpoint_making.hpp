#pragma once

// An image of the chain's state as it was at one height, written beside the running chain. Blocks:
// it reads the whole state once.

#include <atomic>

#include "actors/consensus/image_files.hpp"
#include "storage/store_image.hpp"

namespace ait::consensus {

struct ImageSource {
    const Genesis& genesis;
    const Hash& genesis_id;
    const storage::StoreImage& store;
    /// A proved image of an earlier height, or null: spares to read the blocks before it again.
    const ImageFile* previous = nullptr;
};

/// Writes and syncs it; nobody has signed it yet. Errors: those of the store and the files,
/// too_large, unavailable (`stops` was set).
Result<Checkpoint> make_image(const ImageSource& source, ImageFiles& files,
                              const std::atomic<bool>& stops);

/// Where a state is built that takes the place of the present one at the next start.
struct ImportPlace {
    std::string directory;
    storage::Database::Options database{};
    const Genesis& genesis;
    const Hash& genesis_id;
    const std::vector<EpochStep>& epochs;  ///< as the checkpoint's proof had them
};
/// Builds it and makes it durable; a directory that is not whole lacks the chain's height. Errors:
/// those of the files and the store, check_failed (a chunk is rotten), unavailable (`stops` was
/// set).
Status import_image(const ImageFile& image, const ImportPlace& place,
                    const std::atomic<bool>& stops);

}  // namespace ait::consensus
