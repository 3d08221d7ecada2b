#pragma once

// Blocks, outcomes and certificates. The header commits to the transactions, to what each of them
// did (outcomes), and to the whole history of state writes. A certificate is validators' signatures
// over one statement (CONSENSUS 1.1); with one validator it holds one signature.

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "actors/consensus/validator_set.hpp"
#include "runtime/base/crypto/keys.hpp"
#include "runtime/base/limits.hpp"

namespace ait::consensus {

inline constexpr std::string_view vote_domain = "vote/1";
/// Headers between a final block and the descendant that has a certificate of its own.
inline constexpr std::uint32_t finality_links_max = 4'096;

struct BlockHeader {
    std::uint64_t version = 1;
    std::string chain{};
    Hash genesis{};
    std::uint64_t epoch = 0;
    std::uint64_t view = 0;
    std::uint64_t height = 0;
    std::uint64_t parent_view = 0;
    Hash parent{};
    std::uint64_t transaction_count = 0;  ///< outcomes are one more: due entries come last
    Hash transactions_root{};
    Hash outcomes_root{};
    Hash state_commitment{};  ///< hash(parent's commitment, sorted write set)
    std::int64_t time_unix_ms = 0;
    PublicKey leader{};
    static constexpr auto fields() {
        using H = BlockHeader;
        return std::tuple{
            field("version", &H::version, "1."),
            field("chain", &H::chain, "Chain.", 64),
            field("genesis", &H::genesis, "Genesis hash."),
            field("epoch", &H::epoch, "Validator set."),
            field("view", &H::view, "Simplex view."),
            field("height", &H::height, "Dense."),
            field("parent_view", &H::parent_view, "View of the parent."),
            field("parent", &H::parent, "Hash of the parent's header."),
            field("transaction_count", &H::transaction_count, "Leaves under transactions_root."),
            field("transactions_root", &H::transactions_root, "Merkle root."),
            field("outcomes_root", &H::outcomes_root, "Merkle root."),
            field("state_commitment", &H::state_commitment, "Chained hash of writes."),
            field("time_unix_ms", &H::time_unix_ms, "Block time."),
            field("leader", &H::leader, "Who proposed it.")};
    }
};

enum class VoteKind : std::uint8_t { notarize, nullify, finalize };

}  // namespace ait::consensus

namespace ait {
template <>
struct EnumNames<consensus::VoteKind> {
    static constexpr std::array<std::string_view, 3> names{"notarize", "nullify", "finalize"};
};
}  // namespace ait

namespace ait::consensus {

/// What a validator signs, under the domain tag "vote/1".
struct VoteStatement {
    std::string chain{};
    Hash genesis{};
    std::uint64_t epoch = 0;
    VoteKind kind = VoteKind::finalize;
    std::uint64_t view = 0;
    Hash block{};
    static constexpr auto fields() {
        using V = VoteStatement;
        return std::tuple{field("chain", &V::chain, "Chain.", 64),
                          field("genesis", &V::genesis, "Genesis hash."),
                          field("epoch", &V::epoch, "Validator set."),
                          field("kind", &V::kind, "Statement."),
                          field("view", &V::view, "Simplex view."),
                          field("block", &V::block, "Header hash.")};
    }
};

struct MemberSignature {
    std::uint32_t member = 0;  ///< index in the epoch's validators, ascending
    Signature signature{};
    static constexpr auto fields() {
        return std::tuple{field("member", &MemberSignature::member, "Index."),
                          field("signature", &MemberSignature::signature, "Ed25519.")};
    }
};

struct Certificate {
    VoteStatement statement{};
    std::vector<MemberSignature> signatures{};
    static constexpr auto fields() {
        return std::tuple{field("statement", &Certificate::statement, "What was signed."),
                          field("signatures", &Certificate::signatures, "By member.", 256)};
    }
};

struct EventAttribute {
    std::string key{};
    std::string value{};
    static constexpr auto fields() {
        return std::tuple{field("key", &EventAttribute::key, "", 64),
                          field("value", &EventAttribute::value, "", limits::error_text_bytes_max)};
    }
};

struct Event {
    std::string kind{};     ///< "job.queued"
    std::string subject{};  ///< id or address it is about
    std::vector<EventAttribute> attributes{};
    static constexpr auto fields() {
        return std::tuple{
            field("kind", &Event::kind, "What happened.", 64),
            field("subject", &Event::subject, "To what.", 128),
            optional_field("attributes", &Event::attributes, "With which values.", 32)};
    }
};

/// What one operation did. A batch has one per item, a signed transaction exactly one.
struct ItemOutcome {
    std::uint32_t code =
        0;  ///< 0, or an ErrorCode: refused inside a batch, without a trace in state
    std::string error{};
    Blob response{};  ///< canonical msgpack of the rule's answer
    std::vector<Event> events{};
    static constexpr auto fields() {
        using T = ItemOutcome;
        return std::tuple{
            field("code", &T::code, "0 or an error code."),
            field("error", &T::error, "Text of a refusal.", limits::error_text_bytes_max),
            field("response", &T::response, "The answer.", limits::block_bytes_max),
            field("events", &T::events, "What happened.", 4'096)};
    }
};

struct TransactionOutcome {
    std::vector<ItemOutcome> items{};
    static constexpr auto fields() {
        return std::tuple{field("items", &TransactionOutcome::items, "One per operation.",
                                limits::block_transactions_max)};
    }
};

/// What makes a block, without the blobs that its operations name; outcomes are recomputed by
/// execution.
struct BlockRecord {
    Blob header{};                     ///< encoded BlockHeader, exactly as hashed
    std::vector<Blob> transactions{};  ///< wire bytes, in order
    Certificate certificate{};
    std::vector<Blob> links{};  ///< headers down to the certified descendant; none: it is certified
    static constexpr auto fields() {
        using B = BlockRecord;
        return std::tuple{
            field("header", &B::header, "Encoded header."),
            field("transactions", &B::transactions, "Wire bytes.", limits::block_transactions_max),
            field("certificate", &B::certificate, "Finality."),
            optional_field("links", &B::links, "Headers to what is certified.",
                           finality_links_max)};
    }
};

/// What the log keeps of a block.
struct LoggedBlock {
    Blob record{};                 ///< encoded BlockRecord
    std::vector<Blob> sidecars{};  ///< blobs that operations name
    static constexpr auto fields() {
        using B = LoggedBlock;
        return std::tuple{
            field("record", &B::record, "Encoded block.", 2 * limits::block_bytes_max),
            field("sidecars", &B::sidecars, "Blobs.", limits::block_blobs_max)};
    }
};

/// A blob that comes with an operation.
struct Sidecar {
    Hash hash{};  ///< BLAKE2b-256 of the bytes
    std::string bytes{};
};

Hash header_hash(std::string_view encoded_header);
Hash transaction_leaf(std::string_view wire);
/// Of an encoded TransactionOutcome.
Hash outcome_leaf(std::string_view encoded_outcome);
/// quorum_of() all members.
std::uint64_t quorum_weight(const ValidatorSet& set);
/// Signs one statement as a member.
Signature sign_vote(const VoteStatement& statement, const crypto::SecretKey& key);
struct HashedHeader {
    BlockHeader header{};
    Hash hash{};
};
/// The last of the headers that descend from `first`, each naming the one before it as its parent;
/// `first` where there are none. Error: check_failed, malformed.
Result<HashedHeader> follow_links(HashedHeader first, std::span<const Blob> links);
/// What counts a certificate's signatures: distinct members in ascending order, each valid, of at
/// least `needed` weight. `weight_of` gives nothing for an unknown member. Error: check_failed.
Status check_signatures(
    std::span<const MemberSignature> signatures, std::uint64_t needed,
    const std::function<std::optional<std::uint64_t>(std::uint32_t member)>& weight_of,
    const std::function<bool(const MemberSignature&)>& is_valid);
/// That a quorum of the set signed these bytes under this domain tag. Error: check_failed.
Status check_quorum(std::span<const MemberSignature> signatures, const ValidatorSet& set,
                    std::string_view domain, std::string_view signed_bytes);
/// Checks that a quorum of distinct members of the header's epoch, which is that of `set`,
/// finalised this header, or the descendant of it that `links` lead to. Error: check_failed with
/// the reason.
Status verify_certificate(const Certificate& certificate, std::span<const Blob> links,
                          const Hash& genesis_id, const ValidatorSet& set,
                          const BlockHeader& header, const Hash& hash);

}  // namespace ait::consensus
