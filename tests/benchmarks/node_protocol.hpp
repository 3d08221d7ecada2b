#pragma once

// The life of jobs as a node's REST interface has it: a client submits, a miner polls and delivers.
// Each connection is a client and a miner in turn, so that it always has one request under way.

#include <string>
#include <vector>

#include "tests/benchmarks/job_book.hpp"
#include "tests/benchmarks/load_loop.hpp"
#include "tests/benchmarks/node_setup.hpp"

namespace ait::benchmarks {

/// How a miner shows that a result is its own.
enum class ResultForm : std::uint8_t {
    signed_,  ///< a transaction signed by its key: one a job, or one a batch
    session,  ///< the bearer token of its session; for jobs that carry no money
};

struct NodeLoadOptions {
    std::size_t batch = 1;      ///< jobs a request
    bool submits_only = false;  ///< fills the queue: nothing is leased
    ResultForm results = ResultForm::session;
    std::size_t payload_bytes = 100;
    std::size_t result_bytes = 200;
};

class NodeProtocol final : public Protocol {
  public:
    /// One account a connection; connection i talks to the node that has given the client's token
    /// number i modulo how many there are. `book` hears of every job.
    NodeProtocol(const NodeLoadOptions& options, NodeFacts facts,
                 const std::vector<std::string>& client_tokens, std::vector<MinerAccount> miners,
                 JobBook& book);

    std::optional<Step> next_request(std::size_t connection, std::string& out) override;
    Result<std::size_t> take_answer(std::size_t connection, std::string_view received) override;
    void stop() override { is_stopping_ = true; }
    [[nodiscard]] std::uint64_t jobs_done() const override;

    [[nodiscard]] const std::vector<MinerAccount>& miners() const { return miners_; }
    /// Polls that found nothing because another connection was faster.
    [[nodiscard]] std::uint64_t empty_leases() const { return empty_leases_; }

  private:
    struct LeasedJob {
        std::string job_id{};
        std::uint32_t attempt = 0;
        Hash payload{};
        Amount price_per_hour{};
    };
    /// What a connection is at. `owed`: jobs it has put into the queue and not worked off, so that
    /// all connections together never ask for more jobs than there are.
    struct Lane {
        Step step = Step::submit;
        std::size_t owed = 0;
        std::size_t submitting = 0;
        std::vector<LeasedJob> held{};
        std::string submit_head{};
        std::string poll_head{};
        std::string deliver_head{};
    };

    void append_submit(Lane& lane, std::string& out);
    void append_poll(const Lane& lane, std::string& out) const;
    void append_result(std::size_t connection, std::string& out);
    void append_session_results(const Lane& lane, std::string& out);
    void append_signed_results(std::size_t connection, std::string& out);
    void append_job(std::string& out);
    std::string result_of(const LeasedJob& job);

    Status take_submitted(Lane& lane, std::string_view body);
    Status take_leased(Lane& lane, std::string_view body);
    Status take_completed(Lane& lane, std::string_view body);

    const NodeLoadOptions options_;
    const NodeFacts facts_;
    std::vector<MinerAccount> miners_;
    JobBook& book_;
    std::vector<Lane> lanes_;
    std::string body_{};  ///< of the request being made
    std::string prompt_filler_{};
    std::string result_filler_{};
    std::uint64_t serial_ = 0;  ///< makes every payload another one
    std::uint64_t height_ = 0;  ///< the last that an answer named
    std::uint64_t submitted_ = 0;
    std::uint64_t completed_ = 0;
    std::uint64_t empty_leases_ = 0;
    bool is_stopping_ = false;
};

}  // namespace ait::benchmarks
