#include "gpu/core/gguf_writer.hpp"

#include <bit>

#include "gpu/core/gguf_format.hpp"

namespace ait::gpu {
namespace {

template <class T>
void put(std::vector<std::uint8_t>& bytes, T value) {
    const auto* const start = reinterpret_cast<const std::uint8_t*>(&value);
    bytes.insert(bytes.end(), start, start + sizeof(T));
}

void put_text(std::vector<std::uint8_t>& bytes, std::string_view text) {
    put(bytes, std::uint64_t{text.size()});
    bytes.insert(bytes.end(), text.begin(), text.end());
}

constexpr std::uint64_t aligned(std::uint64_t offset) noexcept {
    return (offset + gguf_alignment_default - 1) / gguf_alignment_default * gguf_alignment_default;
}

}  // namespace

void GgufWriter::add_key(std::string_view key, std::uint32_t type) {
    put_text(metadata_, key);
    put(metadata_, type);
    ++metadata_count_;
}

void GgufWriter::add_unsigned(std::string_view key, std::uint32_t value) {
    add_key(key, value_uint32);
    put(metadata_, value);
}

void GgufWriter::add_float(std::string_view key, float value) {
    add_key(key, value_float32);
    put(metadata_, value);
}

void GgufWriter::add_bool(std::string_view key, bool value) {
    add_key(key, value_bool);
    put(metadata_, std::uint8_t{value});
}

void GgufWriter::add_string(std::string_view key, std::string_view value) {
    add_key(key, value_string);
    put_text(metadata_, value);
}

void GgufWriter::add_string_array(std::string_view key, std::span<const std::string> values) {
    add_key(key, value_array);
    put(metadata_, std::uint32_t{value_string});
    put(metadata_, std::uint64_t{values.size()});
    for (const std::string& value : values) put_text(metadata_, value);
}

void GgufWriter::add_int_array(std::string_view key, std::span<const std::int32_t> values) {
    add_key(key, value_array);
    put(metadata_, std::uint32_t{value_int32});
    put(metadata_, std::uint64_t{values.size()});
    for (const std::int32_t value : values) put(metadata_, value);
}

void GgufWriter::add_tensor(std::string_view name, TensorType type,
                            std::span<const std::uint64_t> shape, TensorFill fill) {
    const TensorTypeRow& row = tensor_type_row(type);
    AIT_ASSERT(!shape.empty());
    AIT_ASSERT(shape.size() <= gguf_dimensions_max);
    AIT_ASSERT(shape[0] % row.block_elements == 0);
    std::uint64_t elements = 1;
    for (const std::uint64_t length : shape) elements *= length;
    tensors_.push_back({std::string(name),
                        type,
                        {shape.begin(), shape.end()},
                        elements / row.block_elements * row.block_bytes,
                        std::move(fill)});
}

std::vector<std::uint8_t> GgufWriter::finish() {
    std::vector<std::uint8_t> image;
    put(image, gguf_magic);
    put(image, gguf_version);
    put(image, std::uint64_t{tensors_.size()});
    put(image, metadata_count_);
    image.insert(image.end(), metadata_.begin(), metadata_.end());
    std::uint64_t offset = 0;
    for (const Tensor& tensor : tensors_) {
        put_text(image, tensor.name);
        put(image, static_cast<std::uint32_t>(tensor.shape.size()));
        for (const std::uint64_t length : tensor.shape) put(image, length);
        put(image, static_cast<std::uint32_t>(tensor.type));
        put(image, offset);
        offset = aligned(offset + tensor.bytes);
    }
    std::uint64_t cursor = aligned(image.size());
    image.resize(cursor + offset);
    for (const Tensor& tensor : tensors_) {
        tensor.fill(std::span(image).subspan(cursor, tensor.bytes));
        cursor = aligned(cursor + tensor.bytes);
    }
    AIT_ASSERT(cursor == image.size());
    return image;
}

}  // namespace ait::gpu
