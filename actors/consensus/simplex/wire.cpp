#include "actors/consensus/simplex/wire.hpp"

namespace ait::consensus::simplex {
namespace {

Error malformed(std::string why) {
    return Error{ErrorCode::malformed, "A consensus message cannot be read.", std::move(why), ""};
}

}  // namespace

std::string wire_prefix(WireKind kind, std::uint64_t epoch) {
    std::string prefix{static_cast<char>(wire_version), static_cast<char>(kind)};
    return prefix += big_endian(epoch);
}

Result<WirePrefix> read_wire_prefix(std::string_view message) {
    if (message.size() < wire_prefix_bytes) return malformed("It is shorter than its prefix.");
    if (static_cast<std::uint8_t>(message[0]) != wire_version) {
        return Error{ErrorCode::unsupported, "A consensus message cannot be read.",
                     "Its version is " + std::to_string(static_cast<std::uint8_t>(message[0])) +
                         "; this node knows " + std::to_string(wire_version) + ".",
                     "Run the same release on all nodes."};
    }
    const auto kind = static_cast<std::uint8_t>(message[1]);
    if (kind < static_cast<std::uint8_t>(WireKind::proposal) ||
        kind > static_cast<std::uint8_t>(WireKind::final_blocks)) {
        return malformed("Its kind is unknown.");
    }
    return WirePrefix{static_cast<WireKind>(kind), from_big_endian(message.substr(2, 8))};
}

std::string encode_proposal(std::uint64_t epoch, const Block& block, const Signature& signature,
                            const ProofList& proofs) {
    const std::string encoded_proofs = encode(proofs);
    Assembly parts(wire_prefix_bytes + block.header.size() + block.body.size() +
                   encoded_proofs.size() + Signature::size);
    return parts.encoded(wire_prefix(WireKind::proposal, epoch))
        .list(field_count<ProposalMessage>)
        .blob(block.header)
        .blob(block.body)
        .blob(signature.view())
        .encoded(encoded_proofs)
        .take();
}

WireVote to_wire(const SignedStatement& vote) {
    return {.member = vote.member,
            .kind = vote.statement.kind,
            .view = vote.statement.view,
            .block = vote.statement.block,
            .signature = vote.signature};
}

SignedStatement from_wire(const WireVote& vote) {
    return {.member = vote.member,
            .statement = {.kind = vote.kind, .view = vote.view, .block = vote.block},
            .signature = vote.signature};
}

WireProof to_wire(const Proof& proof) {
    WireProof wire{
        .kind = proof.statement.kind, .view = proof.statement.view, .block = proof.statement.block};
    AIT_ASSERT(!proof.signatures.empty());
    wire.members.bytes.assign(proof.signatures.back().member / 8 + 1, '\0');
    wire.signatures.bytes.reserve(proof.signatures.size() * Signature::size);
    for (const auto& vote : proof.signatures) {
        char& byte = wire.members.bytes[vote.member / 8];
        byte = static_cast<char>(static_cast<std::uint8_t>(byte) | (1U << (vote.member % 8)));
        wire.signatures.bytes += vote.signature.view();
    }
    return wire;
}

Result<Proof> from_wire(const WireProof& wire, std::size_t member_count) {
    Proof proof{.statement = {.kind = wire.kind, .view = wire.view, .block = wire.block},
                .signatures = {}};
    const std::string_view bitmap = wire.members.bytes;
    if (bitmap.empty() || bitmap.back() == '\0')
        return malformed("A certificate's bitmap is not in its shortest form.");
    const std::string_view signatures = wire.signatures.bytes;
    if (signatures.size() % Signature::size != 0)
        return malformed("A certificate's signatures are cut.");
    const std::size_t count = signatures.size() / Signature::size;
    if (count > member_count) return malformed("A certificate has too many signatures.");
    proof.signatures.reserve(count);
    for (std::uint32_t member = 0; member < bitmap.size() * 8; ++member) {
        if ((static_cast<std::uint8_t>(bitmap[member / 8]) >> (member % 8) & 1U) == 0) continue;
        const std::size_t index = proof.signatures.size();
        if (member >= member_count || index >= count)
            return malformed("A certificate's bitmap does not fit its signatures.");
        auto signature = fixed_from_bytes<Signature>(
            signatures.substr(index * Signature::size, Signature::size));
        if (!signature.ok()) return signature.error();
        proof.signatures.push_back({.member = member, .signature = signature.value()});
    }
    if (proof.signatures.size() != count)
        return malformed("A certificate's bitmap does not fit its signatures.");
    return proof;
}

}  // namespace ait::consensus::simplex
