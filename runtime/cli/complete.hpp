#pragma once

// What may stand at the cursor of a command line: the hidden command `aitbc __complete -- WORDS`
// that the shells' completion scripts ask while a person types. It answers in lines, "value" or
// "value<TAB>what it is", ends with ":files" where a file name is wanted and ":end" elsewhere, and
// never prints an error: a node that does not answer in time just has nothing to offer.

#include <span>
#include <string>
#include <vector>

#include "runtime/cli/console.hpp"

namespace ait::cli {

/// From the key to the whole answer; a shell must not hang.
inline constexpr std::uint32_t completion_ms_max = 180;

bool is_completion_request(std::span<const std::string> arguments);

struct Candidate {
    std::string value{};
    std::string what{};
};
struct Candidates {
    std::vector<Candidate> all{};
    bool files = false;
};

/// `words`: those of the line after the program's name; the last is the one at the cursor.
Candidates candidates_for(std::span<const std::string> words, Console& console);

/// `arguments`: "--", then the words. Always 0.
int run_completion(std::span<const std::string> arguments, Console& console);

}  // namespace ait::cli
