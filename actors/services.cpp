#include "actors/services.hpp"

namespace ait {

Result<Json> applied_to_json(const consensus::Applied& applied, const TransactionForm& form) {
    auto text = form.response(applied.outcome.response.bytes);
    if (!text.ok()) return text.error();
    auto json = parse_json(text.value());
    if (!json.ok()) return json.error();
    Json answer = std::move(json).value();
    if (applied.dry_run) {
        answer["dry_run"] = true;
        return answer;
    }
    answer["transaction_hash"] = to_hex(applied.operation.view());
    answer["height"] = applied.height;
    answer["block_time"] = to_rfc3339(applied.block_time_unix_ms);
    if (applied.repeated) answer["repeated"] = true;
    return answer;
}

}  // namespace ait
