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

class HostedChain;
class HostedChains;

/// What handlers use of the node, whichever chain a call names; set once before the gateway opens.
class NodeParts {
  public:
    NodeParts() = default;
    NodeParts(const NodeParts&) = delete;
    NodeParts& operator=(const NodeParts&) = delete;
    virtual ~NodeParts() = default;
    [[nodiscard]] virtual const NodeFacts& facts() const = 0;
    [[nodiscard]] virtual InferenceForward& inference() = 0;
    [[nodiscard]] virtual HealthView health(HostedChain& chain) = 0;
    virtual Result<ReloadView> reload_config() = 0;
    [[nodiscard]] virtual DrainGate& drain_gate() = 0;
    [[nodiscard]] virtual HostedChains& chains() = 0;
};

/// What they use of the chain that a call names, besides NodeServices.
class ChainParts {
  public:
    ChainParts() = default;
    ChainParts(const ChainParts&) = delete;
    ChainParts& operator=(const ChainParts&) = delete;
    virtual ~ChainParts() = default;
    virtual void open_stream(std::shared_ptr<EventStream> stream) = 0;
    [[nodiscard]] virtual HealthView health() = 0;
    [[nodiscard]] virtual const PeerDirectory& peers() const = 0;
    [[nodiscard]] virtual NodeParts& node() = 0;
};

/// Null when no row has this transaction kind.
const TransactionForm* form_of(std::string_view kind);

std::span<const Binding> node_bindings();

}  // namespace ait::node
