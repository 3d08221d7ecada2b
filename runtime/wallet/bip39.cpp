#include "runtime/wallet/bip39.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/assert.hpp"
#include "runtime/base/crypto/hmac.hpp"

namespace ait::wallet {
namespace {

using crypto::Secret;

constexpr std::array<std::string_view, 2048> words{
#include "runtime/wallet/bip39_english.inc"
};
static_assert(words.back() == "zoo", "the list is complete");
constexpr std::size_t word_letters_max = 8;
constexpr std::size_t word_count_max = 24;
constexpr std::size_t bits_per_word = 11;
constexpr std::uint32_t pbkdf2_rounds = 2'048;
constexpr std::string_view white_space = " \t\r\n";

bool is_word_count(std::size_t count) noexcept {
    return count >= 12 && count <= word_count_max && count % 3 == 0;
}

Error refuse(std::string why, std::string next) {
    return Error{ErrorCode::invalid_argument, "The seed phrase is not valid.", std::move(why),
                 std::move(next)};
}

char to_lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Changes of one letter that turn `a` into `b`; both are at most 16 letters long.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t changed = diagonal + (a[i] == b[j] ? 0U : 1U);
            diagonal = row[j + 1];
            row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

/// Up to three words of the list that `word` may have been meant to be, nearest first.
std::string near_words(std::string_view word) {
    constexpr std::size_t distance_max = 2;
    constexpr std::size_t suggestions_max = 3;
    std::vector<std::pair<std::size_t, std::string_view>> near;
    for (const std::string_view candidate : words) {
        // Four letters decide a word of the list, so a right beginning counts for most.
        const bool same_start = word.size() >= 4 && candidate.substr(0, 4) == word.substr(0, 4);
        const std::size_t distance = same_start ? 0 : edit_distance(word, candidate);
        if (distance <= distance_max) near.emplace_back(distance, candidate);
    }
    std::stable_sort(near.begin(), near.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::string text;
    for (std::size_t i = 0; i < std::min(near.size(), suggestions_max); ++i) {
        text += (i == 0 ? "" : ", ") + std::string(near[i].second);
    }
    return text;
}

Error unknown_word(std::size_t position, std::string_view word) {
    constexpr std::size_t shown_max = 16;
    std::string shown;
    for (const char c : word.substr(0, shown_max)) {
        const char lower = to_lower(c);
        shown.push_back(lower >= 'a' && lower <= 'z' ? lower : '?');
    }
    const std::string near = near_words(shown);
    return refuse("Word " + std::to_string(position) + ", \"" + shown + "\", is not in the list.",
                  near.empty() ? "Compare that word with your copy on paper."
                               : "Did you mean: " + near + "?");
}

std::optional<std::size_t> index_of(std::string_view word) {
    if (word.size() > word_letters_max) return std::nullopt;
    std::array<char, word_letters_max> letters{};
    std::transform(word.begin(), word.end(), letters.begin(), to_lower);
    const std::string_view lower(letters.data(), word.size());
    const auto* const found = std::lower_bound(words.begin(), words.end(), lower);
    const bool known = found != words.end() && *found == lower;
    crypto::wipe(std::span(reinterpret_cast<std::uint8_t*>(letters.data()), letters.size()));
    if (!known) return std::nullopt;
    return static_cast<std::size_t>(found - words.begin());
}

/// Views into the phrase, at most one more than a phrase can have.
std::vector<std::string_view> split(std::string_view phrase) {
    std::vector<std::string_view> parts;
    std::size_t begin = phrase.find_first_not_of(white_space);
    while (begin != std::string_view::npos && parts.size() <= word_count_max) {
        const std::size_t end = std::min(phrase.find_first_of(white_space, begin), phrase.size());
        parts.push_back(phrase.substr(begin, end - begin));
        begin = phrase.find_first_not_of(white_space, end);
    }
    return parts;
}

/// The first byte of SHA-256, of which BIP-39 uses one bit for each 32 bits of entropy.
std::uint8_t checksum_of(std::span<const std::uint8_t> entropy) {
    std::array<std::uint8_t, crypto_hash_sha256_BYTES> hash{};
    crypto_hash_sha256(hash.data(), entropy.data(), entropy.size());
    const std::uint8_t first = hash[0];
    crypto::wipe(hash);
    return first;
}

void set_bit(std::span<std::uint8_t> bytes, std::size_t bit, bool value) {
    const auto mask = static_cast<std::uint8_t>(0x80U >> (bit % 8));
    if (value) bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] | mask);
}

bool get_bit(std::span<const std::uint8_t> bytes, std::size_t bit) {
    return (bytes[bit / 8] & (0x80U >> (bit % 8))) != 0;
}

}  // namespace

Result<Secret> generate_mnemonic(Random& random, std::uint32_t word_count) {
    if (word_count != 12 && word_count != 24) {
        return Error{ErrorCode::invalid_argument, "The seed phrase was not made.",
                     "It can have 12 or 24 words, not " + std::to_string(word_count) + ".",
                     "Leave the number out to get 24 words."};
    }
    const Secret entropy(random.bytes(word_count / 3 * 4));
    return mnemonic_from_entropy(entropy.view());
}

Result<Secret> mnemonic_from_entropy(std::string_view entropy) {
    if (entropy.size() % 4 != 0 || !is_word_count(entropy.size() / 4 * 3)) {
        return Error{ErrorCode::invalid_argument, "The seed phrase was not made.",
                     std::to_string(entropy.size()) +
                         " bytes of entropy where 16, 20, 24, 28 or 32 are needed.",
                     ""};
    }
    Secret bits = Secret::zeros(entropy.size() + 1);
    const std::span<std::uint8_t> bytes = bits.writable();
    std::transform(entropy.begin(), entropy.end(), bytes.begin(),
                   [](char c) { return static_cast<std::uint8_t>(c); });
    bytes.back() = checksum_of(bytes.first(entropy.size()));
    std::string phrase;
    phrase.reserve(word_count_max * (word_letters_max + 1));  // it must not grow and leave a copy
    for (std::size_t word = 0; word < entropy.size() / 4 * 3; ++word) {
        std::size_t index = 0;
        for (std::size_t i = 0; i < bits_per_word; ++i) {
            index = index * 2 + (get_bit(bytes, word * bits_per_word + i) ? 1U : 0U);
        }
        if (word > 0) phrase.push_back(' ');
        phrase.append(words[index]);
    }
    return Secret(std::move(phrase));
}

Result<Secret> entropy_from_mnemonic(std::string_view phrase) {
    if (phrase.size() > mnemonic_bytes_max)
        return refuse("It is too long.", "Give the words alone.");
    const std::vector<std::string_view> parts = split(phrase);
    if (!is_word_count(parts.size())) {
        const std::string count =
            parts.size() > word_count_max ? "more than 24" : std::to_string(parts.size());
        return refuse("It has " + count + " words; 24 or 12 are usual, 15, 18 and 21 are allowed.",
                      "Give all words, in their order, with spaces between them.");
    }
    const std::size_t entropy_bytes = parts.size() / 3 * 4;
    Secret bits = Secret::zeros(entropy_bytes + 1);
    for (std::size_t word = 0; word < parts.size(); ++word) {
        const auto index = index_of(parts[word]);
        if (!index.has_value()) return unknown_word(word + 1, parts[word]);
        for (std::size_t i = 0; i < bits_per_word; ++i) {
            const bool bit = ((*index >> (bits_per_word - 1 - i)) & 1U) != 0;
            set_bit(bits.writable(), word * bits_per_word + i, bit);
        }
    }
    const std::span<const std::uint8_t> entropy = bits.writable().first(entropy_bytes);
    const std::size_t unused_bits = 8 - parts.size() / 3;
    const auto expected = static_cast<std::uint8_t>(checksum_of(entropy) >> unused_bits);
    if (bits.writable().back() >> unused_bits != expected) {
        return refuse("Its words are all in the list, but its checksum does not match.",
                      "A word is another one of the list, or two changed places: compare with your "
                      "copy.");
    }
    return Secret::copy_of(bits.view().substr(0, entropy_bytes));
}

Result<Secret> seed_from_mnemonic(std::string_view phrase, std::string_view passphrase) {
    const auto is_ascii = [](char c) { return static_cast<std::uint8_t>(c) < 0x80; };
    if (!std::all_of(passphrase.begin(), passphrase.end(), is_ascii)) {
        return Error{ErrorCode::unsupported, "The passphrase cannot be used.",
                     "It has a character outside ASCII.",
                     "Use letters, digits and symbols of ASCII."};
    }
    const auto entropy = entropy_from_mnemonic(phrase);
    if (!entropy.ok()) return entropy.error();
    const auto normal = mnemonic_from_entropy(entropy.value().view());
    AIT_ASSERT(normal.ok());
    std::string text("mnemonic");
    text.reserve(text.size() + passphrase.size());
    text.append(passphrase);
    const Secret salt(std::move(text));
    return crypto::pbkdf2_hmac_sha512(normal.value().view(), salt.view(), pbkdf2_rounds);
}

}  // namespace ait::wallet
