#pragma once

// Who has seen which job: every id that a server acknowledged, and how far it came. Finds jobs that
// were handed out or taken twice while a run goes on, and jobs that were lost when it is over.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ait::benchmarks {

/// Jobs of a server beside ours by what became of them.
struct JobCounts {
    std::uint64_t queued = 0;
    std::uint64_t held = 0;
    std::uint64_t results = 0;
};

/// One thread. Keeps 16 bytes a job: an id counts as its 64-bit hash (among ten million jobs, two
/// share one with a probability of 3 in a million, and then a fault is reported that is none).
class JobBook {
  public:
    /// `jobs_expected`: room that is made at once, so that no growth disturbs the measurement.
    explicit JobBook(std::size_t jobs_expected);

    void submitted(std::string_view job_id);
    void leased(std::string_view job_id);
    void completed(std::string_view job_id);

    struct Totals {
        std::uint64_t submitted = 0;
        std::uint64_t leased = 0;
        std::uint64_t completed = 0;
        std::uint64_t submitted_twice = 0;  ///< one id for two submissions
        std::uint64_t leased_twice = 0;
        std::uint64_t completed_twice = 0;
    };
    [[nodiscard]] const Totals& totals() const noexcept { return totals_; }
    /// Submitted here and not completed here.
    [[nodiscard]] std::uint64_t count_unfinished() const;
    /// Leased here, but submitted by somebody else; the answers to all submissions must have come.
    [[nodiscard]] std::uint64_t count_foreign() const;
    /// Some completed ids, spread over the run.
    [[nodiscard]] const std::vector<std::string>& sample() const noexcept { return sample_; }

  private:
    struct Entry {
        std::uint64_t hash = 0;  ///< 0: free
        std::uint64_t marks = 0;
    };
    Entry& entry_of(std::string_view job_id);
    void grow();

    std::vector<Entry> entries_;
    std::size_t used_ = 0;
    Totals totals_{};
    std::vector<std::string> sample_{};
    std::uint64_t sample_every_ = 1;
};

}  // namespace ait::benchmarks
