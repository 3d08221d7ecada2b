#pragma once

// What the light thread of a snapshot desk has open; nobody else touches it.

#include <map>

#include "actors/consensus/snapshot_desk.hpp"

namespace ait::consensus {

struct SnapshotDesk::Open {
    explicit Open(ImageFiles given_files) : files(std::move(given_files)) {}

    /// Errors: those of ImageFiles::find and ImageFile::read; not_found (another image).
    Result<std::string> read(std::uint64_t height, const Hash& root, std::uint32_t index) {
        auto known = images.find(height);
        if (known == images.end()) {
            auto image = files.find(height);
            if (!image.ok()) return image.error();
            known = images.emplace(height, std::move(image).value()).first;
        }
        if (known->second->root() != root || index >= known->second->manifest().chunks.size()) {
            return Error{ErrorCode::not_found, "The image has no such chunk.", "", ""};
        }
        return known->second->read(index);
    }
    Status remove(std::uint64_t height) {
        images.erase(height);
        return files.remove(height);
    }

    ImageFiles files;
    std::map<std::uint64_t, std::unique_ptr<ImageFile>> images{};
};

}  // namespace ait::consensus
