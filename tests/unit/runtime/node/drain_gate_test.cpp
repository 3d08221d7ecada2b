#include "runtime/node/drain_gate.hpp"

#include <gtest/gtest.h>

namespace ait::node {
namespace {

TEST(DrainGate, is_open_until_a_drain_begins_and_after_it_ends) {
    DrainGate gate;
    EXPECT_TRUE(gate.admit("job.submit").ok());
    gate.begin(1'000);
    EXPECT_FALSE(gate.admit("job.submit").ok());
    gate.begin(2'000);
    EXPECT_EQ(gate.since_unix_ms(), 1'000);
    gate.end();
    EXPECT_TRUE(gate.admit("job.submit").ok());
    EXPECT_EQ(gate.since_unix_ms(), 0);
}

// Breaks if a drained node cut off work that is under way, or took on what would keep it busy.
TEST(DrainGate, lets_work_come_to_its_end_and_none_begin) {
    DrainGate gate;
    gate.begin(1'000);
    for (const char* kind :
         {"job.complete", "job.complete_batch", "job.deliver", "job.fail", "job.renew",
          "job.release", "job.cancel", "job.pay", "miner.drain", "miner.deregister"}) {
        EXPECT_TRUE(gate.admit(kind).ok()) << kind;
    }
    for (const char* kind : {"job.submit", "job.batch_submit", "job.lease", "ledger.transfer",
                             "ledger.faucet", "miner.register", ""}) {
        const Status refused = gate.admit(kind);
        ASSERT_FALSE(refused.ok()) << kind;
        EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
        EXPECT_NE(refused.error().why.find("1970-01-01"), std::string::npos);
    }
}

}  // namespace
}  // namespace ait::node
