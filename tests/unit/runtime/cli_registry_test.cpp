#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "runtime/cli/completion.hpp"
#include "runtime/cli/help.hpp"
#include "runtime/registry/input.hpp"
#include "runtime/registry/openapi.hpp"
#include "runtime/registry/registry.hpp"
#include "runtime/registry/suggest.hpp"

namespace ait::registry {
namespace {

// Breaks if a row is added that would make a program refuse to start.
TEST(Registry, the_tables_pass_their_own_check) {
    const auto checked = self_check();
    EXPECT_TRUE(checked.ok()) << checked.error().what << checked.error().why;
}

TEST(Registry, a_wrong_row_is_found) {
    const Operation good{
        .name = "a.b", .kind = OperationKind::client, .summary = "x", .cli = "a b"};
    Operation twice = good;
    twice.name = "a.c";
    const Operation* same_command[]{&good, &twice};
    EXPECT_FALSE(check_rows(same_command).ok());
    const Operation no_route{.name = "q", .kind = OperationKind::query, .summary = "x"};
    const Operation* lonely[]{&no_route};
    EXPECT_FALSE(check_rows(lonely).ok());
    const Operation bad_path{.name = "q", .summary = "x", .rest = {"GET", "/x/{id}"}};
    const Operation* nameless[]{&bad_path};
    EXPECT_FALSE(check_rows(nameless).ok());
}

TEST(Registry, every_route_is_found_by_its_own_path) {
    for (const auto* row : all_operations()) {
        if (row->rest.path.empty()) continue;
        std::string path;
        std::size_t parameters = 0;
        for (const auto segment : split(row->rest.path, '/')) {
            const bool parameter = segment.front() == '{';
            parameters += parameter ? 1U : 0U;
            path += "/" + (parameter ? std::string("value-1") : std::string(segment));
        }
        const auto match = find_route(row->rest.method, path);
        EXPECT_EQ(match.operation, row) << path;
        EXPECT_EQ(match.parameters.size(), parameters) << path;
    }
}

TEST(Registry, a_wrong_method_names_the_right_ones_and_a_wrong_path_nothing) {
    const auto wrong = find_route("PUT", "/api/v1/jobs");
    EXPECT_EQ(wrong.operation, nullptr);
    EXPECT_NE(wrong.allow.find("POST"), std::string::npos);
    EXPECT_NE(wrong.allow.find("GET"), std::string::npos);
    EXPECT_TRUE(find_route("GET", "/api/v1/nothing/at/all/here").allow.empty());
}

TEST(Registry, a_route_is_filled_with_encoded_values) {
    const auto* row = find_operation("job.get");
    ASSERT_NE(row, nullptr);
    const PathValue values[]{{"job_id", "a/b c"}};
    EXPECT_EQ(fill_route(*row, values).value(), "/api/v1/jobs/a%2Fb%20c");
    EXPECT_FALSE(fill_route(*row, {}).ok());
}

Error refusal(std::string_view operation, Json input) {
    const auto checked = check_input(*find_operation(operation), std::move(input));
    EXPECT_FALSE(checked.ok()) << operation;
    return checked.ok() ? Error{} : checked.error();
}

TEST(CheckInput, unknown_fields_are_refused_with_the_nearest) {
    const auto error = refusal("job.submit", {{"promt", "x"}});
    EXPECT_EQ(error.code, ErrorCode::invalid_argument);
    EXPECT_NE(error.next.find("`prompt`"), std::string::npos) << error.next;
    // What only the command line knows is unknown to a node.
    EXPECT_EQ(refusal("job.submit", {{"prompt", "x"}, {"wait", true}}).code,
              ErrorCode::invalid_argument);
}

TEST(CheckInput, wrong_types_choices_and_sizes_are_refused) {
    EXPECT_EQ(refusal("job.pay", {{"job_id", "j"}, {"amount", 10}}).code,
              ErrorCode::invalid_argument);
    EXPECT_EQ(refusal("job.pay", {{"job_id", "j"}, {"amount", "1.2345678"}}).code,
              ErrorCode::invalid_argument);
    EXPECT_EQ(refusal("job.pay", {{"job_id", "j"}, {"amount", "-1"}}).code,
              ErrorCode::invalid_argument);
    EXPECT_EQ(refusal("job.pay", {{"job_id", 7}, {"amount", "1"}}).code,
              ErrorCode::invalid_argument);
    EXPECT_EQ(refusal("job.list", {{"status", "complete"}}).code, ErrorCode::invalid_argument);
    EXPECT_NE(refusal("job.list", {{"status", "complete"}}).next.find("completed"),
              std::string::npos);
    EXPECT_EQ(refusal("job.list", {{"limit", 1.5}}).code, ErrorCode::invalid_argument);
    EXPECT_EQ(refusal("job.list", {{"all", "yes"}}).code, ErrorCode::invalid_argument);
    EXPECT_EQ(refusal("job.get", {{"job_id", std::string(1'000, 'x')}}).code, ErrorCode::too_large);
    EXPECT_EQ(refusal("job.get", {{"job_id", "\xFF"}}).code, ErrorCode::invalid_argument);
    EXPECT_EQ(refusal("account.get", {{"address", "ait1nothing"}}).code,
              ErrorCode::invalid_argument);
    EXPECT_EQ(refusal("job.get", Json::object()).code, ErrorCode::invalid_argument);
    EXPECT_EQ(refusal("job.get", Json::array()).code, ErrorCode::malformed);
}

TEST(CheckInput, defaults_are_filled_in_and_amounts_get_one_spelling) {
    const auto listed = check_input(*find_operation("job.list"), Json::object());
    ASSERT_TRUE(listed.ok());
    EXPECT_EQ(listed.value()["limit"], 50);
    const auto paid =
        check_input(*find_operation("job.pay"), Json{{"job_id", "j"}, {"amount", "10"}});
    ASSERT_TRUE(paid.ok());
    EXPECT_EQ(paid.value()["amount"], "10.000000");
}

TEST(CheckInput, texts_become_values) {
    const Parameter number{.name = "n", .kind = ValueKind::integer};
    EXPECT_EQ(value_from_text(number, "42").value(), 42);
    for (const char* bad : {"", "4 2", "4.0", "0x10", "99999999999999999999"})
        EXPECT_FALSE(value_from_text(number, bad).ok()) << bad;
    const Parameter many{.name = "m", .kind = ValueKind::text, .repeated = true};
    EXPECT_EQ(value_from_text(many, "a,b").value(), Json::array({"a", "b"}));
    const Parameter object{.name = "o", .kind = ValueKind::object};
    EXPECT_FALSE(value_from_text(object, "[1]").ok());
    EXPECT_FALSE(value_from_text(object, "{").ok());
    EXPECT_EQ(value_from_text(object, "{\"a\":1}").value(), (Json{{"a", 1}}));
    const Parameter flag{.name = "f", .kind = ValueKind::boolean};
    EXPECT_EQ(value_from_text(flag, "yes").value(), true);
    EXPECT_FALSE(value_from_text(flag, "maybe").ok());
    const Parameter real{.name = "r", .kind = ValueKind::number};
    EXPECT_FALSE(value_from_text(real, "nan").ok());
    EXPECT_FALSE(value_from_text(real, "inf").ok());
}

// Breaks if /openapi.json and the table drift apart: every row, parameter and answer field is
// walked.
// Found by json_fuzz: a list typed without brackets went around both checks.
TEST(CheckInput, a_plain_list_is_bounded_and_must_be_utf8) {
    const Parameter names{.name = "names", .kind = ValueKind::list, .bytes_max = 16};
    EXPECT_EQ(value_from_text(names, "a,b").value(), Json::array({"a", "b"}));
    EXPECT_FALSE(value_from_text(names, "a,\xff").ok());
    const auto long_list = value_from_text(names, "a,b,c,d,e,f,g,h");
    ASSERT_FALSE(long_list.ok());
    EXPECT_EQ(long_list.error().code, ErrorCode::too_large);
}

TEST(OpenApi, the_document_equals_the_table) {
    const Json document = openapi_document("1.2.3");
    EXPECT_EQ(document["openapi"], "3.1.0");
    EXPECT_EQ(document["info"]["version"], "1.2.3");
    std::size_t routes = 0;
    for (const auto* row : all_operations()) {
        if (row->rest.path.empty()) continue;
        ++routes;
        std::string method(row->rest.method);
        std::transform(method.begin(), method.end(), method.begin(),
                       [](char c) { return static_cast<char>(c | 0x20); });
        const std::string path(row->rest.path);
        ASSERT_TRUE(document["paths"].contains(path)) << path;
        ASSERT_TRUE(document["paths"][path].contains(method)) << path;
        const Json& operation = document["paths"][path][method];
        EXPECT_EQ(operation["operationId"], row->name);
        EXPECT_EQ(operation.value("x-cli", ""),
                  row->cli.empty() ? "" : "aitbc " + std::string(row->cli));
        ASSERT_TRUE(operation["responses"].contains("default")) << path;
        const Json& good = operation["responses"]["200"]["content"]["application/json"]["schema"];
        const Json& answer = row->list ? good["properties"]["items"]["items"] : good;
        if (row->response != nullptr) {
            for (const auto& field : row->response().fields)
                EXPECT_TRUE(answer["properties"].contains(field.name)) << row->name << field.name;
        }
        std::set<std::string> named;
        for (const auto& parameter : operation["parameters"])
            named.insert(parameter.value("name", ""));
        if (operation.contains("requestBody")) {
            const Json& body = operation["requestBody"]["content"]["application/json"]["schema"];
            const Json& fields =
                row->transaction.account_signed ? operation["x-aitbc-transaction"]["fields"] : body;
            for (const auto& [name, schema] : fields["properties"].items()) named.insert(name);
        }
        for (const auto& parameter : row->parameters) {
            EXPECT_EQ(named.contains(std::string(parameter.name)), !parameter.cli_only)
                << row->name << " " << parameter.name;
        }
    }
    std::size_t operations = 0;
    for (const auto& [path, methods] : document["paths"].items()) operations += methods.size();
    EXPECT_EQ(operations, routes);
}

TEST(OpenApi, references_lead_somewhere) {
    const Json document = openapi_document("1");
    const std::string text = document.dump();
    for (std::size_t at = text.find("\"$ref\":\"#"); at != std::string::npos;
         at = text.find("\"$ref\":\"#", at + 1)) {
        const std::size_t begin = at + 9;
        const std::string pointer = text.substr(begin, text.find('"', begin) - begin);
        EXPECT_TRUE(document.contains(Json::json_pointer(pointer))) << pointer;
    }
}

TEST(Help, lists_every_command_and_shows_every_flag) {
    const std::string all = cli::main_help();
    for (const auto* row : all_operations()) {
        if (row->cli.empty()) continue;
        EXPECT_NE(all.find("  " + std::string(row->cli)), std::string::npos) << row->cli;
        const std::string help = cli::command_help(*row);
        for (const auto& parameter : row->parameters)
            EXPECT_NE(help.find(flag_of(parameter)), std::string::npos) << row->cli;
        EXPECT_NE(cli::main_manual("1").find(std::string(row->summary.substr(0, 12))),
                  std::string::npos)
            << row->cli;
        const std::size_t examples = help.find("Examples:");
        if (row->examples.empty()) continue;
        EXPECT_LT(examples, help.find("Usage:")) << row->cli;
    }
}

TEST(Completion, scripts_ask_the_program_itself) {
    for (const char* shell : {"bash", "zsh", "fish"}) {
        const std::string script = cli::completion_script(shell);
        EXPECT_NE(script.find("__complete -- "), std::string::npos) << shell;
        EXPECT_NE(script.find("2>/dev/null"), std::string::npos) << "errors end up on the line";
    }
}

// Breaks if a page of the manual cannot be typeset, or leaves an operation out.
TEST(Manual, has_a_page_for_every_command_without_stray_requests) {
    const auto pages = cli::manual_pages("1.2.3");
    std::set<std::string> files;
    for (const auto& page : pages) {
        EXPECT_TRUE(files.insert(page.file).second) << page.file;
        EXPECT_TRUE(page.text.starts_with(".TH \"")) << page.file;
        EXPECT_NE(page.text.find(".SH NAME\n"), std::string::npos) << page.file;
        EXPECT_NE(page.text.find(".SH EXIT STATUS\n"), std::string::npos) << page.file;
        std::istringstream lines(page.text);
        for (std::string line; std::getline(lines, line);) {
            const bool is_request = line.starts_with('.') || line.starts_with('\'');
            const bool is_known = line.starts_with(".TH ") || line.starts_with(".SH ") ||
                                  line.starts_with(".BR ") || line == ".TP" || line == ".br" ||
                                  line == ".nf" || line == ".fi";
            EXPECT_TRUE(!is_request || is_known) << page.file << ": " << line;
        }
    }
    for (const auto* row : all_operations()) {
        if (row->cli.empty()) continue;
        std::string file = "aitbc-" + std::string(row->cli) + ".1";
        std::replace(file.begin(), file.end(), ' ', '-');
        EXPECT_TRUE(files.contains(file)) << file;
    }
}

TEST(Suggest, finds_swapped_missing_and_begun_words) {
    EXPECT_EQ(edit_distance("sumbit", "submit"), 1U);
    EXPECT_EQ(edit_distance("", "abc"), 3U);
    const std::vector<std::string> known{"submit", "status", "result", "cancel"};
    EXPECT_EQ(near_words("sumbit", known).front(), "submit");
    EXPECT_EQ(near_words("res", known).front(), "result");
    EXPECT_TRUE(near_words("xyzzy", known).empty());
}

}  // namespace
}  // namespace ait::registry
