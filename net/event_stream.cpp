#include "net/event_stream.hpp"

#include <utility>

namespace ait::net {

namespace {

Error too_long(std::string_view unit, std::size_t bytes_max) {
    return Error{ErrorCode::too_large, "The stream holds a too long " + std::string(unit) + ".",
                 "At most " + std::to_string(bytes_max) + " bytes are taken.",
                 "Check that the other side speaks the expected protocol."};
}

void append_one_line(std::string& text, std::string_view name, std::string_view value) {
    text += name;
    text += ": ";
    for (const char c : value) text.push_back(c == '\n' || c == '\r' || c == '\0' ? ' ' : c);
    text += '\n';
}

std::optional<std::uint32_t> parse_retry(std::string_view digits) noexcept {
    if (digits.empty() || digits.size() > 9) return std::nullopt;
    std::uint32_t value = 0;
    for (const char c : digits) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + static_cast<std::uint32_t>(c - '0');
    }
    return value;
}

}  // namespace

Status LineSplitter::feed(std::string_view bytes, std::vector<std::string>& lines) {
    while (!failed_ && !bytes.empty()) {
        const std::size_t end = bytes.find('\n');
        const std::string_view piece = bytes.substr(0, end);
        // One byte more than the limit may be a carriage return that does not count.
        if (rest_.size() + piece.size() > line_bytes_max_ + 1) {
            failed_ = true;
            break;
        }
        rest_ += piece;
        if (end == std::string_view::npos) break;
        bytes.remove_prefix(end + 1);
        if (rest_.ends_with('\r')) rest_.pop_back();
        if (rest_.size() > line_bytes_max_) {
            failed_ = true;
            break;
        }
        lines.push_back(std::exchange(rest_, std::string()));
    }
    if (failed_) {
        rest_.clear();
        return too_long("line", line_bytes_max_);
    }
    return {};
}

std::string LineSplitter::take_rest() {
    return std::exchange(rest_, std::string());
}

Status SseParser::feed(std::string_view bytes, std::vector<SseEvent>& events) {
    for (const char c : bytes) {
        if (failed_) break;
        // CR, LF and CRLF all end one line: the LF of a CRLF was answered by its CR.
        const bool second_half = after_carriage_return_ && c == '\n';
        after_carriage_return_ = c == '\r';
        if (second_half) continue;
        if (c == '\r' || c == '\n') {
            take_line(events);
        } else if (line_.size() == event_bytes_max_) {
            failed_ = true;
        } else {
            line_.push_back(c);
        }
    }
    if (failed_) {
        line_.clear();
        return too_long("event", event_bytes_max_);
    }
    return {};
}

void SseParser::take_line(std::vector<SseEvent>& events) {
    std::string_view line = line_;
    if (std::exchange(first_line_, false) && line.starts_with("\xEF\xBB\xBF")) {
        line.remove_prefix(3);
    }
    if (line.empty()) {
        dispatch(events);
    } else if (line.front() != ':') {
        const std::size_t colon = line.find(':');
        const std::string_view name = line.substr(0, colon);
        std::string_view value;
        if (colon != std::string_view::npos) value = line.substr(colon + 1);
        if (value.starts_with(' ')) value.remove_prefix(1);
        if (name == "data") {
            if (event_.data.size() + value.size() + 1 > event_bytes_max_) {
                failed_ = true;
            } else {
                if (has_data_) event_.data += '\n';
                event_.data += value;
                has_data_ = true;
            }
        } else if (name == "event") {
            event_.event = value.empty() ? "message" : std::string(value);
        } else if (name == "id" && value.find('\0') == std::string_view::npos) {
            last_id_ = value;
        } else if (name == "retry") {
            event_.retry_ms = parse_retry(value);
        }
    }
    line_.clear();
}

void SseParser::dispatch(std::vector<SseEvent>& events) {
    if (has_data_) {
        event_.id = last_id_;
        events.push_back(std::move(event_));
    }
    event_ = SseEvent{};
    has_data_ = false;
}

std::string format_sse_event(const SseEvent& event) {
    std::string text;
    if (!event.id.empty()) append_one_line(text, "id", event.id);
    if (event.event != "message") append_one_line(text, "event", event.event);
    if (event.retry_ms) append_one_line(text, "retry", std::to_string(*event.retry_ms));
    std::string_view rest = event.data;
    while (true) {
        const std::size_t end = rest.find_first_of("\r\n");
        append_one_line(text, "data", rest.substr(0, end));
        if (end == std::string_view::npos) break;
        const bool pair = rest[end] == '\r' && rest.substr(end + 1).starts_with('\n');
        rest.remove_prefix(end + (pair ? 2 : 1));
    }
    text += '\n';
    return text;
}

}  // namespace ait::net
