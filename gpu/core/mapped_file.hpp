#pragma once

// Weights are larger than what one wants to copy. A file mapped read-only is shared between
// processes by the kernel and paged in on first touch.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "runtime/base/result.hpp"

namespace ait::gpu {

/// `owner` unmaps when its last copy goes; `bytes` are valid until then and page-aligned.
struct MappedFile {
    std::shared_ptr<const void> owner{};
    std::span<const std::uint8_t> bytes{};
};

/// Maps a regular file read-only. Errors: not_found, unavailable (the system's reason is given),
/// malformed (empty, or no regular file). Blocking; any thread.
Result<MappedFile> map_file(const std::filesystem::path& path);
/// The same for a file that is open for reading already: what was checked and what is mapped is
/// then one file, whatever happens to its name. The descriptor stays the caller's; `path` is only
/// told. Errors: unavailable, malformed.
Result<MappedFile> map_descriptor(int descriptor, const std::filesystem::path& path);

}  // namespace ait::gpu
