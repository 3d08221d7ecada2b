#pragma once

// What cores say to each other. A message is a prefix of ten bytes (version, kind, epoch) and the
// canonical msgpack of one struct below. Every list and text has a bound that is checked before
// anything is allocated; what cannot be read is an Error and nothing more.

#include "actors/consensus/simplex/types.hpp"
#include "runtime/base/codec/msgpack.hpp"

namespace ait::consensus::simplex {

inline constexpr std::uint8_t wire_version = 1;
inline constexpr std::size_t wire_prefix_bytes = 10;
inline constexpr std::uint32_t bundle_votes_max = 64;
inline constexpr std::uint32_t bundle_proofs_max = 64;
inline constexpr std::uint32_t final_blocks_max = 256;
inline constexpr std::uint32_t header_bytes_max = 1'024;

enum class WireKind : std::uint8_t {
    proposal = 1,
    bundle = 2,
    status = 3,
    question = 4,
    answer = 5,
    want_block = 6,
    block = 7,
    want_final = 8,
    final_blocks = 9
};

struct WireVote {
    std::uint32_t member = 0;
    VoteKind kind = VoteKind::notarize;
    std::uint64_t view = 0;
    Hash block{};
    Signature signature{};
    static constexpr auto fields() {
        using V = WireVote;
        return std::tuple{field("member", &V::member, "Index."), field("kind", &V::kind, "What."),
                          field("view", &V::view, "Where."), field("block", &V::block, "Hash."),
                          field("signature", &V::signature, "Ed25519.")};
    }
};

struct WireProof {
    VoteKind kind = VoteKind::notarize;
    std::uint64_t view = 0;
    Hash block{};
    Blob members{};     ///< bit i of byte i / 8: member i signed; the last byte is not zero
    Blob signatures{};  ///< of those members, by index
    static constexpr auto fields() {
        using P = WireProof;
        return std::tuple{
            field("kind", &P::kind, "What."), field("view", &P::view, "Where."),
            field("block", &P::block, "Hash."),
            field("members", &P::members, "Bitmap.", members_max / 8),
            field("signatures", &P::signatures, "In order.", members_max * Signature::size)};
    }
};

struct ProofList {
    std::vector<WireProof> list{};
    static constexpr auto fields() {
        return std::tuple{field("list", &ProofList::list, "Certificates.", bundle_proofs_max)};
    }
};

/// The leader's notarize vote makes the block its proposal. `proofs`: of the parent, and of the
/// views between.
struct ProposalMessage {
    Blob header{};
    Blob body{};
    Signature signature{};
    ProofList proofs{};
    static constexpr auto fields() {
        using M = ProposalMessage;
        return std::tuple{field("header", &M::header, "Encoded header.", header_bytes_max),
                          field("body", &M::body, "Body.", 2 * limits::block_bytes_max),
                          field("signature", &M::signature, "Leader's notarize."),
                          field("proofs", &M::proofs, "What R2 asks for.")};
    }
};

struct BundleMessage {
    std::vector<WireVote> votes{};
    ProofList proofs{};
    static constexpr auto fields() {
        using M = BundleMessage;
        return std::tuple{field("votes", &M::votes, "Votes.", bundle_votes_max),
                          field("proofs", &M::proofs, "Certificates.")};
    }
};

/// Where the sender stands. `ask`: send me what I lack from view `missing` on.
struct StatusMessage {
    std::uint64_t final_height = 0;
    std::uint64_t final_view = 0;
    std::uint64_t view = 0;
    std::uint64_t missing = 0;  ///< lowest view above final_view without N and X
    bool ask = false;
    std::optional<WireVote> yours{};  ///< the receiver's highest vote that the sender saw
    static constexpr auto fields() {
        using M = StatusMessage;
        return std::tuple{field("final_height", &M::final_height, "Delivered."),
                          field("final_view", &M::final_view, "Certified."),
                          field("view", &M::view, "Entered."),
                          field("missing", &M::missing, "First undecided."),
                          field("ask", &M::ask, "Answer this."),
                          field("yours", &M::yours, "Your last vote.")};
    }
};

/// "Which view have you entered?" of a node that may have forgotten its votes.
struct QuestionMessage {
    std::uint64_t incarnation = 0;
    static constexpr auto fields() {
        return std::tuple{field("incarnation", &QuestionMessage::incarnation, "Of the asker.")};
    }
};

struct AnswerMessage {
    std::uint64_t incarnation = 0;  ///< of the question
    std::uint64_t view = 0;
    ProofList proofs{};  ///< the highest certificate, so that nobody can invent a view
    static constexpr auto fields() {
        using M = AnswerMessage;
        return std::tuple{field("incarnation", &M::incarnation, "Of the question."),
                          field("view", &M::view, "Entered."), field("proofs", &M::proofs, "Why.")};
    }
};

struct WantBlockMessage {
    std::uint64_t view = 0;
    Hash block{};
    static constexpr auto fields() {
        using M = WantBlockMessage;
        return std::tuple{field("view", &M::view, "Where."), field("block", &M::block, "Hash.")};
    }
};

/// An empty header says: I do not have it.
struct BlockMessage {
    std::uint64_t view = 0;
    Hash hash{};
    Blob header{};
    Blob body{};
    static constexpr auto fields() {
        using M = BlockMessage;
        return std::tuple{field("view", &M::view, "Where."), field("hash", &M::hash, "Hash."),
                          field("header", &M::header, "Encoded header.", header_bytes_max),
                          field("body", &M::body, "Body.", 2 * limits::block_bytes_max)};
    }
};

struct WantFinalMessage {
    std::uint64_t from_height = 0;
    std::uint32_t count = 0;
    static constexpr auto fields() {
        using M = WantFinalMessage;
        return std::tuple{field("from_height", &M::from_height, "First."),
                          field("count", &M::count, "How many.")};
    }
};

struct WireFinalBlock {
    Blob header{};
    Blob body{};
    FinalityProof proof{};
    static constexpr auto fields() {
        using M = WireFinalBlock;
        return std::tuple{field("header", &M::header, "Encoded header.", header_bytes_max),
                          field("body", &M::body, "Body.", 2 * limits::block_bytes_max),
                          field("proof", &M::proof, "Finality.")};
    }
};

/// Consecutive blocks; none is an answer too.
struct FinalBlocksMessage {
    std::uint64_t from_height = 0;
    std::uint64_t final_height = 0;  ///< of the sender
    std::vector<WireFinalBlock> blocks{};
    static constexpr auto fields() {
        using M = FinalBlocksMessage;
        return std::tuple{field("from_height", &M::from_height, "First."),
                          field("final_height", &M::final_height, "Of the sender."),
                          field("blocks", &M::blocks, "Blocks.", final_blocks_max)};
    }
};

struct WirePrefix {
    WireKind kind{};
    std::uint64_t epoch = 0;
};

std::string wire_prefix(WireKind kind, std::uint64_t epoch);
/// Which core a message is for, without reading on. Error: malformed, unsupported (its version).
Result<WirePrefix> read_wire_prefix(std::string_view message);

template <Described T>
std::string encode_message(WireKind kind, std::uint64_t epoch, const T& message) {
    return wire_prefix(kind, epoch) += encode(message);
}
/// The struct after the prefix. Error: malformed.
template <Described T>
Result<T> decode_message(std::string_view message) {
    return decode<T>(message.substr(wire_prefix_bytes));
}
/// As encode_message of a ProposalMessage, copying the body once.
std::string encode_proposal(std::uint64_t epoch, const Block& block, const Signature& signature,
                            const ProofList& proofs);

WireVote to_wire(const SignedStatement& vote);
SignedStatement from_wire(const WireVote& vote);
WireProof to_wire(const Proof& proof);
/// Shape only: members in range and as many as signatures. Error: malformed.
Result<Proof> from_wire(const WireProof& proof, std::size_t member_count);

}  // namespace ait::consensus::simplex
