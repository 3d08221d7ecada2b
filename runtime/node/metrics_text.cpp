#include "runtime/node/metrics_text.hpp"

#include <fmt/format.h>

#include <array>
#include <span>

namespace ait::node {
namespace {

struct Sample {
    std::string_view name;
    std::string_view type;
    std::string_view help;
    double value;
};

std::string refusals_text(const net::HttpCounters& http) {
    std::string text =
        "# HELP aitbc_http_refused_total Requests turned away before a handler.\n# TYPE "
        "aitbc_http_refused_total counter\n";
    for (std::size_t i = 0; i < net::http_refusal_count; ++i) {
        text += fmt::format("aitbc_http_refused_total{{reason=\"{}\"}} {}\n",
                            net::http_refusal_name(static_cast<net::HttpRefusal>(i)),
                            http.refused_total[i]);
    }
    return text;
}

double number(std::uint64_t value) {
    return static_cast<double>(value);
}

std::string samples_text(std::span<const Sample> samples) {
    std::string text;
    for (const auto& sample : samples) {
        text += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n{0} {3}\n", sample.name, sample.help,
                            sample.type, sample.value);
    }
    return text;
}

std::string stages_text(const consensus::StageTimes& stages) {
    std::string text =
        "# HELP aitbc_consensus_stage_seconds How long the stages of blocks take.\n# TYPE "
        "aitbc_consensus_stage_seconds summary\n";
    for (std::size_t i = 0; i < stages.size(); ++i) {
        const auto name = stage_name(static_cast<consensus::BlockStage>(i));
        text += fmt::format(
            "aitbc_consensus_stage_seconds_sum{{stage=\"{0}\"}} {1}\n"
            "aitbc_consensus_stage_seconds_count{{stage=\"{0}\"}} {2}\n",
            name, number(stages[i].us_total) / 1e6, stages[i].count);
    }
    return text;
}

std::string replication_text(const consensus::ReplicationState& state) {
    const auto& position = state.position;
    const auto& counters = state.counters;
    const std::array samples{
        Sample{"aitbc_consensus_view", "gauge", "The view that this node is in.",
               number(position.view)},
        Sample{"aitbc_consensus_height_known", "gauge",
               "Highest final block that a certificate or several peers show.",
               number(position.final_height_known)},
        Sample{"aitbc_consensus_voting", "gauge", "1 where this node votes.",
               position.may_vote ? 1.0 : 0.0},
        Sample{"aitbc_consensus_reachable_weight", "gauge",
               "Of the validators that this node has links to, itself included.",
               number(state.reachable_weight)},
        Sample{"aitbc_consensus_quorum_weight", "gauge", "What must agree.",
               number(state.quorum_weight)},
        Sample{"aitbc_consensus_blocks_held", "gauge", "Blocks that are not final.",
               number(position.blocks_held)},
        Sample{"aitbc_consensus_evidence_total", "counter",
               "Pairs of votes that no honest validator signs.", number(state.evidence_total)},
        Sample{"aitbc_consensus_checkpoint_height", "gauge",
               "Of the newest proved checkpoint that this node gives to others.",
               number(state.snapshot.checkpoint_height)},
        Sample{"aitbc_consensus_joining_height", "gauge",
               "Of the state that this node is fetching; 0: none.",
               number(state.snapshot.joining_height)},
        Sample{"aitbc_consensus_signatures_checked_total", "counter", "Of peers' votes.",
               number(counters.signatures_checked)},
    };
    const std::array refused{
        std::pair{"malformed", counters.malformed + state.refused_messages},
        std::pair{"other_epoch", counters.other_epoch},
        std::pair{"outside_window", counters.outside_window},
        std::pair{"duplicate", counters.duplicates},
        std::pair{"bad_signature", counters.bad_signatures},
        std::pair{"bad_block", counters.bad_blocks},
        std::pair{"over_budget", counters.refused_requests},
    };
    std::string text = samples_text(samples);
    text +=
        "# HELP aitbc_consensus_refused_total What peers sent and this node did not use.\n# TYPE "
        "aitbc_consensus_refused_total counter\n";
    for (const auto& [reason, count] : refused)
        text += fmt::format("aitbc_consensus_refused_total{{reason=\"{}\"}} {}\n", reason, count);
    return text + stages_text(state.stages);
}

}  // namespace

std::string metrics_text(const MetricsInput& input) {
    const std::array samples{
        Sample{"aitbc_chain_height", "gauge", "Last applied block.", number(input.chain.height)},
        Sample{"aitbc_chain_pool_operations", "gauge", "Operations that wait for a block.",
               number(input.chain.pool_operations)},
        Sample{"aitbc_chain_pool_bytes", "gauge", "Their size.", number(input.chain.pool_bytes)},
        Sample{"aitbc_chain_operations_applied_total", "counter", "Operations in final blocks.",
               number(input.chain.applied_total)},
        Sample{"aitbc_chain_operations_refused_total", "counter", "Operations that a rule refused.",
               number(input.chain.refused_total)},
        Sample{"aitbc_chain_operations_overloaded_total", "counter",
               "Refused because the pool was full.", number(input.chain.overloaded_total)},
        Sample{"aitbc_storage_log_sync_seconds_total", "counter", "Time in log writes and syncs.",
               number(input.chain.sync_us_total) / 1e6},
        Sample{"aitbc_storage_scrub_passes_total", "counter",
               "Times that everything stored was read and checked.",
               number(input.scrub.passes_total)},
        Sample{"aitbc_storage_scrub_bytes_total", "counter", "Bytes read and checked.",
               number(input.scrub.bytes_total)},
        Sample{"aitbc_storage_damaged_places", "gauge", "Damage found since the start.",
               number(input.scrub.damage_total)},
        Sample{"aitbc_gateway_calls_in_flight", "gauge", "Calls under way.",
               number(input.gateway.in_flight)},
        Sample{"aitbc_gateway_calls_total", "counter", "Calls of operations.",
               number(input.gateway.calls_total)},
        Sample{"aitbc_gateway_errors_total", "counter", "Calls that ended in an error.",
               number(input.gateway.errors_total)},
        Sample{"aitbc_gateway_overloaded_total", "counter", "Calls refused for want of credit.",
               number(input.gateway.overloaded_total)},
        Sample{"aitbc_gateway_rate_limited_total", "counter", "Calls refused as too frequent.",
               number(input.gateway.rate_limited_total)},
        Sample{"aitbc_http_connections_open", "gauge", "Open connections.",
               number(input.http.connections_open)},
        Sample{"aitbc_http_requests_total", "counter", "Requests read.",
               number(input.http.requests_total)},
        Sample{"aitbc_http_received_bytes_total", "counter", "Bytes read.",
               number(input.http.received_bytes_total)},
        Sample{"aitbc_http_sent_bytes_total", "counter", "Bytes written.",
               number(input.http.sent_bytes_total)},
        Sample{"aitbc_miner_alive", "gauge", "Miners heard of lately at this node.",
               number(input.miners_alive)},
        Sample{"aitbc_coordinator_jobs_open", "gauge", "Jobs that have not ended.",
               number(input.jobs_open)},
        Sample{"aitbc_node_uptime_seconds", "gauge", "Since the start.", input.uptime_seconds},
    };
    return samples_text(samples) + refusals_text(input.http) +
           (input.replication ? replication_text(*input.replication) : "");
}

}  // namespace ait::node
