#pragma once

// Hands one operation to a chain as the gateway does, and waits for its answer.

#include <gtest/gtest.h>

#include <caf/all.hpp>
#include <future>

#include "actors/consensus/messages.hpp"

namespace ait::consensus {

template <class Chain>
std::future<Result<Applied>> ask_chain(const Chain& chain, Submission::Operation operation,
                                       bool dry_run = false, std::vector<std::string> blobs = {}) {
    auto promise = std::make_shared<std::promise<Result<Applied>>>();
    auto future = promise->get_future();
    const auto inbox = std::make_shared<SubmissionInbox>();
    EXPECT_TRUE(inbox->put(std::make_shared<Submission>(
        std::move(operation), std::move(blobs), dry_run, 0,
        [promise](Result<Applied> applied) { promise->set_value(std::move(applied)); })));
    caf::anon_send(chain, Submit{inbox});
    return future;
}

}  // namespace ait::consensus
