#pragma once

// "Did you mean": the known words nearest to one that is not known.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ait::registry {

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other
/// (optimal string alignment). Pure; both are cut at 64 bytes.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// At most three of `known`, nearest first: those within a third of the word's length, and those
/// that begin with the word.
std::vector<std::string> near_words(std::string_view word, std::span<const std::string> known);

/// "Did you mean `a` or `b`?", or empty when nothing is near.
std::string did_you_mean(std::string_view word, std::span<const std::string> known);

/// Splits at a character; empty parts are dropped.
std::vector<std::string_view> split(std::string_view text, char separator);

}  // namespace ait::registry
