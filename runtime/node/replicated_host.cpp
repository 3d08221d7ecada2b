#include "runtime/node/replicated_host.hpp"

#include <algorithm>
#include <caf/all.hpp>

#include "runtime/node/identity.hpp"
#include "storage/file_system.hpp"

namespace ait::node {

std::uint64_t salt_for(std::uint64_t given, std::string_view idempotency_key) {
    if (given != 0 || !idempotency_key.empty()) return given;
    return from_big_endian(system_random().bytes(8));
}

Status ReplicatedHost::open_journal(const std::string& folder, const consensus::ChainData& data,
                                    const crypto::SecretKey& key) {
    auto opened = consensus::VoteJournal::open(storage::posix_file_system(),
                                               folder + "/votes-" + data.genesis().chain);
    if (!opened.ok()) return opened.error();
    journal_ = std::move(opened.value().journal);
    restored_.journal = std::move(opened.value().records);
    const auto& tip = data.tip();
    restored_.tip = {tip.height, tip.view, tip.hash, tip.time_unix_ms};
    config_ = consensus::simplex_config(data.genesis(), data.validators(), key.public_key(),
                                        from_big_endian(system_random().bytes(8)));
    // A follower may vote one day, and then somebody must know what its key has said before.
    const std::string note = folder + "/fresh-key";
    if (!opened.value().is_new) return remove_fresh_key_note(note);
    restored_.guard_missing = !has_fresh_key_note(note);
    if (restored_.guard_missing) return {};
    restored_.journal = {consensus::simplex::first_guard_record(config_, key.public_key())};
    const Status appended = journal_->append(restored_.journal, true);
    if (!appended.ok()) return appended;
    const Status synced = journal_->sync();
    return synced.ok() ? remove_fresh_key_note(note) : synced;
}

consensus::ChainPort ReplicatedHost::spawn(caf::actor_system& system, const Parts& parts) {
    writer_.emplace(parts.on_fatal);
    chain_ = consensus::spawn_replicated_chain(system, {.data = parts.data,
                                                        .journal = *journal_,
                                                        .writer = *writer_,
                                                        .links = network_,
                                                        .node_key = parts.key,
                                                        .clock = parts.clock,
                                                        .listeners = parts.listeners,
                                                        .figures = parts.figures,
                                                        .replication = replication_,
                                                        .on_fatal = parts.on_fatal,
                                                        .config = config_,
                                                        .restored = std::move(restored_),
                                                        .block_wait_ms = parts.block_wait_ms,
                                                        .snapshots = parts.snapshots,
                                                        .duties = parts.duties});
    return chain_;
}

Status ReplicatedHost::link(const config::PeerSection& section, const consensus::ChainData& data,
                            const crypto::SecretKey& key) {
    return network_.start(section, data.validators(), data.genesis_id(), key,
                          {.on_deliveries =
                               [chain = chain_](std::vector<consensus::PeerDelivery> deliveries) {
                                   caf::anon_send(chain,
                                                  consensus::FromPeers{std::move(deliveries)});
                               },
                           .on_link =
                               [chain = chain_](const PublicKey& peer, bool is_up) {
                                   caf::anon_send(chain, consensus::PeerLinked{peer, is_up});
                               }});
}

void ReplicatedHost::stop_writer() {
    chain_ = nullptr;
    if (writer_) writer_->stop();
}

std::optional<consensus::ReplicationState> ReplicatedHost::state() const {
    if (!writer_) return std::nullopt;
    return replication_.get();
}

std::map<PublicKey, std::uint64_t> ReplicatedHost::peer_heights() const {
    std::map<PublicKey, std::uint64_t> heights;
    const auto told = replication_.get().position.peer_heights;
    const std::size_t count = std::min(told.size(), config_.members.size());
    for (std::size_t i = 0; i < count; ++i) {
        if (told[i] != 0) heights.emplace(config_.members[i].key, told[i]);
    }
    return heights;
}

std::string ReplicatedHost::problem() const {
    const auto now = replication_.get();
    if (const auto& join = now.snapshot; join.joining_height != 0) {
        return "It is fetching the state of height " + std::to_string(join.joining_height) + ": " +
               std::to_string(join.chunks_here) + " of " + std::to_string(join.chunk_count) +
               " chunks are here.";
    }
    if (now.reachable_weight >= now.quorum_weight) return "";
    return "Too few of the chain's validators can be reached: weight " +
           std::to_string(now.reachable_weight) + " of the " + std::to_string(now.quorum_weight) +
           " that must agree.";
}

}  // namespace ait::node
