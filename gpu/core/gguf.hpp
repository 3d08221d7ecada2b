#pragma once

// Model files come from strangers. This reader maps a GGUF file, checks every number in its header
// before using it (counts, lengths, products, offsets) and hands out views into the mapping, so
// that nothing after it has to doubt a length again.

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

namespace ait::gpu {

struct MappedFile;

inline constexpr std::uint64_t gguf_header_bytes_max = 64ULL * 1024 * 1024;
inline constexpr std::uint64_t gguf_metadata_entries_max = 1'000'000;
inline constexpr std::uint64_t gguf_tensors_max = 100'000;
inline constexpr std::uint64_t gguf_key_bytes_max = 65'535;      ///< the format's own limit
inline constexpr std::uint64_t gguf_tensor_name_bytes_max = 64;  ///< the format's own limit
inline constexpr std::uint64_t gguf_string_bytes_max = 1024 * 1024;
inline constexpr std::uint64_t gguf_array_elements_max = 4'000'000;
inline constexpr std::uint64_t gguf_alignment_min = 8;
inline constexpr std::uint64_t gguf_alignment_max = 64 * 1024;
inline constexpr unsigned gguf_dimensions_max = 4;

/// The element types that the kernels know; the numbers are those of the format.
enum class TensorType : std::uint32_t {
    f32 = 0,
    f16 = 1,
    q4_0 = 2,
    q4_1 = 3,
    q8_0 = 8,
    q4_k = 12,
    q6_k = 14,
    bf16 = 30,
};

/// How a type lies in memory: `block_bytes` hold `block_elements` consecutive elements of a row.
struct TensorTypeRow {
    TensorType type;
    std::string_view name;  ///< as quantisation suffixes spell it, lower case: "q8_0"
    std::uint32_t block_elements;
    std::uint32_t block_bytes;
};

/// The row of a type; total. Any thread.
const TensorTypeRow& tensor_type_row(TensorType type) noexcept;
/// By lower-case name, or null.
const TensorTypeRow* find_tensor_type(std::string_view name) noexcept;

/// A tensor inside a mapped file. shape[0] is the length of a row (contiguous), unused places
/// are 1. A matrix of the format is therefore [columns, rows], row-major. Never empty; shape[0] is
/// a multiple of the type's block; bytes.size() is exactly the size of the elements.
struct TensorView {
    std::string_view name{};
    TensorType type = TensorType::f32;
    std::array<std::uint64_t, 4> shape{1, 1, 1, 1};
    unsigned dimensions = 0;
    std::span<const std::uint8_t> bytes{};

    /// Product of the shape; fits because the reader has checked it.
    [[nodiscard]] std::uint64_t elements() const noexcept {
        return shape[0] * shape[1] * shape[2] * shape[3];
    }
    [[nodiscard]] std::uint64_t rows() const noexcept { return shape[1] * shape[2] * shape[3]; }
    [[nodiscard]] std::uint64_t row_bytes() const noexcept { return bytes.size() / rows(); }
};

/// A checked GGUF v2 or v3 file, little-endian. Immutable after creation: const functions from any
/// thread. Copies share the mapping; views live as long as any copy (for `parse`: as the caller's
/// bytes). A file that another process truncates while it is mapped ends this process (SIGBUS):
/// model files are replaced by rename, never written in place.
/// Source: the GGUF format document of the ggml project.
class GgufFile {
  public:
    /// Maps a file read-only. Errors: not_found, unavailable (not readable), unsupported (version,
    /// byte order, tensor type), malformed, limit_reached.
    static Result<GgufFile> open(const std::filesystem::path& path);
    /// Maps a file that is open already; `path` is for texts. Errors as for `open`.
    static Result<GgufFile> open_descriptor(int descriptor, const std::filesystem::path& path);
    /// Reads bytes that the caller keeps alive. Errors as for `open`. Tensors are as aligned as the
    /// start of the image is.
    static Result<GgufFile> parse(std::span<const std::uint8_t> image);
    /// Reads bytes and keeps them. Errors as for `open`.
    static Result<GgufFile> adopt(std::vector<std::uint8_t> image);

    [[nodiscard]] std::uint32_t version() const noexcept { return version_; }
    [[nodiscard]] std::uint64_t image_bytes() const noexcept { return image_.size(); }
    /// In the order of the file.
    [[nodiscard]] std::span<const TensorView> tensors() const noexcept { return tensors_; }
    [[nodiscard]] const TensorView* find_tensor(std::string_view name) const noexcept;

    [[nodiscard]] bool contains(std::string_view key) const noexcept;
    /// Empty when the key is absent or of another kind. Unsigned: any integer type, not negative.
    [[nodiscard]] std::optional<std::uint64_t> find_unsigned(std::string_view key) const noexcept;
    [[nodiscard]] std::optional<double> find_float(std::string_view key) const noexcept;
    [[nodiscard]] std::optional<bool> find_bool(std::string_view key) const noexcept;
    [[nodiscard]] std::optional<std::string_view> find_string(std::string_view key) const noexcept;
    [[nodiscard]] std::optional<std::vector<std::string_view>> find_string_array(
        std::string_view key) const;
    /// Integers of any width; empty when an element does not fit in 64 signed bits.
    [[nodiscard]] std::optional<std::vector<std::int64_t>> find_int_array(
        std::string_view key) const;
    [[nodiscard]] std::optional<std::vector<double>> find_float_array(std::string_view key) const;

  private:
    friend class GgufParser;

    /// One key with the place of its value; `element_type` and `count` are 0 and 1 for scalars.
    struct Entry {
        std::string_view key;
        std::uint32_t type;
        std::uint32_t element_type;
        std::uint64_t count;
        std::span<const std::uint8_t> value;
    };

    GgufFile() = default;
    static Result<GgufFile> read_mapping(Result<MappedFile> mapped,
                                         const std::filesystem::path& path);
    [[nodiscard]] const Entry* find_entry(std::string_view key) const noexcept;
    [[nodiscard]] const Entry* find_array(std::string_view key) const noexcept;

    std::shared_ptr<const void> storage_{};  ///< the mapping or the adopted bytes, or null
    std::span<const std::uint8_t> image_{};
    std::uint32_t version_ = 0;
    std::vector<Entry> entries_{};  ///< sorted by key
    std::vector<TensorView> tensors_{};
    std::vector<std::uint32_t> tensors_by_name_{};  ///< indexes into tensors_, sorted by name
};

}  // namespace ait::gpu
