#pragma once

// What a node offers to asynchronous handlers and domain shells: the chain, clocks, listeners, and
// the desks where miners wait. Implemented by runtime/node; faked in tests.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/binding.hpp"
#include "actors/consensus/chain_actor.hpp"

namespace ait {

namespace coordinator {
class LeaseDesk;
}
namespace miner {
class Sessions;
class Liveness;
}  // namespace miner

/// An operation that a node proposes for a signed-in principal (a batch item).
struct NodeOperation {
    Address principal{};
    std::string kind{};
    std::string body{};
    std::vector<std::string> blobs{};
    std::string idempotency_key{};
    std::uint64_t salt = 0;  ///< tells equal requests apart, from which ids derive
    bool dry_run = false;
    std::int64_t deadline_unix_ms = 0;
};

class NodeServices {
  public:
    NodeServices() = default;
    NodeServices(const NodeServices&) = delete;
    NodeServices& operator=(const NodeServices&) = delete;
    virtual ~NodeServices() = default;

    [[nodiscard]] virtual std::unique_ptr<consensus::ChainReader> reader() const = 0;
    [[nodiscard]] virtual const consensus::RuleSet& rules() const = 0;
    /// Any thread; `done` comes from the chain actor's thread.
    virtual void propose(NodeOperation operation, consensus::Submission::Done done) = 0;
    /// Verifies and submits an account's transaction, which must be of this kind. Any thread; the
    /// signature is checked on the caller's.
    virtual void submit_signed(std::string wire, std::string_view kind,
                               std::vector<std::string> blobs, bool dry_run,
                               std::int64_t deadline_unix_ms, consensus::Submission::Done done) = 0;
    [[nodiscard]] virtual const Clock& clock() const = 0;
    [[nodiscard]] virtual Random& random() const = 0;
    [[nodiscard]] virtual consensus::BlockListeners& listeners() = 0;
    [[nodiscard]] virtual coordinator::LeaseDesk& leases() = 0;
    [[nodiscard]] virtual miner::Sessions& sessions() = 0;
    [[nodiscard]] virtual miner::Liveness& liveness() = 0;
    /// Tells the miners' watch that one was heard of.
    virtual void miner_heard(const Address& address) = 0;
};

/// The answer fields of an applied operation, with where it is: what every command responds, as
/// compact JSON.
Result<std::string> applied_to_text(const consensus::Applied& applied, const TransactionForm& form);

}  // namespace ait
