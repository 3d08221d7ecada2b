#pragma once

// A node among others: what it says of itself, of the nodes it is linked to and of the chains it
// hosts. Who implements PeerDirectory knows the links; nothing here opens one.

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/crypto/keys.hpp"
#include "runtime/base/fields.hpp"

namespace ait {

/// How far a node is with a chain that it hosts.
enum class SyncState : std::uint8_t {
    synced,
    behind,   ///< others tell of later blocks
    joining,  ///< the chain's state is being fetched
    cut_off,  ///< too few of the chain's validators are reached for anything to become final
    error     ///< not open, or without its links; `problem` says why
};
template <>
struct EnumNames<SyncState> {
    static constexpr std::array<std::string_view, 5> names{"synced", "behind", "joining", "cut_off",
                                                           "error"};
};

}  // namespace ait

namespace ait::node {

/// One node that this one knows, as it sees it.
struct PeerView {
    std::string name{};
    PublicKey public_key{};
    std::string address{};
    std::string role{};
    bool is_connected = false;
    std::string why{};
    std::optional<std::int64_t> rtt_us{};
    std::optional<std::int64_t> clock_skew_us{};
    std::string version{};
    std::optional<std::uint64_t> height{};
    UnixMs connected_since{};
    static constexpr auto fields() {
        using T = PeerView;
        return std::tuple{
            field("name", &T::name, "Its name in the cluster.", 64),
            field("public_key", &T::public_key, "Ed25519; what it must prove."),
            field("address", &T::address, "Where it is dialled: HOST:PORT."),
            field("role", &T::role, "validator or follower."),
            field("is_connected", &T::is_connected, "Whether the link is up."),
            field("why", &T::why, "Why it is not; empty when it is."),
            field("rtt_us", &T::rtt_us, "Round trip in microseconds."),
            field("clock_skew_us", &T::clock_skew_us, "Its clock ahead of ours; behind below 0."),
            field("version", &T::version, "Of its program; empty when not heard."),
            field("height", &T::height, "Highest block that it told of, if it did."),
            optional_field("connected_since", &T::connected_since, "Since when the link is up.")};
    }
};

/// One chain as this node hosts it.
struct HostedChainView {
    std::string chain{};
    Hash genesis{};
    std::uint64_t height = 0;
    std::uint64_t height_known = 0;
    UnixMs time{};
    std::uint64_t validators = 0;
    bool is_validator = false;
    SyncState sync = SyncState::synced;
    bool is_default = false;
    std::string problem{};
    std::uint64_t epoch = 0;
    static constexpr auto fields() {
        using T = HostedChainView;
        return std::tuple{
            field("chain", &T::chain, "Name."),
            field("genesis", &T::genesis, "Genesis hash: what the chain is."),
            field("height", &T::height, "Last applied block."),
            field("height_known", &T::height_known, "Highest that this node or a peer tells of."),
            field("time", &T::time, "Time of the last applied block."),
            field("validators", &T::validators, "How many vote."),
            field("is_validator", &T::is_validator, "Whether this node does."),
            field("sync", &T::sync, "How far this node is with it."),
            field("is_default", &T::is_default, "Whether calls that name no chain are about it."),
            field("problem", &T::problem, "Why it is not open or not linked; else empty."),

            field("epoch", &T::epoch, "Block that made them vote; 0: the genesis.")};
    }
};

/// A chain that this node hosts no more; nothing of it is deleted.
struct LeftChainView {
    std::string chain{};
    std::uint64_t height = 0;
    std::string folder{};
    static constexpr auto fields() {
        using T = LeftChainView;
        return std::tuple{field("chain", &T::chain, "Name."),
                          field("height", &T::height, "Last applied block here."),
                          field("folder", &T::folder,
                                "What is kept; to host it again, join it with its "
                                "genesis after a restart.")};
    }
};

/// What a node says of itself to anyone who asks.
struct IdentityView {
    std::string name{};
    PublicKey public_key{};
    std::string version{};
    std::string role{};
    bool ready = false;
    std::uint64_t peers_known = 0;
    std::uint64_t peers_connected = 0;
    UnixMs time{};
    std::vector<HostedChainView> chains{};
    Signature proof{};
    static constexpr auto fields() {
        using T = IdentityView;
        return std::tuple{
            field("name", &T::name, "Its name in the cluster."),
            field("public_key", &T::public_key, "Ed25519: which node it is."),
            field("version", &T::version, "Of the program."),
            field("role", &T::role, "validator or follower."),
            field("ready", &T::ready, "Whether it serves."),
            field("peers_known", &T::peers_known, "Other nodes of its cluster."),
            field("peers_connected", &T::peers_connected, "Those with a link that is up."),
            field("time", &T::time, "Its clock."),
            field("chains", &T::chains, "The chains that it hosts."),
            optional_field("proof", &T::proof, "Its signature under the challenge, if one came.")};
    }
};

struct ValidatorView {
    std::string name{};
    PublicKey public_key{};
    std::uint64_t weight = 0;
    bool is_self = false;
    std::optional<bool> is_connected{};
    Address owner{};
    Amount staked{};
    Amount unbonding{};
    Amount slashed{};
    std::optional<std::uint64_t> slashed_height{};
    std::optional<Hash> evidence{};
    std::string status{};
    std::uint64_t epoch = 0;
    std::uint64_t approved_weight = 0;
    static constexpr auto fields() {
        using T = ValidatorView;
        return std::tuple{
            field("name", &T::name, "For people."),
            field("public_key", &T::public_key, "Ed25519."),
            field("weight", &T::weight, "Share in the quorum."),
            field("is_self", &T::is_self, "Whether it is the node that answers."),
            field("is_connected", &T::is_connected, "Whether that node has a link to it."),
            field("owner", &T::owner, "Account whose stake answers for it."),
            field("staked", &T::staked, "AIT that it would lose from."),
            field("unbonding", &T::unbonding, "AIT on its way back; answers for it too."),
            field("slashed", &T::slashed, "AIT that it has lost for lying."),
            field("slashed_height", &T::slashed_height, "Block with the evidence of its lie."),
            field("evidence", &T::evidence, "The operation that brought the evidence."),
            field("status", &T::status, "votes, asks, syncs (let in, not there yet) or excluded."),
            field("epoch", &T::epoch, "Of the set: the block that made it; 0: the genesis."),
            field("approved_weight", &T::approved_weight, "Of those who let it in.")};
    }
};

inline constexpr std::size_t identity_challenge_bytes = 32;

/// What a node signs to prove its key: the asker's random bytes and nothing else of the asker's.
/// Whoever relays the question to the real node gets a true answer too, so the proof says which
/// node answers in the end, not that nobody stands between.
inline Signature prove_identity(const crypto::SecretKey& key, std::string_view challenge) {
    AIT_ASSERT(challenge.size() == identity_challenge_bytes);
    return key.sign("node-identity/1", challenge);
}
inline bool verify_identity(const PublicKey& key, std::string_view challenge,
                            const Signature& proof) {
    return crypto::verify(key, "node-identity/1", challenge, proof);
}

/// Who this node is among others, and what it knows of them. Any thread; never blocks.
class PeerDirectory {
  public:
    PeerDirectory() = default;
    PeerDirectory(const PeerDirectory&) = delete;
    PeerDirectory& operator=(const PeerDirectory&) = delete;
    virtual ~PeerDirectory() = default;

    /// This node's name and key.
    [[nodiscard]] virtual const std::string& name() const = 0;
    [[nodiscard]] virtual const crypto::SecretKey& key() const = 0;
    /// All other nodes it knows, linked or not, ordered by name.
    [[nodiscard]] virtual std::vector<PeerView> peers() const = 0;
};

/// A node without others. The key must outlive it.
class NoPeers final : public PeerDirectory {
  public:
    NoPeers(std::string name, const crypto::SecretKey& key) : name_(std::move(name)), key_(key) {}
    [[nodiscard]] const std::string& name() const override { return name_; }
    [[nodiscard]] const crypto::SecretKey& key() const override { return key_; }
    [[nodiscard]] std::vector<PeerView> peers() const override { return {}; }

  private:
    const std::string name_;
    const crypto::SecretKey& key_;
};

}  // namespace ait::node
