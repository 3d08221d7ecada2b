#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>

#include "runtime/base/assert.hpp"

namespace ait::consensus {

/// A folder of this test's, gone with it.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "aitbc-chain-XXXXXX").string();
        AIT_ASSERT(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~TemporaryFolder() { std::filesystem::remove_all(path); }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    std::string path;
};

}  // namespace ait::consensus
