#pragma once

// Events of jobs. Subject is the job's id; the owner is always among the attributes, so that a
// stream can be narrowed to one account.

#include <string_view>
#include <vector>

#include "actors/coordinator/job.hpp"
#include "runtime/base/crypto/bech32m.hpp"

namespace ait::coordinator {

inline consensus::Event job_event(const Job& job, std::string_view kind,
                                  std::vector<consensus::EventAttribute> attributes = {}) {
    consensus::Event event{.kind = std::string(kind), .subject = job.id};
    event.attributes.reserve(2 + attributes.size());
    event.attributes.push_back({"owner", crypto::to_text(job.owner)});
    event.attributes.push_back({"status", std::string(name_of(job.state))});
    for (auto& attribute : attributes) event.attributes.push_back(std::move(attribute));
    return event;
}

}  // namespace ait::coordinator
