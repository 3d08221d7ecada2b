// A node that is two: each half of its peers hears another one, and both sign with the one key.
// Three of the real node's functions are wrapped by the linker (CMakeLists.txt): where the chain is
// spawned it gets links that lie, where it builds a block a second one is built beside it, and the
// guard of its votes takes whatever the other half heard for its own.

#include <spdlog/spdlog.h>

#include <algorithm>
#include <caf/all.hpp>
#include <map>

#include "actors/consensus/proposals.hpp"
#include "actors/consensus/replicated_chain.hpp"
#include "actors/consensus/simplex/vote_guard.hpp"
#include "actors/consensus/simplex/wire.hpp"
#include "runtime/base/crypto/hash.hpp"

namespace ait::consensus {

ReplicatedChainActor real_spawn(caf::actor_system& system,
                                ReplicatedChainServices services) asm("__real_" AIT_TWINS_SPAWN);
ReplicatedChainActor twins_spawn(caf::actor_system& system,
                                 ReplicatedChainServices services) asm("__wrap_" AIT_TWINS_SPAWN);
std::optional<BuiltProposal> real_build(const ChainData& data, const UnfinalBlocks& blocks,
                                        OperationDesk& desk, const simplex::Build& request,
                                        const crypto::SecretKey& node_key, std::int64_t now_unix_ms,
                                        std::uint64_t epoch) asm("__real_" AIT_TWINS_BUILD);
std::optional<BuiltProposal> twins_build(const ChainData& data, const UnfinalBlocks& blocks,
                                         OperationDesk& desk, const simplex::Build& request,
                                         const crypto::SecretKey& node_key,
                                         std::int64_t now_unix_ms,
                                         std::uint64_t epoch) asm("__wrap_" AIT_TWINS_BUILD);
bool twins_know(const simplex::VoteGuard* guard,
                const simplex::Statement* statement) asm("__wrap_" AIT_TWINS_KNOWS);

namespace {

constexpr std::size_t blocks_kept = 16;

/// What the other half is shown instead, by view. One chain a process, used by its actor alone.
std::map<std::uint64_t, simplex::BlockPtr>& other_blocks() {
    static std::map<std::uint64_t, simplex::BlockPtr> blocks;
    return blocks;
}

/// What the twin says about a view that is not its own to lead, in turns.
enum class Mood : std::uint8_t { honest, other_block, nullify_too };
Mood mood_of(std::uint64_t view) {
    switch (view % 5) {
        case 1:
            return Mood::other_block;
        case 3:
            return Mood::nullify_too;
        default:
            return Mood::honest;
    }
}

/// Links of which one half of the peers hears the twin.
class TwinLinks final : public PeerLinks {
  public:
    TwinLinks(PeerLinks& links, const crypto::SecretKey& key, simplex::Config config)
        : links_(links), key_(key), config_(std::move(config)) {}

    void send(const PublicKey& peer, PeerMessage kind,
              std::shared_ptr<const std::string> bytes) override {
        if (hears_twin(peer) && is_of_core(kind)) bytes = twisted(std::move(bytes));
        links_.send(peer, kind, std::move(bytes));
    }
    void broadcast(std::span<const PublicKey> peers, PeerMessage kind,
                   std::shared_ptr<const std::string> bytes) override {
        if (!is_of_core(kind)) return links_.broadcast(peers, kind, std::move(bytes));
        for (const auto& peer : peers) send(peer, kind, bytes);
    }
    void set_validators(std::span<const PublicKey> keys) override { links_.set_validators(keys); }

  private:
    static bool is_of_core(PeerMessage kind) { return kind <= PeerMessage::catch_up; }
    /// The members after the first other one: with four, one hears the node and two the twin, and
    /// a quorum of either story needs the liar's vote.
    [[nodiscard]] bool hears_twin(const PublicKey& peer) const {
        const std::size_t first_other = config_.self == 0U ? 1 : 0;
        return peer != config_.members[first_other].key;
    }

    std::shared_ptr<const std::string> twisted(std::shared_ptr<const std::string> bytes) {
        const auto prefix = simplex::read_wire_prefix(*bytes);
        if (!prefix.ok()) return bytes;
        std::string other;
        if (prefix.value().kind == simplex::WireKind::proposal) other = other_proposal(*bytes);
        if (prefix.value().kind == simplex::WireKind::bundle) other = other_votes(*bytes);
        return other.empty() ? bytes : std::make_shared<const std::string>(std::move(other));
    }

    std::string other_proposal(const std::string& bytes) {
        const auto read = simplex::decode_message<simplex::ProposalMessage>(bytes);
        AIT_ASSERT(read.ok());  // our own
        const auto header = decode<BlockHeader>(read.value().header.bytes);
        AIT_ASSERT(header.ok());
        const std::uint64_t view = header.value().view;
        const auto other = other_blocks().find(view);
        if (other == other_blocks().end()) return {};
        const simplex::Statement statement{VoteKind::notarize, view,
                                           header_hash(other->second->header)};
        tell_of(statement, "proposal");
        return simplex::encode_proposal(config_.epoch, *other->second, sign(statement),
                                        read.value().proofs);
    }

    std::string other_votes(const std::string& bytes) {
        auto read = simplex::decode_message<simplex::BundleMessage>(bytes);
        AIT_ASSERT(read.ok());  // our own
        bool is_changed = false;
        for (auto& vote : read.value().votes) {
            if (vote.member != config_.self) continue;
            const simplex::Statement said{vote.kind, vote.view, vote.block};
            const simplex::Statement other = twin_of(said);
            if (other == said) continue;
            vote = simplex::to_wire({vote.member, other, sign(other)});
            tell_of(other, "vote");
            is_changed = true;
        }
        if (!is_changed) return {};
        return simplex::encode_message(simplex::WireKind::bundle, config_.epoch, read.value());
    }

    /// What the other half is told instead.
    [[nodiscard]] simplex::Statement twin_of(const simplex::Statement& said) const {
        if (said.kind == VoteKind::notarize) {
            const auto own = other_blocks().find(said.view);
            if (own != other_blocks().end())
                return {VoteKind::notarize, said.view, header_hash(own->second->header)};
            if (mood_of(said.view) == Mood::other_block)
                return {VoteKind::notarize, said.view, crypto::blake2b_256(said.block.view())};
        }
        if (said.kind == VoteKind::finalize && mood_of(said.view) == Mood::nullify_too)
            return {VoteKind::nullify, said.view, {}};
        return said;
    }

    [[nodiscard]] Signature sign(const simplex::Statement& statement) const {
        return sign_vote({.chain = config_.chain,
                          .genesis = config_.genesis,
                          .epoch = config_.epoch,
                          .kind = statement.kind,
                          .view = statement.view,
                          .block = statement.block},
                         key_);
    }

    void tell_of(const simplex::Statement& lie, std::string_view what) {
        spdlog::warn("twins_lie what={} kind={} view={} block={}", what, name_of(lie.kind),
                     lie.view, to_hex(lie.block.view()));
    }

    PeerLinks& links_;
    const crypto::SecretKey& key_;
    const simplex::Config config_;
};

}  // namespace

ReplicatedChainActor twins_spawn(caf::actor_system& system, ReplicatedChainServices services) {
    static TwinLinks links(services.links, services.node_key, services.config);
    return real_spawn(system, ReplicatedChainServices{.data = services.data,
                                                      .journal = services.journal,
                                                      .writer = services.writer,
                                                      .links = links,
                                                      .node_key = services.node_key,
                                                      .clock = services.clock,
                                                      .listeners = services.listeners,
                                                      .figures = services.figures,
                                                      .replication = services.replication,
                                                      .on_fatal = std::move(services.on_fatal),
                                                      .config = std::move(services.config),
                                                      .restored = std::move(services.restored),
                                                      .block_wait_ms = services.block_wait_ms,
                                                      .snapshots = std::move(services.snapshots),
                                                      .duties = std::move(services.duties)});
}

std::optional<BuiltProposal> twins_build(const ChainData& data, const UnfinalBlocks& blocks,
                                         OperationDesk& desk, const simplex::Build& request,
                                         const crypto::SecretKey& node_key,
                                         std::int64_t now_unix_ms, std::uint64_t epoch) {
    auto built = real_build(data, blocks, desk, request, node_key, now_unix_ms, epoch);
    if (!built) return built;
    // A millisecond later: the same operations, another time, another hash, as sound as the first.
    const auto other =
        real_build(data, blocks, desk, request, node_key,
                   std::max(now_unix_ms, built->sealed->block.header.time_unix_ms) + 1, epoch);
    if (other) other_blocks()[request.view] = other->block;
    while (other_blocks().size() > blocks_kept) other_blocks().erase(other_blocks().begin());
    return built;
}

bool twins_know(const simplex::VoteGuard* /*guard*/, const simplex::Statement* /*statement*/) {
    return true;
}

}  // namespace ait::consensus
