#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "storage/faulty_file_system.hpp"
#include "storage/log.hpp"

// Opens a log whose segment the input has damaged (or wholly made). Whatever the bytes: opening
// answers with a log or with corrupt_data, and a log that opened takes a block and keeps it.

namespace ait::storage {
namespace {

class FixedRandom final : public Random {
  public:
    std::string bytes(std::size_t count) override { return std::string(count, 'r'); }
};

constexpr std::uint64_t segment_bytes = 2048;

Result<std::unique_ptr<BlockLog>> open_log(FileSystem& files) {
    static FixedRandom random;
    return BlockLog::open(files, "log", {.segment_bytes = segment_bytes, .random = &random});
}

DiskImage small_log() {
    FaultyFileSystem files;
    auto log = open_log(files);
    AIT_ASSERT(log.ok());
    for (std::uint64_t height = 1; height <= 12; ++height) {
        const std::string payload(height * 20, static_cast<char>('a' + height));
        AIT_ASSERT(log.value()->append(height, payload).ok());
        if (height % 2 == 0) AIT_ASSERT(log.value()->sync().ok());
    }
    return files.image();
}

/// First byte: which file (or a new one made of the input). Then triples: offset, exclusive-or.
DiskImage damaged_log(std::string_view input) {
    static const DiskImage whole = small_log();
    DiskImage disk = whole;
    const auto choice = static_cast<std::uint8_t>(input[0]);
    input.remove_prefix(1);
    if (choice >= 128) {
        std::string content(input);
        content.resize(std::max<std::size_t>(content.size(), segment_bytes), '\0');
        return {{disk.begin()->first, std::move(content)}};
    }
    auto file = disk.begin();
    std::advance(file, choice % disk.size());
    for (; input.size() >= 3; input.remove_prefix(3)) {
        const auto offset =
            (static_cast<std::uint8_t>(input[0]) << 8U) | static_cast<std::uint8_t>(input[1]);
        char& byte = file->second[static_cast<std::size_t>(offset) % file->second.size()];
        byte = static_cast<char>(byte ^ input[2]);
    }
    if (input.size() == 1) file->second.resize(static_cast<std::uint8_t>(input[0]) * 8U);
    return disk;
}

std::uint64_t read_all(const BlockLog& log) {
    if (!log.last_height().has_value()) return 1;
    const std::uint64_t next = *log.last_height() + 1;
    const auto status = log.for_each(log.first_height().value_or(1), [&](auto height, auto) {
        AIT_ASSERT(height < next);
        return Status{};
    });
    AIT_ASSERT(status.ok());
    return next;
}

void open_and_go_on(std::string_view input) {
    FaultyFileSystem files(damaged_log(input), 1);
    std::uint64_t next = 0;
    {
        auto log = open_log(files);
        if (!log.ok()) {
            AIT_ASSERT(log.error().code == ErrorCode::corrupt_data);
            return;
        }
        next = read_all(*log.value());
        const auto appended = log.value()->append(next, "one more");
        if (!appended.ok()) {
            // A start record may name any height, and an empty segment's height is not seen
            // outside.
            AIT_ASSERT(appended.error().code == ErrorCode::conflict);
            return;
        }
        AIT_ASSERT(log.value()->sync().ok());
    }
    files.power_cut(PowerCut::lose_unsynced);
    const auto log = open_log(files);
    AIT_ASSERT(log.ok());
    AIT_ASSERT(log.value()->read(next).value() == "one more");
}

}  // namespace
}  // namespace ait::storage

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    if (size == 0 || size > 16'384) return 0;
    ait::storage::open_and_go_on({reinterpret_cast<const char*>(bytes), size});
    return 0;
}
