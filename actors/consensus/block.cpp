#include "actors/consensus/block.hpp"

#include "runtime/base/codec/msgpack.hpp"
#include "runtime/base/crypto/hash.hpp"

namespace ait::consensus {
namespace {

Error not_final(std::string why) {
    return Error{ErrorCode::check_failed, "The finality certificate is not valid.", std::move(why),
                 "Do not trust this block."};
}

}  // namespace

Hash header_hash(std::string_view encoded_header) {
    return crypto::Hasher().update("block/1|").update(encoded_header).finish();
}

Hash transaction_leaf(std::string_view wire) {
    return crypto::Hasher().update("transaction/1|").update(wire).finish();
}

Hash outcome_leaf(std::string_view encoded_outcome) {
    return crypto::Hasher().update("outcome/1|").update(encoded_outcome).finish();
}

std::uint64_t quorum_weight(const ValidatorSet& set) {
    return quorum_of(total_weight(set), set.fault_model);
}

Signature sign_vote(const VoteStatement& statement, const crypto::SecretKey& key) {
    return key.sign(vote_domain, encode(statement));
}

Result<HashedHeader> follow_links(HashedHeader first, std::span<const Blob> links) {
    HashedHeader last = std::move(first);
    for (const auto& link : links) {
        auto next = decode<BlockHeader>(link.bytes);
        if (!next.ok()) return next.error();
        if (next.value().parent != last.hash || next.value().height != last.header.height + 1)
            return not_final("Its links are no chain of headers.");
        last = {std::move(next).value(), header_hash(link.bytes)};
    }
    return last;
}

Status check_signatures(
    std::span<const MemberSignature> signatures, std::uint64_t needed,
    const std::function<std::optional<std::uint64_t>(std::uint32_t member)>& weight_of,
    const std::function<bool(const MemberSignature&)>& is_valid) {
    std::uint64_t weight = 0;
    std::int64_t previous = -1;
    for (const auto& vote : signatures) {
        if (static_cast<std::int64_t>(vote.member) <= previous)
            return not_final("Its members are not in order.");
        previous = vote.member;
        const auto own = weight_of(vote.member);
        if (!own) return not_final("It names an unknown member.");
        if (!is_valid(vote))
            return not_final("The signature of member " + std::to_string(vote.member) +
                             " is wrong.");
        weight += *own;
    }
    if (weight >= needed) return {};
    return not_final("Weight " + std::to_string(weight) + " signed; " + std::to_string(needed) +
                     " is needed.");
}

Status check_quorum(std::span<const MemberSignature> signatures, const ValidatorSet& set,
                    std::string_view domain, std::string_view signed_bytes) {
    const auto& members = set.members;
    return check_signatures(
        signatures, quorum_weight(set),
        [&](std::uint32_t member) {
            return member < members.size() ? std::optional(members[member].weight) : std::nullopt;
        },
        [&](const MemberSignature& vote) {
            return crypto::verify(members[vote.member].public_key, domain, signed_bytes,
                                  vote.signature);
        });
}

Status verify_certificate(const Certificate& certificate, std::span<const Blob> links,
                          const Hash& genesis_id, const ValidatorSet& set,
                          const BlockHeader& header, const Hash& hash) {
    const auto last = follow_links({header, hash}, links);
    if (!last.ok()) return last.error();
    const VoteStatement expected{.chain = header.chain,
                                 .genesis = genesis_id,
                                 .epoch = set.epoch,
                                 .kind = VoteKind::finalize,
                                 .view = last.value().header.view,
                                 .block = last.value().hash};
    const std::string signed_bytes = encode(expected);
    if (encode(certificate.statement) != signed_bytes)
        return not_final("It is about another block.");
    if (header.epoch != set.epoch || last.value().header.epoch != set.epoch) {
        return not_final("It is of epoch " + std::to_string(header.epoch) +
                         ", and judged by the members of epoch " + std::to_string(set.epoch) + ".");
    }
    return check_quorum(certificate.signatures, set, vote_domain, signed_bytes);
}

}  // namespace ait::consensus
