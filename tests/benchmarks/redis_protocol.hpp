#pragma once

// The life of jobs in Redis lists, after its documentation's reliable queue: a job's bytes move
// from the queue into the worker's own list in one command and leave it, together with the result's
// arrival, in one transaction. Each step is one request of one or `batch` commands, pipelined.

#include <string>
#include <vector>

#include "tests/benchmarks/job_book.hpp"
#include "tests/benchmarks/load_loop.hpp"

namespace ait::benchmarks {

struct RedisLoadOptions {
    std::size_t batch = 1;  ///< jobs a request: that many commands in one pipeline
    /// RPOP instead of LMOVE, and no removal with the result: fewer commands, but a job that a dead
    /// worker held is gone.
    bool plain_lists = false;
    std::size_t payload_bytes = 100;
    std::size_t result_bytes = 200;
};

class RedisProtocol final : public Protocol {
  public:
    RedisProtocol(const RedisLoadOptions& options, std::size_t connections, JobBook& book);

    std::optional<Step> next_request(std::size_t connection, std::string& out) override;
    Result<std::size_t> take_answer(std::size_t connection, std::string_view received) override;
    void stop() override { is_stopping_ = true; }
    [[nodiscard]] std::uint64_t jobs_done() const override { return completed_; }

    /// Leases that found nothing because another connection was faster.
    [[nodiscard]] std::uint64_t empty_leases() const { return empty_leases_; }

  private:
    /// What a connection is at; `owed` as in NodeProtocol.
    struct Lane {
        Step step = Step::submit;
        std::size_t owed = 0;
        std::size_t asked = 0;            ///< jobs of the request under way
        std::uint64_t serial_first = 0;   ///< of a submission under way
        std::vector<std::string> held{};  ///< payloads
        std::string own_list{};
    };
    void append_submit(Lane& lane, std::string& out);
    void append_lease(Lane& lane, std::string& out) const;
    void append_result(const Lane& lane, std::string& out);
    Result<std::size_t> take_submitted(Lane& lane, std::string_view received);
    Result<std::size_t> take_leased(Lane& lane, std::string_view received);
    Result<std::size_t> take_completed(Lane& lane, std::string_view received);

    const RedisLoadOptions options_;
    JobBook& book_;
    std::vector<Lane> lanes_;
    std::string payload_{};
    std::string result_{};
    std::uint64_t serial_ = 0;
    std::uint64_t completed_ = 0;
    std::uint64_t empty_leases_ = 0;
    bool is_stopping_ = false;
};

/// The lengths of its lists. Blocking. Errors: unavailable, malformed.
Result<JobCounts> count_redis_lists(const LoadOptions& options);
/// Empties the lists before a run. Same errors.
Status clear_redis_lists(const LoadOptions& options);

}  // namespace ait::benchmarks
