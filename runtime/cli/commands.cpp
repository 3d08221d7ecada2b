#include "runtime/cli/commands.hpp"

#include <array>

#include "runtime/cli/signing.hpp"
#include "runtime/registry/registry.hpp"

namespace ait::cli {
namespace {

constexpr std::uint32_t watch_interval_ms = 2'000;

Error stopped() {
    return {ErrorCode::cancelled, "Stopped.", "", "Run the command again to see on."};
}

/// Shows the answer again whenever it has changed, until the user stops.
Result<Answer> watch(Session& session, const Request& request) {
    Json last;
    for (;;) {
        auto answer = call_node(session, *request.operation, request.input);
        if (!answer.ok()) return answer.error();
        if (answer.value() != last) {
            last = std::move(answer).value();
            auto text = render(last, session.style_for(request.operation));
            if (!text.ok()) return text.error();
            session.console.out(text.value());
        }
        if (wait_or_stop(session.console.stop, watch_interval_ms)) return stopped();
    }
}

std::string next_of(const Operation& operation, const Json& answer) {
    if (operation.kind != OperationKind::command) return {};
    const Json* hash = find_path(answer, "transaction_hash");
    if (hash == nullptr || !hash->is_string()) return {};
    return "aitbc chain tx " + hash->get<std::string>();
}

}  // namespace

Command find_own_command(std::string_view operation) {
    const std::array groups{wallet_commands(),     job_commands(),     miner_commands(),
                            node_commands(),       offline_commands(), inference_commands(),
                            config_commands(),     context_commands(), doctor_commands(),
                            explain_commands(),    log_commands(),     node_store_commands(),
                            node_probe_commands(), cluster_commands(), cluster_matrix_commands()};
    for (const auto group : groups) {
        for (const auto& row : group) {
            if (row.operation == operation) return row.run;
        }
    }
    return nullptr;
}

Result<Json> call_node(Session& session, const Operation& operation, const Json& input) {
    if (operation.transaction.account_signed)
        return send_signed(session, {.operation = &operation, .fields = input});
    auto node = session.node();
    if (!node.ok()) return node.error();
    auto call = session.call_options(operation.kind == OperationKind::command);
    if (!call.ok()) return call.error();
    if (operation.kind != OperationKind::command && !operation.dry_run)
        call.value().dry_run = false;
    return node.value()->call(operation, input, call.value());
}

Result<Json> call_node(Session& session, std::string_view operation, const Json& input) {
    const Operation* row = registry::find_operation(operation);
    AIT_ASSERT(row != nullptr);
    return call_node(session, *row, input);
}

void remember(Session& session, const Json& answer) {
    auto account = session.account_or_none();
    if (!account.ok() || account.value().empty()) return;
    const auto kept = session.last_ids().remember(session.last_ids_key(account.value()), answer);
    if (!kept.ok()) session.detail(kept.error().what + " " + kept.error().why);
}

Result<Answer> run_command(Session& session, const Request& request) {
    if (const Command own = find_own_command(request.operation->name)) return own(session, request);
    const bool reads = request.operation->kind == OperationKind::query;
    if (reads && session.options.watch) return watch(session, request);
    auto value = call_node(session, *request.operation, request.input);
    if (!value.ok()) return value.error();
    if (request.operation->kind == OperationKind::command && !session.options.dry_run)
        remember(session, value.value());
    Answer answer;
    answer.next = next_of(*request.operation, value.value());
    answer.value = std::move(value).value();
    return answer;
}

}  // namespace ait::cli
