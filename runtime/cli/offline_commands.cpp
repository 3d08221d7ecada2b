// Commands that need no node: help, versions, completion, manual pages, verification.

#include <algorithm>
#include <array>
#include <filesystem>

#include "runtime/cli/commands.hpp"
#include "runtime/cli/completion.hpp"
#include "runtime/cli/help.hpp"
#include "runtime/cli/receipts.hpp"
#include "runtime/cli/run.hpp"
#include "runtime/registry/registry.hpp"
#include "runtime/registry/suggest.hpp"

namespace ait::cli {
namespace {

constexpr std::size_t receipt_bytes_max = 64U * 1024 * 1024;
constexpr std::size_t genesis_bytes_max = 4U * 1024 * 1024;

/// A text that is the whole answer; in JSON it stands under one name.
Answer text_answer(std::string_view name, std::string text) {
    Answer answer;
    answer.value = Json{{std::string(name), text}};
    answer.plain = std::move(text);
    return answer;
}

std::vector<std::string> words_in(const Request& request) {
    std::vector<std::string> words;
    const auto found = request.local.find("command");
    if (found == request.local.end()) return words;
    for (const auto& word : *found) words.push_back(word.get<std::string>());
    return words;
}

Result<const Operation*> command_of(const std::vector<std::string>& words) {
    const auto match = registry::find_command(words);
    if (match.operation != nullptr && match.words == words.size()) return match.operation;
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
    std::vector<std::string> known;
    for (const auto* operation : commands_in_order()) known.emplace_back(operation->cli);
    const auto hint = registry::did_you_mean(text, known);
    return Error{ErrorCode::usage, "`aitbc " + text.substr(0, 64) + "` is not a command.", "",
                 hint.empty() ? "`aitbc --help` lists all." : hint};
}

Result<Answer> help(Session& /*session*/, const Request& request) {
    const auto words = words_in(request);
    if (words.empty()) return text_answer("help", main_help());
    if (registry::is_command_group(words) && registry::find_command(words).words != words.size()) {
        return text_answer("help", group_help(words));
    }
    auto operation = command_of(words);
    if (!operation.ok()) return operation.error();
    return text_answer("help", command_help(*operation.value()));
}

Result<Answer> exit_codes(Session& /*session*/, const Request& /*request*/) {
    Json items = Json::array();
    const auto add = [&items](int status, std::string_view code, bool retryable,
                              std::string_view meaning) {
        items.push_back({{"exit", status},
                         {"code", std::string(code)},
                         {"retryable", retryable},
                         {"meaning", std::string(meaning)}});
    };
    add(0, "ok", false, "Done.");
    const auto [rows, count] = error_code_rows();
    for (std::size_t i = 0; i < count; ++i)
        add(rows[i].exit_status, rows[i].name, rows[i].retryable, rows[i].meaning);
    add(10, "warning", false, "A check passed with a warning.");
    add(11, "critical", false, "A check found something critical.");
    add(130, "interrupted", false, "Ended by Ctrl-C.");
    add(143, "terminated", false, "Ended by SIGTERM.");
    std::stable_sort(items.begin(), items.end(), [](const Json& a, const Json& b) {
        return a["exit"].get<int>() < b["exit"].get<int>();
    });
    return Answer{.value = Json{{"items", std::move(items)}, {"next_cursor", nullptr}}};
}

Result<Answer> version(Session& /*session*/, const Request& /*request*/) {
    Answer answer;
    answer.value = Json{{"name", "aitbc"}, {"version", std::string(version_text())}};
    answer.plain = "aitbc " + std::string(version_text()) + "\n";
    return answer;
}

Result<Answer> completion(Session& /*session*/, const Request& request) {
    return text_answer("script", completion_script(text_in(request.local, "shell")));
}

/// Every page as a file of section 1; what is there already is replaced, nothing else touched.
Result<Answer> write_manual(const std::string& folder) {
    std::error_code failure;
    std::filesystem::create_directories(folder, failure);
    if (failure) {
        return Error{ErrorCode::storage_failed, "\"" + folder + "\" cannot be made.",
                     failure.message() + ".", "Name another folder."};
    }
    Json files = Json::array();
    for (const auto& page : manual_pages(version_text())) {
        const std::string file = folder + "/" + page.file;
        if (auto written = write_file(file, page.text, 0644, true); !written.ok())
            return written.error();
        files.push_back(page.file);
    }
    return Answer{.value = Json{{"folder", folder}, {"pages", files.size()}, {"files", files}}};
}

Result<Answer> man(Session& /*session*/, const Request& request) {
    const auto folder = text_in(request.local, "out_dir");
    if (!folder.empty()) return write_manual(folder);
    const auto words = words_in(request);
    if (words.empty()) return text_answer("page", main_manual(version_text()));
    auto operation = command_of(words);
    if (!operation.ok()) return operation.error();
    return text_answer("page", command_manual(*operation.value(), version_text()));
}

Result<Answer> verify(Session& /*session*/, const Request& request) {
    auto document = read_file(text_in(request.local, "genesis"), genesis_bytes_max);
    if (!document.ok()) return document.error();
    auto genesis = consensus::parse_genesis(document.value());
    if (!genesis.ok()) return genesis.error();
    auto receipt = read_file(text_in(request.local, "file"), receipt_bytes_max);
    if (!receipt.ok()) return receipt.error();
    auto facts = verify_receipt_text(receipt.value(), genesis.value());
    if (!facts.ok()) return facts.error();
    return Answer{.value = std::move(facts).value()};
}

constexpr std::array rows{
    CommandRow{"cli.help", &help},       CommandRow{"cli.exit_codes", &exit_codes},
    CommandRow{"cli.version", &version}, CommandRow{"cli.completion", &completion},
    CommandRow{"cli.man", &man},         CommandRow{"receipt.verify", &verify},
};

}  // namespace

std::span<const CommandRow> offline_commands() {
    return rows;
}

}  // namespace ait::cli
