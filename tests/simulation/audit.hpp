#pragma once

// What must hold whatever happens, checked from outside with a memory that no crash reaches: rules
// R1 to R4 over all lives of a key, grounds for each notarize, one chain of final blocks.

#include <string>
#include <unordered_map>
#include <vector>

#include "actors/consensus/simplex/io.hpp"

namespace ait::simulation {

namespace simplex = consensus::simplex;

struct KnownBlock {
    std::uint64_t view = 0;
    std::uint64_t height = 0;
    std::uint64_t parent_view = 0;
    Hash parent{};
    std::uint64_t operations = 0;
    bool is_forged = false;  ///< breaks a rule: no honest node may vote for it
};

class Audit {
  public:
    Audit(const simplex::Config& config, const Hash& genesis);

    void block_made(const Hash& hash, const KnownBlock& block);
    /// Any key signs, in whatever memory.
    void vote_signed(std::uint32_t member, const simplex::Statement& statement);
    /// An honest member's vote leaves its node.
    void vote_sent(std::uint32_t member, const simplex::Statement& statement);
    /// The member lost its disk: nothing it voted in may be voted in again.
    void forgot(std::uint32_t member) { forgotten_[member] = highest_sent_[member]; }
    /// An honest node says that a block is final.
    void finalized(std::uint32_t node, const simplex::Finalized& final);

    [[nodiscard]] const std::string& breach() const { return breach_; }
    void breached(std::string text) {
        if (breach_.empty()) breach_ = std::move(text);
    }
    [[nodiscard]] std::uint64_t final_operations() const { return final_operations_; }
    [[nodiscard]] std::size_t final_height() const { return chain_.size() - 1; }
    [[nodiscard]] const KnownBlock* find(const Hash& hash) const;
    /// Some block of the view, or null.
    [[nodiscard]] const Hash* block_of_view(std::uint64_t view) const;

  private:
    struct Voices {
        Hash block{};
        std::uint64_t members = 0;  ///< bit i: member i
    };
    struct View {
        std::vector<Voices> notarized{};
        std::vector<Voices> finalized{};
        std::uint64_t nullified = 0;
        std::vector<Hash> sent_notarize{};
        std::vector<Hash> sent_finalize{};
        std::uint64_t sent_nullify = 0;
        Hash some_block{};
    };
    View* at(std::uint64_t view);
    [[nodiscard]] bool has_quorum(std::uint64_t members) const;
    [[nodiscard]] bool is_proved(const std::vector<Voices>& voices, const Hash& block) const;
    void check_grounds(std::uint32_t member, const simplex::Statement& statement);

    const simplex::Config& config_;
    Hash genesis_;
    std::uint64_t quorum_;
    std::vector<View> views_{};
    std::unordered_map<std::uint64_t, KnownBlock> blocks_{};
    std::vector<Hash> chain_{};
    std::uint64_t final_operations_ = 0;
    std::vector<std::uint64_t> highest_sent_{};
    std::vector<std::uint64_t> forgotten_{};
    std::string breach_{};
};

}  // namespace ait::simulation
