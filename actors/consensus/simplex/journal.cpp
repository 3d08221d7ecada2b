#include "actors/consensus/simplex/journal.hpp"

#include <algorithm>

#include "actors/consensus/simplex/core.hpp"
#include "actors/consensus/simplex/planted.hpp"

namespace ait::consensus::simplex {
namespace {

inline constexpr std::size_t record_prefix_bytes = 10;

Error unreadable(ErrorCode code, std::string why) {
    return Error{code, "The vote journal cannot be read.", std::move(why),
                 "Start the release that wrote it, or make a new key for this node."};
}

/// Decodes one record's struct into the list it belongs to.
Status read_record(RecordKind kind, std::string_view bytes, JournalContent& content) {
    switch (kind) {
        case RecordKind::guard: {
            auto guard = decode<GuardRecord>(bytes);
            if (!guard.ok()) return guard.error();
            content.guards.push_back(std::move(guard).value());
            return {};
        }
        case RecordKind::vote: {
            auto vote = decode<WireVote>(bytes);
            if (!vote.ok()) return vote.error();
            content.votes.push_back(from_wire(vote.value()));
            return {};
        }
        case RecordKind::proof: {
            auto wire = decode<WireProof>(bytes);
            if (!wire.ok()) return wire.error();
            // It may be of an earlier epoch, with more members than now.
            auto proof = from_wire(wire.value(), members_max);
            if (!proof.ok()) return proof.error();
            content.proofs.push_back(std::move(proof).value());
            return {};
        }
        case RecordKind::block: {
            auto block = decode<BlockJournalRecord>(bytes);
            if (!block.ok()) return block.error();
            content.blocks.push_back(std::make_shared<Block>(
                Block{std::move(block.value().header.bytes), std::move(block.value().body.bytes)}));
            return {};
        }
    }
    return unreadable(ErrorCode::malformed, "A record's kind is unknown.");
}

}  // namespace

std::string JournalWriter::prefix(RecordKind kind) {
    std::string bytes{static_cast<char>(journal_version), static_cast<char>(kind)};
    return bytes += big_endian(next_index_++);
}

std::string JournalWriter::guard(const GuardRecord& record) {
    return prefix(RecordKind::guard) += encode(record);
}

std::string JournalWriter::vote(const SignedStatement& vote) {
    return prefix(RecordKind::vote) += encode(to_wire(vote));
}

std::string JournalWriter::proof(const Proof& proof) {
    return prefix(RecordKind::proof) += encode(to_wire(proof));
}

std::string JournalWriter::block(const Block& block) {
    Assembly parts(record_prefix_bytes + block.header.size() + block.body.size());
    return parts.encoded(prefix(RecordKind::block))
        .list(field_count<BlockJournalRecord>)
        .blob(block.header)
        .blob(block.body)
        .take();
}

std::string first_guard_record(const Config& config, const PublicKey& key) {
    return JournalWriter(0).guard(
        {.chain = config.chain, .genesis = config.genesis, .epoch = config.epoch, .key = key});
}

Result<JournalContent> read_journal(const std::vector<std::string>& records) {
    JournalContent content;
    bool first = true;
    for (const auto& record : records) {
        if (record.size() < record_prefix_bytes)
            return unreadable(ErrorCode::malformed, "A record is shorter than its prefix.");
        const auto version = static_cast<std::uint8_t>(record[0]);
        if (version != journal_version) {
            if (planted(Bug::newer_guard_record_reset)) return JournalContent{};
            return unreadable(ErrorCode::unsupported,
                              "A record has version " + std::to_string(version) +
                                  "; this program knows " + std::to_string(journal_version) + ".");
        }
        const std::string_view bytes = record;
        const std::uint64_t index = from_big_endian(bytes.substr(2, 8));
        if (first) content.next_index = index;
        first = false;
        if (index > content.next_index) {
            content.missing_records += index - content.next_index;
            content.missing_run_max = std::max(content.missing_run_max, index - content.next_index);
        }
        content.next_index = std::max(content.next_index, index + 1);
        auto read = read_record(static_cast<RecordKind>(record[1]),
                                bytes.substr(record_prefix_bytes), content);
        if (!read.ok()) return read.error();
    }
    return content;
}

}  // namespace ait::consensus::simplex
