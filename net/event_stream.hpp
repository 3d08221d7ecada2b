#pragma once

// Turns the bytes of a stream, cut anywhere, into its units: lines (NDJSON) and server-sent
// events. Pure; one object a stream. Memory is bounded by the limit given at construction.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

namespace ait::net {

/// Lines ended by LF or CRLF, without their ends.
class LineSplitter {
  public:
    explicit LineSplitter(std::size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}
    /// Appends the lines completed by `bytes`. Error too_large: a line passes the limit; lines
    /// before it have been given, and every later call refuses.
    Status feed(std::string_view bytes, std::vector<std::string>& lines);
    /// What stands after the last line end; empties it.
    std::string take_rest();

  private:
    std::size_t line_bytes_max_;
    std::string rest_{};
    bool failed_ = false;
};

struct SseEvent {
    std::string event = "message";
    std::string data{};
    std::string id{};  ///< last id seen, also by earlier events: what Last-Event-ID resumes from
    std::optional<std::uint32_t> retry_ms{};

    bool operator==(const SseEvent&) const = default;
};

/// Source: WHATWG HTML, "Server-sent events", 9.2.6; an event without data is not given.
class SseParser {
  public:
    explicit SseParser(std::size_t event_bytes_max) : event_bytes_max_(event_bytes_max) {}
    /// Appends the events completed by `bytes`. Error too_large: a line or an event passes the
    /// limit; events before it have been given, and every later call refuses.
    Status feed(std::string_view bytes, std::vector<SseEvent>& events);
    /// The id to resume from.
    [[nodiscard]] const std::string& last_event_id() const noexcept { return last_id_; }

  private:
    void take_line(std::vector<SseEvent>& events);
    void dispatch(std::vector<SseEvent>& events);

    std::size_t event_bytes_max_;
    std::string line_{};
    SseEvent event_{};
    std::string last_id_{};
    bool has_data_ = false;
    bool after_carriage_return_ = false;
    bool first_line_ = true;
    bool failed_ = false;
};

/// The text of one event on the wire; line ends inside `data` become several data lines. An id or
/// event name must not contain line ends; those are written as spaces.
std::string format_sse_event(const SseEvent& event);

}  // namespace ait::net
