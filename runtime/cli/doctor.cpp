#include "runtime/cli/doctor.hpp"

#include <algorithm>
#include <array>

#include "runtime/cli/commands.hpp"

namespace ait::cli {
namespace {

std::string_view name_of(Health health) {
    constexpr std::array<std::string_view, 4> names{"ok", "warn", "fail", "skip"};
    return names[static_cast<std::size_t>(health)];
}

Json to_json(const Finding& finding) {
    const auto or_null = [](const std::string& text) {
        return text.empty() ? Json(nullptr) : Json(text);
    };
    return Json{{"status", std::string(name_of(finding.status))},
                {"check", finding.check},
                {"what", finding.what},
                {"why", or_null(finding.why)},
                {"next", or_null(finding.next)}};
}

/// For people: one line a finding, and below what is not well, why and what to do.
std::string text_of(const Findings& findings) {
    std::string text;
    for (const auto& finding : findings) {
        std::string status(name_of(finding.status)), check = finding.check;
        status.resize(6, ' ');
        check.resize(std::max<std::size_t>(check.size(), 10), ' ');
        text += status + check + "  " + printable(finding.what) + "\n";
        const bool is_well = finding.status == Health::ok || finding.status == Health::skip;
        if (is_well) continue;
        if (!finding.why.empty()) text += "        why:  " + printable(finding.why) + "\n";
        if (!finding.next.empty()) text += "        next: " + printable(finding.next) + "\n";
    }
    return text;
}

std::string names_with(const Findings& findings, Health status) {
    std::string names;
    for (const auto& finding : findings) {
        const bool is_new = names.find(finding.check) == std::string::npos;
        if (finding.status == status && is_new)
            names += (names.empty() ? "" : ", ") + finding.check;
    }
    return names;
}

Result<Answer> doctor(Session& session, const Request& /*request*/) {
    Findings findings;
    const bool node_answers = examine_node(session, findings);
    examine_files(session, findings);
    examine_machine(session, node_answers, findings);
    Json items = Json::array();
    for (const auto& finding : findings) items.push_back(to_json(finding));
    const std::string failed = names_with(findings, Health::fail);
    const std::string warned = names_with(findings, Health::warn);
    Answer answer{.value = Json{{"healthy", failed.empty()},
                                {"items", std::move(items)},
                                {"next_cursor", nullptr}}};
    if (session.options.output == OutputFormat::table) answer.plain = text_of(findings);
    if (!warned.empty()) session.note("warnings: " + warned);
    if (failed.empty()) return answer;
    answer.verdict = Error{ErrorCode::check_failed, "Not healthy: " + failed + ".",
                           "The lines marked \"fail\" say why.",
                           "Do what they name as next, then run `aitbc doctor` again."};
    return answer;
}

constexpr std::array rows{CommandRow{"node.doctor", &doctor}};

}  // namespace

std::span<const CommandRow> doctor_commands() {
    return rows;
}

}  // namespace ait::cli
