#pragma once

// Names of models as Ollama writes them: `llama3` and `llama3:latest` are one model.

#include <algorithm>
#include <string_view>

namespace ait::miner_process {

inline std::string_view without_latest(std::string_view name) noexcept {
    constexpr std::string_view tag = ":latest";
    if (name.ends_with(tag)) name.remove_suffix(tag.size());
    return name;
}

/// In any case, `:latest` meaning nothing.
inline bool is_same_model(std::string_view a, std::string_view b) noexcept {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c + 0; };
    a = without_latest(a);
    b = without_latest(b);
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace ait::miner_process
