#include "runtime/cli/signing.hpp"

#include "actors/consensus/transaction.hpp"
#include "runtime/base/crypto/bech32m.hpp"
#include "runtime/base/crypto/hash.hpp"
#include "runtime/registry/registry.hpp"

namespace ait::cli {
namespace {

constexpr int attempts_max = 5;
constexpr std::uint64_t expiry_heights = 1'000;

Error unreadable(std::string_view field) {
    return {
        ErrorCode::internal, "The node's answer cannot be used.",
        "Its field \"" + std::string(field) + "\" is missing or of another type.",
        "Check that node and command line are of one version: `aitbc status`, `aitbc version`."};
}

Result<std::uint64_t> number_at(const Json& answer, std::string_view name) {
    const Json* found = find_path(answer, name);
    if (found == nullptr || !found->is_number_unsigned()) return unreadable(name);
    return found->get<std::uint64_t>();
}

/// What a node says of its chain; the nonce is the account's and asked apart.
Result<SigningFacts> chain_facts(NodeClient& node, const CallOptions& call) {
    auto chain = node.get("/api/v1/chain", call);
    if (!chain.ok()) return chain.error();
    SigningFacts facts;
    const Json* name = find_path(chain.value(), "chain");
    const Json* genesis = find_path(chain.value(), "genesis_hash");
    if (genesis == nullptr) genesis = find_path(chain.value(), "genesis");
    if (name == nullptr || !name->is_string()) return unreadable("chain");
    if (genesis == nullptr || !genesis->is_string()) return unreadable("genesis_hash");
    auto hash = fixed_from_hex<Hash>(genesis->get_ref<const std::string&>());
    if (!hash.ok()) return unreadable("genesis_hash");
    auto height = number_at(chain.value(), "height");
    if (!height.ok()) return height.error();
    facts.chain = name->get<std::string>();
    facts.genesis = hash.value();
    facts.height = height.value();
    return facts;
}

Result<std::uint64_t> next_nonce(NodeClient& node, const std::string& address,
                                 const CallOptions& call) {
    auto account = node.get("/api/v1/accounts/" + address, call);
    if (!account.ok()) {
        if (account.error().code == ErrorCode::not_found) return std::uint64_t{1};
        return account.error();
    }
    if (find_path(account.value(), "nonce_next") != nullptr)
        return number_at(account.value(), "nonce_next");
    auto last = number_at(account.value(), "nonce");
    if (!last.ok()) return last.error();
    return last.value() + 1;
}

}  // namespace

Result<Json> sign_command(const SignedCommand& command, const SigningFacts& facts,
                          const crypto::SecretKey& key) {
    const auto& form = command.operation->transaction;
    AIT_ASSERT(form.encode != nullptr);  // the registry's self-check has seen it
    auto body = form.encode(dump_json(command.fields));
    if (!body.ok()) return body.error();
    consensus::UnsignedTransaction content;
    content.chain = facts.chain;
    content.genesis = facts.genesis;
    content.signer = key.public_key();
    content.nonce = facts.nonce;
    content.expiry_height = facts.height + expiry_heights;
    content.idempotency_key = facts.idempotency_key;
    content.kind = std::string(form.kind);
    content.body = Blob{std::move(body).value()};
    Json blobs = Json::array();
    for (const auto& blob : command.blobs) {
        content.blobs.push_back(crypto::blake2b_256(blob));
        blobs.push_back(to_base64(blob));
    }
    return Json{{"transaction", to_base64(consensus::sign_transaction(content, key))},
                {"blobs", std::move(blobs)}};
}

Result<Json> send_signed(Session& session, const SignedCommand& command) {
    auto node = session.node();
    if (!node.ok()) return node.error();
    auto wallet = session.wallet();
    if (!wallet.ok()) return wallet.error();
    const std::string address = crypto::to_text(wallet.value().address);
    auto call = session.call_options(true);
    if (!call.ok()) return call.error();
    CallOptions read = call.value();
    read.dry_run = false;
    auto facts =
        chain_facts(*node.value(), read);  // before the password is asked: is there a node?
    if (!facts.ok()) return facts.error();
    auto key = session.unlock(wallet.value());
    if (!key.ok()) return key.error();
    facts.value().idempotency_key = call.value().idempotency_key;
    for (int attempt = 1;; ++attempt) {
        auto nonce = next_nonce(*node.value(), address, read);
        if (!nonce.ok()) return nonce.error();
        facts.value().nonce = nonce.value();
        auto body = sign_command(command, facts.value(), key.value());
        if (!body.ok()) return body.error();
        auto answer =
            node.value()->post(*command.operation, command.fields, body.value(), call.value());
        if (answer.ok() || answer.error().code != ErrorCode::nonce_mismatch ||
            attempt == attempts_max)
            return answer;
        session.detail("another transaction of this account came first; signing again");
    }
}

}  // namespace ait::cli
