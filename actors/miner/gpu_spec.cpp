#include "actors/miner/gpu_spec.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace ait::miner {
namespace {

constexpr std::uint32_t mb_per_gb = 1'024;
constexpr std::uint32_t memory_gb_max = gpu_memory_mb_max / mb_per_gb;

struct KnownCard {
    std::string_view name;  ///< lower case, single spaces, no vendor
    std::uint32_t memory_gb;
};

// Source: the makers' data sheets. A longer name stands for itself: "rtx 4070 ti super".
constexpr std::array known_cards{
    KnownCard{"gtx 1080 ti", 11},
    KnownCard{"rtx 2080 ti", 11},
    KnownCard{"rtx 3060", 12},
    KnownCard{"rtx 3070", 8},
    KnownCard{"rtx 3080", 10},
    KnownCard{"rtx 3080 ti", 12},
    KnownCard{"rtx 3090", 24},
    KnownCard{"rtx 3090 ti", 24},
    KnownCard{"rtx 4060", 8},
    KnownCard{"rtx 4060 ti", 8},
    KnownCard{"rtx 4070", 12},
    KnownCard{"rtx 4070 ti", 12},
    KnownCard{"rtx 4070 ti super", 16},
    KnownCard{"rtx 4080", 16},
    KnownCard{"rtx 4090", 24},
    KnownCard{"rtx 5070 ti", 16},
    KnownCard{"rtx 5080", 16},
    KnownCard{"rtx 5090", 32},
    KnownCard{"rtx a4000", 16},
    KnownCard{"rtx a5000", 24},
    KnownCard{"rtx a6000", 48},
    KnownCard{"t4", 16},
    KnownCard{"v100", 16},
    KnownCard{"a10", 24},
    KnownCard{"a30", 24},
    KnownCard{"a40", 48},
    KnownCard{"a100", 40},
    KnownCard{"l4", 24},
    KnownCard{"l40", 48},
    KnownCard{"l40s", 48},
    KnownCard{"h100", 80},
    KnownCard{"h200", 141},
    KnownCard{"b200", 180},
    KnownCard{"rx 7900 xtx", 24},
    KnownCard{"mi250x", 128},
    KnownCard{"mi300x", 192},
};

constexpr std::array<std::string_view, 6> vendor_words{"nvidia", "geforce", "tesla",
                                                       "amd",    "radeon",  "instinct"};

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lowered(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), lower);
    return out;
}

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t begin = text.find_first_not_of(" \t", at);
        if (begin == std::string_view::npos) break;
        at = std::min(text.find_first_of(" \t", begin), text.size());
        words.push_back(text.substr(begin, at - begin));
    }
    return words;
}

std::string joined(const std::vector<std::string_view>& words) {
    std::string text;
    for (const auto word : words) text += (text.empty() ? "" : " ") + std::string(word);
    return text;
}

std::optional<std::uint32_t> whole_number(std::string_view digits) {
    std::uint32_t value = 0;
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.empty() || code != std::errc{} || end != digits.data() + digits.size()) {
        return std::nullopt;
    }
    return value;
}

Error unreadable(std::string_view part, std::string_view why) {
    return Error{
        ErrorCode::invalid_argument, "The GPUs cannot be read.",
        "\"" + std::string(part.substr(0, limits::name_bytes_max)) + "\" " + std::string(why),
        "Write COUNTx MODEL [SIZEGB], comma-separated, for example \"1x RTX 4090, "
        "2x A100 80GB\"."};
}

/// "2x" or "2" before a model is a count: "2x A100", "2 A100", "2xA100".
std::optional<std::uint32_t> take_count(std::vector<std::string_view>& words) {
    std::string_view& first = words.front();
    const std::size_t digits = static_cast<std::size_t>(
        std::find_if_not(first.begin(), first.end(), is_digit) - first.begin());
    if (digits == 0) return 1;
    const bool alone = digits == first.size() && words.size() > 1;
    const bool times = digits < first.size() && lower(first[digits]) == 'x';
    if (!alone && !times) return 1;
    const auto count = whole_number(first.substr(0, digits));
    first.remove_prefix(times ? digits + 1 : digits);
    if (first.empty()) words.erase(words.begin());
    return count;
}

/// "80GB", "80 GB", "81920MB" or "24G" at the end is the memory of each, in MiB.
std::optional<std::uint32_t> take_memory(std::vector<std::string_view>& words) {
    if (words.empty()) return std::nullopt;
    std::string last = lowered(words.back());
    const bool apart =
        (last == "gb" || last == "gib" || last == "mb" || last == "mib") && words.size() > 1;
    if (apart) last = std::string(words[words.size() - 2]) + last;
    const std::size_t digits = static_cast<std::size_t>(
        std::find_if_not(last.begin(), last.end(), is_digit) - last.begin());
    const std::string_view unit = std::string_view(last).substr(digits);
    const bool giga = unit == "gb" || unit == "gib" || unit == "g";
    const bool mega = unit == "mb" || unit == "mib" || unit == "m";
    const auto size = whole_number(std::string_view(last).substr(0, digits));
    if (!size || (!giga && !mega)) return std::nullopt;
    words.resize(words.size() - (apart ? 2 : 1));
    if (giga) return *size > memory_gb_max ? gpu_memory_mb_max + 1 : *size * mb_per_gb;
    return *size;
}

Result<GpuSpec> parse_gpu(std::string_view part, std::uint32_t memory_gb_default) {
    auto words = words_of(part);
    if (words.empty()) return unreadable(part, "is empty.");
    const auto count = take_count(words);
    if (!count || *count == 0 || *count > gpu_count_max) {
        return unreadable(part,
                          "has a count that is not 1 to " + std::to_string(gpu_count_max) + ".");
    }
    const auto memory_mb = take_memory(words);
    if (words.empty()) return unreadable(part, "names no model.");
    GpuSpec gpu{.model = joined(words), .count = *count};
    if (gpu.model.size() > limits::name_bytes_max) return unreadable(part, "is too long.");
    const bool named = std::any_of(gpu.model.begin(), gpu.model.end(),
                                   [](char c) { return lower(c) >= 'a' && lower(c) <= 'z'; });
    const bool clean = std::all_of(gpu.model.begin(), gpu.model.end(), [](char c) {
        return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == ' ' || c == '-' ||
               c == '_' || c == '.' || c == '(' || c == ')' || c == '/' || c == '+';
    });
    // "-1x RTX" is a wrong count, not a card of that name.
    const bool begins =
        is_digit(gpu.model[0]) || (lower(gpu.model[0]) >= 'a' && lower(gpu.model[0]) <= 'z');
    if (!named || !clean || !begins) return unreadable(part, "has no readable model name.");
    gpu.memory_mb =
        memory_mb.value_or(known_memory_mb(gpu.model).value_or(memory_gb_default * mb_per_gb));
    if (memory_mb == 0U || gpu.memory_mb > gpu_memory_mb_max) {
        return unreadable(part, "has a memory size that no GPU has.");
    }
    return gpu;
}

}  // namespace

std::optional<std::uint32_t> known_memory_mb(std::string_view model) {
    const std::string text = lowered(model);
    auto words = words_of(text);
    std::erase_if(words, [](std::string_view word) {
        return std::find(vendor_words.begin(), vendor_words.end(), word) != vendor_words.end();
    });
    const std::string name = joined(words);
    const auto card = std::find_if(known_cards.begin(), known_cards.end(),
                                   [&](const KnownCard& known) { return known.name == name; });
    if (card == known_cards.end()) return std::nullopt;
    return card->memory_gb * mb_per_gb;
}

Result<std::vector<GpuSpec>> parse_gpus(std::string_view text, std::uint32_t memory_gb_default) {
    if (memory_gb_default > memory_gb_max) {
        return unreadable(std::to_string(memory_gb_default) + " GB",
                          "is a memory size that no GPU has.");
    }
    std::vector<GpuSpec> gpus;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t comma = std::min(text.find(',', at), text.size());
        auto gpu = parse_gpu(text.substr(at, comma - at), memory_gb_default);
        if (!gpu.ok()) return gpu.error();
        if (gpus.size() == limits::miner_gpus_max) {
            return unreadable(
                text, "names more than " + std::to_string(limits::miner_gpus_max) + " kinds.");
        }
        gpus.push_back(std::move(gpu).value());
        at = comma + 1;
    }
    return gpus;
}

std::string to_text(const GpuSpec& gpu) {
    std::string text = std::to_string(gpu.count) + "x " + gpu.model;
    if (gpu.memory_mb == 0) return text;
    // Rounded up: drivers report a little less than the size on the box.
    return text + " " + std::to_string((gpu.memory_mb + mb_per_gb - 1) / mb_per_gb) + "GB";
}

}  // namespace ait::miner
