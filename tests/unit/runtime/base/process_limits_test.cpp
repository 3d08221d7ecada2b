#include "runtime/base/process_limits.hpp"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ait {
namespace {

// Breaks if a crash of the node, or another process of the same user, can give its keys away.
TEST(ProcessLimits, a_process_that_keeps_its_memory_private_is_not_dumped) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        keep_memory_private();
        rlimit core{.rlim_cur = 1, .rlim_max = 1};
        const bool kept = ::getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 &&
                          core.rlim_max == 0 && ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0;
        ::_exit(kept ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

// Breaks if clients can take the descriptors that the store needs, which would stop the node.
TEST(ProcessLimits, connections_leave_descriptors_for_the_store) {
    EXPECT_EQ(connections_that_fit(4'096, 20'000), 4'096U);
    EXPECT_EQ(connections_that_fit(4'096, 4'096), 3'584U);
    EXPECT_EQ(connections_that_fit(4'096, 1'024), 512U);
    EXPECT_EQ(connections_that_fit(4'096, 64), 22U);
    EXPECT_EQ(connections_that_fit(100, 1'024), 100U);
    EXPECT_EQ(connections_that_fit(4'096, 0), 8U) << "unknown: a few, rather than none";
    // Together they fit, with what the process itself opens.
    EXPECT_EQ(state_files_that_fit(64), 20U);
    EXPECT_EQ(state_files_that_fit(20'000), 256U);
    EXPECT_EQ(further_chains_that_fit(4'096, 20'000), 120U);
    EXPECT_EQ(further_chains_that_fit(4'096, 1'024), 0U) << "the connections have it all";
    EXPECT_EQ(further_chains_that_fit(256, 1'024), 2U);
    EXPECT_EQ(further_chains_that_fit(4'096, 0), 0U);
}

TEST(ProcessLimits, the_descriptor_limit_is_raised_to_what_is_granted) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        rlimit limit{};
        bool raised = ::getrlimit(RLIMIT_NOFILE, &limit) == 0;
        limit.rlim_cur = 64;
        raised = raised && ::setrlimit(RLIMIT_NOFILE, &limit) == 0 &&
                 raise_descriptor_limit() == limit.rlim_max &&
                 ::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == limit.rlim_max;
        ::_exit(raised ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace ait
