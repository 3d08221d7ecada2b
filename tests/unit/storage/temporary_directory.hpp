#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

namespace ait::storage {

/// A fresh directory that is removed at the end of the scope.
class TemporaryDirectory {
  public:
    TemporaryDirectory() {
        std::string pattern = ::testing::TempDir() + "ait_storage_XXXXXX";
        const char* made = ::mkdtemp(pattern.data());
        path_ = made == nullptr ? "" : made;
        EXPECT_FALSE(path_.empty());
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory() {
        std::error_code ignored;  // a leftover directory harms no other test
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
};

}  // namespace ait::storage
