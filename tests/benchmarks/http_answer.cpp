#include "tests/benchmarks/http_answer.hpp"

#include <charconv>

namespace ait::benchmarks {
namespace {

constexpr std::string_view version = "HTTP/1.1 ";
constexpr std::string_view head_end = "\r\n\r\n";
constexpr std::string_view length_name = "content-length:";

Error unreadable(std::string_view why) {
    return Error{ErrorCode::malformed, "An answer cannot be read.", std::string(why), ""};
}

bool begins_with_name(std::string_view line, std::string_view lower_case_name) {
    if (line.size() < lower_case_name.size()) return false;
    for (std::size_t i = 0; i < lower_case_name.size(); ++i) {
        const char c = line[i];
        const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        if (lower != lower_case_name[i]) return false;
    }
    return true;
}

template <class Number>
bool read_number(std::string_view text, Number& number) {
    const std::size_t begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) return false;
    return std::from_chars(text.data() + begin, text.data() + text.size(), number).ec ==
           std::errc{};
}

}  // namespace

Result<HttpAnswer> read_answer(std::string_view bytes) {
    const std::size_t end = bytes.find(head_end);
    if (end == std::string_view::npos) return HttpAnswer{};
    HttpAnswer answer;
    const std::string_view head = bytes.substr(0, end + 2);
    if (!head.starts_with(version) || !read_number(head.substr(version.size(), 3), answer.status))
        return unreadable("It has no status line.");
    std::size_t length = 0;
    bool has_length = false;
    for (std::size_t at = head.find('\n') + 1; at < head.size(); at = head.find('\n', at) + 1) {
        const std::string_view line = head.substr(at);
        if (!begins_with_name(line, length_name)) continue;
        has_length = read_number(line.substr(length_name.size()), length);
        break;
    }
    if (!has_length) return unreadable("It does not tell its length.");
    const std::size_t body_at = end + head_end.size();
    if (bytes.size() - body_at < length) return answer;
    answer.body = bytes.substr(body_at, length);
    answer.size = body_at + length;
    return answer;
}

bool JsonWalk::find(std::string_view quoted_name_and_colon) {
    const std::size_t found = text_.find(quoted_name_and_colon, at_);
    if (found == std::string_view::npos) return false;
    at_ = found + quoted_name_and_colon.size();
    return true;
}

std::string_view JsonWalk::text() const {
    if (at_ >= text_.size() || text_[at_] != '"') return {};
    const std::size_t end = text_.find('"', at_ + 1);
    if (end == std::string_view::npos) return {};
    return text_.substr(at_ + 1, end - at_ - 1);
}

std::uint64_t JsonWalk::number() const {
    std::uint64_t number = 0;
    return read_number(text_.substr(at_), number) ? number : 0;
}

}  // namespace ait::benchmarks
