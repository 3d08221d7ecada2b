#include "actors/consensus/receipt.hpp"

#include <set>

#include "actors/consensus/transaction.hpp"
#include "runtime/base/codec/msgpack.hpp"
#include "runtime/base/crypto/hash.hpp"
#include "runtime/base/crypto/merkle.hpp"

namespace ait::consensus {
namespace {

constexpr std::string_view receipt_version = "aitbc-receipt/1";
constexpr std::size_t receipt_bytes_max = 4 * 1024 * 1024;
constexpr std::size_t proofs_max = 8;

Error refuse(std::string why) {
    return Error{ErrorCode::check_failed, "The receipt is not valid.", std::move(why),
                 "Ask the node for it again; do not rely on this copy."};
}

Result<Json> parse_form(Result<std::string> text) {
    if (!text.ok()) return refuse(text.error().why);
    return parse_json(text.value());
}

/// What a proof says once its cryptography has been checked.
struct ProvenOperation {
    std::string kind{};
    std::string body{};
    VerifiedTransaction transaction{};
    Address principal{};
    Hash operation{};         ///< of the transaction, or of the item of a batch
    std::uint32_t thing = 0;  ///< which of the things that the transaction is about
    ItemOutcome outcome{};
    BlockHeader header{};
    Hash block_hash{};
};

Status check_paths(const OperationProof& proof, const BlockHeader& header) {
    if (!crypto::merkle_verify(transaction_leaf(proof.transaction.bytes), proof.index,
                               header.transaction_count, proof.transaction_path,
                               header.transactions_root)) {
        return refuse("The transaction is not in the block.");
    }
    if (!crypto::merkle_verify(outcome_leaf(encode(proof.outcome)), proof.index,
                               header.transaction_count + 1, proof.outcome_path,
                               header.outcomes_root)) {
        return refuse("The outcome is not the block's.");
    }
    return {};
}

Status take_operation(const OperationProof& proof, ProvenOperation& proven) {
    const auto& content = proven.transaction.content;
    proven.kind = content.kind;
    proven.body = content.body.bytes;
    proven.principal = crypto::address_of(content.signer);
    proven.operation = proven.transaction.hash;
    if (content.kind == batch_kind) {
        auto batch = decode<OperationBatch>(content.body.bytes);
        if (!batch.ok()) return batch.error();
        if (proof.item >= batch.value().items.size()) return refuse("The batch has no such item.");
        const BatchItem& item = batch.value().items[proof.item];
        proven.kind = item.kind;
        proven.body = item.body.bytes;
        proven.principal = item.principal;
        proven.operation = item_hash(item);
    } else {
        proven.thing = static_cast<std::uint32_t>(proof.item);
    }
    const std::size_t item = content.kind == batch_kind ? proof.item : 0;
    if (item >= proof.outcome.items.size()) return refuse("The outcome has no such item.");
    proven.outcome = proof.outcome.items[item];
    return {};
}

Result<ProvenOperation> check_proof(const OperationProof& proof, const Genesis& genesis) {
    ProvenOperation proven;
    auto header = decode<BlockHeader>(proof.header.bytes);
    if (!header.ok()) return refuse("The header cannot be read.");
    proven.header = std::move(header).value();
    if (encode(proven.header) != proof.header.bytes)
        return refuse("The header is not in canonical form.");
    proven.block_hash = header_hash(proof.header.bytes);
    const Hash genesis_id = genesis_hash(genesis);
    if (proven.header.chain != genesis.chain || proven.header.genesis != genesis_id) {
        return refuse("It is of chain " + proven.header.chain + " with another genesis.");
    }
    const auto members =
        follow_steps(genesis_set(genesis), proof.epochs, genesis.chain, genesis_id);
    if (!members.ok()) return refuse(members.error().why);
    const Status final = verify_certificate(proof.certificate, proof.links, genesis_id,
                                            members.value(), proven.header, proven.block_hash);
    if (!final.ok()) return refuse(final.error().why);
    const Status paths = check_paths(proof, proven.header);
    if (!paths.ok()) return paths.error();
    auto transaction = verify_transaction(proof.transaction.bytes, genesis.chain, genesis_id);
    if (!transaction.ok()) return refuse(transaction.error().what);
    proven.transaction = std::move(transaction).value();
    const Status operation = take_operation(proof, proven);
    if (!operation.ok()) return operation.error();
    return proven;
}

/// Leaves the one thing of many that the proof is about.
Status narrow(Json& part, std::string_view items, std::uint32_t thing) {
    if (items.empty()) {
        return thing == 0 ? Status{} : refuse("It names an item of what is no batch.");
    }
    const auto list = part.find(items);
    if (list == part.end() || !list->is_array() || thing >= list->size())
        return refuse("The transaction has no such item.");
    Json one = std::move((*list)[thing]);
    part = std::move(one);
    return {};
}

Result<Json> proof_section(const OperationProof& proof, const ProvenOperation& proven,
                           const FormFinder& forms) {
    const TransactionForm* form = forms(proven.kind);
    if (form == nullptr)
        return refuse("It proves a transaction of the unknown kind \"" + proven.kind + "\".");
    auto body = parse_form(form->decode(proven.body));
    if (!body.ok()) return body.error();
    auto answer = parse_form(form->response(proven.outcome.response.bytes));
    if (!answer.ok()) return answer.error();
    for (Json* part : {&body.value(), &answer.value()}) {
        const Status narrowed = narrow(*part, form->items, proven.thing);
        if (!narrowed.ok()) return narrowed.error();
    }
    Json events = Json::array();
    for (const auto& event : proven.outcome.events) events.push_back(event.kind);
    return Json{{"kind", proven.kind},
                {"account", crypto::to_text(proven.principal)},
                {"signer", to_hex(proven.transaction.content.signer.view())},
                {"transaction_hash", to_hex(proven.transaction.hash.view())},
                {"block_height", proven.header.height},
                {"block_hash", to_hex(proven.block_hash.view())},
                {"block_time", to_rfc3339(proven.header.time_unix_ms)},
                {"body", std::move(body).value()},
                {"outcome", std::move(answer).value()},
                {"events", std::move(events)},
                {"evidence", to_base64(encode(proof))}};
}

/// Empty: it is about something else than a job.
std::string job_of(const Json& section) {
    const Json& body = section["body"];
    const auto job = body.find("job_id");
    return job != body.end() && job->is_string() ? job->get<std::string>() : std::string();
}

Result<Json> document(const std::vector<OperationProof>& proofs, const Genesis& genesis,
                      const FormFinder& forms) {
    if (proofs.empty() || proofs.size() > proofs_max)
        return refuse("It has no proof, or too many.");
    Json sections = Json::array();
    std::set<Hash> seen;
    Hash operation;
    crypto::Hasher id;
    id.update("receipt/1|");
    for (const auto& proof : proofs) {
        auto proven = check_proof(proof, genesis);
        if (!proven.ok()) return proven.error();
        auto section = proof_section(proof, proven.value(), forms);
        if (!section.ok()) return section.error();
        const std::string job = job_of(section.value());
        if (job.empty() && proofs.size() > 1) return refuse("A proof is about no job.");
        if (!sections.empty() && job_of(sections[0]) != job)
            return refuse("The proofs are about several jobs.");
        if (!seen.insert(proven.value().transaction.hash).second) {
            return refuse("A transaction is proven twice.");
        }
        id.update(proven.value().transaction.hash.view());
        if (job.empty()) {
            operation = proven.value().operation;
            id.update(operation.view());  // several items of a batch have receipts of their own
        }
        sections.push_back(std::move(section).value());
    }
    Json receipt{{"version", std::string(receipt_version)},
                 {"receipt_id", "receipt-" + to_base32(id.finish().view().substr(0, 16))},
                 {"chain", genesis.chain},
                 {"genesis", to_hex(genesis_hash(genesis).view())}};
    if (operation.is_zero())
        receipt["job_id"] = job_of(sections[0]);
    else
        receipt["operation"] = to_hex(operation.view());
    receipt["proofs"] = std::move(sections);
    return receipt;
}

Result<std::vector<OperationProof>> read_proofs(const Json& receipt) {
    if (!receipt.is_object() || !receipt.contains("proofs") || !receipt["proofs"].is_array()) {
        return refuse("It has no proofs.");
    }
    std::vector<OperationProof> proofs;
    for (const auto& section : receipt["proofs"]) {
        if (proofs.size() == proofs_max) return refuse("It has too many proofs.");
        if (!section.is_object() || !section.contains("evidence") ||
            !section["evidence"].is_string()) {
            return refuse("A proof has no evidence.");
        }
        auto bytes = from_base64(section["evidence"].get<std::string>());
        if (!bytes.ok()) return refuse("The evidence is not base64.");
        auto proof = decode<OperationProof>(bytes.value());
        if (!proof.ok()) return refuse("The evidence cannot be read: " + proof.error().why);
        proofs.push_back(std::move(proof).value());
    }
    return proofs;
}

Json facts_of_operation(const Json& receipt) {
    const Json& proof = receipt["proofs"][0];
    return Json{{"verified", true},
                {"receipt_id", receipt["receipt_id"]},
                {"operation", receipt["operation"]},
                {"kind", proof["kind"]},
                {"chain", receipt["chain"]},
                {"account", proof["account"]},
                {"signer", proof["signer"]},
                {"block_height", proof["block_height"]},
                {"block_time", proof["block_time"]},
                {"transaction_hash", proof["transaction_hash"]},
                {"body", proof["body"]},
                {"outcome", proof["outcome"]}};
}

}  // namespace

Result<OperationProof> prove_operation(const StoredBlock& block,
                                       const OperationPosition& position) {
    const std::size_t index = position.transaction;
    if (position.height != block.header.height || index >= block.record.transactions.size() ||
        block.outcomes.size() != block.record.transactions.size() + 1) {
        return Error{
            ErrorCode::corrupt_data, "The block does not hold the operation.",
            "Height " + std::to_string(position.height) + ", index " + std::to_string(index) + ".",
            ""};
    }
    std::vector<Hash> leaves;
    for (const auto& wire : block.record.transactions)
        leaves.push_back(transaction_leaf(wire.bytes));
    std::vector<Hash> outcome_leaves;
    for (const auto& outcome : block.outcomes)
        outcome_leaves.push_back(outcome_leaf(encode(outcome)));
    return OperationProof{.transaction = block.record.transactions[index],
                          .index = index,
                          .item = position.item,
                          .transaction_path = crypto::merkle_path(leaves, index),
                          .outcome = block.outcomes[index],
                          .outcome_path = crypto::merkle_path(outcome_leaves, index),
                          .header = block.record.header,
                          .certificate = block.record.certificate,
                          .links = block.record.links,
                          .epochs = {}};
}

Result<OperationProof> prove_operation(const ChainReader& chain,
                                       const OperationPosition& position) {
    const auto block = chain.block(position.height);
    if (!block.ok()) return block.error();
    if (!block.value()) return history_missing(position.height, chain.history_from());
    auto proof = prove_operation(*block.value(), position);
    if (!proof.ok()) return proof;
    auto steps = steps_between(chain, 0, block.value()->header.epoch);
    if (!steps.ok()) return steps.error();
    proof.value().epochs = std::move(steps).value();
    return proof;
}

Result<std::string> receipt_text(const std::vector<OperationProof>& proofs, const Genesis& genesis,
                                 const FormFinder& forms) {
    auto receipt = document(proofs, genesis, forms);
    if (!receipt.ok()) return receipt.error();
    return dump_json(receipt.value()) + "\n";
}

Result<Json> verify_receipt(std::string_view text, const Genesis& genesis,
                            const FormFinder& forms) {
    auto parsed = parse_json(text, receipt_bytes_max);
    if (!parsed.ok()) return parsed.error();
    auto proofs = read_proofs(parsed.value());
    if (!proofs.ok()) return proofs.error();
    auto rebuilt = document(proofs.value(), genesis, forms);
    if (!rebuilt.ok()) return rebuilt.error();
    if (dump_json(rebuilt.value()) + "\n" != text) {
        return refuse("Its text differs from what its evidence says.");
    }
    const Json& receipt = rebuilt.value();
    const Json& result = receipt["proofs"][0];
    if (receipt.contains("operation")) return facts_of_operation(receipt);
    const Json* settlement = &result["outcome"];
    for (const auto& proof : receipt["proofs"]) {
        if (proof["outcome"].value("payment_state", std::string()) == "paid")
            settlement = &proof["outcome"];
    }
    Json facts{{"verified", true},
               {"receipt_id", receipt["receipt_id"]},
               {"job_id", receipt["job_id"]},
               {"chain", receipt["chain"]},
               {"miner_key", result["signer"]},
               {"block_height", result["block_height"]},
               {"block_time", result["block_time"]},
               {"transaction_hash", result["transaction_hash"]},
               {"result", result["body"]},
               {"settlement", *settlement}};
    return facts;
}

}  // namespace ait::consensus
