// Any text as a genesis document. What is accepted names one chain: written and read again it has
// the same hash, and its numbers are within the bounds that the rules rely on.

#include <string_view>

#include "actors/consensus/block.hpp"
#include "actors/consensus/genesis.hpp"
#include "runtime/base/assert.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ait::consensus;
    const auto genesis = parse_genesis({reinterpret_cast<const char*>(data), size});
    if (!genesis.ok()) {
        AIT_ASSERT(!genesis.error().what.empty());
        return 0;
    }
    AIT_ASSERT(!genesis.value().chain.empty());
    AIT_ASSERT(!genesis.value().validators.empty());
    AIT_ASSERT(quorum_weight(genesis_set(genesis.value())) > 0);
    for (const GenesisValidator& validator : genesis.value().validators) {
        AIT_ASSERT(is_validator(genesis.value(), validator.public_key));
    }
    AIT_ASSERT(genesis.value().parameters.attempts_max > 0);
    AIT_ASSERT(genesis.value().parameters.job_fee_ppm <= 1'000'000);
    const auto again = parse_genesis(genesis_to_text(genesis.value()));
    AIT_ASSERT(again.ok());
    AIT_ASSERT(genesis_hash(again.value()) == genesis_hash(genesis.value()));
    return 0;
}
