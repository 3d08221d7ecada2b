#pragma once

// A domain of two rules, so that tests of the chain need no real one: "toy.note" writes a text for
// a signed-in user, "toy.own" one that only the account itself may write; a note may come due.

#include "actors/consensus/evidence.hpp"
#include "actors/consensus/execution.hpp"
#include "actors/consensus/reader.hpp"
#include "runtime/base/codec/transaction_form.hpp"
#include "runtime/base/crypto/hash.hpp"

namespace ait::consensus::toy {

struct Note {
    std::string job_id{};
    std::string text{};
    std::int64_t due_unix_ms = 0;
    static constexpr auto fields() {
        return std::tuple{field("job_id", &Note::job_id, ""), field("text", &Note::text, ""),
                          optional_field("due_unix_ms", &Note::due_unix_ms, "")};
    }
};

struct Noted {
    std::string id{};
    std::uint64_t length = 0;
    static constexpr auto fields() {
        return std::tuple{field("id", &Noted::id, ""), field("length", &Noted::length, "")};
    }
};

inline Result<Outcome> apply(storage::StateView& view, const Note& note, const Context& context) {
    if (note.text == "wrong after a write")
        view.put("toy/leak", "1");  // what a faulty rule would do
    if (note.text.starts_with("wrong")) {
        return Error{ErrorCode::invalid_argument, "The text is wrong.", note.text, ""};
    }
    if (note.text == "idle") return Outcome{encode(Noted{"", 0}), {}};
    view.put("toy/" + note.job_id, note.text);
    if (note.due_unix_ms != 0) schedule_due(view, note.due_unix_ms, "toy.due", note.job_id);
    const Noted noted{make_id("toy-", context), note.text.size()};
    return Outcome{encode(noted), {Event{"toy.noted", note.job_id, {{"text", note.text}}}}};
}

/// As a ledger would, but for the money: each validator once.
inline Result<Outcome> apply(storage::StateView& view, const Equivocation& evidence,
                             const Context& context) {
    const std::string key = "toy/liar/" + to_hex(evidence.validator.view());
    if (view.has(key)) return Error{ErrorCode::already_exists, "It is known.", "As a liar.", ""};
    const auto set = set_of_epoch(view, context.genesis, evidence.first.epoch);
    const Status contradicts =
        check_contradiction(evidence, context.genesis, set ? &*set : nullptr);
    if (!contradicts.ok()) return contradicts.error();
    const Status genuine = check_genuine(evidence);
    if (!genuine.ok()) return genuine.error();
    view.put(key, std::to_string(evidence.first.view));
    return Outcome{"", {}};
}

/// Who votes, without anybody's leave.
struct MemberChange {
    GenesisValidator validator{};
    bool leaves = false;
    static constexpr auto fields() {
        return std::tuple{field("validator", &MemberChange::validator, ""),
                          field("leaves", &MemberChange::leaves, "")};
    }
};

inline Result<Outcome> apply(storage::StateView& view, const MemberChange& change,
                             const Context& context) {
    const Status planned = change.leaves
                               ? plan_leaving(view, context.genesis, change.validator.public_key)
                               : plan_joining(view, context.genesis, change.validator);
    if (!planned.ok()) return planned.error();
    return Outcome{"", {}};
}

inline std::vector<Event> due(storage::StateView& view, std::string_view id, const Context&) {
    view.put("toy/" + std::string(id), "due");
    return {Event{"toy.due", std::string(id), {}}};
}

inline Status take_nonce(storage::StateView& view, const Address& address, std::uint64_t nonce) {
    const std::string key = "nonce/" + std::string(address.view());
    const auto bytes = view.get(key);
    const std::uint64_t expected = (bytes ? from_big_endian(*bytes) : 0) + 1;
    if (nonce != expected) {
        return Error{ErrorCode::nonce_mismatch, "Wrong nonce.",
                     std::to_string(expected) + " is next.", ""};
    }
    view.put(key, big_endian(nonce));
    return {};
}

inline const RuleSet& rules() {
    static constexpr std::array<Rule, 4> list{
        rule<Note, &apply>("toy.note", Authority::node),
        rule<Note, &apply>("toy.own", Authority::account),
        rule<MemberChange, &apply>("toy.members", Authority::node),
        rule<Equivocation, &apply>(evidence_kind, Authority::node)};
    static constexpr std::array<DueRule, 1> due_list{DueRule{"toy.due", &due}};
    static const std::array<DomainRules, 1> domains{DomainRules{list, due_list, nullptr}};
    static const RuleSet set(domains, &take_nonce);
    return set;
}

inline crypto::SecretKey key_of(char letter) {
    auto key = crypto::SecretKey::from_seed(std::string(32, letter));
    AIT_ASSERT(key.ok());
    return std::move(key).value();
}

/// A chain in memory with one validator.
struct Chain {
    Chain() {
        genesis.chain = "toy";
        genesis.time.ms = 1'000;
        genesis.validators.push_back({"one", validator.public_key(), 1});
        id = genesis_hash(genesis);
        auto start = execute_genesis(rules(), genesis);
        AIT_ASSERT(start.ok());
        tip = start.value().tip;
        state.apply(start.value().writes);
    }
    [[nodiscard]] BlockBuilder builder(std::int64_t now_unix_ms) const {
        return BlockBuilder(rules(), {genesis, id, tip, state}, now_unix_ms);
    }
    static BatchItem item(std::string job, std::string text, std::string key = "",
                          std::int64_t due_unix_ms = 0) {
        return BatchItem{.principal = crypto::address_of(key_of('u').public_key()),
                         .idempotency_key = std::move(key),
                         .kind = "toy.note",
                         .body = Blob{encode(Note{std::move(job), std::move(text), due_unix_ms})},
                         .blobs = {}};
    }
    static BatchItem change(std::string name, const PublicKey& key, bool leaves) {
        const MemberChange change{{.name = std::move(name), .public_key = key}, leaves};
        return BatchItem{.principal = {},
                         .idempotency_key = {},
                         .kind = "toy.members",
                         .body = Blob{encode(change)},
                         .blobs = {}};
    }
    [[nodiscard]] std::string own(std::uint64_t nonce, std::string job, std::string text,
                                  std::string key = "", std::uint64_t expiry_height = 100) const {
        UnsignedTransaction content;
        content.chain = genesis.chain;
        content.genesis = id;
        content.signer = user.public_key();
        content.nonce = nonce;
        content.expiry_height = expiry_height;
        content.idempotency_key = std::move(key);
        content.kind = "toy.own";
        content.body.bytes = encode(Note{std::move(job), std::move(text), 0});
        return sign_transaction(content, user);
    }
    [[nodiscard]] VerifiedTransaction verified(const std::string& wire) const {
        auto transaction = verify_transaction(wire, genesis.chain, id);
        AIT_ASSERT(transaction.ok());
        return std::move(transaction).value();
    }
    Certificate certify(const ExecutedBlock& block) const {
        Certificate certificate;
        certificate.statement = {genesis.chain,      id,
                                 block.header.epoch, VoteKind::finalize,
                                 block.header.view,  block.hash};
        certificate.signatures.push_back({0, sign_vote(certificate.statement, validator)});
        return certificate;
    }
    void take(const ExecutedBlock& block) {
        state.apply(block.writes);
        tip = block.tip();
    }
    static StoredBlock stored(const ExecutedBlock& block, const Certificate& certificate) {
        StoredBlock stored{record(block, certificate), block.header, {}};
        for (const auto& encoded : block.outcomes)
            stored.outcomes.push_back(decode<TransactionOutcome>(encoded).value());
        return stored;
    }
    static BlockRecord record(const ExecutedBlock& block, const Certificate& certificate) {
        BlockRecord record;
        record.header.bytes = block.encoded_header;
        for (const auto& wire : block.transactions) record.transactions.push_back(Blob{wire});
        record.certificate = certificate;
        return record;
    }

    crypto::SecretKey validator = key_of('v');
    crypto::SecretKey user = key_of('u');
    Genesis genesis{};
    Hash id{};
    Tip tip{};
    storage::MemoryState state{};
};

}  // namespace ait::consensus::toy
