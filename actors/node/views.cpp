#include "actors/node/views.hpp"

#include <algorithm>

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
    HostedChainView view{
        .chain = genesis.chain,
        .genesis = consensus::genesis_hash(genesis),
        .height = chain.height(),
        .height_known = std::max(chain.height(), now.height_known),
        .time = UnixMs{chain.block_time_unix_ms()},
        .validators = genesis.validators.size(),
        .is_validator = consensus::is_validator(genesis, directory.key().public_key()),
        .is_default = now.is_default,
        .problem = now.problem};
    for (const auto& peer : directory.peers())
        view.height_known = std::max(view.height_known, peer.height.value_or(0));
    view.sync = sync_of(now, view.height, view.height_known);
    return view;
}

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

std::vector<ValidatorView> validators_of(const PeerDirectory& directory,
                                         const consensus::ChainReader& chain) {
    const auto peers = directory.peers();
    std::vector<ValidatorView> views;
    for (const auto& validator : chain.genesis().validators) {
        const auto stake = ledger::stake_of(chain.state(), validator);
        ValidatorView view{.name = validator.name,
                           .public_key = validator.public_key,
                           .weight = validator.weight,
                           .is_self = validator.public_key == directory.key().public_key(),
                           .owner = stake.owner,
                           .staked = stake.staked,
                           .unbonding = stake.unbonding};
        if (stake.slashed) {
            view.slashed = stake.slashed->amount;
            view.slashed_height = stake.slashed->height;
            view.evidence = stake.slashed->operation;
        }
        const auto peer = std::find_if(
            peers.begin(), peers.end(),
            [&validator](const PeerView& one) { return one.public_key == validator.public_key; });
        if (!view.is_self) view.is_connected = peer != peers.end() && peer->is_connected;
        views.push_back(std::move(view));
    }
    return views;
}

std::uint64_t connected_count(const PeerDirectory& directory) {
    return count_connected(directory.peers());
}

}  // namespace ait::node
