#include "runtime/supervise/log_files.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

namespace ait::supervise {

std::string last_lines(const std::string& path, std::size_t lines_max) {
    constexpr std::streamoff tail_bytes = 16 * 1024;
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (!file) return {};
    const std::streamoff size = file.tellg();
    file.seekg(std::max<std::streamoff>(0, size - tail_bytes));
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(std::move(line));
    std::string text;
    const std::size_t first = lines.size() - std::min(lines.size(), lines_max);
    for (std::size_t i = first; i < lines.size(); ++i) text += "  " + lines[i] + "\n";
    if (!text.empty()) text.pop_back();
    return text;
}

void bound_log(const std::string& path, std::uint64_t bytes_max) {
    namespace fs = std::filesystem;
    std::error_code failure;
    const auto size = fs::file_size(path, failure);
    if (failure || size <= bytes_max) return;
    // Without the copy the old lines would be gone, so a failed copy (disk full) empties nothing.
    fs::copy_file(path, path + ".1", fs::copy_options::overwrite_existing, failure);
    if (!failure) fs::resize_file(path, 0, failure);
}

}  // namespace ait::supervise
