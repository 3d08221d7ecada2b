#pragma once

// The node's gateway to the inference port of a miner process that is alive here: requests go
// through unread, answers come back whole or line by line, and a client that hangs up cancels.

#include <memory>
#include <string>

#include "actors/services.hpp"

namespace ait::node {

class InferenceForward {
  public:
    /// `threads` requests at a time; `waiting_max` more may wait, then the answer is overloaded.
    InferenceForward(std::size_t threads, std::size_t waiting_max);
    ~InferenceForward();
    InferenceForward(const InferenceForward&) = delete;
    InferenceForward& operator=(const InferenceForward&) = delete;

    /// Sends the call's input to `target` of the inference port of a miner of this chain. Any
    /// thread; `services` outlives the forward.
    void forward(NodeServices& services, std::string method, std::string target, Call call,
                 Respond respond);
    /// Cancels what is under way and waits for it.
    void stop();

  private:
    struct Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace ait::node
