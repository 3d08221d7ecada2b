#include "runtime/node/chain_place.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "runtime/base/process_limits.hpp"

namespace ait::node {
namespace {

std::string state_directory(const std::string& folder) {
    return folder + "/state";
}

/// What process_limits counts for a chain is for its log and its peers too.
constexpr std::uint32_t state_files_further = 64;

storage::Database::Options state_options(bool is_default, storage::StorageFatal on_fatal) {
    const std::uint32_t fitting = state_files_that_fit(raise_descriptor_limit());
    return {.on_fatal = std::move(on_fatal),
            .open_files_max = is_default ? fitting : std::min(fitting, state_files_further)};
}

}  // namespace

consensus::SnapshotPlace snapshot_place(const CheckpointsOfChain& chain) {
    return {.directory = chain.folder + "/checkpoints-" + chain.chain,
            .state_directory = state_directory(chain.folder),
            .files = &storage::posix_file_system(),
            .database = state_options(chain.is_default, chain.on_fatal),
            .checkpoint_blocks = chain.checkpoint_blocks,
            .on_joined = chain.on_joined};
}

Result<consensus::OpenChain> open_chain_of_node(const ChainOfNode& place) {
    auto chain =
        consensus::open_chain({.files = storage::posix_file_system(),
                               .log_directory = place.folder + "/log-" + place.genesis.chain,
                               .state_directory = state_directory(place.folder),
                               .database = state_options(place.is_default, place.on_fatal),
                               .genesis = place.genesis,
                               .rules = place.rules,
                               .clock = place.clock,
                               .segment_bytes = place.storage.segment_bytes,
                               .store = {.flush_interval_ms = place.storage.flush_interval_ms}});
    if (!chain.ok()) return chain;
    if (const auto& repair = chain.value().repair) {
        spdlog::warn(
            "state_rebuilt blocks={} cause=\"{}\" kept_as={} "
            "note=\"the log held every block; the damaged state may be deleted\"",
            repair->blocks, repair->cause, repair->kept_as);
    }
    const auto& data = *chain.value().data;
    const auto& recovery = data.recovery();
    spdlog::info(
        "chain_recovered chain={} height={} flushed_height={} replayed_blocks={} "
        "history_from={} log_bytes_cut={} took_ms={}",
        data.genesis().chain, data.tip().height, recovery.flushed_height, recovery.replayed_blocks,
        recovery.history_from, recovery.log_bytes_cut, recovery.took_us / 1000);
    return chain;
}

}  // namespace ait::node
