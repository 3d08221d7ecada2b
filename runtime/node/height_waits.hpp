#pragma once

// Requests that want to be answered from a state at least as new as what their asker has seen
// (read-your-writes on any node of a chain): they wait until the block is published here, or until
// their time is over.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "actors/consensus/chain_actor.hpp"

namespace boost::asio {
class thread_pool;
}

namespace ait::node {

/// Any thread. Bounded by the gateway's count of requests under way.
class HeightWaits {
  public:
    /// Both outlive it; `pool` runs what waited.
    HeightWaits(consensus::BlockListeners& listeners, boost::asio::thread_pool& pool);
    ~HeightWaits();
    HeightWaits(const HeightWaits&) = delete;
    HeightWaits& operator=(const HeightWaits&) = delete;

    /// `then` is called once, on the pool: true when the height was published in time.
    void wait(std::uint64_t height, std::chrono::milliseconds at_most,
              std::function<void(bool is_reached)> then);
    /// Ends all waits, and those that come later at once.
    void stop();

  private:
    class Waits;
    std::shared_ptr<Waits> waits_;
    consensus::BlockListeners& listeners_;
    std::uint64_t listener_;
};

}  // namespace ait::node
