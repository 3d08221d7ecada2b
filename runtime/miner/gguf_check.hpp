#pragma once

// A model file comes from strangers, and the process that computes with it holds a miner's key and
// other people's prompts. So a child that has neither reads all of the file's metadata first; what
// a hostile file breaks is then the child. Only a file that passed is read here.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/core/gguf.hpp"
#include "runtime/base/result.hpp"

namespace ait::miner_process {

struct GgufCheckOptions {
    /// The program of the child and its arguments. It finds the file at gguf_check_descriptor and
    /// writes a verdict to its standard output.
    std::vector<std::string> command{};
    std::int64_t timeout_ms = 30'000;
    std::uint32_t processor_seconds_max = 20;
    std::uint64_t memory_bytes_max = 1024ULL * 1024 * 1024;  ///< beside the file itself
};

inline constexpr int gguf_check_descriptor = 3;
inline constexpr std::size_t verdict_bytes_max = 4'096;
/// Exit status of a child that wanted more memory than it may have.
inline constexpr int out_of_memory_exit = 125;

/// This program in its role "gguf-check".
GgufCheckOptions check_by_this_program();

/// Opens a file, has a child check it, and reads it here from the same descriptor, so that no other
/// file can take its place between the two. The child has no environment, no other descriptor, no
/// right to gain rights, bounds of memory, time and files, and is ended at the time limit. Errors:
/// those of the file; malformed (also when the child crashed, hung or did what it may not);
/// limit_reached (its memory); unavailable (no child could be started, or the file was changed
/// meanwhile). Blocking; any thread.
Result<gpu::GgufFile> open_checked_gguf(const std::filesystem::path& path,
                                        const GgufCheckOptions& options);

/// What the child says: "ok", or the error, one part a line.
std::string render_verdict(const Status& verdict);
/// The child is not trusted either: what is not exactly a verdict is malformed, and texts are made
/// printable.
Status parse_verdict(std::string_view text);

/// The child's part: reads all metadata of the open file and says what is wrong with it.
Status check_gguf_here(int descriptor);

}  // namespace ait::miner_process
