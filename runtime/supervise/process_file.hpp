#pragma once

// A file that says which process plays a role, and whose lock says whether it still does. The lock
// belongs to the open file and goes away with its last holder, so a stale file fools nobody.

#include <optional>
#include <string>

#include "runtime/base/result.hpp"
#include "runtime/supervise/process.hpp"

namespace ait::supervise {

class ProcessFile {
  public:
    /// Takes the lock. Errors: conflict, which names the holder; storage_failed.
    static Result<ProcessFile> claim(const std::string& path);

    /// Writes who holds it now; without that, nobody is named.
    Status write(const ProcessId& holder) const;
    /// To pass the lock on to a process that is about to be started.
    [[nodiscard]] int descriptor() const noexcept { return descriptor_.number(); }

  private:
    ProcessFile(Descriptor descriptor, std::string path)
        : descriptor_(std::move(descriptor)), path_(std::move(path)) {}
    Descriptor descriptor_;
    std::string path_;
};

/// Who holds the file's lock; nothing when nobody does. Errors: not_ready when the holder has not
/// written itself down yet, storage_failed.
Result<std::optional<ProcessId>> holder_of(const std::string& path);

}  // namespace ait::supervise
