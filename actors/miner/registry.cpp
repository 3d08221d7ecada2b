#include "actors/miner/registry.hpp"

#include "runtime/base/crypto/bech32m.hpp"

namespace ait::miner {
namespace {

constexpr std::string_view record_prefix = "miner/record/";
constexpr std::string_view id_prefix = "miner-";
constexpr std::size_t base32_characters = Address::size * 8 / 5;
static_assert(Address::size * 8 % 5 == 0, "an address fills its base32 digits exactly");

std::string record_key(const Address& address) {
    return consensus::keyed(record_prefix, address.view());
}

/// The value of one digit of the RFC 4648 alphabet in lower case, or nothing.
std::optional<std::uint32_t> base32_digit(char c) {
    if (c >= 'a' && c <= 'z') return static_cast<std::uint32_t>(c - 'a');
    if (c >= '2' && c <= '7') return static_cast<std::uint32_t>(c - '2') + 26;
    return std::nullopt;
}

std::optional<Address> address_from_base32(std::string_view text) {
    if (text.size() != base32_characters) return std::nullopt;
    Address address;
    std::uint32_t pending = 0;
    std::uint32_t pending_bits = 0;
    std::size_t index = 0;
    for (const char c : text) {
        const auto digit = base32_digit(c);
        if (!digit) return std::nullopt;
        pending = (pending << 5U) | *digit;
        pending_bits += 5;
        if (pending_bits < 8) continue;
        pending_bits -= 8;
        address.bytes[index++] = static_cast<std::uint8_t>((pending >> pending_bits) & 0xFFU);
    }
    AIT_ASSERT(index == Address::size);
    return address;
}

}  // namespace

std::string miner_id_of(const Address& address) {
    return std::string(id_prefix) + to_base32(address.view());
}

Result<Address> parse_miner(std::string_view text) {
    if (text.substr(0, id_prefix.size()) == id_prefix) {
        const auto address = address_from_base32(text.substr(id_prefix.size()));
        if (address) return *address;
    } else {
        auto address = crypto::parse_address(text);
        if (address.ok()) return address;
    }
    return Error{ErrorCode::invalid_argument, "This is not a miner.",
                 "\"" + std::string(text.substr(0, limits::id_bytes_max)) +
                     "\" is neither a miner id nor an address.",
                 "List the miners: aitbc miner list."};
}

std::optional<MinerRecord> find_miner(const storage::StateReader& reader, const Address& address) {
    return consensus::load_record<MinerRecord>(reader, record_key(address));
}

void store_miner(storage::StateView& view, const MinerRecord& record) {
    AIT_ASSERT(!record.address.is_zero());
    AIT_ASSERT(record.offer.concurrency <= concurrency_max);
    consensus::store_record(view, record_key(record.address), record);
}

void for_each_miner(const storage::StateReader& reader, const Address& from,
                    const std::function<bool(const MinerRecord&)>& visit) {
    reader.scan(record_prefix, record_key(from), [&](std::string_view, std::string_view value) {
        const auto record = consensus::decode_record<MinerRecord>(value);
        AIT_ASSERT(record.ok());
        return visit(record.value());
    });
}

MinerView to_view(const MinerRecord& record) {
    return MinerView{.miner_id = miner_id_of(record.address),
                     .address = record.address,
                     .public_key = record.public_key,
                     .status = record.status,
                     .gpus = record.offer.gpus,
                     .models = record.offer.models,
                     .types = record.offer.types,
                     .price_per_hour = record.offer.price_per_hour,
                     .concurrency = record.offer.concurrency,
                     .jobs_running = record.jobs_running,
                     .region = record.offer.region,
                     .registered_at = UnixMs{record.registered_at_ms},
                     .last_active_at = UnixMs{record.last_active_ms},
                     .jobs_completed = record.jobs_completed,
                     .jobs_failed = record.jobs_failed,
                     .jobs_expired = record.jobs_expired,
                     .busy_ms = record.busy_ms,
                     .earned = record.earned,
                     .failures_in_row = record.failures_in_row,
                     .rests_until = UnixMs{record.rests_until_ms}};
}

}  // namespace ait::miner
