#pragma once

// Whether the real state and the reference say the same. Read through the domains' own readers, so
// that keys and encodings may change; only census() knows the layout of keys.

#include <set>
#include <string>

#include "storage/state_view.hpp"
#include "tests/unit/actors/differential/reference.hpp"

namespace ait::differential {

/// Collects the first difference.
class Finding {
  public:
    template <class A>
    void same(std::string_view where, std::string_view what, const A& real, const A& reference) {
        if (!text_.empty() || real == reference) return;
        text_ = std::string(where) + ": " + std::string(what) + " is " + shown(real) +
                ", the reference says " + shown(reference);
    }
    void fail(std::string text) {
        if (text_.empty()) text_ = std::move(text);
    }
    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    static std::string shown(const std::string& value) { return "\"" + value + "\""; }
    static std::string shown(const Amount& value) { return to_text(value); }
    template <class A>
    static std::string shown(const A& value) {
        if constexpr (NamedEnum<A>) {
            return std::string(name_of(value));
        } else if constexpr (std::integral<A>) {
            return std::to_string(value);
        } else {
            return to_hex(value.view());
        }
    }
    std::string text_{};
};

/// Accounts, escrows, supply, miners, queue, counts: everything that is small.
void compare_figures(const storage::StateReader& real, const Reference& reference, Finding& found);
/// These jobs, which may also be in neither or only one of the two.
void compare_jobs(const storage::StateReader& real, const Reference& reference,
                  const std::set<std::string>& ids, Finding& found);
/// All jobs, lists, due times and histories.
void compare_everything(const storage::StateReader& real, const Reference& reference,
                        Finding& found);
/// Every key of the real state belongs to something that the reference knows.
void census(const storage::MemoryState& real, const Reference& reference, Finding& found);

}  // namespace ait::differential
