#pragma once

// The script of a run: steps that say what happens without naming a hash or an id, so that any part
// of a script is a script again. A step is printed as the initialiser that makes it.

#include <cstdint>
#include <string>
#include <vector>

#include "actors/consensus/genesis.hpp"
#include "runtime/base/crypto/keys.hpp"
#include "tests/unit/actors/differential/request.hpp"

namespace ait::differential {

enum class Op : std::uint8_t {
    seal,  ///< ends the block; the next one is `ms` later
    transfer,
    stake,
    unstake,
    faucet,
    submit,
    batch,
    cancel,
    pay,
    lease,
    renew,
    release,
    complete,
    complete_all,
    deliver,
    fail,
    enroll,
    drain,
    leave,
    raw,
};

/// What is wrong with a step that should be refused, or special about one that should not.
enum class Twist : std::uint8_t {
    none,
    no_payload,
    payload_missing,
    payload_too_large,
    bad_word,
    bad_constraint,
    wrong_payload,
    wrong_price,
    no_result,
    result_missing,
    ended_before_started,
    bad_gpu,
    bad_memo,
    long_memo,
    not_retryable,
    forced,
    some_ids,
    to_nobody,
    for_another,
    expired,
    far_ahead,
    unknown_kind,
};

/// A job by the step that submitted it; a script without that step names a job that is not there.
struct JobName {
    std::uint32_t step = 0;
    std::uint32_t index = 0;
    auto operator<=>(const JobName&) const = default;
};

struct Step {
    Op op = Op::seal;
    std::uint32_t who = 0;
    std::uint32_t other = 0;
    JobName job{};  ///< of a submission: its own name
    std::uint64_t amount = 0;
    std::uint64_t number = 0;  ///< attempt, count, concurrency or life
    std::int64_t ms = 0;
    std::uint32_t flavour = 0;  ///< which of the valid contents
    Twist twist = Twist::none;
    bool is_signed = false;
    std::int32_t nonce_shift = 0;
    std::uint32_t key = 0;  ///< idempotency key; 0 = none
};
using Script = std::vector<Step>;

std::string to_text(const Step& step);
std::string to_text(const Script& script);

// ---- who and where ---------------------------------------------------------------------------

inline constexpr std::uint32_t people_count = 16;
inline constexpr std::uint32_t miners_from = 10;  ///< people from here on usually mine
inline constexpr std::uint32_t nobody = people_count;

struct Person {
    crypto::SecretKey key;
    PublicKey public_key{};
    Address address{};
};
const Person& person(std::uint32_t number);
const crypto::SecretKey& node_key();

/// Chains with different rules.
inline constexpr std::uint32_t shapes_count = 6;
consensus::Genesis genesis_of(std::uint32_t shape);

/// What is sent and delivered.
const Hash& payload_of(std::uint32_t flavour);
const Hash& result_of(std::uint32_t flavour);
coordinator::SubmitJob submission_of(const Step& step);
miner::RegisterMiner offer_of(const Step& step);

}  // namespace ait::differential
