#pragma once

// One real core of four, and the test as its three peers, its disk, its clock and its application.

#include <gtest/gtest.h>

#include <algorithm>

#include "actors/consensus/simplex/core.hpp"
#include "actors/consensus/simplex/wire.hpp"
#include "runtime/base/codec/msgpack.hpp"
#include "tests/simulation/hash_authenticator.hpp"

namespace ait::consensus::simplex {

class Bench {
  public:
    explicit Bench(std::uint32_t self = 0, std::uint32_t members = 4,
                   FaultModel model = FaultModel::byzantine)
        : authenticator_(self, 0) {
        config.chain = "bench";
        config.genesis.bytes[0] = 1;
        config.fault_model = model;
        config.self = self;
        config.body_bytes_max = 64;
        for (std::uint32_t i = 0; i < members; ++i) {
            Member member;
            member.key.bytes[0] = static_cast<std::uint8_t>(i + 1);
            config.members.push_back(member);
        }
        genesis.bytes[0] = 0xee;
        restored.tip.hash = genesis;
        restored.journal = {first_guard_record(config, config.members.at(*config.self).key)};
    }

    /// Starts and lets the listening time pass.
    void start() {
        journal = restored.journal;
        core.emplace(config, restored, authenticator_);
        for (std::uint32_t i = 0; i < config.members.size(); ++i) {
            if (i != config.self) give(PeerConnected{i});
        }
        give(Start{});
        pass(3 * config.delta_ms);
    }
    /// A new life on what is synced.
    void restart() {
        restored.journal = journal;
        out.clear();
        unsynced.clear();
        now_ms += 1'000;
        start();
    }

    void give(Input input) {
        Outputs made = core->step(std::move(input), {now_ms, unix_ms + now_ms});
        for (auto& output : made) {
            if (const auto* persist = std::get_if<Persist>(&output)) {
                unsynced.push_back(*persist);
                ++persists;
            }
            if (const auto* execute = std::get_if<Execute>(&output)) executing = execute->hash;
            out.push_back(std::move(output));
        }
        if (syncs) sync();
        if (executes && executing) {
            const Hash hash = *executing;
            executing.reset();
            give(Executed{.hash = hash, .ok = true});
        }
    }
    void sync() {
        while (!unsynced.empty()) {
            const Persist persist = unsynced.front();
            unsynced.erase(unsynced.begin());
            if (persist.restart) journal.clear();
            journal.insert(journal.end(), persist.records.begin(), persist.records.end());
            give(Persisted{persist.sequence});
        }
    }
    void pass(std::int64_t ms) {
        const std::int64_t end = now_ms + ms;
        while (core->next_deadline_ms() && *core->next_deadline_ms() <= end) {
            now_ms = std::max(now_ms, *core->next_deadline_ms());
            give(Tick{});
        }
        now_ms = end;
    }

    struct Made {
        BlockPtr block{};
        Hash hash{};
        std::uint64_t view = 0;
        std::uint64_t height = 0;
        std::int64_t time = 0;
    };
    /// A block of the view's leader on the parent (null: genesis).
    Made block(std::uint64_t view, const Made* parent = nullptr, std::int64_t time = 0) const {
        BlockHeader header;
        header.chain = config.chain;
        header.genesis = config.genesis;
        header.view = view;
        header.height = parent == nullptr ? 1 : parent->height + 1;
        header.parent_view = parent == nullptr ? 0 : parent->view;
        header.parent = parent == nullptr ? genesis : parent->hash;
        header.time_unix_ms = time != 0 ? time : unix_ms + now_ms;
        header.leader = config.members[view % config.members.size()].key;
        Made made{.view = view, .height = header.height, .time = header.time_unix_ms};
        made.block = std::make_shared<Block>(Block{encode(header), "body"});
        made.hash = header_hash(made.block->header);
        return made;
    }
    SignedStatement vote(std::uint32_t member, VoteKind kind, std::uint64_t view,
                         const Hash& block = {}) const {
        const Statement statement{kind, view, block};
        return {member, statement, simulation::HashAuthenticator(member, 0).sign(statement)};
    }
    Proof proof(VoteKind kind, std::uint64_t view, const Hash& block,
                const std::vector<std::uint32_t>& members) const {
        Proof made{.statement = {kind, view, block}};
        for (const auto member : members)
            made.signatures.push_back({member, vote(member, kind, view, block).signature});
        return made;
    }
    void hear(const SignedStatement& said) {
        BundleMessage bundle;
        bundle.votes.push_back(to_wire(said));
        hear_bytes(said.member == config.self ? 1 : said.member,
                   encode_message(WireKind::bundle, 0, bundle));
    }
    void hear(const Proof& said, Peer from) {
        BundleMessage bundle;
        bundle.proofs.list.push_back(to_wire(said));
        hear_bytes(from, encode_message(WireKind::bundle, 0, bundle));
    }
    void hear_proposal(const Made& made, const std::vector<Proof>& proofs = {}) {
        const auto leader = static_cast<Peer>(made.view % config.members.size());
        ProofList list;
        for (const auto& given : proofs) list.list.push_back(to_wire(given));
        const auto signature = vote(leader, VoteKind::notarize, made.view, made.hash).signature;
        hear_bytes(leader, encode_proposal(0, *made.block, signature, list));
    }
    void hear_bytes(Peer from, std::string bytes) { give(Received{from, std::move(bytes)}); }

    template <class T>
    std::vector<T> all() const {
        std::vector<T> found;
        for (const auto& output : out) {
            if (const auto* value = std::get_if<T>(&output)) found.push_back(*value);
        }
        return found;
    }
    /// Messages of a kind that were sent, decoded.
    template <class T>
    std::vector<T> sent(WireKind kind) const {
        std::vector<T> found;
        for (const auto& send : all<Send>()) {
            if (read_wire_prefix(send.bytes).value().kind == kind)
                found.push_back(decode_message<T>(send.bytes).value());
        }
        return found;
    }
    /// How often this node said it, in bundles.
    std::size_t said(VoteKind kind, std::uint64_t view, const Hash& block = {}) const {
        std::size_t count = 0;
        for (const auto& bundle : sent<BundleMessage>(WireKind::bundle)) {
            for (const auto& vote : bundle.votes) {
                count += vote.member == config.self && vote.kind == kind && vote.view == view &&
                                 vote.block == block
                             ? 1U
                             : 0U;
            }
        }
        return count;
    }

    Config config{};
    Restored restored{};
    Hash genesis{};
    std::optional<Core> core{};
    Outputs out{};
    std::vector<Persist> unsynced{};
    std::vector<std::string> journal{};
    std::optional<Hash> executing{};
    std::size_t persists = 0;
    bool syncs = true;
    bool executes = true;
    std::int64_t now_ms = 1'000;
    std::int64_t unix_ms = 1'700'000'000'000;

  private:
    simulation::HashAuthenticator authenticator_;
};

}  // namespace ait::consensus::simplex
