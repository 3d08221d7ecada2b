#include "net/http_client.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "net/http_response_reader.hpp"
#include "net/http_socket.hpp"

namespace ait::net {

namespace {

constexpr std::size_t receive_bytes = 32 * 1024;

Error bad_endpoint(std::string_view text, std::string why) {
    return Error{ErrorCode::invalid_argument,
                 "The address '" + std::string(text) + "' is not valid.", std::move(why),
                 "Use unix:/path/to/socket or http://host:port."};
}

/// "host", "host:port" or "[v6]:port". Error: invalid_argument.
Status parse_authority(std::string_view text, std::string_view authority, HttpEndpoint& endpoint) {
    std::string_view port;
    bool has_port = false;
    if (authority.starts_with('[')) {
        const std::size_t end = authority.find(']');
        if (end == std::string_view::npos) return bad_endpoint(text, "A bracket is not closed.");
        endpoint.host = authority.substr(1, end - 1);
        const std::string_view rest = authority.substr(end + 1);
        has_port = rest.starts_with(':');
        if (!rest.empty() && !has_port) return bad_endpoint(text, "The port is not clear.");
        if (has_port) port = rest.substr(1);
    } else {
        const std::size_t colon = authority.find(':');
        endpoint.host = authority.substr(0, colon);
        has_port = colon != std::string_view::npos;
        if (has_port) port = authority.substr(colon + 1);
    }
    if (endpoint.host.empty()) return bad_endpoint(text, "It has no host.");
    if (endpoint.host.find_first_of("@/\\ \r\n") != std::string::npos) {
        return bad_endpoint(text, "The host holds a character that no host has.");
    }
    endpoint.port = 80;
    if (!has_port) return {};
    const auto parsed = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
    if (parsed.ec != std::errc() || parsed.ptr != port.data() + port.size() || endpoint.port == 0) {
        return bad_endpoint(text, "The port is not a number from 1 to 65535.");
    }
    return {};
}

bool is_token(std::string_view text) noexcept {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    });
}

bool has_control(std::string_view text, bool space_too) noexcept {
    return std::any_of(text.begin(), text.end(), [space_too](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < ' ' && c != '\t') || byte == 0x7F || (space_too && (c == ' ' || c == '\t'));
    });
}

bool is_idempotent(std::string_view method) noexcept {
    return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "PUT" ||
           method == "DELETE";
}

Result<std::string> serialise(const HttpCall& call, const HttpEndpoint& endpoint,
                              const std::string& user_agent) {
    const auto refused = [](std::string why) {
        return Error{ErrorCode::invalid_argument, "The request cannot be sent.", std::move(why),
                     "Percent-encode targets; keep line ends out of headers."};
    };
    if (!is_token(call.method)) return refused("The method is not a word.");
    if (!call.target.starts_with('/') && call.target != "*") {
        return refused("The target does not begin with a slash.");
    }
    if (has_control(call.target, true)) return refused("The target holds a space or line end.");
    std::string out = call.method + ' ' + endpoint.prefix + call.target + " HTTP/1.1\r\n";
    const auto is_set = [&call](std::string_view name) {
        return std::any_of(call.headers.begin(), call.headers.end(),
                           [name](const HttpHeader& header) { return header.name == name; });
    };
    if (!is_set("host")) {
        const bool is_v6 = endpoint.host.find(':') != std::string::npos;
        std::string host = is_v6 ? '[' + endpoint.host + ']' : endpoint.host;
        if (endpoint.port != 80) host += ':' + std::to_string(endpoint.port);
        out += "host: " + (endpoint.is_unix ? std::string("localhost") : host) + "\r\n";
    }
    if (!is_set("user-agent")) out += "user-agent: " + user_agent + "\r\n";
    for (const HttpHeader& header : call.headers) {
        if (!is_token(header.name) || has_control(header.value, false)) {
            return refused("The header '" + header.name +
                           "' holds a line end or control character.");
        }
        const std::string lower = to_lower_ascii(header.name);
        if (lower == "content-length" || lower == "transfer-encoding" || lower == "connection") {
            return refused("The header '" + header.name + "' is the client's own.");
        }
        out += header.name + ": " + header.value + "\r\n";
    }
    const bool may_have_body =
        call.method == "POST" || call.method == "PUT" || call.method == "PATCH";
    if (may_have_body || !call.body.empty()) {
        out += "content-length: " + std::to_string(call.body.size()) + "\r\n";
    }
    out += "\r\n";
    out += call.body;
    return out;
}

}  // namespace

Result<HttpEndpoint> parse_http_endpoint(std::string_view text) {
    HttpEndpoint endpoint;
    if (text.starts_with("unix:")) {
        endpoint.is_unix = true;
        endpoint.socket_path = text.substr(5);
        if (!endpoint.socket_path.starts_with('/')) {
            return bad_endpoint(text, "The path of a socket begins with a slash.");
        }
        return endpoint;
    }
    if (text.starts_with("https://")) {
        return Error{ErrorCode::unsupported, "This client does not speak https.",
                     "'" + std::string(text) +
                         "' asks for it; the command line talks to nodes over "
                         "a unix socket or plain http on a trusted network.",
                     "Use http:// on this machine, or an ssh tunnel to the other one."};
    }
    constexpr std::string_view scheme = "http://";
    if (!text.starts_with(scheme)) return bad_endpoint(text, "It does not say how to connect.");
    const std::string_view rest = text.substr(scheme.size());
    const std::size_t slash = rest.find('/');
    const Status authority = parse_authority(text, rest.substr(0, slash), endpoint);
    if (!authority.ok()) return authority.error();
    if (slash != std::string_view::npos) endpoint.prefix = rest.substr(slash);
    while (endpoint.prefix.ends_with('/')) endpoint.prefix.pop_back();
    if (has_control(endpoint.prefix, true) ||
        endpoint.prefix.find_first_of("?#") != std::string::npos) {
        return bad_endpoint(text, "Only a path may follow the port.");
    }
    return endpoint;
}

std::string to_text(const HttpEndpoint& endpoint) {
    if (endpoint.is_unix) return "unix:" + endpoint.socket_path;
    const bool is_v6 = endpoint.host.find(':') != std::string::npos;
    return "http://" + (is_v6 ? '[' + endpoint.host + ']' : endpoint.host) + ':' +
           std::to_string(endpoint.port) + endpoint.prefix;
}

/// One use of the connection.
struct Exchange {
    const HttpCall& call;
    const std::string& wire;
    const HttpClient::HeadCallback& on_head;
    const HttpClient::ChunkCallback& on_chunk;
    const StopSignal& stop;
    WaitUntil total;
    std::uint64_t body_bytes_max;
    bool has_answer_begun = false;
};

struct HttpClient::Parts {
    Parts(HttpEndpoint given_endpoint, Options given_options)
        : endpoint(std::move(given_endpoint)), options(std::move(given_options)) {}

    Result<HttpResponse> run(const HttpCall& call, std::uint64_t body_bytes_max,
                             const HeadCallback& on_head, const ChunkCallback& on_chunk,
                             const std::stop_token& stop);
    Status connect(const WaitUntil& total, const StopSignal& stop);
    Result<HttpResponse> perform(Exchange& exchange);
    /// Hands on what the reader has; false when a callback wants no more.
    static bool deliver(Exchange& exchange, HttpResponseReader& reader, bool& is_head_given);

    HttpEndpoint endpoint;
    Options options;
    std::optional<HttpSocket> socket{};
};

Status HttpClient::Parts::connect(const WaitUntil& total, const StopSignal& stop) {
    auto connected =
        HttpSocket::connect(endpoint, sooner(total, options.connect_ms, "the connection"), stop);
    if (!connected.ok()) {
        Error error = connected.error();
        const std::string address = to_text(endpoint);
        if (error.code == ErrorCode::unavailable) {
            error.what = "Nobody answers at " + address + ".";
            error.next = options.unavailable_next;
        } else if (error.code == ErrorCode::deadline_exceeded) {
            error.what = "No connection to " + address + " came about in time.";
            error.next = options.unavailable_next;
        }
        return error;
    }
    socket.emplace(std::move(connected).value());
    return {};
}

bool HttpClient::Parts::deliver(Exchange& exchange, HttpResponseReader& reader,
                                bool& is_head_given) {
    if (!reader.is_head_done()) return true;
    if (!std::exchange(is_head_given, true) && !exchange.on_head(reader.head())) return false;
    const std::string body = reader.take_body();
    return body.empty() || exchange.on_chunk(body);
}

Result<HttpResponse> HttpClient::Parts::perform(Exchange& exchange) {
    const HttpCall& call = exchange.call;
    const auto sent = socket->send(exchange.wire, exchange.total, exchange.stop);
    // A server that refuses a body may answer and close before it has all of it.
    if (!sent.ok() && sent.error().code != ErrorCode::unavailable) return sent.error();
    const bool is_all_sent = sent.ok() && sent.value();

    HttpResponseReader reader(call.method == "HEAD",
                              {.header_bytes_max = options.response_header_bytes_max,
                               .body_bytes_max = exchange.body_bytes_max});
    WaitUntil until = sooner(exchange.total, call.first_byte_ms, "the first byte of the answer");
    std::string pending;
    std::array<char, receive_bytes> space;
    bool is_head_given = false;
    bool is_wanted = true;
    while (is_wanted && !reader.is_done()) {
        const auto count = socket->receive(space.data(), space.size(), until, exchange.stop);
        if (!count.ok()) return count.error();
        if (count.value() == 0) {
            const Status whole = reader.end_of_input();
            if (!whole.ok()) return whole.error();
            break;
        }
        exchange.has_answer_begun = true;
        pending.append(space.data(), count.value());
        const auto consumed = reader.feed(pending);
        if (!consumed.ok()) return consumed.error();
        pending.erase(0, consumed.value());
        if (pending.size() > options.response_header_bytes_max && !reader.is_done()) {
            return Error{ErrorCode::malformed, "The server's answer cannot be read.",
                         "A header or chunk head has no end.", "Check the server."};
        }
        is_wanted = deliver(exchange, reader, is_head_given);
        // A head that drips in is none: it has to be whole by the time that its first byte had.
        if (reader.is_head_done() || call.first_byte_ms == 0) {
            until = sooner(exchange.total, call.idle_ms, "more of the answer");
        }
    }
    // What is half sent, half read or not in step cannot be used again.
    if (!is_all_sent || !pending.empty() || !reader.keeps_alive()) socket.reset();
    return reader.head();
}

Result<HttpResponse> HttpClient::Parts::run(const HttpCall& call, std::uint64_t body_bytes_max,
                                            const HeadCallback& on_head,
                                            const ChunkCallback& on_chunk,
                                            const std::stop_token& stop) {
    const auto wire = serialise(call, endpoint, options.user_agent);
    if (!wire.ok()) return wire.error();
    const StopSignal signal(stop);
    const WaitUntil total = sooner(WaitUntil{}, call.deadline_ms, "the whole answer");
    while (true) {
        const bool is_reused = socket && socket->is_reusable();
        if (!is_reused) {
            socket.reset();
            const Status connected = connect(total, signal);
            if (!connected.ok()) return connected.error();
        }
        Exchange exchange{.call = call,
                          .wire = wire.value(),
                          .on_head = on_head,
                          .on_chunk = on_chunk,
                          .stop = signal,
                          .total = total,
                          .body_bytes_max = body_bytes_max};
        auto response = perform(exchange);
        if (response.ok()) return response;
        socket.reset();
        // The server may have closed an idle connection at the very moment we used it again. A
        // fresh connection is never in that position, so this happens at most once.
        const bool is_stale = is_reused && !exchange.has_answer_begun &&
                              is_idempotent(call.method) &&
                              response.error().code == ErrorCode::unavailable;
        if (!is_stale) return response;
    }
}

HttpClient::HttpClient(HttpEndpoint endpoint) : HttpClient(std::move(endpoint), Options{}) {}
HttpClient::HttpClient(HttpEndpoint endpoint, Options options)
    : parts_(std::make_unique<Parts>(std::move(endpoint), std::move(options))) {}
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;
HttpClient::~HttpClient() = default;

const HttpEndpoint& HttpClient::endpoint() const noexcept {
    return parts_->endpoint;
}

Result<HttpResponse> HttpClient::request(const HttpCall& call, std::stop_token stop) {
    std::string body;
    const auto take_all = [](const HttpResponse&) { return true; };
    const auto append = [&body](std::string_view bytes) {
        body += bytes;
        return true;
    };
    auto response = parts_->run(call, parts_->options.response_bytes_max, take_all, append, stop);
    if (response.ok()) response.value().body = std::move(body);
    return response;
}

Result<HttpResponse> HttpClient::stream(const HttpCall& call, const HeadCallback& on_head,
                                        const ChunkCallback& on_chunk, std::stop_token stop) {
    return parts_->run(call, UINT64_MAX, on_head, on_chunk, stop);
}

}  // namespace ait::net
