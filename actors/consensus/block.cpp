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

std::uint64_t quorum_weight(const Genesis& genesis) {
    std::uint64_t total = 0;
    for (const auto& validator : genesis.validators) total += validator.weight;
    return genesis.parameters.fault_model == FaultModel::crash ? total / 2 + 1 : 2 * total / 3 + 1;
}

Signature sign_vote(const VoteStatement& statement, const crypto::SecretKey& key) {
    return key.sign(vote_domain, encode(statement));
}

namespace {

/// A signed header is final, and with it the headers that it descends from.
Status verify_own(const Certificate& certificate, const Genesis& genesis, const BlockHeader& header,
                  const Hash& hash) {
    const VoteStatement expected{.chain = header.chain,
                                 .genesis = genesis_hash(genesis),
                                 .epoch = header.epoch,
                                 .kind = VoteKind::finalize,
                                 .view = header.view,
                                 .block = hash};
    const std::string signed_bytes = encode(expected);
    if (encode(certificate.statement) != signed_bytes)
        return not_final("It is about another block.");
    if (header.epoch != 0)
        return not_final("It is of an epoch that this genesis does not describe.");
    std::uint64_t weight = 0;
    std::int64_t previous = -1;
    for (const auto& vote : certificate.signatures) {
        if (static_cast<std::int64_t>(vote.member) <= previous)
            return not_final("Its members are not in order.");
        previous = vote.member;
        if (vote.member >= genesis.validators.size())
            return not_final("It names an unknown member.");
        const auto& validator = genesis.validators[vote.member];
        if (!crypto::verify(validator.public_key, vote_domain, signed_bytes, vote.signature)) {
            return not_final("The signature of " + validator.name + " is wrong.");
        }
        weight += validator.weight;
    }
    if (weight < quorum_weight(genesis)) {
        return not_final("Weight " + std::to_string(weight) + " signed; " +
                         std::to_string(quorum_weight(genesis)) + " is needed.");
    }
    return {};
}

}  // namespace

Status verify_certificate(const Certificate& certificate, std::span<const Blob> links,
                          const Genesis& genesis, const BlockHeader& header, const Hash& hash) {
    BlockHeader last = header;
    Hash last_hash = hash;
    for (const auto& link : links) {
        auto next = decode<BlockHeader>(link.bytes);
        if (!next.ok()) return next.error();
        if (next.value().parent != last_hash || next.value().height != last.height + 1)
            return not_final("Its links are no chain of headers.");
        last = std::move(next).value();
        last_hash = header_hash(link.bytes);
    }
    return verify_own(certificate, genesis, last, last_hash);
}

}  // namespace ait::consensus
