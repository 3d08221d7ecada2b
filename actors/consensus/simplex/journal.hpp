#pragma once

// The journal: what a core must find again after a crash. A record is version, kind, a running
// index, and the msgpack of one struct below. Votes are written twice, one record behind the other,
// so that damage to one record never costs a vote; a hole in the indexes shows damage to more. When
// the journal is begun anew, the new records go on counting.

#include "actors/consensus/simplex/wire.hpp"

namespace ait::consensus::simplex {

inline constexpr std::uint8_t journal_version = 1;

enum class RecordKind : std::uint8_t { guard = 1, vote = 2, proof = 3, block = 4 };

/// Whose votes these are, and which views are closed to this key.
struct GuardRecord {
    std::string chain{};
    Hash genesis{};
    std::uint64_t epoch = 0;
    PublicKey key{};
    std::uint64_t floor = 0;       ///< highest final view: no vote at or below it, ever
    std::uint64_t mute_until = 0;  ///< views in which votes may have been forgotten
    static constexpr auto fields() {
        using R = GuardRecord;
        return std::tuple{field("chain", &R::chain, "Chain.", 64),
                          field("genesis", &R::genesis, "Genesis hash."),
                          field("epoch", &R::epoch, "Validator set."),
                          field("key", &R::key, "Whose record this is."),
                          field("floor", &R::floor, "Highest final view."),
                          field("mute_until", &R::mute_until, "No vote up to here.")};
    }
};

struct BlockJournalRecord {
    Blob header{};
    Blob body{};
    static constexpr auto fields() {
        using R = BlockJournalRecord;
        return std::tuple{field("header", &R::header, "Encoded header.", header_bytes_max),
                          field("body", &R::body, "Body.", 2 * limits::block_bytes_max)};
    }
};

/// Gives records their running index.
class JournalWriter {
  public:
    explicit JournalWriter(std::uint64_t next_index) : next_index_(next_index) {}
    [[nodiscard]] std::string guard(const GuardRecord& record);
    [[nodiscard]] std::string vote(const SignedStatement& vote);
    [[nodiscard]] std::string proof(const Proof& proof);
    [[nodiscard]] std::string block(const Block& block);

  private:
    std::string prefix(RecordKind kind);
    std::uint64_t next_index_;
};

/// What a journal holds, before anybody judges it.
struct JournalContent {
    std::vector<GuardRecord> guards{};
    std::vector<SignedStatement> votes{};  ///< each as often as written
    std::vector<Proof> proofs{};
    std::vector<BlockPtr> blocks{};
    std::uint64_t next_index = 0;
    std::uint64_t missing_records = 0;  ///< holes in the running index
    std::uint64_t missing_run_max = 0;  ///< of adjacent ones
};

/// Reads all records. Errors: unsupported (a newer version wrote one), malformed (passed its
/// checksum and is not ours): both mean that nobody may vote on what is there.
Result<JournalContent> read_journal(const std::vector<std::string>& records);

}  // namespace ait::consensus::simplex
