#pragma once

#include <random>
#include <string>
#include <vector>

#include "actors/consensus/chain_opening.hpp"
#include "storage/faulty_file_system.hpp"

// A chain of the product's own domains on the faulty disk, with people who do at random what people
// do: ask the faucet, pay each other, submit jobs, lease and complete them.

namespace ait::storage {

/// Thrown where a node would end itself; it unwinds the process that the test plays.
struct NodeEnded {
    Error cause{};
};

/// One block as it was made; what must be found again.
struct MadeBlock {
    Hash hash{};
    WriteSet writes{};
    std::string wire{};              ///< header, transactions, outcomes
    std::vector<Hash> operations{};  ///< found by find_operation
    std::vector<std::string> blobs{};
};

class RealChain {
  public:
    explicit RealChain(std::uint64_t seed);

    /// Where it lies on a disk, opened through `env`.
    [[nodiscard]] consensus::ChainPlace place(FaultyFileSystem& disk, rocksdb::Env& env) const;
    /// The next block on what `data` shows; does not touch the disk.
    consensus::SealedBlock next_block(const consensus::ChainData& data);
    /// The state after the first `height` blocks, executed by nobody but the test.
    [[nodiscard]] MemoryState state_at(std::uint64_t height) const;
    /// Forgets blocks that did not survive.
    void keep(std::uint64_t height) { made_.resize(height); }
    [[nodiscard]] const std::vector<MadeBlock>& made() const { return made_; }

    /// Everything that a node answers from, as bytes.
    [[nodiscard]] std::string answers(const consensus::ChainData& data) const;

    std::uint64_t segment_bytes = 32U * 1024;
    std::uint64_t log_bytes_kept = UINT64_MAX;
    std::size_t tables_bytes_least = SIZE_MAX;  ///< 1: all flushes make tables

  private:
    void add_signed(consensus::BlockBuilder& builder, const crypto::SecretKey& key,
                    std::string_view kind, std::string body, std::vector<std::string> blobs = {});
    std::string add_item(consensus::BlockBuilder& builder, const Address& principal,
                         std::string_view kind, std::string body,
                         std::vector<std::string> blobs = {});
    void add_random(consensus::BlockBuilder& builder);
    void submit_job(consensus::BlockBuilder& builder, const Address& owner);
    void work_as_miner(consensus::BlockBuilder& builder);
    [[nodiscard]] std::string random_text(std::size_t bytes_max);

    std::mt19937_64 random_;
    ManualClock clock_;
    consensus::Genesis genesis_{};
    Hash genesis_id_{};
    std::vector<crypto::SecretKey> people_{};  ///< the first one validates, the second one mines
    std::vector<std::string> sidecars_{};      ///< of the block being made
    WriteSet genesis_writes_{};
    std::vector<MadeBlock> made_{};
};

}  // namespace ait::storage
