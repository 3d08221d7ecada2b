#include "runtime/registry/suggest.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace ait::registry {
namespace {

constexpr std::size_t word_bytes_max = 64;
using Row = std::array<std::size_t, word_bytes_max + 1>;

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
    a = a.substr(0, word_bytes_max);
    b = b.substr(0, word_bytes_max);
    Row before_last{}, last{}, row{};
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
        }
        before_last = last;
        last = row;
    }
    return last[b.size()];
}

std::vector<std::string> near_words(std::string_view word, std::span<const std::string> known) {
    constexpr std::size_t words_max = 3;
    std::vector<std::pair<std::size_t, std::string>> near;
    for (const auto& candidate : known) {
        const bool begins = word.size() >= 2 && candidate.starts_with(word);
        const std::size_t distance = begins ? 1 : edit_distance(word, candidate);
        if (distance <= std::max<std::size_t>(1, word.size() / 3))
            near.emplace_back(distance, candidate);
    }
    std::sort(near.begin(), near.end());
    near.erase(std::unique(near.begin(), near.end()), near.end());
    std::vector<std::string> words;
    for (auto& [distance, candidate] : near) {
        if (words.size() < words_max) words.push_back(std::move(candidate));
    }
    return words;
}

std::string did_you_mean(std::string_view word, std::span<const std::string> known) {
    std::string text;
    for (const auto& candidate : near_words(word, known)) {
        text += (text.empty() ? "Did you mean `" : " or `") + candidate + "`";
    }
    return text.empty() ? text : text + "?";
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(separator), text.size());
        if (end > 0) parts.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

}  // namespace ait::registry
