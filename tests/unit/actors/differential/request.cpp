#include "tests/unit/actors/differential/request.hpp"

#include <array>

#include "runtime/base/codec/msgpack.hpp"

namespace ait::differential {

std::string kind_of(const Body& body) {
    static constexpr std::array<std::string_view, std::variant_size_v<Body> - 1> kinds{
        "ledger.transfer",    "ledger.stake",     "ledger.unstake", "ledger.faucet",
        "job.submit",         "job.batch_submit", "job.cancel",     "job.pay",
        "job.lease",          "job.renew",        "job.release",    "job.complete",
        "job.complete_batch", "job.deliver",      "job.fail",       "miner.register",
        "miner.drain",        "miner.deregister"};
    if (const auto* raw = std::get_if<RawBody>(&body)) return raw->kind;
    return std::string(kinds.at(body.index()));
}

std::string bytes_of(const Body& body) {
    return std::visit(
        [](const auto& value) {
            if constexpr (std::same_as<std::decay_t<decltype(value)>, RawBody>) {
                return value.bytes;
            } else {
                return encode(value);
            }
        },
        body);
}

std::string outcome_of(const Verdict& verdict) {
    if (const auto* refused = std::get_if<ErrorCode>(&verdict)) {
        return std::string(error_code_row(*refused).name);
    }
    return std::holds_alternative<Hash>(verdict) ? "duplicate" : "applied";
}

}  // namespace ait::differential
