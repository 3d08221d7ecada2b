#pragma once

// The words that the Simplex core, its shell and the simulator share: who votes, what a block is to
// the core, and what proves that one is final. Nothing here knows transactions or states.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/consensus/block.hpp"

namespace ait::consensus::simplex {

struct Member {
    PublicKey key{};
    std::uint64_t weight = 1;
};

/// All of it but `self`, `incarnation` and the limits is part of the epoch: members that differ in
/// it must not be connected.
struct Config {
    std::string chain{};
    Hash genesis{};
    std::uint64_t epoch = 0;
    std::vector<Member> members{};
    std::optional<std::uint32_t> self{};  ///< index in members; none: a follower, which only learns
    FaultModel fault_model = FaultModel::byzantine;

    std::int64_t delta_ms = 100;  ///< bound on a message's way, body included (pitfall 11)
    std::uint32_t timeout_growth_percent = 130;  ///< a view since the last final one (pitfall 12)
    std::int64_t timeout_ms_max = 10'000;
    std::int64_t clock_skew_ms_max = 500;  ///< a block's time may be ahead by this and 2 delta

    /// Drawn at random at each start: answers to questions of an earlier life do not count.
    std::uint64_t incarnation = 0;
    std::uint32_t body_bytes_max = 2 * limits::block_bytes_max;
    std::uint32_t final_blocks_per_answer_max = 64;
    std::uint32_t final_bytes_per_answer_max = 4 * 1024 * 1024;
    /// The journal is begun anew after this many final blocks.
    std::uint32_t journal_blocks_max = 256;
};

/// Both clocks of one moment. Timers use the first, block times the second.
struct Now {
    std::int64_t steady_ms = 0;
    std::int64_t unix_ms = 0;
};

/// A block to the core: an encoded BlockHeader, whose hash names it, and bytes that only the
/// application reads (transactions and the blobs they name).
struct Block {
    std::string header{};
    std::string body{};
};
using BlockPtr = std::shared_ptr<const Block>;

/// What a member says about a view. `block` is zero in a nullify.
struct Statement {
    VoteKind kind = VoteKind::notarize;
    std::uint64_t view = 0;
    Hash block{};
    bool operator==(const Statement&) const = default;
};

struct SignedStatement {
    std::uint32_t member = 0;
    Statement statement{};
    Signature signature{};
};

/// A statement with signatures of distinct members, by index, of at least the quorum's weight.
struct Proof {
    Statement statement{};
    std::vector<MemberSignature> signatures{};
};
using ProofPtr = std::shared_ptr<const Proof>;

inline constexpr std::uint32_t members_max = 256;

/// Why a block is final: a certificate for it, or for a descendant that `links` lead to.
struct FinalityProof {
    Certificate certificate{};  ///< of the block itself, or of the last header in `links`
    std::vector<Blob> links{};  ///< encoded headers, the block's child first
    static constexpr auto fields() {
        return std::tuple{
            field("certificate", &FinalityProof::certificate, "Finality."),
            field("links", &FinalityProof::links, "Headers down to it.", finality_links_max)};
    }
};

struct FinalBlock {
    BlockPtr block{};
    FinalityProof proof{};
};

/// Where the application's store ends.
struct FinalTip {
    std::uint64_t height = 0;
    std::uint64_t view = 0;  ///< genesis is view 0
    Hash hash{};
    std::int64_t time_unix_ms = 0;
};

/// Weight that makes a certificate.
std::uint64_t quorum_weight(const Config& config);
/// Who may propose in each view, as a table that repeats: round robin, smooth by weight, the same
/// on every node. Its length is at most limits for large weights; index it by view % size.
std::vector<std::uint32_t> leader_table(const Config& config);
/// Checks a proof of finality without a core: for readers of stores and receipts. `header` is the
/// encoded header of the block in question. Error: check_failed.
class Authenticator;
Status verify_finality(const FinalityProof& proof, const std::string& header, const Config& config,
                       const Authenticator& authenticator);

}  // namespace ait::consensus::simplex
