// The registry of miners and which of them may have a job: actors/miner/README.md and the meaning
// of the constraints in actors/coordinator/transaction_messages.hpp.

#include <algorithm>

#include "runtime/base/codec/msgpack.hpp"
#include "tests/unit/actors/differential/reference.hpp"

namespace ait::differential {
namespace {

using miner::MinerStatus;

std::string lower(std::string text) {
    for (char& c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    }
    return text;
}

/// "Llama3:latest" is llama3.
std::string plain_model(const std::string& name) {
    const std::string text = lower(name);
    const std::size_t tag = text.rfind(":latest");
    const bool is_tagged = tag != std::string::npos && tag > 0 && tag + 7 == text.size();
    return is_tagged ? text.substr(0, tag) : text;
}

bool offers(const miner::RegisterMiner& offer, const std::string& wanted) {
    if (offer.models.empty()) return true;
    for (const auto& model : offer.models) {
        if (plain_model(model.name) == plain_model(wanted)) return true;
        for (const auto& alias : model.aliases) {
            if (plain_model(alias) == plain_model(wanted)) return true;
        }
    }
    return false;
}

/// " nvidia a 100 80 gb ": words of letters or digits, so that A10 is not in A100.
std::string spaced_words(const std::string& name) {
    std::string out = " ";
    char before = ' ';
    const auto kind = [](char c) {
        if (c >= '0' && c <= '9') return '0';
        return c >= 'a' && c <= 'z' ? 'a' : ' ';
    };
    for (const char c : lower(name)) {
        if (kind(c) != before && out.back() != ' ') out += ' ';
        if (kind(c) != ' ') out += c;
        before = kind(c);
    }
    return out.back() == ' ' ? out : out + ' ';
}

bool is_name(const std::string& text) {
    return !text.empty() && text.front() != ' ' && text.back() != ' ' &&
           std::none_of(text.begin(), text.end(),
                        [](unsigned char c) { return c < 32 || c == 127; });
}

void check_offer(const miner::RegisterMiner& offer) {
    refuse_if(offer.types.size() > 8, ErrorCode::malformed);
    bool fits = offer.concurrency >= 1 && offer.concurrency <= 64;
    fits = fits && offer.price_per_hour.micro <= 1'000'000ULL * 1'000'000;
    for (const auto& gpu : offer.gpus) {
        fits = fits && is_name(gpu.model) && gpu.count >= 1 && gpu.count <= 1'024 &&
               gpu.memory_mb <= 16 * 1'024 * 1'024;
    }
    for (const auto& model : offer.models) fits = fits && is_name(model.name);
    for (const auto& type : offer.types) fits = fits && is_name(type);
    refuse_if(!fits, ErrorCode::invalid_argument);
}

}  // namespace

bool Reference::matches(const ReferenceJob& job, const ReferenceMiner& miner) const {
    const auto& wants = job.asked.constraints;
    const auto& offer = miner.offer;
    const auto& types = offer.types;
    if (std::find(types.begin(), types.end(), job.asked.type) == types.end()) return false;
    if (!job.asked.model.empty() && !offers(offer, job.asked.model)) return false;
    for (const auto& model : wants.models) {
        if (!offers(offer, model)) return false;
    }
    bool has_gpu = wants.gpu.empty();
    std::uint32_t memory_gb = 0;
    for (const auto& gpu : offer.gpus) {
        const bool is_named =
            spaced_words(gpu.model).find(spaced_words(wants.gpu)) != std::string::npos;
        has_gpu = has_gpu || is_named;
        memory_gb = std::max(memory_gb, (gpu.memory_mb + 1'023) / 1'024);
    }
    if (!has_gpu || memory_gb < wants.min_vram_gb) return false;
    if (wants.price_max_per_hour && offer.price_per_hour > *wants.price_max_per_hour) return false;
    return wants.region.empty() || lower(wants.region) == lower(offer.region);
}

miner::MinerView Reference::view_of(const Address& address) const {
    const ReferenceMiner& miner = books_.miners.at(address);
    return {.miner_id = "miner-" + to_base32(address.view()),
            .address = address,
            .public_key = miner.key,
            .status = miner.status,
            .gpus = miner.offer.gpus,
            .models = miner.offer.models,
            .types = miner.offer.types,
            .price_per_hour = miner.offer.price_per_hour,
            .concurrency = miner.offer.concurrency,
            .jobs_running = static_cast<std::uint32_t>(held_by(address).size()),
            .region = miner.offer.region,
            .registered_at = UnixMs{miner.registered_at_ms},
            .last_active_at = UnixMs{miner.last_active_ms},
            .jobs_completed = miner.completed,
            .jobs_failed = miner.failed,
            .jobs_expired = miner.expired,
            .busy_ms = miner.busy_ms,
            .earned = miner.earned,
            .failures_in_row = miner.failures_in_row,
            .rests_until = UnixMs{miner.rests_until_ms}};
}

std::string Reference::apply(const miner::RegisterMiner& tx, const Caller& caller) {
    refuse_unreadable(tx.price_per_hour);
    check_offer(tx);
    auto [entry, is_new] = books_.miners.try_emplace(caller.who);
    ReferenceMiner& miner = entry->second;
    if (is_new) {
        miner.key = caller.key;
        miner.registered_at_ms = books_.now_ms;
    }
    miner.offer = tx;
    if (miner.offer.types.empty()) miner.offer.types = {"inference"};
    miner.status = MinerStatus::active;
    miner.last_active_ms = books_.now_ms;
    return encode(view_of(caller.who));
}

std::string Reference::apply(const miner::DrainMiner&, const Caller& caller) {
    const auto found = books_.miners.find(caller.who);
    refuse_if(found == books_.miners.end() || found->second.status == MinerStatus::deregistered,
              ErrorCode::not_found);
    found->second.status = MinerStatus::draining;
    found->second.last_active_ms = books_.now_ms;
    return encode(view_of(caller.who));
}

std::string Reference::apply(const miner::DeregisterMiner& tx, const Caller& caller) {
    const auto found = books_.miners.find(caller.who);
    refuse_if(found == books_.miners.end() || found->second.status == MinerStatus::deregistered,
              ErrorCode::not_found);
    const auto held = held_by(caller.who);
    refuse_if(!held.empty() && !tx.force, ErrorCode::conflict);
    for (const std::string& id : held) {
        ReferenceJob& job = edit(id);
        end_lease(job, coordinator::AttemptEnd::released);
        retry(job, "miner_left", caller.operation);
    }
    found->second.status = MinerStatus::deregistered;
    found->second.last_active_ms = books_.now_ms;
    return encode(miner::DeregisterAnswer{.miner_id = "miner-" + to_base32(caller.who.view()),
                                          .requeued = held});
}

}  // namespace ait::differential
