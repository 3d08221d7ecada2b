// Feeds arbitrary bytes to the reader of wallet files and to that of the sealed secret. Beyond
// "does not crash" it checks that what is accepted is within its bounds and survives being written
// again.
//
// Run: keystore_fuzz -dict=tests/fuzz/keystore.dict -max_len=4200 CORPUS tests/fuzz/corpus/keystore

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/base/assert.hpp"
#include "runtime/base/crypto/hash.hpp"
#include "runtime/wallet/keystore_file.hpp"
#include "runtime/wallet/sealed.hpp"

namespace {

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

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    const std::string_view text(reinterpret_cast<const char*>(bytes), count);
    check_file(text);
    check_secret(text);
    return 0;
}
