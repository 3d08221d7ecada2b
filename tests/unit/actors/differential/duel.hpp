#pragma once

// Two chains that live the same life: the real one (BlockBuilder over a state in memory, with the
// rules of all domains) and the reference. Each step goes to both; verdicts are compared at once,
// everything that the chains know after each block, and in the end all blocks are executed again
// from genesis.

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "actors/consensus/execution.hpp"
#include "storage/state_view.hpp"
#include "tests/unit/actors/differential/reference.hpp"
#include "tests/unit/actors/differential/script.hpp"

namespace ait::differential {

/// The text of the first difference, or nothing.
using Difference = std::optional<std::string>;

/// What was done, for the report and to see that a run was worth its name.
struct Tally {
    std::uint64_t operations = 0;
    std::uint64_t blocks = 0;
    std::uint64_t chains = 0;
    std::map<std::string, std::uint64_t> verdicts{};  ///< "job.pay applied"
    std::map<std::string, std::uint64_t> endings{};   ///< "completed paid"
    void add(const Tally& other);
};

struct DuelOptions {
    std::uint32_t shape = 0;
    bool with_real = true;          ///< false: only the reference plays, to write a script down
    bool verifies = false;          ///< signatures are checked at admission, not only at replay
    std::uint32_t full_every = 32;  ///< blocks between comparisons of everything
};

class Duel {
  public:
    explicit Duel(const DuelOptions& options);
    Duel(const Duel&) = delete;
    Duel& operator=(const Duel&) = delete;

    Difference take(const Step& step);
    /// Seals what is open, compares everything, replays the chain from genesis.
    Difference finish();

    [[nodiscard]] const Reference& reference() const { return reference_; }
    [[nodiscard]] const consensus::Genesis& genesis() const { return genesis_; }
    [[nodiscard]] std::string id_of(const JobName& name) const;
    [[nodiscard]] JobName known_as(const std::string& id) const;
    [[nodiscard]] const Tally& tally() const { return tally_; }

  private:
    struct Asked {
        Body body{};
        Caller caller{};
        std::uint64_t nonce = 0;
        std::uint64_t expiry_height = 0;
        std::optional<consensus::VerifiedTransaction> transaction{};
        std::optional<consensus::BatchItem> item{};
    };

    void open();
    Difference close(std::int64_t advance_ms);
    Difference operate(const Step& step);
    Difference compare_block(const consensus::ExecutedBlock& block);
    Difference check_payments(const consensus::ExecutedBlock& block);
    Difference replay() const;
    Body body_of(const Step& step) const;
    Asked ask(const Step& step) const;
    void sign(const Step& step, Asked& asked) const;
    Result<Verdict> real_verdict(const Asked& asked);
    void learn(const Step& step, const Verdict& verdict, const Body& body);
    void remember(const JobName& name, const std::string& id);
    [[nodiscard]] consensus::BlockBuilder::Parent parent() const;

    const DuelOptions options_;
    const consensus::Genesis genesis_;
    const Hash genesis_hash_;
    Reference reference_;
    std::map<JobName, std::string> ids_{};
    std::map<std::string, JobName> names_{};
    storage::MemoryState state_{};
    consensus::Tip tip_{};
    std::optional<consensus::BlockBuilder> builder_{};
    std::vector<consensus::BlockRecord> records_{};
    std::map<std::string, std::uint32_t> settlements_{};  ///< of each job
    std::map<Address, std::uint64_t> nonces_{};           ///< as accepted transactions say
    std::int64_t clock_ms_ = 0;
    bool is_open_ = false;
    bool has_items_ = false;
    Tally tally_{};
};

}  // namespace ait::differential
