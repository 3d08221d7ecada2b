#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "storage/faulty_file_system.hpp"
#include "storage/log.hpp"

// Logs on the faulty disk, small enough to try every byte of them.

namespace ait::storage {

class SeededRandom final : public Random {
  public:
    explicit SeededRandom(std::uint64_t seed) : random_(seed) {}
    std::string bytes(std::size_t count) override {
        std::string out(count, '\0');
        for (char& byte : out) byte = static_cast<char>(random_());
        return out;
    }

  private:
    std::mt19937_64 random_;
};

inline constexpr std::uint64_t small_segment_bytes = 4096;

/// The payload that every test expects at a height.
inline std::string payload_of(std::uint64_t height, std::size_t bytes = 40) {
    std::string payload = "block " + std::to_string(height) + " ";
    while (payload.size() < bytes) payload.push_back(static_cast<char>('a' + payload.size() % 26));
    payload.resize(bytes);
    return payload;
}

inline Result<std::unique_ptr<BlockLog>> open_log(
    FileSystem& files, std::uint64_t segment_bytes = small_segment_bytes) {
    static SeededRandom random(7);
    return BlockLog::open(files, "log", {.segment_bytes = segment_bytes, .random = &random});
}

inline std::string segment_path(std::uint64_t first_height) {
    const auto digits = std::to_string(first_height);
    return "log/log-" + std::string(20 - digits.size(), '0') + digits + ".seg";
}

/// All payloads from a height on; an Error as one row "error: <code>: <why>".
inline std::vector<std::string> contents(const BlockLog& log, std::uint64_t from_height) {
    std::vector<std::string> rows;
    const auto status = log.for_each(from_height, [&](std::uint64_t, std::string_view payload) {
        rows.emplace_back(payload);
        return Status{};
    });
    if (!status.ok()) rows.push_back("error: " + status.error().what + " " + status.error().why);
    return rows;
}

inline std::vector<std::string> payloads(std::uint64_t first_height, std::uint64_t last_height,
                                         std::size_t bytes = 40) {
    std::vector<std::string> rows;
    for (auto h = first_height; h <= last_height; ++h) rows.push_back(payload_of(h, bytes));
    return rows;
}

}  // namespace ait::storage
