#pragma once

// A stop string may begin in one token and end in another. This holds back text that could still
// become one, so that a stream never shows a part of it.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ait::gpu {

/// Text on its way to the reader. One stream each; not shared between threads.
class StopFilter {
  public:
    /// No stop string is empty.
    explicit StopFilter(std::vector<std::string> stops);

    struct Passed {
        std::string text{};    ///< certain not to belong to a stop string
        bool stopped = false;  ///< a stop string began right after `text`; the stream is over
    };
    /// Needs a stream that is not over.
    Passed push(std::string_view text);
    /// The stream ends without a stop string: what was held back.
    std::string finish();

  private:
    std::vector<std::string> stops_;
    std::string held_{};
};

}  // namespace ait::gpu
