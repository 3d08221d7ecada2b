#include "actors/consensus/simplex/types.hpp"

#include <algorithm>
#include <numeric>

#include "actors/consensus/simplex/authenticator.hpp"
#include "actors/consensus/simplex/planted.hpp"
#include "runtime/base/codec/msgpack.hpp"

namespace ait::consensus::simplex {
namespace {

inline constexpr std::uint64_t table_length_max = 1'024;

Error not_final(std::string why) {
    return Error{ErrorCode::check_failed, "The proof of finality is not valid.", std::move(why),
                 "Do not trust this block."};
}

/// Weights in the table: exact where their sum is small, else to one part in the table's length.
std::vector<std::uint64_t> table_weights(const Config& config) {
    std::uint64_t divisor = 0;
    std::uint64_t total = 0;
    for (const auto& member : config.members) {
        divisor = std::gcd(divisor, member.weight);
        total += member.weight;
    }
    const std::uint64_t sum = total / divisor;
    const std::uint64_t part = sum <= table_length_max ? 1 : sum / table_length_max + 1;
    std::vector<std::uint64_t> weights;
    for (const auto& member : config.members)
        weights.push_back(std::max<std::uint64_t>(1, member.weight / divisor / part));
    return weights;
}

}  // namespace

std::uint64_t quorum_weight(const Config& config) {
    std::uint64_t total = 0;
    for (const auto& member : config.members) total += member.weight;
    const std::uint64_t quorum = quorum_of(total, config.fault_model);
    return planted(Bug::quorum_one_short) ? quorum - 1 : quorum;
}

std::vector<std::uint32_t> leader_table(const Config& config) {
    const auto weights = table_weights(config);
    const auto length = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
    // Smooth weighted round robin: each turn everybody gains its weight, the richest leads and pays
    // the sum. Equal weights give plain round robin.
    std::vector<std::int64_t> credit(weights.size(), 0);
    std::vector<std::uint32_t> table;
    table.reserve(length);
    for (std::uint64_t turn = 0; turn < length; ++turn) {
        std::size_t leader = 0;
        for (std::size_t i = 0; i < weights.size(); ++i) {
            credit[i] += static_cast<std::int64_t>(weights[i]);
            if (credit[i] > credit[leader]) leader = i;
        }
        credit[leader] -= static_cast<std::int64_t>(length);
        table.push_back(static_cast<std::uint32_t>(leader));
    }
    // Each epoch begins elsewhere, so that a short epoch does not always favour the same member.
    std::rotate(table.begin(),
                table.begin() + static_cast<std::ptrdiff_t>(config.epoch % table.size()),
                table.end());
    return table;
}

Status verify_finality(const FinalityProof& proof, const std::string& header, const Config& config,
                       const Authenticator& authenticator) {
    auto first = decode<BlockHeader>(header);
    if (!first.ok()) return first.error();
    const auto last = follow_links({std::move(first).value(), header_hash(header)}, proof.links);
    if (!last.ok()) return last.error();
    const auto& claimed = proof.certificate.statement;
    const Statement statement{
        .kind = VoteKind::finalize, .view = last.value().header.view, .block = last.value().hash};
    if (claimed.kind != statement.kind || claimed.view != statement.view ||
        claimed.block != statement.block || claimed.epoch != config.epoch ||
        claimed.chain != config.chain || claimed.genesis != config.genesis) {
        return not_final("The certificate is about another block.");
    }
    return check_signatures(
        proof.certificate.signatures, quorum_weight(config),
        [&](std::uint32_t member) {
            return member < config.members.size() ? std::optional(config.members[member].weight)
                                                  : std::nullopt;
        },
        [&](const MemberSignature& vote) {
            return authenticator.verify(vote.member, statement, vote.signature);
        });
}

}  // namespace ait::consensus::simplex
