#pragma once

// The logs that children write through their standard output: showing the end of one when something
// failed, and keeping them from filling the disk.

#include <cstdint>
#include <string>

namespace ait::supervise {

/// The last lines of a file, indented by two blanks; empty when there are none. Any thread.
std::string last_lines(const std::string& path, std::size_t lines_max = 12);

/// When the file has grown beyond `bytes_max`, moves its content to `path`.1 (replacing it) and
/// empties it in place, because its writer keeps it open. A line written in between is lost.
void bound_log(const std::string& path, std::uint64_t bytes_max);

}  // namespace ait::supervise
