#pragma once

// A disk with one stream of writes: journal records and final blocks. What is not synced may be
// lost in a crash, from any point on; the last record may be torn, and is then left out.

#include <deque>

#include "actors/consensus/simplex/core.hpp"
#include "tests/simulation/random.hpp"

namespace ait::simulation {

namespace simplex = consensus::simplex;

class Disk {
  public:
    struct Batch {
        std::uint64_t number = 0;    ///< counts up, over all lives
        std::uint64_t sequence = 0;  ///< of a Persist; 0: a final block
        bool restart = false;
        std::vector<std::string> records{};
        std::optional<simplex::FinalBlock> final{};
    };

    std::uint64_t write(Batch batch);
    /// Everything up to the batch is safe now. Gives the highest Persist among it, or 0.
    std::uint64_t sync_through(std::uint64_t number);
    /// Unsynced writes survive up to a random point.
    void crash(SeededRandom& random);
    void wipe();
    /// Damages one of the last journal records: its checksum fails, a reader leaves it out.
    void rot(SeededRandom& random);
    void downgrade();

    [[nodiscard]] const std::vector<std::string>& journal() const { return journal_; }
    [[nodiscard]] const std::vector<simplex::FinalBlock>& log() const { return log_; }
    [[nodiscard]] bool is_wiped() const { return wiped_; }
    void set_first_record(std::string record) {
        journal_.push_back(std::move(record));
        wiped_ = false;
    }

  private:
    void apply(Batch& batch, std::size_t records_max);
    std::vector<std::string> journal_{};
    std::vector<simplex::FinalBlock> log_{};
    std::deque<Batch> pending_{};
    std::uint64_t next_number_ = 1;
    bool wiped_ = false;
};

}  // namespace ait::simulation
