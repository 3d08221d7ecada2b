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

/// nullopt: the state cannot even tell that.
std::optional<std::uint64_t> height_of_state(const ChainPlace& place,
                                             const std::string& directory) {
    const auto database = storage::Database::open(directory, place.database);
    if (!database.ok()) return std::nullopt;
    const auto store = storage::ChainStore::open(*database.value(), place.genesis.chain);
    if (!store.ok()) return std::nullopt;
    return store.value()->height();
}

/// Why the log cannot make the state good; nullopt: it holds every block from the first on, as far
/// as the state knows. An empty log proves nothing: it may have been lost.
Result<std::optional<std::string>> obstacle(const ChainPlace& place) {
    const auto log = storage::BlockLog::open(place.files, place.log_directory,
                                             {.segment_bytes = place.segment_bytes});
    if (!log.ok()) return log.error();
    const auto first = log.value()->first_height();
    if (!first) return std::optional<std::string>("The block log is empty.");
    if (*first != 1) {
        return std::optional<std::string>("The block log does not reach back to the first block.");
    }
    // The log is what was damaged; building on it would take back what was answered.
    if (height_of_state(place, place.state_directory).value_or(0) > *log.value()->last_height())
        return std::optional<std::string>("The state knows blocks that " + place.log_directory +
                                          " does not hold.");
    return std::optional<std::string>{};
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

/// A state that came as a snapshot takes the place of the old one, with the log that led to that.
/// It is whole when it has a height; each step leaves the next start to do the rest.
Status finish_joining(const ChainPlace& place) {
    const std::string joining = joining_directory(place.state_directory);
    if (!storage::Database::exists(joining, place.database.env)) return {};
    const auto height = height_of_state(place, joining);
    std::optional<std::uint64_t> logged;
    if (height) {
        const auto log = storage::BlockLog::open(place.files, place.log_directory,
                                                 {.segment_bytes = place.segment_bytes});
        if (!log.ok()) return log.error();
        logged = log.value()->last_height();
    }
    // What was executed here meanwhile is worth more: it has a history.
    if (!height || (logged && *logged >= *height))
        return storage::Database::destroy(joining, place.database.env);
    const Status cleared = storage::BlockLog::destroy(place.files, place.log_directory);
    if (!cleared.ok()) return cleared;
    return storage::Database::replace(place.state_directory, joining, place.database.env);
}

}  // namespace

std::string joining_directory(const std::string& state_directory) {
    return state_directory + ".joining";
}

Result<OpenChain> open_chain(const ChainPlace& place) {
    const Status joined = finish_joining(place);
    if (!joined.ok()) return joined.error();
    auto chain = open_at(place, place.state_directory);
    if (chain.ok()) return chain;
    Error cause = chain.error();
    // check_failed: a block of the log does not execute on this state as it did when it was made.
    if (cause.code != ErrorCode::corrupt_data && cause.code != ErrorCode::check_failed)
        return cause;
    const auto reason = obstacle(place);
    if (!reason.ok()) return reason.error();
    if (reason.value()) {
        cause.why += " " + *reason.value();
        cause.next = "Check the disk, and restore the whole data directory from one backup.";
        return cause;
    }
    auto rebuilt = rebuild(place, cause);
    // Another genesis or other rules: the state was not at fault, and was left as it is.
    if (!rebuilt.ok() && rebuilt.error().code == ErrorCode::check_failed) return cause;
    return rebuilt;
}

}  // namespace ait::consensus
