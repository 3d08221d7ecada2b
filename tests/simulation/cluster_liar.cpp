// What no honest node would say: the liar holds a member's key and knows what everybody knows.

#include <algorithm>

#include "actors/consensus/simplex/wire.hpp"
#include "runtime/base/codec/msgpack.hpp"
#include "tests/simulation/cluster.hpp"

namespace ait::simulation {
namespace {

using consensus::VoteKind;

enum class Defect : std::uint8_t {
    time_ahead,
    time_back,
    large_body,
    other_chain,
    other_epoch,
    wrong_root,
    gap_below,     ///< on the final tip, whatever was notarized since
    on_any_block,  ///< on whatever was proposed last, notarized or not
    wrong_height,
    no_defect,
    count
};

}  // namespace

simplex::SignedStatement Cluster::sign_as_liar(const simplex::Statement& statement) {
    audit_.vote_signed(script_.liar, statement);
    return {script_.liar, statement,
            HashAuthenticator(script_.liar, config_.epoch).sign(statement)};
}

void Cluster::say(std::uint32_t to_node, std::string bytes) {
    const Node& to = *nodes_[to_node];
    if (!to.alive || to.is_liar || cut_[script_.liar][to.member]) return;
    push(now_ms_ + random_.between(1, script_.delay_ms_max),
         {.kind = EventKind::deliver,
          .node = to_node,
          .from = script_.liar,
          .bytes = std::make_shared<const std::string>(std::move(bytes))});
}

void Cluster::forge(std::int64_t what) {
    if (!script_.has_liar) return;
    const auto everybody = static_cast<std::uint32_t>(nodes_.size());
    if (what == 100) {
        lies_about_height_ = true;
        const simplex::StatusMessage status{
            .final_height = 40 + random_.below(100), .final_view = 500, .view = 900, .ask = false};
        for (std::uint32_t to = 0; to < everybody; ++to)
            say(to, simplex::encode_message(simplex::WireKind::status, config_.epoch, status));
        return;
    }
    if (what == 101) {
        for (std::uint64_t view = 1'000; view < 1'300; view += 3) {
            simplex::BundleMessage bundle;
            for (std::uint64_t far = view; far < view + 3; ++far) {
                bundle.votes.push_back(
                    simplex::to_wire(sign_as_liar({VoteKind::nullify, far, {}})));
            }
            say(static_cast<std::uint32_t>(view) % everybody,
                simplex::encode_message(simplex::WireKind::bundle, config_.epoch, bundle));
        }
        return;
    }
    switch (what % 8) {
        case 0:
            return forge_votes();
        case 1:
            return forge_garbage();
        case 2:
            return forge_proof();
        default:
            return forge_block(what / 8);
    }
}

void Cluster::forge_votes() {
    // Opposite votes about a recent view, to different nodes.
    std::uint64_t view = 1;
    for (const auto& node : nodes_) {
        if (node->alive && !node->is_liar) view = std::max(view, node->core->position().view);
    }
    view -= std::min<std::uint64_t>(view - 1, random_.below(3));
    const Hash* block = audit_.block_of_view(view);
    for (std::uint32_t to = 0; to < nodes_.size(); ++to) {
        simplex::BundleMessage bundle;
        const bool for_it = random_.one_in(2) && block != nullptr;
        const auto kind = random_.one_in(2) ? VoteKind::notarize : VoteKind::finalize;
        const simplex::Statement statement = for_it
                                                 ? simplex::Statement{kind, view, *block}
                                                 : simplex::Statement{VoteKind::nullify, view, {}};
        bundle.votes.push_back(simplex::to_wire(sign_as_liar(statement)));
        say(to, simplex::encode_message(simplex::WireKind::bundle, config_.epoch, bundle));
    }
}

void Cluster::forge_garbage() {
    if (!captured_) return;
    for (std::uint32_t to = 0; to < nodes_.size(); ++to) {
        std::string bytes = *captured_;
        for (int change = 0; change < 3 && !bytes.empty(); ++change)
            bytes[random_.below(bytes.size())] = static_cast<char>(random_.below(256));
        if (random_.one_in(3)) bytes.resize(random_.below(bytes.size() + 1));
        say(to, std::move(bytes));
    }
}

void Cluster::forge_proof() {
    // A certificate of votes that nobody gave.
    std::uint64_t view = 1;
    for (const auto& node : nodes_) {
        if (node->alive && !node->is_liar) view = std::max(view, node->core->position().view);
    }
    Hash bogus;
    bogus.bytes[0] = static_cast<std::uint8_t>(1 + random_.below(250));
    const std::uint64_t choice = random_.below(3);
    const Hash* real = audit_.block_of_view(view);
    simplex::Proof proof{.statement = {choice == 0   ? VoteKind::finalize
                                       : choice == 1 ? VoteKind::notarize
                                                     : VoteKind::nullify,
                                       view, bogus}};
    if (choice == 2) proof.statement.block = {};
    if (choice != 2 && real != nullptr) proof.statement.block = *real;
    for (std::uint32_t member = 0; member < script_.members; ++member) {
        Signature signature;
        signature.bytes[0] = static_cast<std::uint8_t>(random_.below(256));
        if (member == script_.liar) signature = sign_as_liar(proof.statement).signature;
        proof.signatures.push_back({member, signature});
    }
    simplex::BundleMessage bundle;
    bundle.proofs.list.push_back(simplex::to_wire(proof));
    for (std::uint32_t to = 0; to < nodes_.size(); ++to)
        say(to, simplex::encode_message(simplex::WireKind::bundle, config_.epoch, bundle));
}

void Cluster::forge_block(std::int64_t what) {
    // Its turn, in the view that the others are in or the next.
    const Node* model = nullptr;
    for (const auto& node : nodes_) {
        if (node->alive && !node->is_liar && !node->is_follower) model = node.get();
    }
    if (model == nullptr) return;
    const simplex::Position position = model->core->position();
    std::uint64_t view = position.view;
    while (leaders_[view % leaders_.size()] != script_.liar) ++view;
    if (view > position.view + 1) return;
    const auto defect = static_cast<Defect>(static_cast<std::uint64_t>(what) %
                                            static_cast<std::uint64_t>(Defect::count));
    const std::int64_t unix_now = 1'700'000'000'000 + now_ms_;
    const Overlay& final = model->app.final();
    const simplex::FinalTip tip = model->app.tip();
    consensus::BlockHeader header{.chain = config_.chain,
                                  .genesis = config_.genesis,
                                  .epoch = config_.epoch,
                                  .view = view,
                                  .height = tip.height + 1,
                                  .parent_view = tip.view,
                                  .parent = tip.hash,
                                  .time_unix_ms = std::max(unix_now, tip.time_unix_ms),
                                  .leader = config_.members[script_.liar].key};
    Hash before = final.commitment;
    const Hash* last = audit_.block_of_view(view - 1);
    if (defect == Defect::on_any_block && last != nullptr) {
        for (const Overlay& overlay : model->app.overlays()) {
            if (overlay.hash != *last) continue;
            header.parent = *last;
            header.parent_view = view - 1;
            header.height = overlay.height + 1;
            before = overlay.commitment;
        }
    }
    header.state_commitment = commitment_after(before, 0);
    header.transactions_root = root_of(0);
    header.outcomes_root.bytes[0] = static_cast<std::uint8_t>(defect);  // each forgery has its hash
    if (defect == Defect::time_ahead) header.time_unix_ms = unix_now + 3'600'000;
    if (defect == Defect::time_back) header.time_unix_ms = tip.time_unix_ms - 1;
    if (defect == Defect::other_chain) header.genesis.bytes[0] ^= 1;
    if (defect == Defect::other_epoch) header.epoch += 1;
    if (defect == Defect::wrong_root) header.state_commitment.bytes[3] ^= 1;
    if (defect == Defect::wrong_height) header.height += 1;
    simplex::Block block{.header = encode(header), .body = body_of(0)};
    if (defect == Defect::large_body)
        block.body.resize(config_.body_bytes_max + 1);  // what it names is right
    // Who has a wrong clock may take an hour ahead for now.
    const bool clocks_jump =
        std::any_of(script_.actions.begin(), script_.actions.end(),
                    [](const Action& action) { return action.kind == ActionKind::clock_jump; });
    send_forged(block, !(defect == Defect::time_ahead && clocks_jump) &&
                           defect != Defect::gap_below && defect != Defect::on_any_block &&
                           defect != Defect::no_defect);
}

void Cluster::send_forged(const simplex::Block& block, bool breaks_a_rule) {
    const auto header = decode<consensus::BlockHeader>(block.header).value();
    const Hash hash = consensus::header_hash(block.header);
    audit_.block_made(hash, {.view = header.view,
                             .height = header.height,
                             .parent_view = header.parent_view,
                             .parent = header.parent,
                             .is_forged = breaks_a_rule});
    const auto vote = sign_as_liar({VoteKind::notarize, header.view, hash});
    for (std::uint32_t to = 0; to < nodes_.size(); ++to)
        say(to, simplex::encode_proposal(config_.epoch, block, vote.signature, {}));
}

}  // namespace ait::simulation
