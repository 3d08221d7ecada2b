#include "runtime/node/metrics_text.hpp"

#include <fmt/format.h>

#include <array>
#include <vector>

namespace ait::node {
namespace {

/// One measured thing, with a sample for each chain or one for the node.
struct Family {
    std::string_view name;
    std::string_view type;
    std::string_view help;
    struct Sample {
        std::string labels{};  ///< without braces
        double value = 0;
    };
    std::vector<Sample> samples{};
};

double number(std::uint64_t value) {
    return static_cast<double>(value);
}

std::string head_of(std::string_view name, std::string_view type, std::string_view help) {
    return fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
}

std::string line_of(std::string_view name, std::string_view labels, double value) {
    return labels.empty() ? fmt::format("{} {}\n", name, value)
                          : fmt::format("{}{{{}}} {}\n", name, labels, value);
}

std::string text_of(const Family& family) {
    if (family.samples.empty()) return "";
    std::string text = head_of(family.name, family.type, family.help);
    for (const auto& sample : family.samples)
        text += line_of(family.name, sample.labels, sample.value);
    return text;
}

/// Empty for the default chain, so that its samples are called as on a node of one chain.
std::string label_of(const ChainMetrics& chain) {
    return chain.is_default ? "" : fmt::format("chain=\"{}\"", chain.chain);
}

std::string join(const std::string& first, const std::string& second) {
    return second.empty() ? first : first + "," + second;
}

using Replication = consensus::ReplicationState;

/// A sample of each chain.
template <class Read>
Family of_chains(std::span<const ChainMetrics> chains, std::string_view name, std::string_view type,
                 std::string_view help, Read read) {
    Family family{.name = name, .type = type, .help = help};
    for (const auto& chain : chains) family.samples.push_back({label_of(chain), read(chain)});
    return family;
}

/// A sample of each chain that several nodes keep.
template <class Read>
Family of_replicated(std::span<const ChainMetrics> chains, std::string_view name,
                     std::string_view type, std::string_view help, Read read) {
    Family family{.name = name, .type = type, .help = help};
    for (const auto& chain : chains) {
        if (chain.replication)
            family.samples.push_back({label_of(chain), read(*chain.replication)});
    }
    return family;
}

std::string chains_text(std::span<const ChainMetrics> chains) {
    using Chain = const ChainMetrics&;
    const std::array families{
        of_chains(chains, "aitbc_chain_height", "gauge", "Last applied block.",
                  [](Chain chain) { return number(chain.figures.height); }),
        of_chains(chains, "aitbc_chain_pool_operations", "gauge",
                  "Operations that wait for a block.",
                  [](Chain chain) { return number(chain.figures.pool_operations); }),
        of_chains(chains, "aitbc_chain_pool_bytes", "gauge", "Their size.",
                  [](Chain chain) { return number(chain.figures.pool_bytes); }),
        of_chains(chains, "aitbc_chain_operations_applied_total", "counter",
                  "Operations in final blocks.",
                  [](Chain chain) { return number(chain.figures.applied_total); }),
        of_chains(chains, "aitbc_chain_operations_refused_total", "counter",
                  "Operations that a rule refused.",
                  [](Chain chain) { return number(chain.figures.refused_total); }),
        of_chains(chains, "aitbc_chain_operations_overloaded_total", "counter",
                  "Refused because the pool was full.",
                  [](Chain chain) { return number(chain.figures.overloaded_total); }),
        of_chains(chains, "aitbc_storage_log_sync_seconds_total", "counter",
                  "Time in log writes and syncs.",
                  [](Chain chain) { return number(chain.figures.sync_us_total) / 1e6; }),
        of_chains(chains, "aitbc_storage_scrub_passes_total", "counter",
                  "Times that everything stored was read and checked.",
                  [](Chain chain) { return number(chain.scrub.passes_total); }),
        of_chains(chains, "aitbc_storage_scrub_bytes_total", "counter", "Bytes read and checked.",
                  [](Chain chain) { return number(chain.scrub.bytes_total); }),
        of_chains(chains, "aitbc_storage_damaged_places", "gauge", "Damage found since the start.",
                  [](Chain chain) { return number(chain.scrub.damage_total); }),
        of_chains(chains, "aitbc_miner_alive", "gauge", "Miners heard of lately at this node.",
                  [](Chain chain) { return number(chain.miners_alive); }),
        of_chains(chains, "aitbc_coordinator_jobs_open", "gauge", "Jobs that have not ended.",
                  [](Chain chain) { return number(chain.jobs_open); }),
    };
    std::string text;
    for (const auto& family : families) text += text_of(family);
    return text;
}

std::string node_text(const MetricsInput& input) {
    const auto one = [](std::string_view name, std::string_view type, std::string_view help,
                        double value) {
        return head_of(name, type, help) + line_of(name, "", value);
    };
    std::string text =
        one("aitbc_gateway_calls_in_flight", "gauge", "Calls under way.",
            number(input.gateway.in_flight)) +
        one("aitbc_gateway_calls_total", "counter", "Calls of operations.",
            number(input.gateway.calls_total)) +
        one("aitbc_gateway_errors_total", "counter", "Calls that ended in an error.",
            number(input.gateway.errors_total)) +
        one("aitbc_gateway_overloaded_total", "counter", "Calls refused for want of credit.",
            number(input.gateway.overloaded_total)) +
        one("aitbc_gateway_rate_limited_total", "counter", "Calls refused as too frequent.",
            number(input.gateway.rate_limited_total)) +
        one("aitbc_http_connections_open", "gauge", "Open connections.",
            number(input.http.connections_open)) +
        one("aitbc_http_requests_total", "counter", "Requests read.",
            number(input.http.requests_total)) +
        one("aitbc_http_received_bytes_total", "counter", "Bytes read.",
            number(input.http.received_bytes_total)) +
        one("aitbc_http_sent_bytes_total", "counter", "Bytes written.",
            number(input.http.sent_bytes_total)) +
        one("aitbc_node_chains_hosted", "gauge", "Chains that are open here.",
            number(input.chains.size())) +
        one("aitbc_node_uptime_seconds", "gauge", "Since the start.", input.uptime_seconds) +
        head_of("aitbc_http_refused_total", "counter", "Requests turned away before a handler.");
    for (std::size_t i = 0; i < net::http_refusal_count; ++i) {
        text += fmt::format("aitbc_http_refused_total{{reason=\"{}\"}} {}\n",
                            net::http_refusal_name(static_cast<net::HttpRefusal>(i)),
                            input.http.refused_total[i]);
    }
    return text;
}

Family refusals_of_peers(std::span<const ChainMetrics> chains) {
    Family family{.name = "aitbc_consensus_refused_total",
                  .type = "counter",
                  .help = "What peers sent and this node did not use."};
    for (const auto& chain : chains) {
        if (!chain.replication) continue;
        const auto& counters = chain.replication->counters;
        const std::array refused{
            std::pair{"malformed", counters.malformed + chain.replication->refused_messages},
            std::pair{"other_epoch", counters.other_epoch},
            std::pair{"outside_window", counters.outside_window},
            std::pair{"duplicate", counters.duplicates},
            std::pair{"bad_signature", counters.bad_signatures},
            std::pair{"bad_block", counters.bad_blocks},
            std::pair{"over_budget", counters.refused_requests},
        };
        for (const auto& [reason, count] : refused) {
            family.samples.push_back(
                {join(fmt::format("reason=\"{}\"", reason), label_of(chain)), number(count)});
        }
    }
    return family;
}

std::string stages_text(std::span<const ChainMetrics> chains) {
    constexpr std::string_view name = "aitbc_consensus_stage_seconds";
    std::string text;
    for (const auto& chain : chains) {
        if (!chain.replication) continue;
        if (text.empty()) text = head_of(name, "summary", "How long the stages of blocks take.");
        const auto& stages = chain.replication->stages;
        for (std::size_t i = 0; i < stages.size(); ++i) {
            const auto stage = stage_name(static_cast<consensus::BlockStage>(i));
            const auto labels = join(fmt::format("stage=\"{}\"", stage), label_of(chain));
            text += fmt::format("{0}_sum{{{1}}} {2}\n{0}_count{{{1}}} {3}\n", name, labels,
                                number(stages[i].us_total) / 1e6, stages[i].count);
        }
    }
    return text;
}

std::string replication_text(std::span<const ChainMetrics> chains) {
    using State = const Replication&;
    const std::array families{
        of_replicated(chains, "aitbc_consensus_view", "gauge", "The view that this node is in.",
                      [](State state) { return number(state.position.view); }),
        of_replicated(chains, "aitbc_consensus_height_known", "gauge",
                      "Highest final block that a certificate or several peers show.",
                      [](State state) { return number(state.position.final_height_known); }),
        of_replicated(chains, "aitbc_consensus_voting", "gauge", "1 where this node votes.",
                      [](State state) { return state.position.may_vote ? 1.0 : 0.0; }),
        of_replicated(chains, "aitbc_consensus_reachable_weight", "gauge",
                      "Of the validators that this node has links to, itself included.",
                      [](State state) { return number(state.reachable_weight); }),
        of_replicated(chains, "aitbc_consensus_quorum_weight", "gauge", "What must agree.",
                      [](State state) { return number(state.quorum_weight); }),
        of_replicated(chains, "aitbc_consensus_epoch", "gauge",
                      "Block that made those vote who vote now; 0: the genesis.",
                      [](State state) { return number(state.epoch); }),
        of_replicated(chains, "aitbc_consensus_blocks_held", "gauge", "Blocks that are not final.",
                      [](State state) { return number(state.position.blocks_held); }),
        of_replicated(chains, "aitbc_consensus_evidence_total", "counter",
                      "Pairs of votes that no honest validator signs.",
                      [](State state) { return number(state.evidence_total); }),
        of_replicated(chains, "aitbc_consensus_checkpoint_height", "gauge",
                      "Of the newest proved checkpoint that this node gives to others.",
                      [](State state) { return number(state.snapshot.checkpoint_height); }),
        of_replicated(chains, "aitbc_consensus_joining_height", "gauge",
                      "Of the state that this node is fetching; 0: none.",
                      [](State state) { return number(state.snapshot.joining_height); }),
        of_replicated(chains, "aitbc_consensus_signatures_checked_total", "counter",
                      "Of peers' votes.",
                      [](State state) { return number(state.counters.signatures_checked); }),
        refusals_of_peers(chains),
    };
    std::string text;
    for (const auto& family : families) text += text_of(family);
    return text + stages_text(chains);
}

}  // namespace

std::string metrics_text(const MetricsInput& input) {
    return chains_text(input.chains) + node_text(input) + replication_text(input.chains);
}

}  // namespace ait::node
