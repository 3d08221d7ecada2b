// Any bytes as a model file: the reader refuses or every view lies inside the file, and what is
// built on it (model, tokenizer, chat template) refuses or works.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "gpu/core/chat_template.hpp"
#include "gpu/core/gguf.hpp"
#include "gpu/core/model.hpp"
#include "gpu/core/tokenizer.hpp"
#include "runtime/base/assert.hpp"

namespace {

using ait::gpu::GgufFile;

/// Touches both ends, so that the sanitizers see a view that leaves the file.
unsigned ends_of(std::span<const std::uint8_t> bytes) {
    AIT_ASSERT(!bytes.empty());
    return unsigned{bytes.front()} + bytes.back();
}

unsigned read_tensors(const GgufFile& file) {
    unsigned sum = 0;
    for (const ait::gpu::TensorView& tensor : file.tensors()) {
        AIT_ASSERT(file.find_tensor(tensor.name) == &tensor);
        AIT_ASSERT(ait::gpu::find_tensor_type(tensor_type_row(tensor.type).name) != nullptr);
        AIT_ASSERT(tensor.bytes.size() == tensor.row_bytes() * tensor.rows());
        sum += ends_of(tensor.bytes);
    }
    return sum;
}

/// Each key as every kind.
std::size_t read_metadata(const GgufFile& file) {
    std::size_t sum = 0;
    for (const char* key :
         {"general.alignment", "general.architecture", "tokenizer.ggml.tokens",
          "tokenizer.ggml.token_type", "tokenizer.ggml.add_bos_token", "k", "i", "f", "b"}) {
        sum += file.find_unsigned(key).value_or(1) + (file.find_float(key) ? 1U : 0U);
        sum += file.find_bool(key).value_or(false) ? 1U : 0U;
        sum += file.find_string(key).value_or("").size();
        if (const auto texts = file.find_string_array(key)) {
            for (const auto text : *texts) sum += text.size();
        }
        if (const auto numbers = file.find_int_array(key)) sum += numbers->size();
        if (const auto numbers = file.find_float_array(key)) sum += numbers->size();
    }
    return sum;
}

void read_tokenizer(const GgufFile& file) {
    const auto tokenizer = ait::gpu::Tokenizer::from_gguf(file);
    if (!tokenizer.ok()) return;
    const auto tokens = tokenizer.value().encode("It's <|im_end|> 42\xff\n\n  x", true);
    ait::gpu::StreamDecoder decoder(tokenizer.value());
    for (const std::uint32_t token : tokens) {
        AIT_ASSERT(token < tokenizer.value().vocabulary());
        (void)decoder.push(token);  // only its own checks are of interest
    }
    const auto chat = ait::gpu::ChatTemplate::from_gguf(file, tokenizer.value());
    const ait::gpu::ChatMessage message{"user", "Hi"};
    AIT_ASSERT(chat.encode(tokenizer.value(), {&message, 1}).ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // An exact copy on the heap: one byte beyond the file is an error that the sanitizer sees.
    const std::unique_ptr<std::uint8_t[]> image(new std::uint8_t[size]);
    std::copy_n(data, size, image.get());
    const auto file = GgufFile::parse({image.get(), size});
    AIT_ASSERT(GgufFile::adopt({image.get(), image.get() + size}).ok() == file.ok());
    if (!file.ok()) {
        AIT_ASSERT(!file.error().why.empty());
        return 0;
    }
    const volatile std::size_t sum = read_tensors(file.value()) + read_metadata(file.value());
    (void)sum;  // keeps the reads above
    if (const auto model = ait::gpu::load_llama(file.value()); model.ok()) {
        AIT_ASSERT(model.value().layers.size() == model.value().config.blocks);
    }
    read_tokenizer(file.value());
    return 0;
}
