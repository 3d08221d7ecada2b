#pragma once

// The folder with the wallet files, reached so that nobody else can read, swap or half-write one:
// private modes are checked at every use, links are not followed, and a file appears under its name
// complete and on the disk or not at all.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.hpp"
#include "runtime/base/result.hpp"

namespace ait::wallet {

/// Names given to the functions are single file names made by our own code, never paths (asserted).
/// Functions block on the disk; any thread, also several processes at once.
class Directory {
  public:
    Directory(std::filesystem::path path, Random& random);

    /// File names that end in `suffix`, sorted; none when the folder is not there yet. Errors:
    /// forbidden for a folder that others can enter, limit_reached, storage_failed.
    [[nodiscard]] Result<std::vector<std::string>> names(std::string_view suffix) const;
    /// Errors: not_found; forbidden for a file that others can read, with the chmod command;
    /// too_large; storage_failed.
    [[nodiscard]] Result<std::string> read(const std::string& name, std::size_t bytes_max) const;
    /// Makes the folder where needed. Errors: already_exists, forbidden, storage_failed.
    [[nodiscard]] Status write_new(const std::string& name, std::string_view bytes) const;
    /// As write_new, but takes the place of an older file.
    [[nodiscard]] Status replace(const std::string& name, std::string_view bytes) const;
    /// Errors: not_found, forbidden, storage_failed.
    [[nodiscard]] Status remove(const std::string& name) const;

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  private:
    [[nodiscard]] Status make() const;
    [[nodiscard]] Status write(const std::string& name, std::string_view bytes,
                               bool may_replace) const;

    std::filesystem::path path_;
    Random& random_;
};

}  // namespace ait::wallet
