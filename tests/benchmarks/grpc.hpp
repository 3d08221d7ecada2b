#pragma once

// The least of gRPC that etcd's clients speak: unary calls in HTTP/2 frames, one call at a time a
// connection, and messages in protobuf's form. Headers are sent as literals and never compressed,
// those of the server are not read: a call that failed has no message. Sources: RFC 9113, RFC 7541,
// github.com/grpc/grpc "PROTOCOL-HTTP2", protobuf.dev "Encoding".

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace ait::benchmarks {

/// One connection.
class GrpcLane {
  public:
    struct Answer {
        std::string_view message{};  ///< until the next call
        std::size_t size = 0;        ///< bytes of all frames; 0 while the answer is not whole
    };

    /// Puts a call behind `out`, and before the first one what opens the connection.
    void append_call(std::string& out, std::string_view path, std::string_view message);
    /// The answer to the call under way, when all of `received` is read. Errors: malformed; refused
    /// calls and closed connections too.
    Result<Answer> read_answer(std::string_view received);

  private:
    struct Frame;
    Status take_frame(const Frame& frame, bool& is_over);

    std::uint32_t stream_ = 0;     ///< of the call under way
    std::string owed_{};           ///< frames that the server's frames ask for
    std::uint32_t unrenewed_ = 0;  ///< bytes received since the window was opened again
    std::string data_{};           ///< of the answer: gRPC's head and the message
};

/// Puts one field behind a protobuf message.
void append_bytes(std::string& message, std::uint32_t field, std::string_view bytes);
void append_number(std::string& message, std::uint32_t field, std::uint64_t number);

/// A field of a protobuf message: a number or bytes.
struct ProtoField {
    std::uint32_t number = 0;
    std::uint64_t value = 0;
    std::string_view bytes{};
};
/// Takes the first field off the message; nothing when it is read to its end or damaged.
std::optional<ProtoField> take_field(std::string_view& message);
/// The first field of this number.
std::optional<ProtoField> find_field(std::string_view message, std::uint32_t number);

}  // namespace ait::benchmarks
