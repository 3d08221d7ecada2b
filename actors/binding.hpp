#pragma once

// How a domain binds handlers to its operation rows. Three forms: a query reads applied state, a
// command turns input into a proposal for the chain, and an asynchronous handler does the rest
// (long polls, streams, what runs on this node). Queries and commands are plain functions: no
// thread, clock or socket in sight.

#include <concepts>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actors/consensus/reader.hpp"
#include "runtime/base/codec/json.hpp"
#include "runtime/base/operation.hpp"

namespace ait::net {
class HttpExchange;
}

namespace ait {

/// Who asks. `account` is zero when the caller named none.
struct Principal {
    Role role = Role::anyone;
    Address account{};
    std::string name{};
};

struct QueryContext {
    const consensus::ChainReader& chain;
    const Principal& principal;
    std::int64_t now_unix_ms = 0;
};

/// Input has been checked against the row: types, limits, presence, defaults; no unknown field.
using QueryHandler = Result<Json> (*)(const QueryContext& context, const Json& input);

/// What a command asks the chain to do: the row's transaction kind with this body and sidecars.
struct Proposal {
    std::string body{};
    std::vector<std::string> blobs{};
};
using CommandHandler = Result<Proposal> (*)(const QueryContext& context, const Json& input);

class NodeServices;  // runtime's side: chain, sessions, streams (actors/services.hpp)

/// One call of an operation on its way through the node.
struct Call {
    const Operation* operation = nullptr;
    Json input = Json::object();
    Principal principal{};
    std::string idempotency_key{};
    bool dry_run = false;
    std::int64_t deadline_unix_ms = 0;
    std::string trace{};
    std::shared_ptr<net::HttpExchange> exchange{};  ///< for streams and cancellation
};

/// Exactly one answer; from any thread. A stream that has begun ends its exchange itself and
/// answers with a null Json.
class Respond {
  public:
    using Take = std::function<void(Result<Json>)>;
    using TakeText = std::function<void(std::string)>;
    Respond() = default;
    template <std::invocable<Result<Json>> F>
    Respond(F take) : take_(std::move(take)) {}  // NOLINT: as std::function is made
    Respond(Take take, TakeText take_text)
        : take_(std::move(take)), take_text_(std::move(take_text)) {}

    void operator()(Result<Json> answer) const { take_(std::move(answer)); }
    /// An object as compact JSON, of this program's own writing.
    void with_text(std::string json) const {
        if (take_text_)
            take_text_(std::move(json));
        else
            take_(parse_json(json));
    }

  private:
    Take take_{};
    TakeText take_text_{};
};
using AsyncHandler = void (*)(NodeServices& services, Call call, Respond respond);

struct Binding {
    std::string_view name;
    QueryHandler query = nullptr;
    CommandHandler command = nullptr;
    AsyncHandler async = nullptr;
};

// ---- readers of checked input: the row guarantees the type, absence gives the fallback --------

inline std::string input_text(const Json& input, std::string_view name, std::string fallback = {}) {
    const auto found = input.find(name);
    return found == input.end() || found->is_null() ? std::move(fallback)
                                                    : found->get<std::string>();
}
inline std::int64_t input_integer(const Json& input, std::string_view name, std::int64_t fallback) {
    const auto found = input.find(name);
    return found == input.end() || found->is_null() ? fallback : found->get<std::int64_t>();
}
inline bool input_flag(const Json& input, std::string_view name) {
    const auto found = input.find(name);
    return found != input.end() && found->is_boolean() && found->get<bool>();
}

}  // namespace ait
