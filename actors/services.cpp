#include "actors/services.hpp"

#include "runtime/base/codec/json_text.hpp"

namespace ait {

Result<std::string> applied_to_text(const consensus::Applied& applied,
                                    const TransactionForm& form) {
    auto answer = form.response(applied.outcome.response.bytes);
    if (!answer.ok()) return answer.error();
    std::string text = std::move(answer).value();
    AIT_ASSERT(text.size() >= 2 && text.back() == '}');
    text.back() = text[text.size() - 2] == '{' ? ' ' : ',';
    if (applied.dry_run) return text + R"("dry_run":true})";
    text += R"("transaction_hash":")";
    text += to_hex(applied.operation.view());
    text += R"(","height":)";
    detail::append_json_number(text, applied.height);
    text += R"(,"block_time":")";
    text += to_rfc3339(applied.block_time_unix_ms);
    text += applied.repeated ? R"(","repeated":true})" : R"("})";
    return text;
}

}  // namespace ait
