#include "actors/node/views.hpp"

#include <algorithm>

#include "actors/ledger/membership.hpp"
#include "actors/ledger/slashing.hpp"
#include "runtime/base/version.hpp"

namespace ait::node {
namespace {

std::uint64_t count_connected(const std::vector<PeerView>& peers) {
    return static_cast<std::uint64_t>(std::count_if(
        peers.begin(), peers.end(), [](const PeerView& peer) { return peer.is_connected; }));
}

SyncState sync_of(const HostedNow& now, std::uint64_t height, std::uint64_t height_known) {
    if (now.is_failed) return SyncState::error;
    if (now.is_joining) return SyncState::joining;
    if (!now.reaches_quorum) return SyncState::cut_off;
    return height < height_known ? SyncState::behind : SyncState::synced;
}

}  // namespace

HostedChainView hosted_chain_view(const PeerDirectory& directory,
                                  const consensus::ChainReader& chain, const HostedNow& now) {
    const auto& genesis = chain.genesis();
    const auto set = consensus::set_in_force(chain.state(), genesis);
    HostedChainView view{
        .chain = genesis.chain,
        .genesis = consensus::genesis_hash(genesis),
        .height = chain.height(),
        .height_known = std::max(chain.height(), now.height_known),
        .time = UnixMs{chain.block_time_unix_ms()},
        .validators = set.members.size(),
        .is_validator = consensus::find_member(set, directory.key().public_key()) != nullptr,
        .is_default = now.is_default,
        .problem = now.problem,
        .epoch = set.epoch};
    for (const auto& peer : directory.peers())
        view.height_known = std::max(view.height_known, peer.height.value_or(0));
    view.sync = sync_of(now, view.height, view.height_known);
    return view;
}

namespace {

/// What views of validators are made of.
struct Seen {
    const PeerDirectory& directory;
    const consensus::ChainReader& chain;
    std::vector<PeerView> peers;
};

ValidatorView view_of(const Seen& seen, const consensus::GenesisValidator& validator,
                      std::string_view status) {
    const auto stake = ledger::stake_of(seen.chain.state(), validator);
    ValidatorView view{.name = validator.name,
                       .public_key = validator.public_key,
                       .weight = validator.weight,
                       .is_self = validator.public_key == seen.directory.key().public_key(),
                       .owner = stake.owner,
                       .staked = stake.staked,
                       .unbonding = stake.unbonding,
                       .status = std::string(status)};
    if (stake.slashed) {
        view.slashed = stake.slashed->amount;
        view.slashed_height = stake.slashed->height;
        view.evidence = stake.slashed->operation;
    }
    const auto peer = std::find_if(
        seen.peers.begin(), seen.peers.end(),
        [&validator](const PeerView& one) { return one.public_key == validator.public_key; });
    if (!view.is_self) view.is_connected = peer != seen.peers.end() && peer->is_connected;
    return view;
}

void add_excluded(const Seen& seen, const consensus::ValidatorSet& set,
                  std::vector<ValidatorView>& views) {
    for (const auto& liar : consensus::liars(seen.chain.state())) {
        // Who was alone in its set lost its stake and votes on.
        if (consensus::find_member(set, liar.validator.public_key) != nullptr) continue;
        views.push_back(view_of(seen, liar.validator, "excluded"));
        views.back().epoch = liar.epoch;
    }
}

}  // namespace

Result<IdentityView> identity_of(const PeerDirectory& directory,
                                 std::vector<HostedChainView> chains, NodeFactsNow now,
                                 const std::string& challenge_hex) {
    AIT_ASSERT(!chains.empty());
    const auto peers = directory.peers();
    IdentityView view{.name = directory.name(),
                      .public_key = directory.key().public_key(),
                      .version = std::string(version),
                      .role = "follower",
                      .ready = now.ready,
                      .peers_known = peers.size(),
                      .peers_connected = count_connected(peers),
                      .time = UnixMs{now.now_unix_ms},
                      .chains = std::move(chains)};
    if (view.chains.front().is_validator) view.role = "validator";
    if (challenge_hex.empty()) return view;
    const auto challenge = from_hex(challenge_hex);
    if (!challenge.ok() || challenge.value().size() != identity_challenge_bytes) {
        return Error{ErrorCode::invalid_argument, "The challenge is not fit.",
                     "It must be 64 lower-case hexadecimal digits.", ""};
    }
    view.proof = prove_identity(directory.key(), challenge.value());
    return view;
}

Result<std::vector<ValidatorView>> validators_of(const PeerDirectory& directory,
                                                 const consensus::ChainReader& chain,
                                                 std::optional<std::uint64_t> epoch) {
    const Seen seen{directory, chain, directory.peers()};
    const auto now = consensus::set_in_force(chain.state(), chain.genesis());
    const auto set = epoch ? consensus::set_of_epoch(chain.state(), chain.genesis(), *epoch)
                           : std::optional(now);
    if (!set) {
        return Error{
            ErrorCode::not_found, "The chain has no epoch " + std::to_string(*epoch) + ".",
            "An epoch is called by the block that made its members vote; the last one is " +
                std::to_string(now.epoch) + ".",
            "See aitbc chain events --kind chain.epoch."};
    }
    std::vector<ValidatorView> views;
    for (const auto& member : set->members) {
        views.push_back(view_of(seen, member, "votes"));
        views.back().epoch = set->epoch;
    }
    if (epoch) return views;
    ledger::for_each_candidate(chain.state(), [&](const ledger::CandidateRecord& candidate) {
        views.push_back(
            view_of(seen, candidate.validator, candidate.accepted_height == 0 ? "asks" : "syncs"));
        views.back().epoch = set->epoch;
        views.back().approved_weight = ledger::approved_weight(candidate, *set);
        return true;
    });
    add_excluded(seen, *set, views);
    return views;
}

std::uint64_t connected_count(const PeerDirectory& directory) {
    return count_connected(directory.peers());
}

}  // namespace ait::node
