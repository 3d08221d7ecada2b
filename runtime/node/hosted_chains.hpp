#pragma once

// The chains of a node: the default one of its configuration, without which it does not run, and
// further ones that it was asked to host. One of those that cannot be opened or linked says why and
// holds up no other.

#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/node/chain_manifest.hpp"
#include "runtime/node/hosted_chain.hpp"

namespace ait::node {

/// Functions that do not say otherwise: any thread after start(). Chains stay until the end, so
/// what find() gives stays good.
class HostedChains {
  public:
    /// The node's thread opens, starts and ends; `host` as for each chain.
    HostedChains(ChainHost host, std::string data_dir);
    HostedChains(const HostedChains&) = delete;
    HostedChains& operator=(const HostedChains&) = delete;
    ~HostedChains();

    /// Opens the default chain, then those of the manifests. Errors: only those of the first.
    Status open(ChainHome first);
    /// The actors of all, then their links. Errors: those of the default chain's links.
    Status start(caf::actor_system& system);
    /// Ends the taking of new chains and waits for the one under way. Idempotent.
    void stop_hosting();
    /// Drains all at once. False: one was not done in time.
    bool drain(std::chrono::milliseconds at_most);
    /// Idempotent; the actors end soon.
    void stop();

    [[nodiscard]] HostedChain& main() const { return *main_; }
    /// By name; the default one for an empty name. Errors: not_found, unavailable (it could not be
    /// opened).
    [[nodiscard]] Result<HostedChain*> find(std::string_view name) const;
    /// All that are open and have not been left, the default one first.
    [[nodiscard]] std::vector<HostedChain*> all() const;
    /// How each is, the default one first.
    [[nodiscard]] std::vector<HostedChainView> views() const;

    /// Hosts one more, from now on and after each start. `done` comes from a thread of its own.
    /// Errors: those of plan_chain; conflict, limit_reached, overloaded (another is being opened),
    /// unavailable (the node ends).
    using Done = std::function<void(Result<HostedChainView>)>;
    void host(ChainWish wish, Done done);

    /// Hosts it no more, now and after each start: it is drained and its links end, and its folder
    /// is kept. Until the node starts anew the folder stays open, so it cannot be hosted again.
    /// `done` as above. Errors: not_found, conflict (the default one), storage_failed, unavailable,
    /// overloaded.
    using Left = std::function<void(Result<LeftChainView>)>;
    void leave(std::string name, Left done);

  private:
    struct Entry {
        ChainPlan plan{};
        std::unique_ptr<HostedChain> chain{};  ///< null: it could not be opened
        std::string problem{};                 ///< why it is not open or not linked
        bool has_left = false;                 ///< nobody finds it any more
    };
    using EntryPtr = std::shared_ptr<Entry>;

    void open_further(const std::string& name);
    [[nodiscard]] std::unique_ptr<HostedChain> make(const ChainPlan& plan) const;
    [[nodiscard]] std::string folder_of(const std::string& name) const;
    [[nodiscard]] std::vector<EntryPtr> entries() const;
    /// One change at a time: has `work` run, which calls end_change(). Errors: unavailable,
    /// overloaded.
    Status begin_change(std::function<void()> work);
    void end_change();
    Result<LeftChainView> leave_now(const std::string& name);
    [[nodiscard]] EntryPtr find_further(std::string_view name) const;
    [[nodiscard]] std::size_t further_count() const;
    Result<HostedChainView> host_now(const ChainWish& wish);
    [[nodiscard]] Status check_room(const ChainPlan& plan) const;
    /// Starts its actors and links and shows it.
    HostedChainView enter(const EntryPtr& entry);

    const ChainHost host_;
    const std::string data_dir_;
    std::unique_ptr<HostedChain> main_{};
    caf::actor_system* system_ = nullptr;
    mutable std::shared_mutex mutex_{};  ///< over further_ and what of it has left
    std::vector<EntryPtr> further_{};
    std::mutex hosting_mutex_{};  ///< over the two that follow
    bool is_changing_ = false;
    bool is_ending_ = false;
    boost::asio::thread_pool opener_{1};
};

}  // namespace ait::node
