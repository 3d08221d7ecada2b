#include "tests/unit/actors/differential/script.hpp"

#include <array>

#include "runtime/base/crypto/hash.hpp"

namespace ait::differential {
namespace {

constexpr std::array<std::string_view, 20> op_names{
    "seal",    "transfer", "stake",  "unstake", "faucet",  "submit",   "batch",
    "cancel",  "pay",      "lease",  "renew",   "release", "complete", "complete_all",
    "deliver", "fail",     "enroll", "drain",   "leave",   "raw"};
constexpr std::array<std::string_view, 22> twist_names{
    "none",      "no_payload",     "payload_missing",      "payload_too_large",
    "bad_word",  "bad_constraint", "wrong_payload",        "wrong_price",
    "no_result", "result_missing", "ended_before_started", "bad_gpu",
    "bad_memo",  "long_memo",      "not_retryable",        "forced",
    "some_ids",  "to_nobody",      "for_another",          "expired",
    "far_ahead", "unknown_kind"};
static_assert(op_names.size() == static_cast<std::size_t>(Op::raw) + 1);
static_assert(twist_names.size() == static_cast<std::size_t>(Twist::unknown_kind) + 1);

crypto::SecretKey key_of(std::uint32_t number) {
    auto key = crypto::SecretKey::from_seed(
        crypto::blake2b_256("differential " + std::to_string(number)).view());
    AIT_ASSERT(key.ok());
    return std::move(key).value();
}

std::vector<Person> make_people() {
    std::vector<Person> people;
    for (std::uint32_t i = 0; i < people_count; ++i) {
        Person one{.key = key_of(i)};
        one.public_key = one.key.public_key();
        one.address = crypto::address_of(one.public_key);
        people.push_back(std::move(one));
    }
    return people;
}

std::vector<Hash> make_hashes(std::string_view what) {
    std::vector<Hash> hashes;
    for (int i = 0; i < 4; ++i) {
        hashes.push_back(crypto::blake2b_256(std::string(what) + std::to_string(i)));
    }
    return hashes;
}

Amount units(std::uint64_t count) {
    return Amount{count * micro_per_unit};
}

void allocate(consensus::Genesis& genesis, std::uint32_t people, Amount each,
              std::string_view asset) {
    for (std::uint32_t i = 0; i < people; ++i) {
        genesis.allocations.push_back(
            {.address = person(i).address, .asset = std::string(asset), .amount = each});
    }
}

/// More waits and more ends at once than one block looks at.
void make_crowded(consensus::ChainParameters& p) {
    p.jobs_unfunded = UnfundedJobs::accept;
    p.jobs_unfunded_per_account_max = 3'000;
    p.jobs_open_max = 5'000;
    p.attempts_max = 100;
    p.lease_ms = 10'000;
    p.faucet_enabled = true;
    p.faucet_supply = units(1'000'000);
    p.faucet_request_max = units(100);
}

/// A faucet that is soon empty, a fee that is nearly all.
void make_poor(consensus::ChainParameters& p) {
    p.jobs_unfunded = UnfundedJobs::accept;
    p.job_fee_ppm = 999'999;
    p.unbonding_ms = 86'400'000;
    p.faucet_enabled = true;
    p.faucet_supply = Amount{5'000'000};
    p.faucet_request_max = units(1);
}

}  // namespace

std::string to_text(const Step& step) {
    std::string text = "{.op = Op::" + std::string(op_names.at(static_cast<std::size_t>(step.op)));
    const auto add = [&text](std::string_view name, auto value) {
        if (value != 0) text += ", ." + std::string(name) + " = " + std::to_string(value);
    };
    add("who", step.who);
    add("other", step.other);
    if (step.job != JobName{}) {
        text += ", .job = {" + std::to_string(step.job.step) + ", " +
                std::to_string(step.job.index) + "}";
    }
    add("amount", step.amount);
    if (step.amount > static_cast<std::uint64_t>(INT64_MAX)) text += "U";
    add("number", step.number);
    add("ms", step.ms);
    add("flavour", step.flavour);
    if (step.twist != Twist::none) {
        text += ", .twist = Twist::";
        text += twist_names.at(static_cast<std::size_t>(step.twist));
    }
    if (step.is_signed) text += ", .is_signed = true";
    add("nonce_shift", step.nonce_shift);
    add("key", step.key);
    return text + "}";
}

std::string to_text(const Script& script) {
    std::string text;
    for (const Step& step : script) text += "    " + to_text(step) + ",\n";
    return text;
}

const Person& person(std::uint32_t number) {
    static const std::vector<Person> people = make_people();
    return people.at(number);
}

const crypto::SecretKey& node_key() {
    static const crypto::SecretKey key = key_of(1'000);
    return key;
}

const Hash& payload_of(std::uint32_t flavour) {
    static const std::vector<Hash> payloads = make_hashes("payload");
    return payloads.at(flavour % payloads.size());
}

const Hash& result_of(std::uint32_t flavour) {
    static const std::vector<Hash> results = make_hashes("result");
    return results.at(flavour % results.size());
}

consensus::Genesis genesis_of(std::uint32_t shape) {
    consensus::Genesis genesis;
    genesis.chain = "shape-" + std::to_string(shape);
    genesis.time = UnixMs{1'700'000'000'000};
    genesis.validators = {{.name = "node", .public_key = node_key().public_key()}};
    consensus::ChainParameters& p = genesis.parameters;
    switch (shape) {
        case 0:  // a development chain
            p.jobs_unfunded = UnfundedJobs::accept;
            p.jobs_unfunded_per_account_max = 12;
            p.faucet_enabled = true;
            p.faucet_supply = units(1'000'000'000);
            p.faucet_request_max = units(10'000);
            break;
        case 1:  // no faucet, no fee, no second attempt
            p.jobs_unfunded = UnfundedJobs::hold;
            p.job_fee_ppm = 0;
            p.attempts_max = 1;
            allocate(genesis, 12, units(5'000), "AIT");
            allocate(genesis, 4, units(1'000), "USDC");
            break;
        case 2:  // everything as short and as dear as it may be
            p.jobs_unfunded = UnfundedJobs::accept;
            p.job_fee_ppm = 1'000'000;
            p.lease_ms = 100;
            p.attempts_max = 2;
            p.unbonding_ms = 0;
            p.jobs_open_max = 25;
            p.job_ttl_ms_default = 1'000;
            allocate(genesis, 14, Amount{2'000'003}, "AIT");
            break;
        case 3:  // all the money there can be, leases longer than jobs
            p.jobs_unfunded = UnfundedJobs::hold;
            p.job_fee_ppm = 333'333;
            p.lease_ms = 3'600'000;
            p.attempts_max = 4;
            p.job_ttl_ms_default = 60'000;
            p.job_ttl_ms_max = 7'200'000;
            p.faucet_enabled = true;
            p.faucet_request_max = amount_max;
            p.faucet_supply = Amount{amount_max.micro - 3 * 7'000'000};
            allocate(genesis, 3, Amount{7'000'000}, "AIT");
            allocate(genesis, 1, amount_max, "USDC");
            break;
        case 4:
            make_crowded(p);
            break;
        default:
            make_poor(p);
            break;
    }
    return genesis;
}

coordinator::SubmitJob submission_of(const Step& step) {
    static const std::array<std::string, 6> models{"",        "llama3",      "Llama3:latest",
                                                   "mixtral", "llama3.1:8b", "phi"};
    const std::uint32_t f = step.flavour;
    coordinator::SubmitJob job{.model = models.at(f % models.size()),
                               .payload = payload_of(f),
                               .payload_bytes = 7 + f,
                               .ttl_ms = step.number};
    if (f % 7 == 3) job.type = "training";
    if (f % 5 == 1) job.constraints.gpu = f % 2 == 0 ? "rtx 4090" : "A10";
    if (f % 5 == 2) job.constraints.min_vram_gb = f % 2 == 0 ? 24 : 25;
    if (f % 11 == 3) job.constraints.models = {"mixtral", "llama3"};
    if (f % 11 == 5) job.constraints.region = "EU-West";
    if (step.amount != 0) job.constraints.price_max_per_hour = Amount{step.amount};
    if (step.twist == Twist::no_payload) job.payload = Hash{};
    if (step.twist == Twist::payload_too_large) job.payload_bytes = limits::prompt_bytes_max + 1;
    if (step.twist == Twist::bad_word) job.type = "In Ference";
    if (step.twist == Twist::bad_constraint) job.constraints.min_vram_gb = 16 * 1'024 + 1;
    return job;
}

miner::RegisterMiner offer_of(const Step& step) {
    const std::uint32_t f = step.flavour;
    miner::RegisterMiner offer{.price_per_hour = Amount{step.amount},
                               .concurrency = static_cast<std::uint32_t>(step.number)};
    if (f % 3 != 0) offer.gpus.push_back({.model = "NVIDIA GeForce RTX 4090", .memory_mb = 24'564});
    if (f % 3 == 2) {
        offer.gpus.push_back({.model = "A100-80GB", .count = 8, .memory_mb = 81'920});
    }
    if (f % 4 == 1) offer.models = {{.name = "llama3.1:8b", .aliases = {"LLama3"}}};
    if (f % 4 == 2) {
        offer.models = {{.name = "mixtral:latest"}, {.name = "phi", .aliases = {"llama3"}}};
    }
    if (f % 5 == 1) offer.types = {"inference", "training"};
    if (f % 5 == 2) offer.types = {"training"};
    if (f % 2 == 1) offer.region = "eu-west";
    if (step.twist == Twist::bad_gpu) {
        offer.gpus = {{.model = f % 2 == 0 ? "GPU " : "GPU", .count = f % 2}};
    }
    if (step.twist == Twist::bad_word) offer.types = {""};
    return offer;
}

}  // namespace ait::differential
