#pragma once

// The jobs that wait, and whose turn it is. Every miner gives owners turns in a circle, so that one
// client with ten thousand waiting jobs delays another by one job and not by ten thousand; and jobs
// that no miner can do cost a lease one look at their kind, however many they are.
//
// A waiting job is one key: its class, its owner, its sequence. A class is a hash of all that
// matching looks at (type, model, constraints): what may be said of one job of a class holds for
// all of them. So a lease needs a few ordered look-ups per class and per job it takes, and no key
// besides those that a queue in plain order would write. Pure; deterministic.

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "actors/coordinator/job.hpp"

namespace ait::coordinator {

/// Classes that one lease looks at; half of them from the beginning, the others, where there are
/// more, from a place that every height draws anew, so that none is out of reach for ever.
inline constexpr std::size_t queue_classes_max = 256;
/// Jobs that one lease reads.
inline constexpr std::size_t queue_scan_max = 1'024;
/// Jobs of one owner that a turn passes over because this miner may not have them now.
inline constexpr std::size_t queue_passed_over_max = 16;

[[nodiscard]] bool is_queue_empty(const storage::StateReader& reader);
void put_in_queue(storage::StateView& view, const Job& job);
void take_from_queue(storage::StateView& view, const Job& job);

struct QueueTurns {
    Address after{};            ///< the first turn is that of the next owner in the circle
    std::size_t count_max = 1;  ///< one job an owner and round
    std::uint64_t height = 0;
    /// Asked once a class, with any job of it: may this miner have such jobs?
    std::function<bool(const Job&)> takes_class;
    /// Asked for each job of those classes before it is taken.
    std::function<bool(const Job&)> takes_job;
};
/// The jobs that are next, in the order of their turns; within an owner by sequence. Do not write
/// meanwhile.
std::vector<Job> next_in_turn(const storage::StateReader& reader, const QueueTurns& turns);

/// At which turn the job comes at the latest, among jobs of its class: 1 = next. Null when it is
/// not in the queue or when more than `looked_at_max` entries would have to be counted.
std::optional<std::uint64_t> queue_position(const storage::StateReader& reader, const Job& job,
                                            std::uint64_t looked_at_max = 10'000);

}  // namespace ait::coordinator
