#include "tests/simulation/application.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "runtime/base/codec/msgpack.hpp"

namespace ait::simulation {
namespace {

inline constexpr int operations_per_block_max = 3;

}  // namespace

std::uint64_t operations_of(const simplex::Block& block) {
    return block.body.size() < 8 ? 0 : from_big_endian(std::string_view(block.body).substr(0, 8));
}

std::string body_of(std::uint64_t operations) {
    return big_endian(operations);
}

Hash commitment_after(const Hash& before, std::uint64_t operations) {
    Hash after = before;
    std::uint64_t mix = 0;
    std::memcpy(&mix, before.bytes.data(), sizeof mix);
    mix = (mix ^ operations) * 0x9e3779b97f4a7c15ULL + 1;
    mix ^= mix >> 31;
    std::memcpy(after.bytes.data(), &mix, sizeof mix);
    return after;
}

Hash root_of(std::uint64_t operations) {
    return commitment_after({}, operations);
}

bool is_body_of(const simplex::Block& block) {
    const auto header = decode<consensus::BlockHeader>(block.header);
    return header.ok() && header.value().transactions_root == root_of(operations_of(block));
}

void Application::open(const Hash& genesis, const std::vector<simplex::FinalBlock>& log) {
    final_ = {.hash = genesis};
    tip_ = {.hash = genesis};
    overlays_.clear();
    pool_ = 0;
    for (const auto& stored : log) {
        const auto header = decode<consensus::BlockHeader>(stored.block->header);
        AIT_ASSERT(header.ok());
        final_ = {.hash = consensus::header_hash(stored.block->header),
                  .height = header.value().height,
                  .operations = final_.operations | operations_of(*stored.block),
                  .commitment = header.value().state_commitment};
        tip_ = {.height = final_.height,
                .view = header.value().view,
                .hash = final_.hash,
                .time_unix_ms = header.value().time_unix_ms};
    }
}

const Overlay* Application::find(const Hash& hash) const {
    if (hash == final_.hash) return &final_;
    const auto found = std::find_if(overlays_.begin(), overlays_.end(),
                                    [&](const Overlay& overlay) { return overlay.hash == hash; });
    return found == overlays_.end() ? nullptr : &*found;
}

std::optional<simplex::Block> Application::build(const simplex::Build& wanted,
                                                 const simplex::Config& config,
                                                 std::int64_t unix_ms) {
    const Overlay* parent = find(wanted.parent);
    if (parent == nullptr) return std::nullopt;
    std::uint64_t operations = 0;
    std::uint64_t left = wanted.empty ? 0 : pool_ & ~parent->operations;
    if (left == 0 && !wanted.empty) return std::nullopt;
    for (int taken = 0; taken < operations_per_block_max && left != 0; ++taken) {
        operations |= left & (~left + 1);
        left &= left - 1;
    }
    consensus::BlockHeader header;
    header.chain = config.chain;
    header.genesis = config.genesis;
    header.epoch = config.epoch;
    header.view = wanted.view;
    header.height = wanted.height;
    header.parent_view = wanted.parent_view;
    header.parent = wanted.parent;
    header.transaction_count = static_cast<std::uint64_t>(std::popcount(operations));
    header.transactions_root = root_of(operations);
    header.state_commitment = commitment_after(parent->commitment, operations);
    header.time_unix_ms = std::max(unix_ms, wanted.time_unix_ms_min);
    header.leader = wanted.leader;
    simplex::Block block{.header = encode(header), .body = body_of(operations)};
    overlays_.push_back({.hash = consensus::header_hash(block.header),
                         .height = header.height,
                         .operations = parent->operations | operations,
                         .commitment = header.state_commitment});
    return block;
}

bool Application::execute(const Hash& hash, const Hash& parent_hash, const simplex::Block& block) {
    const Overlay* parent = find(parent_hash);
    const auto header = decode<consensus::BlockHeader>(block.header);
    if (parent == nullptr || !header.ok()) return false;
    const std::uint64_t operations = operations_of(block);
    const bool once = (operations & parent->operations) == 0;
    const bool counted =
        header.value().transaction_count == static_cast<std::uint64_t>(std::popcount(operations));
    const bool equal =
        header.value().state_commitment == commitment_after(parent->commitment, operations);
    if (!once || !counted || !equal) return false;
    overlays_.push_back({.hash = hash,
                         .height = header.value().height,
                         .operations = parent->operations | operations,
                         .commitment = header.value().state_commitment});
    return true;
}

bool Application::finalize(const simplex::Finalized& final) {
    const Overlay* overlay = find(final.hash);
    if (overlay == nullptr || overlay->height != final_.height + 1) return false;
    const auto header = decode<consensus::BlockHeader>(final.block->header);
    AIT_ASSERT(header.ok());
    if (header.value().parent != final_.hash) return false;
    final_ = *overlay;
    tip_ = {.height = final.height,
            .view = final.view,
            .hash = final.hash,
            .time_unix_ms = header.value().time_unix_ms};
    abandon(final.hash);
    return true;
}

void Application::abandon(const Hash& hash) {
    std::erase_if(overlays_, [&](const Overlay& overlay) { return overlay.hash == hash; });
}

}  // namespace ait::simulation
