#include "gpu/core/tokenizer.hpp"
#include "gpu/core/unicode.hpp"

namespace ait::gpu {
namespace {

constexpr std::string_view replacement_character = "\xef\xbf\xbd";

}  // namespace

std::string StreamDecoder::push(std::uint32_t token) {
    if (tokenizer_->is_control(token)) return {};
    held_ += tokenizer_->token_bytes(token);
    std::string text;
    std::string_view rest = held_;
    while (!rest.empty() && incomplete_character_bytes(rest) == 0) {
        const Utf8Character c = first_character(rest);
        text +=
            c.code_point == code_point_invalid ? replacement_character : rest.substr(0, c.bytes);
        rest.remove_prefix(c.bytes);
    }
    AIT_ASSERT(rest.size() <= 3);
    held_ = std::string(rest);
    return text;
}

std::string StreamDecoder::finish() {
    if (held_.empty()) return {};
    held_.clear();
    return std::string(replacement_character);
}

}  // namespace ait::gpu
