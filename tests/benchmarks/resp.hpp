#pragma once

// The part of Redis' protocol (RESP2) that the load speaks. Source: redis.io, "Redis serialization
// protocol specification".

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace ait::benchmarks {

/// Puts a command with its words behind `out`.
void append_command(std::string& out, std::initializer_list<std::string_view> words);

struct RespReply {
    char type = 0;            ///< '+', ':', '$' or '*'
    std::string_view text{};  ///< of '+' and '$'
    std::int64_t number = 0;  ///< of ':'; elements of '*'; -1 for what is absent
    std::size_t size = 0;     ///< bytes; of '*' only the head. 0 while it is not whole
};
/// The first reply in `bytes`. Errors: malformed, also for an error that Redis reports.
Result<RespReply> read_reply(std::string_view bytes);

}  // namespace ait::benchmarks
