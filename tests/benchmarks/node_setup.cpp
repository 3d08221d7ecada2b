#include "tests/benchmarks/node_setup.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>

#include "actors/consensus/transaction.hpp"
#include "actors/coordinator/messages.hpp"
#include "actors/miner/messages.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/codec/json.hpp"
#include "runtime/base/codec/msgpack.hpp"
#include "runtime/base/crypto/bech32m.hpp"
#include "runtime/base/crypto/hash.hpp"

namespace ait::benchmarks {
namespace {

constexpr std::uint64_t expiry_heights = 1'000;
constexpr std::string_view open_jobs_metric = "\naitbc_coordinator_jobs_open ";

Error unusable(std::string_view what) {
    return Error{ErrorCode::malformed, "The node's answer cannot be used.",
                 "It says nothing that can be read about: " + std::string(what) + ".",
                 "Check that node and load generator are of one version."};
}

Result<std::uint64_t> number_at(const Json& answer, std::string_view name) {
    const auto found = answer.find(name);
    if (found == answer.end() || !found->is_number_unsigned()) return unusable(name);
    return found->get<std::uint64_t>();
}

Result<std::string> text_at(const Json& answer, std::string_view name) {
    const auto found = answer.find(name);
    if (found == answer.end() || !found->is_string()) return unusable(name);
    return found->get<std::string>();
}

crypto::SecretKey key_of(const std::string& seed, std::size_t index) {
    const Hash hash = crypto::blake2b_256(seed + "|" + std::to_string(index));
    auto key = crypto::SecretKey::from_seed(hash.view());
    AIT_ASSERT(key.ok());
    return std::move(key).value();
}

}  // namespace

Result<std::string> read_token(const std::string& path) {
    std::ifstream file(path);
    std::string token;
    if (file >> token) return token;
    return Error{ErrorCode::not_found, "The node's token cannot be read.",
                 "There is none in " + path + ".", "It is DATA_DIR/api.token of a running node."};
}

NodeSetup::NodeSetup(NodeAddress address)
    : address_(std::move(address)), connection_(address_.endpoint) {}

Result<Json> NodeSetup::get(std::string target) {
    return connection_.ask({.target = std::move(target), .token = address_.token}, {});
}

Result<NodeFacts> NodeSetup::facts() {
    const auto answer = get("/api/v1/chain");
    if (!answer.ok()) return answer.error();
    auto chain = text_at(answer.value(), "chain");
    if (!chain.ok()) return chain.error();
    const auto genesis_text = text_at(answer.value(), "genesis");
    if (!genesis_text.ok()) return genesis_text.error();
    const auto genesis = fixed_from_hex<Hash>(genesis_text.value());
    if (!genesis.ok()) return genesis.error();
    const auto height = number_at(answer.value(), "height");
    if (!height.ok()) return height.error();
    return NodeFacts{std::move(chain).value(), genesis.value(), height.value()};
}

Result<MinerAccount> NodeSetup::miner(const NodeFacts& facts, const std::string& seed,
                                      std::size_t index, std::uint32_t concurrency) {
    auto key = key_of(seed, index);
    auto address = crypto::to_text(crypto::address_of(key.public_key()));
    MinerAccount miner{.key = std::move(key), .address = std::move(address)};
    const Status opened = open_session(facts, miner);
    if (!opened.ok()) return opened.error();
    const Status registered = register_miner(facts, miner, concurrency);
    if (!registered.ok()) return registered.error();
    return miner;
}

Status NodeSetup::open_session(const NodeFacts& facts, MinerAccount& miner) {
    const std::int64_t now = system_clock().now_unix_ms();
    const std::string statement = facts.chain + "|" + to_hex(facts.genesis.view()) + "|" +
                                  miner.address + "|" + std::to_string(now);
    const Json body{{"address", miner.address},
                    {"public_key", to_hex(miner.key.public_key().view())},
                    {"time_unix_ms", now},
                    {"signature", to_hex(miner.key.sign("session/1", statement).view())}};
    const auto answer = connection_.ask(
        {.method = "POST", .target = "/api/v1/miners/sessions", .body = dump_json(body)}, {});
    if (!answer.ok()) return answer.error();
    auto token = text_at(answer.value(), "token");
    if (!token.ok()) return token.error();
    miner.session = std::move(token).value();
    return {};
}

bool NodeSetup::is_registered(const MinerAccount& miner, std::uint32_t concurrency) {
    const auto known = get("/api/v1/miners/" + miner.address);
    if (!known.ok()) return false;
    const auto given = number_at(known.value(), "concurrency");
    return given.ok() && given.value() == concurrency;
}

Status NodeSetup::register_miner(const NodeFacts& facts, MinerAccount& miner,
                                 std::uint32_t concurrency) {
    const auto account = get("/api/v1/accounts/" + miner.address);
    if (account.ok()) {
        const auto nonce = number_at(account.value(), "nonce");
        if (!nonce.ok()) return nonce.error();
        miner.nonce_next = nonce.value() + 1;
    } else if (account.error().code != ErrorCode::not_found) {
        return account.error();
    }
    if (is_registered(miner, concurrency)) return {};
    const auto now = this->facts();  // those before it may have taken a thousand blocks
    if (!now.ok()) return now.error();
    const miner::RegisterMiner offer{.types = {"inference"}, .concurrency = concurrency};
    const consensus::UnsignedTransaction content{
        .chain = facts.chain,
        .genesis = facts.genesis,
        .signer = miner.key.public_key(),
        .nonce = miner.nonce_next++,
        .expiry_height = now.value().height + expiry_heights,
        .kind = "miner.register",
        .body = Blob{encode(offer)}};
    const Json body{{"transaction", to_base64(consensus::sign_transaction(content, miner.key))},
                    {"blobs", Json::array()}};
    const auto answer = connection_.ask({.method = "POST",
                                         .target = "/api/v1/miners",
                                         .token = miner.session,
                                         .body = dump_json(body)},
                                        {});
    if (!answer.ok()) return answer.error();
    return {};
}

Result<std::uint64_t> NodeSetup::count_completed(const std::vector<MinerAccount>& miners) {
    std::uint64_t total = 0;
    for (const MinerAccount& miner : miners) {
        const auto record = get("/api/v1/miners/" + miner.address);
        if (!record.ok()) return record.error();
        const auto completed = number_at(record.value(), "jobs_completed");
        if (!completed.ok()) return completed.error();
        total += completed.value();
    }
    return total;
}

Result<std::uint64_t> NodeSetup::count_not_completed(const std::vector<std::string>& job_ids) {
    std::uint64_t wrong = 0;
    for (const std::string& job_id : job_ids) {
        const auto job = get("/api/v1/jobs/" + job_id);
        if (!job.ok() && job.error().code != ErrorCode::not_found) return job.error();
        const auto status = job.ok() ? text_at(job.value(), "status") : unusable("status");
        const auto attempts = job.ok() ? number_at(job.value(), "attempts") : unusable("attempts");
        const bool right =
            status.ok() && attempts.ok() && status.value() == "completed" && attempts.value() == 1;
        if (!right) ++wrong;
    }
    return wrong;
}

Result<std::uint64_t> NodeSetup::count_open() {
    net::HttpClient client(address_.endpoint);
    const auto answer = client.request({.target = "/metrics"});
    if (!answer.ok()) return answer.error();
    const std::string& text = answer.value().body;
    const std::size_t found = text.find(open_jobs_metric);
    std::uint64_t open = 0;
    if (found == std::string::npos) return unusable(open_jobs_metric.substr(1));
    const char* digits = text.data() + found + open_jobs_metric.size();
    if (std::from_chars(digits, text.data() + text.size(), open).ec != std::errc{})
        return unusable(open_jobs_metric.substr(1));
    return open;
}

}  // namespace ait::benchmarks
