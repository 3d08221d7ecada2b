#pragma once

// Handlers of the rows that belong to the node itself, and of the domain rows that need what only a
// node has: receipts, streams, inference.

#include <span>

#include "actors/node/messages.hpp"
#include "actors/services.hpp"
#include "runtime/node/drain_gate.hpp"
#include "runtime/node/event_streams.hpp"
#include "runtime/node/inference_forward.hpp"
#include "runtime/registry/health_messages.hpp"

namespace ait::node {

/// What a node says of itself.
struct NodeFacts {
    std::string data_dir{};
    std::string url{};  ///< of the REST routes; empty where TCP is off
    std::atomic<bool> is_ready{false};
};

/// What node handlers use besides NodeServices; set once before the gateway opens.
class NodeParts {
  public:
    virtual ~NodeParts() = default;
    [[nodiscard]] virtual const NodeFacts& facts() const = 0;
    [[nodiscard]] virtual InferenceForward& inference() = 0;
    virtual void open_stream(std::shared_ptr<EventStream> stream) = 0;
    [[nodiscard]] virtual HealthView health() = 0;
    virtual Result<ReloadView> reload_config() = 0;
    [[nodiscard]] virtual DrainGate& drain_gate() = 0;
    [[nodiscard]] virtual const PeerDirectory& peers() const = 0;
};

/// Null when no row has this transaction kind.
const TransactionForm* form_of(std::string_view kind);

std::span<const Binding> node_bindings();

/// GET /api/v1/status as JSON; also what readiness looks at.
Json status_json(NodeServices& services, const NodeParts& parts);

}  // namespace ait::node
