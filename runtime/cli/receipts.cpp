#include "runtime/cli/receipts.hpp"

#include <filesystem>

#include "actors/consensus/receipt.hpp"
#include "net/http_target.hpp"
#include "runtime/base/crypto/hash.hpp"
#include "runtime/cli/commands.hpp"
#include "runtime/registry/registry.hpp"

namespace ait::cli {
namespace {

constexpr std::size_t genesis_bytes_max = 4U * 1024 * 1024;

const TransactionForm* form_of(std::string_view kind) {
    for (const auto* operation : registry::all_operations()) {
        if (operation->transaction.kind == kind) return &operation->transaction;
    }
    return nullptr;
}

/// The bytes that the miner signed, as far as they can be had back from JSON: a node serves a JSON
/// result in its compact form, and anything else as one text.
std::string result_bytes(const Json& result) {
    return result.is_string() ? result.get<std::string>() : dump_json(result);
}

std::string text_at(const Json& facts, std::string_view path) {
    const Json* found = find_path(facts, path);
    return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

Result<Json> verify_receipt_text(std::string_view receipt, const consensus::Genesis& genesis) {
    return consensus::verify_receipt(receipt, genesis, &form_of);
}

Result<TrustedGenesis> trusted_genesis(Session& session) {
    auto config = session.configuration();
    if (!config.ok()) return config.error();
    const auto& node = config.value()->values.node;
    const std::string named = session.chain();
    const bool is_default = named.empty() || named == node.chain;
    const std::string file =
        is_default ? node.genesis_file
                   : config::layout_of(node.data_dir).chains + "/" + named + "/genesis.json";
    std::error_code failure;
    // A genesis file on this machine speaks for the local node's chain; one of another node does
    // not.
    const bool local =
        session.options.node.empty() && !file.empty() && std::filesystem::exists(file, failure);
    Result<std::string> text = std::string();
    if (local) {
        text = read_file(file, genesis_bytes_max);
    } else {
        auto served = call_node(session, "chain.genesis", Json::object());
        if (!served.ok()) return served.error();
        text = dump_json(served.value());
    }
    if (!text.ok()) return text.error();
    auto genesis = consensus::parse_genesis(text.value());
    if (!genesis.ok()) return genesis.error();
    return TrustedGenesis{std::move(genesis).value(), local ? file : "node"};
}

Result<std::string> fetch_receipt(Session& session, std::string_view of, const std::string& id) {
    auto node = session.node();
    if (!node.ok()) return node.error();
    auto call = session.call_options(false);
    if (!call.ok()) return call.error();
    return node.value()->get_bytes(
        "/api/v1/" + std::string(of) + "/" + net::percent_encode(id) + "/receipt", call.value());
}

Json proof_of(Session& session, const std::string& job_id, const Json& result) {
    Json proof{{"verified", false}, {"result_verified", false}};
    const auto failed = [&proof](const Error& error) {
        proof["problem"] = error.what + (error.why.empty() ? "" : " " + error.why);
        proof["problem_code"] = std::string(error_code_row(error.code).name);
        return proof;
    };
    auto receipt = fetch_receipt(session, "jobs", job_id);
    if (!receipt.ok()) return failed(receipt.error());
    auto trusted = trusted_genesis(session);
    if (!trusted.ok()) return failed(trusted.error());
    auto facts = verify_receipt_text(receipt.value(), trusted.value().genesis);
    if (!facts.ok()) return failed(facts.error());
    const std::string about = text_at(facts.value(), "job_id");
    if (about != job_id) {
        return failed({ErrorCode::check_failed, "The receipt is about another job.",
                       "It says \"" + about.substr(0, 64) + "\".", ""});
    }
    const Json* height = find_path(facts.value(), "block_height");
    const std::string signed_hash = text_at(facts.value(), "result.result");
    const std::string shown_hash = to_hex(crypto::blake2b_256(result_bytes(result)).view());
    proof["verified"] = true;
    proof["result_verified"] = signed_hash == shown_hash;
    proof["receipt_id"] = text_at(facts.value(), "receipt_id");
    proof["miner_key"] = text_at(facts.value(), "miner_key");
    proof["block_height"] = height == nullptr ? Json(nullptr) : *height;
    proof["tx_hash"] = text_at(facts.value(), "transaction_hash");
    proof["output_hash"] = signed_hash;
    proof["genesis"] = trusted.value().source;
    return proof;
}

}  // namespace ait::cli
