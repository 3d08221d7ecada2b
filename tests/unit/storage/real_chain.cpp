#include "tests/unit/storage/real_chain.hpp"

#include <array>

#include "actors/coordinator/state.hpp"
#include "actors/coordinator/transaction_messages.hpp"
#include "actors/ledger/book.hpp"
#include "actors/ledger/messages.hpp"
#include "actors/ledger/state.hpp"
#include "actors/miner/state.hpp"
#include "runtime/base/crypto/hash.hpp"

namespace ait::storage {
namespace {

const consensus::RuleSet& rules() {
    static const std::array domains{ledger::domain_rules(), coordinator::domain_rules(),
                                    miner::domain_rules()};
    static const consensus::RuleSet set(domains, &ledger::take_nonce);
    return set;
}

crypto::SecretKey key_of(char letter) {
    auto key = crypto::SecretKey::from_seed(std::string(32, letter));
    AIT_ASSERT(key.ok());
    return std::move(key).value();
}

Address address_of(const crypto::SecretKey& key) {
    return crypto::address_of(key.public_key());
}

std::string wire_of(const std::string& header, const std::vector<std::string>& transactions,
                    const std::vector<std::string>& encoded_outcomes) {
    std::string wire = header;
    for (const auto& transaction : transactions) wire += transaction;
    for (const auto& outcome : encoded_outcomes) wire += outcome;
    return wire;
}

}  // namespace

RealChain::RealChain(std::uint64_t seed) : random_(seed) {
    for (const char letter : {'v', 'm', 'a', 'b', 'c'}) people_.push_back(key_of(letter));
    genesis_.chain = "ait-faults";
    genesis_.time.ms = clock_.now_unix_ms();
    genesis_.validators.push_back({"one", people_[0].public_key(), 1});
    genesis_.parameters.jobs_unfunded = UnfundedJobs::accept;
    genesis_.parameters.faucet_enabled = true;
    genesis_.parameters.faucet_supply = Amount{1'000'000 * micro_per_unit};
    genesis_.parameters.faucet_request_max = Amount{1'000 * micro_per_unit};
    genesis_id_ = genesis_hash(genesis_);
    auto start = consensus::execute_genesis(rules(), genesis_);
    AIT_ASSERT(start.ok());
    genesis_writes_ = std::move(start.value().writes);
}

consensus::ChainPlace RealChain::place(FaultyFileSystem& disk, rocksdb::Env& env) const {
    return {
        .files = disk,
        .log_directory = "/data/log",
        .state_directory = "/data/state",
        .database = {.on_fatal = [](const Error& error) { throw NodeEnded{error}; }, .env = &env},
        .genesis = genesis_,
        .rules = rules(),
        .clock = clock_,
        .segment_bytes = segment_bytes,
        .store = {.flush_interval_ms = 1,
                  .flush_bytes = 4'096,
                  .tables_bytes_least = tables_bytes_least},
        .log_bytes_kept = log_bytes_kept};
}

std::string RealChain::random_text(std::size_t bytes_max) {
    std::string text(1 + random_() % bytes_max, '\0');
    for (char& c : text) c = static_cast<char>('a' + random_() % 26);
    return text;
}

void RealChain::add_signed(consensus::BlockBuilder& builder, const crypto::SecretKey& key,
                           std::string_view kind, std::string body,
                           std::vector<std::string> blobs) {
    consensus::UnsignedTransaction content;
    content.chain = genesis_.chain;
    content.genesis = genesis_id_;
    content.signer = key.public_key();
    content.nonce = ledger::load_account(builder.state(), address_of(key)).nonce + 1;
    content.expiry_height = builder.height() + 100;
    content.kind = kind;
    content.body.bytes = std::move(body);
    for (const auto& blob : blobs) content.blobs.push_back(crypto::blake2b_256(blob));
    auto transaction =
        consensus::verify_transaction(sign_transaction(content, key), genesis_.chain, genesis_id_);
    AIT_ASSERT(transaction.ok());
    const auto admission = builder.add_transaction(transaction.value());
    // A refusal is an answer too: funds were short, a lease was lost with a cut.
    if (!std::holds_alternative<consensus::ItemOutcome>(admission)) return;
    sidecars_.insert(sidecars_.end(), blobs.begin(), blobs.end());
}

std::string RealChain::add_item(consensus::BlockBuilder& builder, const Address& principal,
                                std::string_view kind, std::string body,
                                std::vector<std::string> blobs) {
    consensus::BatchItem item{.principal = principal,
                              .idempotency_key = {},
                              .kind = std::string(kind),
                              .body = Blob{std::move(body)},
                              .blobs = {},
                              .salt = random_()};  // asked twice is two operations
    for (const auto& blob : blobs) item.blobs.push_back(crypto::blake2b_256(blob));
    const auto admission = builder.add_item(item);
    if (!std::holds_alternative<consensus::ItemOutcome>(admission)) return "";
    sidecars_.insert(sidecars_.end(), blobs.begin(), blobs.end());
    return std::get<consensus::ItemOutcome>(admission).response.bytes;
}

void RealChain::submit_job(consensus::BlockBuilder& builder, const Address& owner) {
    // Made unique, so that no two blocks bring the same blob.
    const auto payload = std::to_string(random_()) + random_text(900);
    (void)add_item(
        builder, owner, "job.submit",
        encode(coordinator::SubmitJob{.model = "llama3",
                                      .payload = crypto::blake2b_256(payload),
                                      .payload_bytes = static_cast<std::uint32_t>(payload.size())}),
        {payload});
}

void RealChain::work_as_miner(consensus::BlockBuilder& builder) {
    (void)add_item(builder, address_of(people_[1]), "job.lease",
                   encode(coordinator::LeaseJobs{.miner = address_of(people_[1]), .count_max = 2}));
}

void RealChain::add_random(consensus::BlockBuilder& builder) {
    const auto& who = people_[2 + random_() % 3];
    switch (random_() % 4) {
        case 0:
            (void)add_item(
                builder, address_of(who), "ledger.faucet",
                encode(ledger::FaucetRequest{address_of(who), Amount{1 + random_() % 1'000'000}}));
            return;
        case 1:
            return work_as_miner(builder);
        default:
            return submit_job(builder, address_of(who));
    }
}

consensus::SealedBlock RealChain::next_block(const consensus::ChainData& data) {
    clock_.advance_ms(1 + static_cast<std::int64_t>(random_() % 3'000));
    sidecars_.clear();
    const auto reader = data.reader();
    consensus::BlockBuilder builder(rules(), {genesis_, genesis_id_, data.tip(), reader->state()},
                                    clock_.now_unix_ms());
    if (data.tip().height == 0) {
        add_signed(builder, people_[1], "miner.register",
                   encode(miner::RegisterMiner{
                       .gpus = {{.model = "RTX 4090", .count = 1, .memory_mb = 24'564}},
                       .price_per_hour = Amount{500'000},
                       .concurrency = 8,
                       .region = "eu-west"}));
    }
    for (auto count = random_() % 3; count > 0; --count) {
        const auto& from = people_[2 + random_() % 3];
        const auto& to = people_[2 + random_() % 3];
        add_signed(builder, from, "ledger.transfer",
                   encode(ledger::Transfer{.to = address_of(to),
                                           .amount = Amount{1 + random_() % 1'000},
                                           .memo = random_text(60)}));
    }
    for (auto count = 1 + random_() % 4; count > 0; --count) add_random(builder);
    submit_job(builder, address_of(people_[2]));  // so that no block is empty

    consensus::SealedBlock sealed;
    sealed.block = std::move(builder).seal(people_[0]);
    consensus::Certificate certificate;
    certificate.statement = {
        genesis_.chain,           genesis_id_,      0, consensus::VoteKind::finalize,
        sealed.block.header.view, sealed.block.hash};
    certificate.signatures.push_back({0, consensus::sign_vote(certificate.statement, people_[0])});
    for (const auto& blob : sidecars_) sealed.sidecars.push_back({crypto::blake2b_256(blob), blob});
    sealed.finish(std::move(certificate));
    AIT_ASSERT(sealed.block.header.height == made_.size() + 1);
    MadeBlock made{.hash = sealed.block.hash,
                   .writes = sealed.block.writes,
                   .wire = wire_of(sealed.block.encoded_header, sealed.block.transactions,
                                   sealed.block.outcomes),
                   .operations = {},
                   .blobs = sidecars_};
    for (const auto& place : sealed.block.operations) made.operations.push_back(place.operation);
    made_.push_back(std::move(made));
    return sealed;
}

MemoryState RealChain::state_at(std::uint64_t height) const {
    AIT_ASSERT(height <= made_.size());
    MemoryState state;
    state.apply(genesis_writes_);
    for (std::uint64_t h = 0; h < height; ++h) state.apply(made_[h].writes);
    return state;
}

std::string RealChain::answers(const consensus::ChainData& data) const {
    const auto reader = data.reader();
    std::string all = encode(data.tip());
    reader->state().scan("", "", [&](std::string_view key, std::string_view value) {
        all.append(key).append("=").append(value).append(";");
        return true;
    });
    for (std::uint64_t height = 1; height <= reader->height(); ++height) {
        auto block = reader->block(height);
        if (!block.ok()) throw NodeEnded{block.error()};
        if (!block.value()) {
            all += "no block;";
            continue;
        }
        std::vector<std::string> transactions;
        for (const auto& wire : block.value()->record.transactions)
            transactions.push_back(wire.bytes);
        std::vector<std::string> outcomes;
        for (const auto& outcome : block.value()->outcomes) outcomes.push_back(encode(outcome));
        all += wire_of(block.value()->record.header.bytes, transactions, outcomes);
        for (const auto& hash : made_.at(height - 1).operations) {
            const auto position = reader->find_operation(hash);
            all += position ? encode(*position) : "no operation;";
        }
        for (const auto& blob : made_.at(height - 1).blobs) {
            all += reader->blob(crypto::blake2b_256(blob)).value_or("no blob;");
        }
    }
    for (const auto& event : reader->events_after(0, 0, 100'000))
        all +=
            std::to_string(event.height) + "/" + std::to_string(event.index) + encode(event.event);
    return all;
}

}  // namespace ait::storage
