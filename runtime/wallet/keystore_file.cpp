#include "runtime/wallet/keystore_file.hpp"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "runtime/base/assert.hpp"
#include "runtime/base/crypto/bech32m.hpp"
#include "runtime/base/crypto/hash.hpp"

namespace ait::wallet {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t format_version = 1;
constexpr std::string_view kdf_name = "argon2id";
constexpr std::string_view cipher_name = "xchacha20poly1305";
constexpr int depth_max = 2;

Error corrupt(std::string why) {
    return Error{ErrorCode::corrupt_data, "The wallet file cannot be read.", std::move(why),
                 "Restore the wallet from its seed phrase, or the file from a backup."};
}

Error field_wrong(const char* field) {
    return corrupt("Its field \"" + std::string(field) + "\" is missing or not valid.");
}

/// Refuses what nlohmann-json lets pass: deep nesting and a key that comes twice.
struct Shape {
    std::set<std::string> keys_open[depth_max + 1]{};
    bool sound = true;

    bool see(int depth, Json::parse_event_t event, Json& parsed) {
        if (event == Json::parse_event_t::object_start) {
            sound = sound && depth < depth_max;
            if (sound) keys_open[depth + 1].clear();
        }
        if (event == Json::parse_event_t::array_start) sound = false;
        if (event == Json::parse_event_t::key && sound) {
            sound = keys_open[depth].insert(parsed.get<std::string>()).second;
        }
        return true;
    }
};

bool has_exactly(const Json& object, std::initializer_list<const char*> fields) {
    if (!object.is_object() || object.size() != fields.size()) return false;
    return std::all_of(fields.begin(), fields.end(),
                       [&](const char* field) { return object.contains(field); });
}

/// Null when the field is no string.
const std::string* text_of(const Json& object, const char* field) {
    return object.at(field).get_ptr<const std::string*>();
}

bool is_text(const Json& object, const char* field, std::string_view expected) {
    const std::string* text = text_of(object, field);
    return text != nullptr && *text == expected;
}

/// False when the field is no whole number from low to high.
bool read_number(const Json& value, std::uint32_t low, std::uint32_t high, std::uint32_t& out) {
    const auto* number = value.get_ptr<const Json::number_unsigned_t*>();
    if (number == nullptr || *number < low || *number > high) return false;
    out = static_cast<std::uint32_t>(*number);
    return true;
}

bool read_hex(const Json& object, const char* field, std::size_t bytes, std::string& out) {
    const std::string* text = text_of(object, field);
    if (text == nullptr || text->size() != bytes * 2) return false;
    auto decoded = from_hex(*text);
    if (!decoded.ok()) return false;
    out = std::move(decoded).value();
    return true;
}

/// The shape "2026-11-21T08:15:30.123Z"; whether that day exists does not matter to us.
bool is_rfc3339_ms(std::string_view text) {
    constexpr std::string_view shape = "0000-00-00T00:00:00.000Z";
    return std::equal(text.begin(), text.end(), shape.begin(), shape.end(),
                      [](char c, char s) { return s == '0' ? c >= '0' && c <= '9' : c == s; });
}

Status read_facts(const Json& root, KeystoreFile& file) {
    const std::string* name = text_of(root, "name");
    if (name == nullptr || !is_wallet_name(*name)) return field_wrong("name");
    file.name = *name;
    std::string key;
    if (!read_hex(root, "public_key", PublicKey::size, key)) return field_wrong("public_key");
    file.public_key = fixed_from_bytes<PublicKey>(key).value();
    file.address = crypto::address_of(file.public_key);
    if (!is_text(root, "address", crypto::to_text(file.address))) return field_wrong("address");
    const std::string* created_at = text_of(root, "created_at");
    if (created_at == nullptr || !is_rfc3339_ms(*created_at)) return field_wrong("created_at");
    file.created_at = *created_at;
    return {};
}

Status read_kdf(const Json& kdf, KeystoreFile& file) {
    if (!has_exactly(kdf, {"name", "memory_kib", "passes", "salt"})) return field_wrong("kdf");
    if (!is_text(kdf, "name", kdf_name)) return field_wrong("kdf.name");
    if (!read_number(kdf.at("memory_kib"), kdf_cost_min.memory_kib, kdf_cost_max.memory_kib,
                     file.cost.memory_kib)) {
        return corrupt("Its field \"kdf.memory_kib\" is not within 8 and 262144.");
    }
    if (!read_number(kdf.at("passes"), kdf_cost_min.passes, kdf_cost_max.passes,
                     file.cost.passes)) {
        return corrupt("Its field \"kdf.passes\" is not within 1 and 10.");
    }
    if (!read_hex(kdf, "salt", salt_bytes, file.salt)) return field_wrong("kdf.salt");
    return {};
}

Status read_sealed(const Json& root, KeystoreFile& file) {
    const Json& cipher = root.at("cipher");
    if (!has_exactly(cipher, {"name", "nonce"})) return field_wrong("cipher");
    if (!is_text(cipher, "name", cipher_name)) return field_wrong("cipher.name");
    if (!read_hex(cipher, "nonce", nonce_bytes, file.nonce)) return field_wrong("cipher.nonce");
    const std::string* text = text_of(root, "ciphertext");
    if (text == nullptr || text->size() > ciphertext_bytes_max * 2)
        return field_wrong("ciphertext");
    auto ciphertext = from_base64(*text);
    if (!ciphertext.ok()) return field_wrong("ciphertext");
    file.ciphertext = std::move(ciphertext).value();
    if (file.ciphertext.size() < ciphertext_bytes_min) return field_wrong("ciphertext");
    if (file.ciphertext.size() > ciphertext_bytes_max) return field_wrong("ciphertext");
    return {};
}

Status check_version(const Json& root) {
    if (!root.is_object() || !root.contains("version")) return field_wrong("version");
    const auto* version = root.at("version").get_ptr<const Json::number_unsigned_t*>();
    if (version == nullptr || *version == 0) return field_wrong("version");
    if (*version == format_version) return {};
    return Error{ErrorCode::unsupported, "The wallet file cannot be read.",
                 "It has version " + std::to_string(*version) + "; this program reads version 1.",
                 "Use the program that wrote it, or a newer one."};
}

}  // namespace

bool is_wallet_name(std::string_view name) noexcept {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
    };
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), allowed);
}

Result<KeystoreFile> parse_keystore(std::string_view text) {
    if (text.size() > keystore_bytes_max) return corrupt("It is larger than 4096 bytes.");
    Shape shape;
    const Json root = Json::parse(
        text,
        [&shape](int depth, Json::parse_event_t event, Json& parsed) {
            return shape.see(depth, event, parsed);
        },
        /*allow_exceptions=*/false, /*ignore_comments=*/false);
    if (root.is_discarded()) return corrupt("It is not JSON.");
    if (!shape.sound) return corrupt("It is nested too deeply or has a field twice.");
    const Status version = check_version(root);
    if (!version.ok()) return version.error();
    if (!has_exactly(root, {"version", "name", "address", "public_key", "created_at", "kdf",
                            "cipher", "ciphertext"})) {
        return corrupt("It has an unknown field, or one is missing.");
    }
    KeystoreFile file;
    const Status facts = read_facts(root, file);
    if (!facts.ok()) return facts.error();
    const Status kdf = read_kdf(root.at("kdf"), file);
    if (!kdf.ok()) return kdf.error();
    const Status sealed = read_sealed(root, file);
    if (!sealed.ok()) return sealed.error();
    return file;
}

std::string render_keystore(const KeystoreFile& file) {
    AIT_ASSERT(is_wallet_name(file.name));
    // Ordered for the reader's eye; the order means nothing.
    const nlohmann::ordered_json root{
        {"version", format_version},
        {"name", file.name},
        {"address", crypto::to_text(file.address)},
        {"public_key", to_hex(file.public_key.view())},
        {"created_at", file.created_at},
        {"kdf",
         {{"name", kdf_name},
          {"memory_kib", file.cost.memory_kib},
          {"passes", file.cost.passes},
          {"salt", to_hex(file.salt)}}},
        {"cipher", {{"name", cipher_name}, {"nonce", to_hex(file.nonce)}}},
        {"ciphertext", to_base64(file.ciphertext)}};
    return root.dump(2) + "\n";
}

std::string associated_data(const KeystoreFile& file) {
    // No part can contain a new line, so the parts cannot be shifted against each other.
    std::string text = "ait-wallet\n" + std::to_string(format_version) + "\n";
    text += file.name + "\n" + crypto::to_text(file.address) + "\n";
    text += to_hex(file.public_key.view()) + "\n" + file.created_at + "\n";
    text += std::string(kdf_name) + "\n" + std::to_string(file.cost.memory_kib) + "\n";
    text += std::to_string(file.cost.passes) + "\n" + to_hex(file.salt) + "\n";
    text += std::string(cipher_name) + "\n" + to_hex(file.nonce) + "\n";
    return text;
}

}  // namespace ait::wallet
