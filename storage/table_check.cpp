#include "storage/table_check.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "storage/checksum.hpp"

namespace ait::storage {
namespace {

constexpr std::size_t footer_bytes = 53;
constexpr std::size_t trailer_bytes = 5;  // type of compression, checksum
constexpr std::uint64_t block_bytes_max = 64ULL * 1024 * 1024;
constexpr std::uint64_t table_magic = 0x88e241b785f4cff7ULL;
constexpr char crc32c_kind = 1;

struct BlockHandle {
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
};

/// Little-endian base 128; advances `bytes`.
std::optional<std::uint64_t> take_varint(std::string_view& bytes) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
        const auto byte = static_cast<std::uint8_t>(bytes.front());
        bytes.remove_prefix(1);
        value |= std::uint64_t{byte & 0x7FU} << shift;
        if ((byte & 0x80U) == 0) return value;
    }
    return std::nullopt;
}

std::optional<BlockHandle> take_handle(std::string_view& bytes) {
    const auto offset = take_varint(bytes);
    const auto size = offset ? take_varint(bytes) : std::nullopt;
    if (!size) return std::nullopt;
    return BlockHandle{*offset, *size};
}

std::uint64_t little_endian(std::string_view bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = bytes.size(); i-- > 0;)
        value = value << 8U | static_cast<std::uint8_t>(bytes[i]);
    return value;
}

/// RocksDB stores checksums rotated and shifted, as they may lie in data that is summed again.
std::uint32_t masked(std::uint32_t sum) {
    return ((sum >> 15U) | (sum << 17U)) + 0xa282ead8U;
}

class Table {
  public:
    static std::optional<Table> open(rocksdb::Env& env, const std::string& path) {
        Table table;
        if (!env.GetFileSize(path, &table.bytes_).ok()) return std::nullopt;
        if (!env.NewRandomAccessFile(path, &table.file_, rocksdb::EnvOptions()).ok())
            return std::nullopt;
        return table;
    }

    /// Where the properties are, by the footer and the block that it leads to, if those are whole.
    [[nodiscard]] std::optional<BlockHandle> properties() const {
        if (bytes_ < footer_bytes) return std::nullopt;
        const auto footer = read(bytes_ - footer_bytes, footer_bytes);
        if (!footer || footer->front() != crc32c_kind ||
            little_endian(std::string_view(*footer).substr(footer_bytes - 8)) != table_magic)
            return std::nullopt;
        std::string_view rest = std::string_view(*footer).substr(1);
        const auto index = take_handle(rest);
        if (!index) return std::nullopt;
        const auto block = block_at(*index);
        if (!block || !is_whole(*block)) return std::nullopt;
        return find_properties(std::string_view(*block).substr(0, index->bytes));
    }

    /// Contents and trailer.
    [[nodiscard]] std::optional<std::string> block_at(const BlockHandle& handle) const {
        if (handle.bytes > block_bytes_max || handle.offset > bytes_ ||
            bytes_ - handle.offset < handle.bytes + trailer_bytes)
            return std::nullopt;
        return read(handle.offset, handle.bytes + trailer_bytes);
    }

    static bool is_whole(std::string_view block) {
        const auto summed = block.substr(0, block.size() - 4);
        return masked(crc32c(summed)) == little_endian(block.substr(block.size() - 4));
    }

  private:
    [[nodiscard]] std::optional<std::string> read(std::uint64_t offset, std::size_t count) const {
        std::string buffer(count, '\0');
        rocksdb::Slice found;
        if (!file_->Read(offset, count, &found, buffer.data()).ok() || found.size() != count)
            return std::nullopt;
        return std::string(found.data(), found.size());
    }

    /// Entries of a block: length shared with the key before, length of the rest, of the value.
    static std::optional<BlockHandle> find_properties(std::string_view block) {
        std::string key;
        while (!block.empty()) {
            const auto shared = take_varint(block);
            const auto rest = shared ? take_varint(block) : std::nullopt;
            const auto length = rest ? take_varint(block) : std::nullopt;
            if (!length || *shared > key.size() || *rest > block.size() ||
                *length > block.size() - *rest)
                return std::nullopt;
            key.resize(*shared);
            key += block.substr(0, *rest);
            std::string_view value = block.substr(*rest, *length);
            if (key == "rocksdb.properties") return take_handle(value);
            block.remove_prefix(*rest + *length);
        }
        return std::nullopt;
    }

    std::uint64_t bytes_ = 0;
    std::unique_ptr<rocksdb::RandomAccessFile> file_{};
};

}  // namespace

Status check_table_properties(rocksdb::Env& env, const std::string& path) {
    const auto table = Table::open(env, path);
    const auto place = table ? table->properties() : std::nullopt;
    if (!place) return {};
    const auto block = table->block_at(*place);
    if (block && Table::is_whole(*block)) return {};
    return Error{ErrorCode::corrupt_data, "The table " + path + " is damaged.",
                 "The checksum of its properties differs.",
                 "Check the disk, then start the node again: it builds the state anew where the "
                 "block log is whole."};
}

Status put_damaged_tables_aside(rocksdb::Env& env, const std::string& directory) {
    std::vector<std::string> names;
    if (!env.GetChildren(directory, &names).ok()) return {};
    std::sort(names.begin(), names.end());
    for (const auto& name : names) {
        if (!name.ends_with(".sst")) continue;
        const auto path = directory + "/" + name;
        const Status whole = check_table_properties(env, path);
        if (whole.ok()) continue;
        if (!env.RenameFile(path, directory + ".damaged-" + name).ok()) return whole;
    }
    return {};
}

}  // namespace ait::storage
