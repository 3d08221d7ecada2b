#include "actors/consensus/proposals.hpp"

#include <algorithm>
#include <set>

#include "runtime/base/crypto/hash.hpp"
#include "runtime/base/crypto/merkle.hpp"

namespace ait::consensus {
namespace {

/// Where a block stands: the tip and state of its parent.
struct Place {
    std::unique_ptr<ChainReader> reader{};
    UnfinalBlocks::Path path{};
    Tip tip{};
    std::optional<StateAfter> state{};
};

std::optional<Place> place_after(const ChainData& data, const UnfinalBlocks& blocks,
                                 const Hash& parent) {
    Place place;
    place.reader = data.reader();
    auto path = blocks.path_to(parent, data.tip().hash);
    if (!path) return std::nullopt;
    place.path = std::move(*path);
    place.tip = place.path.empty() ? data.tip() : place.path.back()->block.tip();
    place.state.emplace(place.reader->state(), place.path);
    return place;
}

/// What BlockBuilder is to be told: the epoch of a block that only finishes the one before it.
std::optional<std::uint64_t> epoch_of_child(const Place& place, std::uint64_t epoch) {
    if (epoch < epoch_in_force(place.state->state())) return epoch;
    return std::nullopt;
}

std::string encode_body(const SealedBlock& sealed) {
    std::size_t bytes = 0;
    for (const auto& wire : sealed.block.transactions) bytes += wire.size() + 8;
    for (const auto& sidecar : sealed.sidecars) bytes += sidecar.bytes.size() + 8;
    Assembly body(bytes);
    body.list(field_count<BlockBody>).list(sealed.block.transactions.size());
    for (const auto& wire : sealed.block.transactions) body.blob(wire);
    body.list(sealed.sidecars.size());
    for (const auto& sidecar : sealed.sidecars) body.blob(sidecar.bytes);
    return body.take();
}

Error incomplete(std::string why) {
    return Error{ErrorCode::unavailable, "The proposal's body is not complete.", std::move(why),
                 ""};
}

/// Signatures of what this node has not met before; a batch is new each time.
Status verify_signatures(const ChainData& data, const std::vector<Blob>& transactions,
                         const std::function<bool(const Hash&)>& is_verified) {
    for (const auto& wire : transactions) {
        auto outer = decode<SignedTransaction>(wire.bytes);
        if (!outer.ok()) return outer.error();
        if (is_verified(crypto::blake2b_256(outer.value().signed_bytes.bytes))) continue;
        auto verified = verify_transaction(wire.bytes, data.genesis().chain, data.genesis_id());
        if (!verified.ok()) return verified.error();
    }
    return {};
}

/// Every blob that the block names is here, and nothing came along that it does not name.
Status check_sidecars(const SealedBlock& sealed, const Place& place) {
    std::set<Hash> here;
    for (const auto& sidecar : sealed.sidecars) {
        if (sidecar.bytes.size() > limits::blob_bytes_max)
            return incomplete("A blob is too large.");
        here.insert(sidecar.hash);
    }
    for (const auto& hash : here) {
        if (std::find(sealed.block.blobs.begin(), sealed.block.blobs.end(), hash) ==
            sealed.block.blobs.end())
            return incomplete("A blob came along that no operation names.");
    }
    for (const auto* block : place.path) {
        for (const auto& sidecar : block->sidecars) here.insert(sidecar.hash);
    }
    for (const auto& hash : sealed.block.blobs) {
        if (!here.contains(hash) && !place.reader->blob(hash))
            return incomplete("Blob " + to_hex(hash.view()) + " did not come along.");
    }
    return {};
}

/// What an ancestor did is not done again: only operations with a key, and transactions by their
/// nonce, would find out by themselves.
Status check_new(const SealedBlock& sealed, const Place& place) {
    std::set<Hash> done;
    for (const auto* block : place.path) {
        for (const auto& each : block->block.operations) done.insert(each.operation);
    }
    for (const auto& each : sealed.block.operations) {
        if (!done.insert(each.operation).second || place.reader->find_operation(each.operation)) {
            return Error{ErrorCode::check_failed, "The proposal does an operation again.",
                         "It is " + to_hex(each.operation.view()) + ".", ""};
        }
    }
    return {};
}

/// The blobs that the transactions of a stored block name, each once.
std::vector<Hash> named_blobs(const ChainData& data, const std::vector<Blob>& transactions) {
    std::set<Hash> named;
    for (const auto& wire : transactions) {
        auto read = read_transaction(wire.bytes, data.genesis().chain, data.genesis_id());
        if (!read.ok()) continue;
        named.insert(read.value().content.blobs.begin(), read.value().content.blobs.end());
        if (read.value().content.kind != batch_kind) continue;
        auto batch = decode<OperationBatch>(read.value().content.body.bytes);
        if (!batch.ok()) continue;
        for (const auto& item : batch.value().items)
            named.insert(item.blobs.begin(), item.blobs.end());
    }
    return {named.begin(), named.end()};
}

}  // namespace

std::optional<BuiltProposal> build_proposal(const ChainData& data, const UnfinalBlocks& blocks,
                                            OperationDesk& desk, const simplex::Build& request,
                                            const crypto::SecretKey& node_key,
                                            std::int64_t now_unix_ms, std::uint64_t epoch) {
    const auto place = place_after(data, blocks, request.parent);
    if (!place) return std::nullopt;
    BlockBuilder builder(data.rules(),
                         {data.genesis(), data.genesis_id(), place->tip, place->state->state(),
                          epoch_of_child(*place, epoch)},
                         std::max(now_unix_ms, request.time_unix_ms_min));
    BuiltProposal built{.sealed = std::make_shared<SealedBlock>(), .block = nullptr};
    if (!request.empty) desk.fill(builder, *place->reader, place->path, *built.sealed);
    if (!builder.has_content() && !request.empty) return std::nullopt;
    built.sealed->block = std::move(builder).seal(node_key, request.view);
    built.block = std::make_shared<const simplex::Block>(simplex::Block{
        .header = built.sealed->block.encoded_header, .body = encode_body(*built.sealed)});
    return built;
}

Result<BlockBody> read_body(const simplex::Block& block) {
    auto header = decode<BlockHeader>(block.header);
    if (!header.ok()) return header.error();
    auto body = decode<BlockBody>(block.body);
    if (!body.ok()) return body.error();
    std::vector<Hash> leaves;
    leaves.reserve(body.value().transactions.size());
    for (const auto& wire : body.value().transactions)
        leaves.push_back(transaction_leaf(wire.bytes));
    if (leaves.size() != header.value().transaction_count ||
        crypto::merkle_root(leaves) != header.value().transactions_root) {
        return Error{ErrorCode::malformed, "The body belongs to another block.",
                     "Its transactions have another root than the header says.", ""};
    }
    return body;
}

Result<std::shared_ptr<SealedBlock>> execute_proposal(
    const ChainData& data, const UnfinalBlocks& blocks, const Hash& parent,
    const std::string& header, BlockBody body,
    const std::function<bool(const Hash&)>& is_verified) {
    const auto place = place_after(data, blocks, parent);
    if (!place) {
        return Error{ErrorCode::not_found, "The proposal's parent is not here.", "", ""};
    }
    const auto read = decode<BlockHeader>(header);
    if (!read.ok()) return read.error();
    // It would come to nothing: what follows the end of an epoch in that epoch is never published.
    if (read.value().epoch < epoch_in_force(place->state->state()) && !body.transactions.empty()) {
        return Error{ErrorCode::check_failed, "The proposal goes on after its epoch's end.", "",
                     ""};
    }
    BlockRecord record;
    record.header.bytes = header;
    record.transactions = std::move(body.transactions);
    const Status verified = verify_signatures(data, record.transactions, is_verified);
    if (!verified.ok()) return verified.error();
    auto executed =
        execute_block(data.rules(),
                      {data.genesis(), data.genesis_id(), place->tip, place->state->state(),
                       epoch_of_child(*place, read.value().epoch)},
                      record, Signatures::trusted);
    if (!executed.ok()) return executed.error();
    auto sealed = std::make_shared<SealedBlock>();
    sealed->block = std::move(executed).value();
    for (auto& sidecar : body.sidecars) {
        const Hash hash = crypto::blake2b_256(sidecar.bytes);
        sealed->sidecars.push_back({hash, std::move(sidecar.bytes)});
    }
    const Status is_new = check_new(*sealed, *place);
    if (!is_new.ok()) return is_new.error();
    const Status sidecars = check_sidecars(*sealed, *place);
    if (!sidecars.ok()) return sidecars.error();
    return sealed;
}

simplex::Executed execute_for_core(const ChainData& data, UnfinalBlocks& blocks,
                                   const simplex::Execute& request,
                                   const std::function<bool(const Hash&)>& is_verified) {
    simplex::Executed answer{.hash = request.hash};
    auto body = read_body(*request.block);
    if (!body.ok()) {
        answer.body_differs = true;
        answer.reason = body.error().what + " " + body.error().why;
        return answer;
    }
    auto executed = execute_proposal(data, blocks, request.parent, request.block->header,
                                     std::move(body).value(), is_verified);
    answer.ok = executed.ok();
    if (!executed.ok()) {
        answer.body_differs = executed.error().code == ErrorCode::unavailable;
        answer.reason = executed.error().what + " " + executed.error().why;
        return answer;
    }
    answer.ends_epoch = executed.value()->block.ends_epoch;
    blocks.add(std::move(executed).value());
    return answer;
}

std::vector<simplex::FinalBlock> read_final(const ChainData& data, std::uint64_t from_height,
                                            std::uint32_t count_max, std::uint32_t bytes_max) {
    std::vector<simplex::FinalBlock> blocks;
    const auto reader = data.reader();
    std::size_t bytes = 0;
    for (std::uint64_t height = from_height;
         height <= reader->height() && blocks.size() < count_max; ++height) {
        auto stored = reader->block(height);
        if (!stored.ok() || !stored.value()) break;
        BlockRecord& record = stored.value()->record;
        BlockBody body;
        for (const auto& hash : named_blobs(data, record.transactions)) {
            auto blob = reader->blob(hash);
            if (blob) body.sidecars.push_back(Blob{std::move(*blob)});
        }
        body.transactions = std::move(record.transactions);
        auto block = std::make_shared<simplex::Block>();
        block->header = std::move(record.header.bytes);
        block->body = encode(body);
        bytes += block->header.size() + block->body.size();
        if (!blocks.empty() && bytes > bytes_max) break;
        blocks.push_back({.block = std::move(block),
                          .proof = {.certificate = std::move(record.certificate),
                                    .links = std::move(record.links)}});
    }
    return blocks;
}

}  // namespace ait::consensus
