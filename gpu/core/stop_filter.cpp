#include "gpu/core/stop_filter.hpp"

#include <algorithm>
#include <utility>

#include "runtime/base/assert.hpp"

namespace ait::gpu {

StopFilter::StopFilter(std::vector<std::string> stops) : stops_(std::move(stops)) {
    for (const std::string& stop : stops_) AIT_ASSERT(!stop.empty());
}

StopFilter::Passed StopFilter::push(std::string_view text) {
    held_ += text;
    // The one that is complete first wins, so that it does not matter how the text is cut.
    std::size_t begin = held_.size();
    std::size_t end = std::string::npos;
    for (const std::string& stop : stops_) {
        const std::size_t found = held_.find(stop);
        if (found == std::string::npos || found + stop.size() > end) continue;
        begin = found + stop.size() < end ? found : std::min(begin, found);
        end = found + stop.size();
    }
    if (end != std::string::npos) {
        Passed passed{.text = held_.substr(0, begin), .stopped = true};
        held_.clear();
        return passed;
    }
    // The longest end of the text that begins some stop string waits; all before it is certain.
    std::size_t keep = 0;
    for (const std::string& stop : stops_) {
        std::size_t length = std::min(stop.size() - 1, held_.size());
        while (length > keep &&
               held_.compare(held_.size() - length, length, stop, 0, length) != 0) {
            --length;
        }
        keep = std::max(keep, length);
    }
    Passed passed{.text = held_.substr(0, held_.size() - keep), .stopped = false};
    held_.erase(0, held_.size() - keep);
    return passed;
}

std::string StopFilter::finish() {
    return std::exchange(held_, {});
}

}  // namespace ait::gpu
