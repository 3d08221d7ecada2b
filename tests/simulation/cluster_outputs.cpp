// What a shell does with what a core says, with a check at each door.

#include <algorithm>
#include <array>

#include "actors/consensus/simplex/wire.hpp"
#include "runtime/base/codec/msgpack.hpp"
#include "tests/simulation/cluster.hpp"

namespace ait::simulation {
namespace {

inline constexpr std::size_t standstill_proofs_max = 8;

std::string short_name(const Hash& hash) {
    return to_hex(hash.view().substr(0, 3));
}

/// An answer with the right header and another body; null for other messages.
std::shared_ptr<const std::string> with_false_body(const std::string& bytes) {
    const auto prefix = simplex::read_wire_prefix(bytes);
    if (!prefix.ok()) return nullptr;
    if (prefix.value().kind == simplex::WireKind::block) {
        auto answer = simplex::decode_message<simplex::BlockMessage>(bytes);
        if (!answer.ok() || answer.value().body.bytes.empty()) return nullptr;
        answer.value().body.bytes.back() ^= 1;
        return std::make_shared<const std::string>(
            simplex::encode_message(prefix.value().kind, prefix.value().epoch, answer.value()));
    }
    if (prefix.value().kind == simplex::WireKind::final_blocks) {
        auto answer = simplex::decode_message<simplex::FinalBlocksMessage>(bytes);
        if (!answer.ok() || answer.value().blocks.empty()) return nullptr;
        answer.value().blocks.front().body.bytes.back() ^= 1;
        return std::make_shared<const std::string>(
            simplex::encode_message(prefix.value().kind, prefix.value().epoch, answer.value()));
    }
    return nullptr;
}

/// A status that claims blocks which nobody has; null for other messages.
std::shared_ptr<const std::string> with_false_height(const std::string& bytes) {
    const auto prefix = simplex::read_wire_prefix(bytes);
    if (!prefix.ok() || prefix.value().kind != simplex::WireKind::status) return nullptr;
    auto status = simplex::decode_message<simplex::StatusMessage>(bytes);
    if (!status.ok()) return nullptr;
    status.value().final_height += 1'000;
    return std::make_shared<const std::string>(
        simplex::encode_message(prefix.value().kind, prefix.value().epoch, status.value()));
}

}  // namespace

void Cluster::on_output(std::uint32_t index, simplex::Build& out) {
    Node& node = *nodes_[index];
    trace(index, "builds for view " + std::to_string(out.view) + " on " + short_name(out.parent));
    if (!node.app.knows(out.parent)) audit_.breached("a block is to be built on an unknown parent");
    auto block = node.app.build(out, config_, 1'700'000'000'000 + now_ms_ + node.clock_offset_ms);
    if (!block) {
        local_.emplace_back(index, simplex::NothingToBuild{out.view});
        return;
    }
    const Hash hash = consensus::header_hash(block->header);
    audit_.block_made(hash, {.view = out.view,
                             .height = out.height,
                             .parent_view = out.parent_view,
                             .parent = out.parent,
                             .operations = operations_of(*block)});
    local_.emplace_back(
        index, simplex::Built{.view = out.view,
                              .block = std::make_shared<simplex::Block>(std::move(*block))});
}

void Cluster::on_output(std::uint32_t index, simplex::Execute& out) {
    Node& node = *nodes_[index];
    if (out.block->body.size() > config_.body_bytes_max && is_honest(node))
        audit_.breached("a body above the limit is executed");
    const auto header = decode<consensus::BlockHeader>(out.block->header);
    if (!header.ok() || header.value().epoch != config_.epoch ||
        header.value().chain != config_.chain) {
        audit_.breached("a block of another chain or epoch is executed");
    }
    if (!node.app.knows(out.parent))
        audit_.breached("a block is to be executed on an unknown parent");
    const bool belongs = is_body_of(*out.block);
    simplex::Executed answer{.hash = out.hash,
                             .ok = belongs && node.app.execute(out.hash, out.parent, *out.block),
                             .body_differs = !belongs,
                             .reason = "The roots differ."};
    if (node.execute_ms == 0) {
        local_.emplace_back(index, std::move(answer));
        return;
    }
    // However slow, an execution ends when the faults do.
    const std::int64_t took = std::min(node.execute_ms, faults_end_at_ms_ - now_ms_);
    push(now_ms_ + std::max<std::int64_t>(1, took), {.kind = EventKind::executed,
                                                     .node = index,
                                                     .life = node.life,
                                                     .executed = std::move(answer)});
}

void Cluster::on_output(std::uint32_t index, simplex::Persist& out) {
    Node& node = *nodes_[index];
    const std::uint64_t number = node.disk.write(
        {.sequence = out.sequence, .restart = out.restart, .records = std::move(out.records)});
    push(now_ms_ + node.sync_ms,
         {.kind = EventKind::sync, .node = index, .life = node.life, .value = number});
}

void Cluster::on_output(std::uint32_t index, simplex::Finalized& out) {
    Node& node = *nodes_[index];
    trace(index, "has final block " + std::to_string(out.height) + " " + short_name(out.hash) +
                     " of view " + std::to_string(out.view));
    if (!node.app.finalize(out)) {
        audit_.breached("node " + std::to_string(index) +
                        " finalizes a block that it has not executed, or out of order");
        return;
    }
    if (is_honest(node)) {
        audit_.finalized(index, out);
        const HashAuthenticator judge(0, config_.epoch);
        const auto proven = simplex::verify_finality(out.proof, out.block->header, config_, judge);
        if (!proven.ok()) audit_.breached("a proof of finality fails: " + proven.error().why);
    }
    const std::uint64_t number =
        node.disk.write({.final = simplex::FinalBlock{out.block, out.proof}});
    push(now_ms_ + node.sync_ms,
         {.kind = EventKind::sync, .node = index, .life = node.life, .value = number});
    if (node.app.waiting() == 0 && node.said_waiting) {
        node.said_waiting = false;
        local_.emplace_back(index, simplex::WorkWaiting{false});
    }
}

void Cluster::on_output(std::uint32_t index, simplex::Abandoned& out) {
    nodes_[index]->app.abandon(out.hash);
}

void Cluster::on_output(std::uint32_t index, simplex::ReadFinal& out) {
    const auto& log = nodes_[index]->disk.log();
    simplex::FinalRead answer{.peer = out.peer, .from_height = out.from_height};
    for (std::uint64_t height = out.from_height;
         height <= log.size() && answer.blocks.size() < out.count; ++height) {
        answer.blocks.push_back(log[height - 1]);
    }
    local_.emplace_back(index, std::move(answer));
}

void Cluster::on_output(std::uint32_t index, simplex::Evidence& out) {
    trace(index, "has evidence against member " + std::to_string(out.second.member));
    if (!script_.has_liar || out.second.member != script_.liar)
        audit_.breached("evidence against an honest member");
    Node& node = *nodes_[index];
    if (!node.lies_told.emplace(out.second.member, out.second.statement.view).second)
        audit_.breached("one lie is told of twice");
    const HashAuthenticator judge(0, config_.epoch);
    for (const auto* vote : {&out.first, &out.second}) {
        if (!judge.verify(vote->member, vote->statement, vote->signature))
            audit_.breached("evidence that proves nothing");
    }
}

void Cluster::on_output(std::uint32_t index, simplex::Alarm& out) {
    Node& node = *nodes_[index];
    trace(index, "alarm: " + out.text);
    if (!is_honest(node)) return;
    const bool expected = (out.kind == simplex::AlarmKind::guard_missing && node.expects_mute) ||
                          (out.kind == simplex::AlarmKind::guard_unreadable && node.is_unreadable);
    if (!expected)
        audit_.breached("a false alarm at node " + std::to_string(index) + ": " + out.text);
    if (out.kind == simplex::AlarmKind::guard_unreadable) node.has_alarmed = true;
}

void Cluster::on_output(std::uint32_t, simplex::EpochEnded&) {
    audit_.breached("an epoch ended that nobody ended");
}

void Cluster::check_sent_vote(Node& node, const simplex::Statement& statement) {
    const bool is_unsynced =
        std::any_of(node.unsynced.begin(), node.unsynced.end(),
                    [&](const UnsyncedVote& vote) { return vote.statement == statement; });
    if (options_.keep_trace) {
        static constexpr std::array kinds{"notarize", "nullify", "finalize"};
        trace(node.member, std::string("says ") + kinds[static_cast<std::size_t>(statement.kind)] +
                               " " + std::to_string(statement.view) + " " +
                               short_name(statement.block));
    }
    if (is_unsynced) audit_.breached("a vote leaves before it is on disk");
    audit_.vote_sent(node.member, statement);
}

void Cluster::check_send(Node& node, const simplex::Send& send) {
    const auto prefix = simplex::read_wire_prefix(send.bytes);
    if (!prefix.ok()) return audit_.breached("a message that nobody can read");
    if (prefix.value().kind == simplex::WireKind::proposal) {
        const auto proposal = simplex::decode_message<simplex::ProposalMessage>(send.bytes);
        const auto header = decode<consensus::BlockHeader>(proposal.value().header.bytes);
        return check_sent_vote(node, {consensus::VoteKind::notarize, header.value().view,
                                      consensus::header_hash(proposal.value().header.bytes)});
    }
    if (prefix.value().kind != simplex::WireKind::bundle) return;
    const auto bundle = simplex::decode_message<simplex::BundleMessage>(send.bytes);
    if (!bundle.ok()) return audit_.breached("a bundle that nobody can read");
    for (const auto& vote : bundle.value().votes)
        check_sent_vote(node, simplex::from_wire(vote).statement);
    if (send.priority == simplex::Priority::vote &&
        bundle.value().proofs.list.size() > standstill_proofs_max) {
        audit_.breached("certificates pile up in what is sent again and again");
    }
    for (const auto& proof : bundle.value().proofs.list) {
        const std::size_t byte = node.member / 8;
        const bool is_signer =
            byte < proof.members.bytes.size() &&
            (static_cast<std::uint8_t>(proof.members.bytes[byte]) >> (node.member % 8) & 1U) != 0;
        const simplex::Statement statement{proof.kind, proof.view, proof.block};
        for (const auto& vote : node.unsynced) {
            if (is_signer && vote.statement == statement)
                audit_.breached("a certificate leaves with an own vote that is not on disk");
        }
    }
}

void Cluster::on_output(std::uint32_t index, simplex::Send& out) {
    Node& node = *nodes_[index];
    if (is_honest(node) && !node.is_follower) check_send(node, out);
    if (!audit_.breach().empty()) return;
    const auto bytes = std::make_shared<const std::string>(std::move(out.bytes));
    for (std::uint32_t other = 0; other < nodes_.size(); ++other) {
        const Node& target = *nodes_[other];
        if (other == index || target.member == node.member) continue;
        const bool is_meant = out.audience == simplex::Audience::everybody ||
                              (out.audience == simplex::Audience::members && !target.is_follower) ||
                              (out.audience == simplex::Audience::one && target.member == out.peer);
        if (is_meant) transmit(index, other, bytes);
    }
}

void Cluster::transmit(std::uint32_t from_node, std::uint32_t to_node,
                       const std::shared_ptr<const std::string>& bytes) {
    const Node& from = *nodes_[from_node];
    const Node& to = *nodes_[to_node];
    if (!to.alive || cut_[from.member][to.member]) return;
    // Of a member with two instances each peer knows one, or both.
    const auto side = [&](std::uint32_t instance) -> std::uint8_t {
        return instance == script_.members ? 2 : 1;
    };
    if (to.is_liar && (twin_of_sender_[from.member] & side(to_node)) == 0) return;
    if (from.is_liar && (twin_of_sender_[to.member] & side(from_node)) == 0) return;
    const auto kind = static_cast<std::uint8_t>((*bytes)[1]);
    if (lose_kind_ == kind || random_.percent(lose_percent_)) return;
    const bool is_slow_network = script_.focus == Focus::slow_network;
    const auto delay = [&]() -> std::int64_t {
        if (is_slow_network) return script_.delta_ms * 5 / 2 + random_.between(0, 20);
        if (!healed_ && random_.one_in(24)) return random_.between(1, 10 * script_.delta_ms);
        return random_.between(1, script_.delay_ms_max);
    };
    if (from.is_liar && lies_about_height_) {
        if (kind == static_cast<std::uint8_t>(simplex::WireKind::final_blocks)) return;
        if (auto lie = with_false_height(*bytes)) {
            push(now_ms_ + delay(), {.kind = EventKind::deliver,
                                     .node = to_node,
                                     .from = from.member,
                                     .bytes = std::move(lie)});
            return;
        }
    }
    if (from.is_liar && !healed_ && random_.one_in(3)) {
        if (auto other = with_false_body(*bytes)) {
            push(now_ms_ + delay(), {.kind = EventKind::deliver,
                                     .node = to_node,
                                     .from = from.member,
                                     .bytes = std::move(other)});
            return;
        }
    }
    const std::uint32_t copies = !healed_ && random_.percent(script_.duplicate_percent) ? 2 : 1;
    for (std::uint32_t copy = 0; copy < copies; ++copy) {
        push(now_ms_ + delay(),
             {.kind = EventKind::deliver, .node = to_node, .from = from.member, .bytes = bytes});
    }
    if (random_.one_in(16)) captured_ = bytes;
}

}  // namespace ait::simulation
