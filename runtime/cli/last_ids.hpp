#pragma once

// What `@last` means: the ids of the things that each wallet made last, kept between commands. Lost
// or damaged, the file costs only convenience, so reading it never fails.

#include <string>
#include <string_view>

#include "runtime/base/codec/json.hpp"

namespace ait::cli {

class LastIds {
  public:
    /// `file` is made at the first remember().
    explicit LastIds(std::string file) : file_(std::move(file)) {}

    /// The id that `account` made last under a name such as "job_id", or empty.
    [[nodiscard]] std::string find(std::string_view account, std::string_view name) const;
    /// Keeps every "*_id" at the top of an answer. Error: storage_failed, which callers may
    /// mention.
    Status remember(std::string_view account, const Json& answer);

  private:
    [[nodiscard]] Json load() const;

    std::string file_;
};

}  // namespace ait::cli
