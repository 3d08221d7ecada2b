#pragma once

// What this node says with its own key about who votes: at its operator's wish, and by itself when
// it was let in and has come so far.

#include <memory>
#include <span>
#include <vector>

#include "actors/consensus/chain_data.hpp"
#include "actors/consensus/messages.hpp"
#include "actors/services.hpp"

namespace ait::node {

/// Handlers of the rows of ledger/membership_operations.hpp that need the node's key.
std::span<const Binding> membership_bindings();

/// Tells the chain that this node is synced, as long as the chain waits for that. One thread. All
/// outlive it.
class MembershipDuty {
  public:
    MembershipDuty(const consensus::ChainData& data, const crypto::SecretKey& key,
                   const Clock& clock)
        : data_(data), key_(key), clock_(clock) {}

    /// Nothing most of the time.
    [[nodiscard]] std::vector<consensus::SubmissionPtr> due();

  private:
    const consensus::ChainData& data_;
    const crypto::SecretKey& key_;
    const Clock& clock_;
    std::int64_t asked_ms_ = 0;
};

}  // namespace ait::node
