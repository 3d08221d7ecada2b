// The process that the crash test kills: appends, syncs, acknowledges on standard output,
// publishes.

#include <unistd.h>

#include <cstdio>

#include "storage/log.hpp"
#include "tests/unit/storage/crash_model.hpp"

namespace ait::storage {
namespace {

constexpr std::uint64_t blocks_max = 1'000'000;

Status write_blocks(const std::string& directory) {
    auto log = BlockLog::open(posix_file_system(), directory + "/log", {.segment_bytes = 65'536});
    if (!log.ok()) return log.error();
    auto database = Database::open(directory + "/db");
    if (!database.ok()) return database.error();
    auto store = ChainStore::open(*database.value(), "crash",
                                  {.flush_interval_ms = 5, .tables_bytes_least = 16U * 1024});
    if (!store.ok()) return store.error();
    auto replayed = log.value()->for_each(store.value()->flushed_height().value_or(0) + 1,
                                          [&](std::uint64_t height, std::string_view) {
                                              return store.value()->publish(model_block(height));
                                          });
    if (!replayed.ok()) return replayed;
    auto height = log.value()->last_height().value_or(0);
    while (++height < blocks_max) {
        auto status = log.value()->append(height, model_payload(height));
        if (status.ok()) status = log.value()->sync();
        if (!status.ok()) return status;
        const auto line = std::to_string(height) + "\n";
        if (::write(STDOUT_FILENO, line.data(), line.size()) < 0)
            return {};  // nobody listens any more
        status = store.value()->publish(model_block(height));
        if (!status.ok()) return status;
        if (height % 500 == 0) {
            const auto durable = store.value()->flush_durable();
            if (!durable.ok()) return durable.error();
            status = log.value()->prune_below(durable.value().value_or(0) + 1);
            if (!status.ok()) return status;
        }
    }
    return {};
}

}  // namespace
}  // namespace ait::storage

int main(int count, char** arguments) {
    if (count != 2) return 2;
    const auto status = ait::storage::write_blocks(arguments[1]);
    if (status.ok()) return 0;
    std::fputs(ait::render_error(status.error()).c_str(), stderr);
    return 1;
}
