#pragma once

// The life of jobs in etcd: a key a job, moved from state to state by transactions that name the
// revision they build on, so that two workers never hold one job. A worker takes the job that it
// has put in itself, whose key and revision it knows: no looking for work, no conflict and no
// second try, the least that etcd can be asked for. Or it looks for work as workers do: it reads
// some of the queue and tries to move one of them, again when another was faster.

#include <string>
#include <vector>

#include "tests/benchmarks/grpc.hpp"
#include "tests/benchmarks/job_book.hpp"
#include "tests/benchmarks/load_loop.hpp"

namespace ait::benchmarks {

struct EtcdLoadOptions {
    std::size_t payload_bytes = 100;
    std::size_t result_bytes = 200;
    bool looks_for_work = false;
};

class EtcdProtocol final : public Protocol {
  public:
    /// Keys begin with `run`. `book` hears of every job.
    EtcdProtocol(const EtcdLoadOptions& options, std::string run, std::size_t connections,
                 JobBook& book);

    std::optional<Step> next_request(std::size_t connection, std::string& out) override;
    Result<std::size_t> take_answer(std::size_t connection, std::string_view received) override;
    void stop() override { is_stopping_ = true; }
    [[nodiscard]] std::uint64_t jobs_done() const override { return completed_; }

    /// Tries to lease that came to nothing because another connection was faster.
    [[nodiscard]] std::uint64_t empty_leases() const { return empty_leases_; }

  private:
    struct Lane {
        GrpcLane grpc{};
        Step step = Step::submit;
        std::string serial{};        ///< of its job
        std::uint64_t revision = 0;  ///< at which the job's key was written
        bool has_found = true;       ///< which job to lease
    };
    void append_look(Lane& lane, std::string& out) const;
    Status take_look(std::size_t connection, std::string_view message);
    Status take_step(Lane& lane, std::string_view message);
    void append_submit(Lane& lane, std::string& out);
    /// If `from` still is as it was, it goes and `to` comes, in one transaction.
    void append_move(Lane& lane, const std::string& from, const std::string& to,
                     std::string_view value, std::string& out) const;

    const bool looks_for_work_;
    const std::string run_;
    JobBook& book_;
    std::vector<Lane> lanes_;
    std::string payload_{};
    std::string result_{};
    std::uint64_t serial_ = 0;
    std::uint64_t completed_ = 0;
    std::uint64_t empty_leases_ = 0;
    bool is_stopping_ = false;
};

/// Those of one run. Blocking. Errors: unavailable, malformed.
Result<JobCounts> count_etcd_keys(const Endpoint& endpoint, const std::string& run);

}  // namespace ait::benchmarks
