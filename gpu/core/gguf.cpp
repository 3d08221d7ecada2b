#include "gpu/core/gguf.hpp"

#include <algorithm>
#include <bit>
#include <string>

#include "gpu/core/gguf_format.hpp"
#include "gpu/core/mapped_file.hpp"

namespace ait::gpu {
namespace {

static_assert(std::endian::native == std::endian::little, "views give the file's bytes unchanged");

constexpr std::array tensor_type_rows{
    TensorTypeRow{TensorType::f32, "f32", 1, 4},
    TensorTypeRow{TensorType::f16, "f16", 1, 2},
    TensorTypeRow{TensorType::q4_0, "q4_0", 32, 18},
    TensorTypeRow{TensorType::q4_1, "q4_1", 32, 20},
    TensorTypeRow{TensorType::q8_0, "q8_0", 32, 34},
    TensorTypeRow{TensorType::q4_k, "q4_k", 256, 144},
    TensorTypeRow{TensorType::q6_k, "q6_k", 256, 210},
    TensorTypeRow{TensorType::bf16, "bf16", 1, 2},
};

constexpr std::string_view remedy = "Download the model again, or convert it anew.";

Error malformed(std::string why) {
    return Error{ErrorCode::malformed, "The model file cannot be read.", std::move(why),
                 std::string(remedy)};
}

Error beyond_limit(std::string why) {
    return Error{ErrorCode::limit_reached, "The model file is beyond what is accepted.",
                 std::move(why), "Use a model file of an ordinary size."};
}

Error unsupported(std::string why, std::string next) {
    return Error{ErrorCode::unsupported, "The model file is of a kind that is not supported.",
                 std::move(why), std::move(next)};
}

std::string in_quotes(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

std::string_view text_view(std::span<const std::uint8_t> bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Names reach error texts and logs, so that control bytes are refused with the file.
bool is_printable_ascii(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

}  // namespace

const TensorTypeRow& tensor_type_row(TensorType type) noexcept {
    const auto row = std::find_if(tensor_type_rows.begin(), tensor_type_rows.end(),
                                  [type](const TensorTypeRow& r) { return r.type == type; });
    AIT_ASSERT(row != tensor_type_rows.end());
    return *row;
}

const TensorTypeRow* find_tensor_type(std::string_view name) noexcept {
    for (const TensorTypeRow& row : tensor_type_rows) {
        if (row.name == name) return &row;
    }
    return nullptr;
}

/// Reads one image front to back. Invariants: 1. cursor_ <= header_end_ <= image_.size(). 2. Memory
/// grows by what has been read, never by what a count promises.
class GgufParser {
  public:
    explicit GgufParser(std::span<const std::uint8_t> image) : image_(image) {
        header_end_ = std::min<std::uint64_t>(image.size(), gguf_header_bytes_max);
        file_.image_ = image;
    }

    Result<GgufFile> parse() {
        if (auto status = read_preamble(); !status.ok()) return status.error();
        for (std::uint64_t i = 0; i < metadata_count_; ++i) {
            if (auto status = read_entry(); !status.ok()) return status.error();
        }
        if (auto status = index_entries(); !status.ok()) return status.error();
        for (std::uint64_t i = 0; i < tensor_count_; ++i) {
            if (auto status = read_tensor(); !status.ok()) return status.error();
        }
        if (auto status = index_tensors(); !status.ok()) return status.error();
        if (auto status = place_tensors(); !status.ok()) return status.error();
        return std::move(file_);
    }

  private:
    [[nodiscard]] std::uint64_t left() const noexcept { return header_end_ - cursor_; }

    /// Why a read passed the end: the file is cut, or the header is larger than accepted.
    [[nodiscard]] Error ended(std::string_view where) const {
        if (image_.size() > header_end_) {
            return beyond_limit("Its header passes " + std::to_string(gguf_header_bytes_max) +
                                " bytes at " + std::string(where) + ".");
        }
        return malformed("It ends within " + std::string(where) + ", at byte " +
                         std::to_string(image_.size()) + ".");
    }

    template <class T>
    std::optional<T> take() noexcept {
        if (left() < sizeof(T)) return std::nullopt;
        const T value = gguf_load<T>(image_.data() + cursor_);
        cursor_ += sizeof(T);
        return value;
    }

    Result<std::string_view> take_string(std::uint64_t bytes_max, std::string_view where) {
        const auto length = take<std::uint64_t>();
        if (!length) return ended(where);
        if (*length > bytes_max) {
            return beyond_limit("The length of " + std::string(where) + " is " +
                                std::to_string(*length) + " bytes; at most " +
                                std::to_string(bytes_max) + " are accepted.");
        }
        if (*length > left()) return ended(where);
        const auto text = text_view(image_.subspan(cursor_, *length));
        cursor_ += *length;
        return text;
    }

    Status read_preamble();
    Status read_entry();
    Status read_array(GgufFile::Entry& entry);
    Status index_entries();
    Status read_alignment();
    Status read_tensor();
    Status read_shape(TensorView& tensor);
    Status index_tensors();
    Status place_tensors();

    std::span<const std::uint8_t> image_;
    std::uint64_t header_end_ = 0;
    std::uint64_t cursor_ = 0;
    std::uint64_t tensor_count_ = 0;
    std::uint64_t metadata_count_ = 0;
    std::uint64_t alignment_ = gguf_alignment_default;
    std::vector<std::uint64_t> offsets_{};  ///< of each tensor, from the start of the data
    std::vector<std::uint64_t> sizes_{};    ///< of each tensor, in bytes
    GgufFile file_{};
};

Status GgufParser::read_preamble() {
    const auto magic = take<std::uint32_t>();
    if (!magic) return ended("the magic number");
    if (*magic != gguf_magic) {
        return malformed("Its first four bytes are not \"GGUF\".");
    }
    const auto version = take<std::uint32_t>();
    if (!version) return ended("the version");
    if (*version != 2 && *version != 3) {
        const bool swapped = (*version & 0xffffU) == 0;
        return unsupported(
            swapped ? "It is big-endian." : "It is GGUF version " + std::to_string(*version) + ".",
            "Convert it to little-endian GGUF version 3.");
    }
    const auto tensors = take<std::uint64_t>();
    const auto entries = take<std::uint64_t>();
    if (!tensors || !entries) return ended("the counts");
    if (*tensors > gguf_tensors_max) {
        return beyond_limit("It announces " + std::to_string(*tensors) + " tensors; at most " +
                            std::to_string(gguf_tensors_max) + " are accepted.");
    }
    if (*entries > gguf_metadata_entries_max) {
        return beyond_limit("It announces " + std::to_string(*entries) +
                            " metadata entries; at most " +
                            std::to_string(gguf_metadata_entries_max) + " are accepted.");
    }
    file_.version_ = *version;
    tensor_count_ = *tensors;
    metadata_count_ = *entries;
    return {};
}

Status GgufParser::read_entry() {
    const auto key = take_string(gguf_key_bytes_max, "a metadata key");
    if (!key.ok()) return key.error();
    if (key.value().empty() || !is_printable_ascii(key.value())) {
        return malformed("A metadata key before byte " + std::to_string(cursor_) +
                         " is empty or not printable ASCII.");
    }
    const auto type = take<std::uint32_t>();
    if (!type) return ended("the type of " + in_quotes(key.value()));
    GgufFile::Entry entry{key.value(), *type, 0, 1, {}};
    if (*type == value_array) {
        if (auto status = read_array(entry); !status.ok()) return status;
    } else if (*type == value_string) {
        const auto text = take_string(gguf_string_bytes_max, in_quotes(entry.key));
        if (!text.ok()) return text.error();
        entry.value = image_.subspan(cursor_ - text.value().size(), text.value().size());
    } else {
        const std::uint64_t bytes = gguf_scalar_bytes(*type);
        if (bytes == 0) {
            return malformed("The value of " + in_quotes(entry.key) + " has the unknown type " +
                             std::to_string(*type) + ".");
        }
        if (left() < bytes) return ended(in_quotes(entry.key));
        entry.value = image_.subspan(cursor_, bytes);
        cursor_ += bytes;
        if (*type == value_bool && entry.value[0] > 1) {
            return malformed("The boolean " + in_quotes(entry.key) + " is neither 0 nor 1.");
        }
    }
    file_.entries_.push_back(entry);
    return {};
}

Status GgufParser::read_array(GgufFile::Entry& entry) {
    const auto element_type = take<std::uint32_t>();
    const auto count = take<std::uint64_t>();
    if (!element_type || !count) return ended("the array " + in_quotes(entry.key));
    const std::uint64_t element_bytes = gguf_scalar_bytes(*element_type);
    if (element_bytes == 0 && *element_type != value_string) {
        return malformed("The elements of " + in_quotes(entry.key) + " have the type " +
                         std::to_string(*element_type) + "; only scalars and strings are read.");
    }
    if (*count > gguf_array_elements_max) {
        return beyond_limit("The array " + in_quotes(entry.key) + " has " + std::to_string(*count) +
                            " elements; at most " + std::to_string(gguf_array_elements_max) +
                            " are accepted.");
    }
    entry.element_type = *element_type;
    entry.count = *count;
    const std::uint64_t start = cursor_;
    if (*element_type == value_string) {
        // Each element takes at least the 8 bytes of its length, so the header bounds the loop.
        for (std::uint64_t i = 0; i < *count; ++i) {
            const auto text = take_string(gguf_string_bytes_max, in_quotes(entry.key));
            if (!text.ok()) return text.error();
        }
    } else {
        if (*count > left() / element_bytes) return ended("the array " + in_quotes(entry.key));
        cursor_ += *count * element_bytes;
    }
    entry.value = image_.subspan(start, cursor_ - start);
    const auto not_boolean = [](std::uint8_t byte) { return byte > 1; };
    if (*element_type == value_bool &&
        std::any_of(entry.value.begin(), entry.value.end(), not_boolean)) {
        return malformed("An element of " + in_quotes(entry.key) + " is neither 0 nor 1.");
    }
    return {};
}

Status GgufParser::index_entries() {
    auto& entries = file_.entries_;
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.key < b.key; });
    const auto twin =
        std::adjacent_find(entries.begin(), entries.end(),
                           [](const auto& a, const auto& b) { return a.key == b.key; });
    if (twin != entries.end()) {
        return malformed("The metadata key " + in_quotes(twin->key) + " stands there twice.");
    }
    return read_alignment();
}

Status GgufParser::read_alignment() {
    if (!file_.contains("general.alignment")) return {};
    const auto alignment = file_.find_unsigned("general.alignment");
    if (!alignment || !std::has_single_bit(*alignment) || *alignment < gguf_alignment_min ||
        *alignment > gguf_alignment_max) {
        return malformed("Its alignment is not a power of two from " +
                         std::to_string(gguf_alignment_min) + " to " +
                         std::to_string(gguf_alignment_max) + ".");
    }
    alignment_ = *alignment;
    return {};
}

Status GgufParser::read_tensor() {
    const auto name = take_string(gguf_tensor_name_bytes_max, "a tensor name");
    if (!name.ok()) return name.error();
    if (name.value().empty() || !is_printable_ascii(name.value())) {
        return malformed("The name of tensor " + std::to_string(file_.tensors_.size()) +
                         " is empty or not printable ASCII.");
    }
    TensorView tensor;
    tensor.name = name.value();
    if (auto status = read_shape(tensor); !status.ok()) return status;
    const auto type = take<std::uint32_t>();
    const auto offset = take<std::uint64_t>();
    if (!type || !offset) return ended("the tensor " + in_quotes(tensor.name));
    const auto row = std::find_if(
        tensor_type_rows.begin(), tensor_type_rows.end(),
        [&](const TensorTypeRow& r) { return static_cast<std::uint32_t>(r.type) == *type; });
    if (row == tensor_type_rows.end()) {
        return unsupported(
            "The tensor " + in_quotes(tensor.name) + " has the element type number " +
                std::to_string(*type) + ".",
            "Use a file with f32, f16, bf16, q4_0, q4_1, q8_0, q4_k or q6_k weights.");
    }
    tensor.type = row->type;
    if (tensor.shape[0] % row->block_elements != 0) {
        return malformed("The rows of " + in_quotes(tensor.name) + " have " +
                         std::to_string(tensor.shape[0]) + " elements, which is no multiple of " +
                         std::to_string(row->block_elements) + ".");
    }
    std::uint64_t size = 0;
    if (__builtin_mul_overflow(tensor.elements() / row->block_elements,
                               std::uint64_t{row->block_bytes}, &size)) {
        return malformed("The size of " + in_quotes(tensor.name) + " does not fit in 64 bits.");
    }
    if (*offset % alignment_ != 0) {
        return malformed("The offset of " + in_quotes(tensor.name) + " is no multiple of " +
                         std::to_string(alignment_) + ".");
    }
    file_.tensors_.push_back(tensor);
    offsets_.push_back(*offset);
    sizes_.push_back(size);
    return {};
}

Status GgufParser::read_shape(TensorView& tensor) {
    const auto dimensions = take<std::uint32_t>();
    if (!dimensions) return ended("the tensor " + in_quotes(tensor.name));
    if (*dimensions == 0 || *dimensions > gguf_dimensions_max) {
        return malformed("The tensor " + in_quotes(tensor.name) + " has " +
                         std::to_string(*dimensions) + " dimensions; 1 to " +
                         std::to_string(gguf_dimensions_max) + " are possible.");
    }
    tensor.dimensions = *dimensions;
    std::uint64_t elements = 1;
    for (unsigned i = 0; i < *dimensions; ++i) {
        const auto length = take<std::uint64_t>();
        if (!length) return ended("the shape of " + in_quotes(tensor.name));
        if (*length == 0) return malformed("The tensor " + in_quotes(tensor.name) + " is empty.");
        if (__builtin_mul_overflow(elements, *length, &elements)) {
            return malformed("The element count of " + in_quotes(tensor.name) +
                             " does not fit in 64 bits.");
        }
        tensor.shape[i] = *length;
    }
    return {};
}

Status GgufParser::index_tensors() {
    const auto& tensors = file_.tensors_;
    auto& order = file_.tensors_by_name_;
    order.resize(tensors.size());
    for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(),
              [&](auto a, auto b) { return tensors[a].name < tensors[b].name; });
    for (std::size_t i = 1; i < order.size(); ++i) {
        if (tensors[order[i - 1]].name == tensors[order[i]].name) {
            return malformed("The tensor " + in_quotes(tensors[order[i]].name) +
                             " stands there twice.");
        }
    }
    return {};
}

Status GgufParser::place_tensors() {
    if (file_.tensors_.empty()) return {};
    const std::uint64_t start = (cursor_ + alignment_ - 1) & ~(alignment_ - 1);
    const std::uint64_t available = start <= image_.size() ? image_.size() - start : 0;
    std::vector<std::uint32_t> order(file_.tensors_.size());
    for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(),
              [&](auto a, auto b) { return offsets_[a] < offsets_[b]; });
    std::uint64_t previous_end = 0;
    for (const std::uint32_t i : order) {
        TensorView& tensor = file_.tensors_[i];
        if (offsets_[i] > available || sizes_[i] > available - offsets_[i]) {
            return malformed("The tensor " + in_quotes(tensor.name) + " (" +
                             std::to_string(sizes_[i]) + " bytes at offset " +
                             std::to_string(offsets_[i]) +
                             ") passes the end of the file; its data has " +
                             std::to_string(available) + " bytes.");
        }
        if (offsets_[i] < previous_end) {
            return malformed("The tensor " + in_quotes(tensor.name) + " overlaps another one.");
        }
        previous_end = offsets_[i] + sizes_[i];
        tensor.bytes = image_.subspan(start + offsets_[i], sizes_[i]);
    }
    return {};
}

Result<GgufFile> GgufFile::open(const std::filesystem::path& path) {
    return read_mapping(map_file(path), path);
}

Result<GgufFile> GgufFile::open_descriptor(int descriptor, const std::filesystem::path& path) {
    return read_mapping(map_descriptor(descriptor, path), path);
}

Result<GgufFile> GgufFile::read_mapping(Result<MappedFile> mapped,
                                        const std::filesystem::path& path) {
    if (!mapped.ok()) return mapped.error();
    auto file = parse(mapped.value().bytes);
    if (!file.ok()) {
        Error error = file.error();
        error.what.insert(error.what.size() - 1, " (" + path.string() + ")");
        return error;
    }
    file.value().storage_ = std::move(mapped.value().owner);
    return file;
}

Result<GgufFile> GgufFile::parse(std::span<const std::uint8_t> image) {
    return GgufParser(image).parse();
}

Result<GgufFile> GgufFile::adopt(std::vector<std::uint8_t> image) {
    auto owner = std::make_shared<const std::vector<std::uint8_t>>(std::move(image));
    auto file = parse(*owner);
    if (file.ok()) file.value().storage_ = std::move(owner);
    return file;
}

const TensorView* GgufFile::find_tensor(std::string_view name) const noexcept {
    const auto place = std::lower_bound(
        tensors_by_name_.begin(), tensors_by_name_.end(), name,
        [this](std::uint32_t i, std::string_view n) { return tensors_[i].name < n; });
    if (place == tensors_by_name_.end() || tensors_[*place].name != name) return nullptr;
    return &tensors_[*place];
}

}  // namespace ait::gpu
