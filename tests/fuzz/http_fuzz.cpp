// Everything that reads HTTP bytes from outside. The first byte picks the parser; streams are fed
// whole and cut, and both must give the same, so that no packet boundary changes a meaning.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/event_stream.hpp"
#include "net/http_request_parser.hpp"
#include "net/http_response_reader.hpp"
#include "net/http_target.hpp"
#include "runtime/base/assert.hpp"
#include "runtime/base/bytes.hpp"

namespace {

using namespace ait;
using namespace ait::net;

void check_target(std::string_view bytes) {
    const auto target = parse_http_target(bytes);
    if (!target.ok()) return;
    AIT_ASSERT(is_utf8(target.value().path));
    AIT_ASSERT(target.value().path == "*" || target.value().path.front() == '/');
    // What was understood can be said again without loss.
    std::string again = percent_encode(target.value().path);
    if (target.value().path == "*") return;
    const auto decoded = percent_decode(again, true);
    AIT_ASSERT(decoded.ok());
    AIT_ASSERT(decoded.value() == target.value().path);
}

template <class Parser, class Unit>
std::vector<Unit> feed_in_steps(std::string_view bytes, std::size_t step, bool& is_refused) {
    Parser parser(64);
    std::vector<Unit> units;
    is_refused = false;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        is_refused = !parser.feed(bytes.substr(at, step), units).ok();
    }
    return units;
}

template <class Parser, class Unit>
void check_stream(std::string_view bytes, std::size_t step) {
    bool is_refused_whole = false;
    bool is_refused_cut = false;
    const auto whole = feed_in_steps<Parser, Unit>(bytes, bytes.size() + 1, is_refused_whole);
    const auto cut = feed_in_steps<Parser, Unit>(bytes, step, is_refused_cut);
    AIT_ASSERT(whole == cut);
    AIT_ASSERT(is_refused_whole == is_refused_cut);
}

/// The requests understood, each as text. When a refusal is noticed may depend on the cuts; what is
/// understood before it may not.
std::vector<std::string> read_requests(std::string_view bytes, std::size_t step) {
    HttpRequestParser parser(2'048, 4'096);
    std::vector<std::string> requests;
    std::string pending;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        pending += bytes.substr(at, step);
        while (!pending.empty()) {
            std::size_t consumed = 0;
            const ParseStep result = parser.feed(pending, consumed);
            AIT_ASSERT(consumed <= pending.size());
            pending.erase(0, consumed);
            if (result == ParseStep::refused) return requests;
            if (result == ParseStep::need_more) break;
            const HttpRequest request = parser.take();
            AIT_ASSERT(request.body.size() <= 4'096);
            AIT_ASSERT(is_utf8(request.path));
            requests.push_back(request.method + ' ' + request.target + ' ' + request.body);
            parser.reset();
        }
    }
    return requests;
}

void check_response(std::string_view bytes, std::size_t step) {
    HttpResponseReader reader(false, {.header_bytes_max = 2'048, .body_bytes_max = 4'096});
    std::string pending;
    std::size_t body_bytes = 0;
    for (std::size_t at = 0; at < bytes.size() && !reader.is_done(); at += step) {
        pending += bytes.substr(at, step);
        const auto consumed = reader.feed(pending);
        if (!consumed.ok()) return;
        AIT_ASSERT(consumed.value() <= pending.size());
        pending.erase(0, consumed.value());
        body_bytes += reader.take_body().size();
        AIT_ASSERT(body_bytes <= 4'096);
    }
    if (!reader.is_done())
        (void)reader.end_of_input();  // either verdict is fine; it must not crash
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::size_t step = std::size_t{data[1]} % 16 + 1;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
    switch (data[0] % 5) {
        case 0:
            check_target(bytes);
            break;
        case 1:
            check_stream<SseParser, SseEvent>(bytes, step);
            break;
        case 2:
            check_stream<LineSplitter, std::string>(bytes, step);
            break;
        case 3:
            AIT_ASSERT(read_requests(bytes, bytes.size() + 1) == read_requests(bytes, step));
            break;
        default:
            check_response(bytes, step);
            break;
    }
    return 0;
}
