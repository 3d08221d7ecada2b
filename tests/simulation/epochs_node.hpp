#pragma once

// What a cluster of changing members consists of: who is in after which operations, a voice that is
// heard when it signs, and a node around the core of its epoch.

#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "tests/simulation/application.hpp"
#include "tests/simulation/disk.hpp"
#include "tests/simulation/hash_authenticator.hpp"

namespace ait::simulation {

using Members = std::vector<std::uint32_t>;  ///< nodes, by their index in the epoch

inline constexpr std::uint32_t epoch_operations_max = 20;

/// Every third operation lets a node in or out.
Members members_after(Members members, std::uint64_t operations, std::uint32_t nodes);

/// Signs as a member, and says so.
class Voice final : public simplex::Authenticator {
  public:
    Voice(std::function<void()> heard, std::uint32_t member, std::uint64_t epoch)
        : heard_(std::move(heard)), hash_(member, epoch) {}
    [[nodiscard]] Signature sign(const simplex::Statement& statement) const override {
        heard_();
        return hash_.sign(statement);
    }
    [[nodiscard]] bool verify(std::uint32_t member, const simplex::Statement& statement,
                              const Signature& signature) const override {
        return hash_.verify(member, statement, signature);
    }

  private:
    std::function<void()> heard_;
    HashAuthenticator hash_;
};

struct EpochsNode {
    bool alive = false;
    std::uint64_t life = 0;
    std::map<std::uint64_t, Members> sets{};  ///< by epoch, as far as its log tells
    simplex::Config config{};
    std::unique_ptr<Voice> voice{};
    std::optional<simplex::Core> core{};
    Disk disk{};
    Application app{};
    std::optional<std::uint64_t> ending_height{};
    std::uint64_t last_operations = 0;  ///< of the last final block
    std::int64_t tick_at = 0;
    std::int64_t sync_ms = 1;
};

/// As the core of its epoch numbers them: members by index, others above.
simplex::Peer number_of(const EpochsNode& at, std::uint32_t node);
std::uint32_t node_of(const EpochsNode& at, simplex::Peer peer);

}  // namespace ait::simulation
