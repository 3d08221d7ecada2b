#pragma once

// The smallest application that can be wrong in all the ways a real one can: 64 operations, each to
// be executed once; a state commitment chained over blocks; overlays of unfinal blocks.

#include <optional>
#include <vector>

#include "actors/consensus/simplex/io.hpp"

namespace ait::simulation {

namespace simplex = consensus::simplex;

struct Overlay {
    Hash hash{};
    std::uint64_t height = 0;
    std::uint64_t operations = 0;  ///< of the block and all before it
    Hash commitment{};
};

class Application {
  public:
    /// From genesis; `log` is what the disk holds.
    void open(const Hash& genesis, const std::vector<simplex::FinalBlock>& log);
    void learn(std::uint64_t operations) { pool_ |= operations; }
    /// Operations that are not final; while there are any, the core is told that work waits.
    [[nodiscard]] std::uint64_t waiting() const { return pool_ & ~final_.operations; }

    /// None: all that waits is in the parent's ancestors already.
    std::optional<simplex::Block> build(const simplex::Build& wanted, const simplex::Config& config,
                                        std::int64_t unix_ms);
    /// False when execution does not give the header's roots.
    bool execute(const Hash& hash, const Hash& parent, const simplex::Block& block);
    /// False when the block was not executed here, or does not follow the last one.
    bool finalize(const simplex::Finalized& final);
    void abandon(const Hash& hash);

    [[nodiscard]] bool knows(const Hash& hash) const { return find(hash) != nullptr; }
    [[nodiscard]] const Overlay& final() const { return final_; }
    [[nodiscard]] simplex::FinalTip tip() const { return tip_; }
    [[nodiscard]] const std::vector<Overlay>& overlays() const { return overlays_; }

  private:
    [[nodiscard]] const Overlay* find(const Hash& hash) const;
    Overlay final_{};
    simplex::FinalTip tip_{};
    std::uint64_t pool_ = 0;
    std::vector<Overlay> overlays_{};
};

/// The operations that a body names.
std::uint64_t operations_of(const simplex::Block& block);
/// A block's body.
std::string body_of(std::uint64_t operations);
/// What a header says of its body.
Hash root_of(std::uint64_t operations);
bool is_body_of(const simplex::Block& block);
/// The state after a block, and so what its header must say.
Hash commitment_after(const Hash& before, std::uint64_t operations);

}  // namespace ait::simulation
