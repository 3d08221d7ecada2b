#include "actors/consensus/chain_opening.hpp"

#include <utility>

namespace ait::consensus {
namespace {

Result<OpenChain> open_at(const ChainPlace& place, const std::string& state_directory) {
    OpenChain chain;
    auto database = storage::Database::open(state_directory, place.database);
    if (!database.ok()) return database.error();
    chain.database = std::move(database).value();
    auto data = ChainData::open({.files = place.files,
                                 .log_directory = place.log_directory,
                                 .database = *chain.database,
                                 .genesis = place.genesis,
                                 .rules = place.rules,
                                 .clock = place.clock,
                                 .segment_bytes = place.segment_bytes,
                                 .store = place.store,
                                 .log_bytes_kept = place.log_bytes_kept});
    if (!data.ok()) return data.error();
    chain.data = std::move(data).value();
    return chain;
}

/// Whether the log holds every block from the first on. An empty log proves nothing: it may have
/// been lost.
Result<bool> log_is_complete(const ChainPlace& place) {
    const auto log = storage::BlockLog::open(place.files, place.log_directory,
                                             {.segment_bytes = place.segment_bytes});
    if (!log.ok()) return log.error();
    return log.value()->first_height() == std::optional<std::uint64_t>(1);
}

/// Builds the state beside the old one; nothing of the old one is touched before that has worked.
Result<OpenChain> rebuild(const ChainPlace& place, const Error& cause) {
    const std::string made = place.state_directory + ".rebuilding";
    const Status cleared = storage::Database::destroy(made, place.database.env);
    if (!cleared.ok()) return cleared.error();
    StateRepair repair{.cause = cause.what + " " + cause.why, .kept_as = {}, .blocks = 0};
    {
        auto fresh = open_at(place, made);
        if (!fresh.ok()) return fresh.error();
        repair.blocks = fresh.value().data->recovery().replayed_blocks;
        const Status durable = fresh.value().data->flush_state();
        if (!durable.ok()) return durable.error();
    }
    auto kept = storage::Database::exchange(place.state_directory, made, place.clock.now_unix_ms(),
                                            place.database.env);
    if (!kept.ok()) return kept.error();
    repair.kept_as = std::move(kept).value();
    auto chain = open_at(place, place.state_directory);
    if (chain.ok()) chain.value().repair = std::move(repair);
    return chain;
}

}  // namespace

Result<OpenChain> open_chain(const ChainPlace& place) {
    auto chain = open_at(place, place.state_directory);
    if (chain.ok()) return chain;
    Error cause = chain.error();
    // check_failed: a block of the log does not execute on this state as it did when it was made.
    if (cause.code != ErrorCode::corrupt_data && cause.code != ErrorCode::check_failed)
        return cause;
    const auto complete = log_is_complete(place);
    if (!complete.ok()) return complete.error();
    if (!complete.value()) {
        cause.why += " The block log no longer reaches back to the first block.";
        cause.next = "Check the disk, and restore the whole data directory from one backup.";
        return cause;
    }
    auto rebuilt = rebuild(place, cause);
    // Another genesis or other rules: the state was not at fault, and was left as it is.
    if (!rebuilt.ok() && rebuilt.error().code == ErrorCode::check_failed) return cause;
    return rebuilt;
}

}  // namespace ait::consensus
