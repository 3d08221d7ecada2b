#pragma once

// Every bound of the program that is not a protocol parameter in genesis, in one place. At a bound
// the answer is a clear refusal (limit_reached, too_large or overloaded), never growth.

#include <cstdint>

namespace ait::limits {

// Requests
inline constexpr std::uint32_t http_header_bytes_max = 64 * 1024;
inline constexpr std::uint32_t http_body_bytes_max = 4 * 1024 * 1024;
inline constexpr std::uint32_t http_connections_max = 4'096;
inline constexpr std::uint32_t http_requests_in_flight_max = 4'096;  // admission credits
inline constexpr std::uint32_t http_header_timeout_ms = 10'000;
inline constexpr std::uint32_t http_idle_timeout_ms = 60'000;
inline constexpr std::uint32_t json_depth_max = 32;
inline constexpr std::uint32_t list_rows_max = 1'000;
inline constexpr std::uint32_t request_timeout_ms_default = 30'000;
inline constexpr std::uint32_t long_poll_ms_max = 60'000;

// Transactions and blocks
inline constexpr std::uint32_t transaction_bytes_max = 64 * 1024;
inline constexpr std::uint32_t blob_bytes_max = 1024 * 1024;
inline constexpr std::uint32_t mempool_transactions_max = 4'096;
inline constexpr std::uint32_t mempool_bytes_max = 64 * 1024 * 1024;
inline constexpr std::uint32_t block_transactions_max = 1'024;
inline constexpr std::uint32_t block_bytes_max = 8 * 1024 * 1024;
inline constexpr std::uint32_t block_blobs_max = 8'192;
inline constexpr std::uint32_t due_entries_per_block_max = 1'024;
inline constexpr std::uint32_t expiry_heights_ahead_max = 100'000;

// Texts from outside
inline constexpr std::uint32_t name_bytes_max = 64;
inline constexpr std::uint32_t id_bytes_max = 64;
inline constexpr std::uint32_t memo_bytes_max = 256;
inline constexpr std::uint32_t model_name_bytes_max = 128;
inline constexpr std::uint32_t idempotency_key_bytes_max = 64;
inline constexpr std::uint32_t error_text_bytes_max = 1'024;

// Jobs and miners
inline constexpr std::uint32_t prompt_bytes_max = 256 * 1024;
inline constexpr std::uint32_t batch_jobs_max = 256;
inline constexpr std::uint32_t lease_jobs_max = 64;
inline constexpr std::uint32_t miner_models_max = 64;
inline constexpr std::uint32_t miner_gpus_max = 64;
inline constexpr std::uint32_t job_attempts_max = 3;

static_assert(prompt_bytes_max <= blob_bytes_max,
              "a prompt travels as a blob beside its transaction");
static_assert(blob_bytes_max < http_body_bytes_max, "a blob fits in a request, base64 included");

}  // namespace ait::limits
