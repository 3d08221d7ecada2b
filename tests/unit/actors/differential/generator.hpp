#pragma once

// Makes steps at random, with the reference before its eyes: most of them sensible (the right miner
// delivers the right attempt), the others wrong in one way. Times are drawn so that blocks often
// fall just before, on and just after what is due. Same seed, same steps.

#include <deque>
#include <random>

#include "tests/unit/actors/differential/duel.hpp"

namespace ait::differential {

class Generator {
  public:
    /// Looks at `duel`, which takes the steps, and at its reference.
    Generator(std::uint64_t seed, const Duel& duel, std::uint32_t shape)
        : random_(seed), duel_(duel), is_crowded_(shape == 4) {}

    Step next();

  private:
    std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
    bool one_in(std::uint64_t count) { return below(count) == 0; }
    std::uint32_t anyone() { return static_cast<std::uint32_t>(below(people_count)); }
    std::uint32_t a_miner();
    std::uint64_t an_amount(std::uint32_t who);
    std::uint64_t a_price();
    std::int64_t a_pause();
    JobName a_job();
    JobName a_leased_job();
    /// A job that `wanted` likes, if some are among a few that are drawn.
    template <class Wanted>
    JobName a_job_that(Wanted wanted);
    std::uint32_t owner_of(const JobName& name);
    std::uint32_t holder_of(const JobName& name);
    Twist one_of(std::initializer_list<Twist> twists);

    Step signed_step();
    Step item_step();
    Step transfer();
    Step pay();
    Step deliver(Op op);
    Step enroll();
    Step submit(Op op);
    Step of_miner(Op op);
    Step raw();
    void finish(Step& step);

    std::mt19937_64 random_;
    const Duel& duel_;
    const bool is_crowded_;
    std::deque<JobName> jobs_{};
    std::deque<Step> keyed_{};
    std::uint32_t submissions_ = 0;
    std::uint32_t keys_ = 0;
    std::uint64_t signed_left_ = 0;
    std::uint64_t items_left_ = 0;
};

}  // namespace ait::differential
