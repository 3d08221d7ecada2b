// Feeds arbitrary bytes to the reader of wallet files and to that of the sealed secret. Beyond
// "does not crash" it checks that what is accepted is within its bounds and survives being written
// again. The mutator changes one value of a whole file as often as any bytes, because a file that
// is no JSON ends at the first check.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <string_view>

#include "runtime/base/assert.hpp"
#include "runtime/base/crypto/hash.hpp"
#include "runtime/wallet/keystore_file.hpp"
#include "runtime/wallet/sealed.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t size_max);

namespace {

using Json = nlohmann::ordered_json;

std::string mutated(std::string bytes, std::size_t bytes_max) {
    const std::size_t size = std::min(bytes.size(), bytes_max);
    bytes.resize(bytes_max);
    bytes.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(bytes.data()), size, bytes_max));
    return bytes;
}

std::string good_file() {
    ait::wallet::KeystoreFile file;
    file.name = "one";
    file.public_key.bytes.fill(1);
    file.address = ait::crypto::address_of(file.public_key);
    file.created_at = "2026-11-21T08:15:30.123Z";
    file.salt = std::string(ait::wallet::salt_bytes, 's');
    file.nonce = std::string(ait::wallet::nonce_bytes, 'n');
    file.ciphertext = std::string(ait::wallet::ciphertext_bytes_min, 'c');
    return ait::wallet::render_keystore(file);
}

std::string with_value_changed(const std::string& input, std::mt19937& random) {
    static const std::array places{"/version",    "/name",        "/address",  "/public_key",
                                   "/kdf",        "/created_at",  "/kdf/name", "/kdf/memory_kib",
                                   "/cipher",     "/kdf/passes",  "/kdf/salt", "/cipher/name",
                                   "/ciphertext", "/cipher/nonce"};
    const Json::json_pointer place(places[random() % places.size()]);
    Json file = Json::parse(input, nullptr, false);
    if (file.is_discarded() || !file.contains(place)) file = Json::parse(good_file());
    Json& value = file[place];
    const unsigned way = random() % 4;
    if (way == 0)
        value = Json::array({nullptr});
    else if (way == 1)
        value = random() >> (random() % 32U);
    else if (value.is_string())
        value = mutated(value.get<std::string>(), 400);
    else
        value = Json::object({{"name", 1}});
    return file.dump(2, ' ', false, Json::error_handler_t::replace);
}

void check_file(std::string_view text) {
    const auto file = ait::wallet::parse_keystore(text);
    if (!file.ok()) {
        AIT_ASSERT(!file.error().what.empty());
        AIT_ASSERT(!file.error().why.empty());
        return;
    }
    const ait::wallet::KeystoreFile& facts = file.value();
    AIT_ASSERT(ait::wallet::is_wallet_name(facts.name));
    AIT_ASSERT(facts.address == ait::crypto::address_of(facts.public_key));
    AIT_ASSERT(facts.cost.memory_kib >= ait::wallet::kdf_cost_min.memory_kib);
    AIT_ASSERT(facts.cost.memory_kib <= ait::wallet::kdf_cost_max.memory_kib);
    AIT_ASSERT(facts.cost.passes >= ait::wallet::kdf_cost_min.passes);
    AIT_ASSERT(facts.cost.passes <= ait::wallet::kdf_cost_max.passes);
    AIT_ASSERT(facts.salt.size() == ait::wallet::salt_bytes);
    AIT_ASSERT(facts.nonce.size() == ait::wallet::nonce_bytes);
    AIT_ASSERT(facts.ciphertext.size() <= ait::wallet::ciphertext_bytes_max);
    const auto again = ait::wallet::parse_keystore(ait::wallet::render_keystore(facts));
    AIT_ASSERT(again.ok());
    AIT_ASSERT(again.value() == facts);
    AIT_ASSERT(ait::wallet::associated_data(again.value()) == ait::wallet::associated_data(facts));
}

void check_secret(std::string_view bytes) {
    const auto secret = ait::wallet::decode_wallet_secret(bytes);
    if (!secret.ok()) return;
    AIT_ASSERT(ait::wallet::encode_wallet_secret(secret.value()).view() == bytes);
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t size_max, unsigned seed) {
    std::mt19937 random(seed);
    std::string input(reinterpret_cast<const char*>(data), size);
    input =
        random() % 2 == 0 ? with_value_changed(input, random) : mutated(std::move(input), size_max);
    const std::size_t length = std::min(input.size(), size_max);
    std::copy_n(input.begin(), length, reinterpret_cast<char*>(data));
    return length;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    const std::string_view text(reinterpret_cast<const char*>(bytes), count);
    check_file(text);
    check_secret(text);
    return 0;
}
