#include <gtest/gtest.h>

#include <map>

#include "runtime/cli/arguments.hpp"
#include "runtime/cli/request.hpp"
#include "runtime/registry/registry.hpp"

namespace ait::cli {
namespace {

using Words = std::vector<std::string>;

struct Line {
    Words arguments;
    std::string operation;
    std::map<std::string, std::string> values;
};

std::map<std::string, std::string> values_of(const Invocation& invocation) {
    std::map<std::string, std::string> values;
    for (const auto& value : invocation.values)
        values[std::string(value.parameter->name)] = value.text;
    return values;
}

std::string shown(const Words& words) {
    std::string text;
    for (const auto& word : words) text += word + " ";
    return text;
}

void expect_line(const Line& line) {
    const auto parsed = parse_arguments(line.arguments);
    ASSERT_TRUE(parsed.ok()) << shown(line.arguments) << parsed.error().what << parsed.error().why;
    ASSERT_NE(parsed.value().operation, nullptr) << shown(line.arguments);
    EXPECT_EQ(parsed.value().operation->name, line.operation) << shown(line.arguments);
    EXPECT_EQ(values_of(parsed.value()), line.values) << shown(line.arguments);
}

Error refused(const Words& arguments) {
    const auto parsed = parse_arguments(arguments);
    EXPECT_FALSE(parsed.ok()) << shown(arguments);
    return parsed.ok() ? Error{} : parsed.error();
}

// Breaks if a line of the scenarios, which are the contract, stops parsing as written.
TEST(CliArguments, every_scenario_line_of_jobs_miners_and_wallets_parses_as_written) {
    const std::vector<Line> lines{
        {{"client", "submit", "--type", "inference", "--model", "llama3", "--data",
          R"({"prompt":"Hello AITBC"})"},
         "job.submit",
         {{"type", "inference"}, {"model", "llama3"}, {"data", R"({"prompt":"Hello AITBC"})"}}},
        {{"client", "status"}, "job.get", {}},
        {{"client", "result"}, "job.result", {}},
        {{"miner", "register", "--gpus", "1x RTX 4090", "--price-per-hour", "0.5"},
         "miner.register",
         {{"gpus", "1x RTX 4090"}, {"price_per_hour", "0.5"}}},
        {{"miner", "poll"}, "miner.poll", {}},
        {{"miner", "mine-ollama", "--model", "llama3", "--continuous"},
         "miner.mine_ollama",
         {{"model", "llama3"}, {"continuous", "true"}}},
        {{"wallet", "create", "--name", "test_wallet"}, "wallet.create", {{"name", "test_wallet"}}},
        {{"wallet", "balance"}, "account.get", {}},
        {{"client", "pay", "--amount", "10"}, "job.pay", {{"amount", "10"}}},
    };
    for (const auto& line : lines) expect_line(line);
}

// Breaks if a spelling that earlier users know is refused.
TEST(CliArguments, odd_and_older_spellings_work) {
    const std::vector<Line> lines{
        {{"client", "status", "job-1"}, "job.get", {{"job_id", "job-1"}}},
        {{"client", "status", "--job-id", "job-1"}, "job.get", {{"job_id", "job-1"}}},
        {{"client", "status", "--job_id=job-1"}, "job.get", {{"job_id", "job-1"}}},
        {{"client", "pay", "job-1", "10"}, "job.pay", {{"job_id", "job-1"}, {"amount", "10"}}},
        {{"client", "pay", "10", "--job-id", "job-1"},
         "job.pay",
         {{"job_id", "job-1"}, {"amount", "10"}}},
        {{"wallet", "create", "test_wallet"}, "wallet.create", {{"name", "test_wallet"}}},
        {{"wallet", "switch", "w"}, "wallet.use", {{"name", "w"}}},
        {{"client", "history", "--limit=5"}, "job.list", {{"limit", "5"}}},
        {{"client", "receipts", "job-1", "--output-file", "r.json"},
         "job.receipt",
         {{"job_id", "job-1"}, {"output_file", "r.json"}}},
        {{"explain", "job", "job-1"}, "job.explain", {{"job_id", "job-1"}}},
        {{"explain", "insufficient_funds"}, "cli.explain", {{"term", "insufficient_funds"}}},
        {{"miner", "poll", "--wait", "5"}, "miner.poll", {{"wait", "5"}}},
        {{"client", "batch-submit", "jobs.json"}, "job.batch_submit", {{"jobs", "jobs.json"}}},
        {{"wallet", "send", "ait1x", "2.5", "--description", "rent"},
         "ledger.transfer",
         {{"to", "ait1x"}, {"amount", "2.5"}, {"memo", "rent"}}},
        {{"verify", "receipt", "r.json", "--genesis", "g.json"},
         "receipt.verify",
         {{"file", "r.json"}, {"genesis", "g.json"}}},
        {{"help", "exit-codes"}, "cli.exit_codes", {}},
        {{"help", "client", "submit"}, "cli.help", {{"command", "submit"}}},
        {{"wait", "job", "@last", "--timeout", "2m"},
         "node.wait",
         {{"what", "job"}, {"id", "@last"}}},
    };
    for (const auto& line : lines) expect_line(line);
}

// Breaks if a command is about another chain than the one that was typed, or if a row that means
// something else by the word loses it to the global option.
TEST(CliArguments, a_chain_is_named_on_any_command_but_those_that_have_their_own) {
    for (const Words& line : {Words{"wallet", "balance", "--chain", "ait-lab"},
                              Words{"--chain-id=ait-lab", "wallet", "balance"}}) {
        const auto parsed = parse_arguments(line);
        ASSERT_TRUE(parsed.ok()) << shown(line) << parsed.error().what;
        EXPECT_EQ(parsed.value().options.chain, "ait-lab") << shown(line);
    }
    const auto init = parse_arguments(Words{"cluster", "init", "--chain", "ait-lab"});
    ASSERT_TRUE(init.ok());
    EXPECT_EQ(init.value().options.chain, "");
    ASSERT_NE(init.value().find("chain"), nullptr);
}

// Breaks if an option of every command works in some places of the line only.
TEST(CliArguments, global_options_work_anywhere_on_the_line) {
    const std::vector<Words> lines{
        {"-o", "json", "--wallet", "w", "client", "status", "job-1"},
        {"client", "-o", "json", "status", "--wallet-name=w", "job-1"},
        {"client", "status", "job-1", "--format", "json", "--wallet", "w"},
        {"client", "--output=json", "--wallet=w", "status", "job-1"},
        {"client", "status", "-ojson", "job-1", "--wallet=w"},
    };
    for (const auto& line : lines) {
        auto parsed = parse_arguments(line);
        ASSERT_TRUE(parsed.ok()) << shown(line) << parsed.error().what;
        ASSERT_TRUE(lift_options(parsed.value(), parsed.value().options).ok());
        ASSERT_NE(parsed.value().operation, nullptr) << shown(line);
        EXPECT_EQ(parsed.value().operation->name, "job.get") << shown(line);
        EXPECT_EQ(parsed.value().options.output, OutputFormat::json) << shown(line);
        EXPECT_EQ(parsed.value().options.wallet, "w") << shown(line);
        ASSERT_NE(parsed.value().find("job_id"), nullptr) << shown(line);
        EXPECT_EQ(parsed.value().find("job_id")->text, "job-1") << shown(line);
    }
}

TEST(CliArguments, waiting_options_are_lifted_with_their_units) {
    auto parsed =
        parse_arguments(Words{"client", "result", "job-1", "--wait", "--timeout", "90s", "-vv"});
    ASSERT_TRUE(parsed.ok()) << parsed.error().what;
    ASSERT_TRUE(lift_options(parsed.value(), parsed.value().options).ok());
    EXPECT_TRUE(parsed.value().options.wait.has_value());
    EXPECT_EQ(parsed.value().options.timeout_ms, 90'000U);
    EXPECT_EQ(parsed.value().options.verbosity, 2);
    auto state = parse_arguments(Words{"client", "submit", "--prompt", "x", "--wait=queued"});
    ASSERT_TRUE(state.ok());
    ASSERT_TRUE(lift_options(state.value(), state.value().options).ok());
    EXPECT_EQ(state.value().options.wait, "queued");
}

// Breaks if the next flag is swallowed as a value, as `--agent-id --task-type x` once was.
TEST(CliArguments, a_flag_without_its_value_is_refused) {
    const auto error = refused({"client", "submit", "--model", "--type", "x"});
    EXPECT_EQ(error.code, ErrorCode::usage);
    EXPECT_NE(error.what.find("`--model` needs a value"), std::string::npos) << error.what;
    EXPECT_EQ(refused({"client", "submit", "--model"}).code, ErrorCode::usage);
    EXPECT_EQ(refused({"client", "list", "-o"}).code, ErrorCode::usage);
}

TEST(CliArguments, what_is_misspelt_gets_a_hint) {
    EXPECT_NE(refused({"clent", "status"}).next.find("`client`"), std::string::npos);
    EXPECT_NE(refused({"client", "sumbit"}).next.find("`submit`"), std::string::npos);
    EXPECT_NE(refused({"client", "submit", "--modle", "x"}).next.find("`--model`"),
              std::string::npos);
    EXPECT_NE(refused({"client", "list", "-o", "jsn"}).next.find("`json`"), std::string::npos);
    EXPECT_EQ(refused({"client", "list", "-o", "jsn"}).code, ErrorCode::usage);
}

TEST(CliArguments, too_much_or_twice_is_refused) {
    EXPECT_EQ(refused({"client", "status", "job-1", "job-2"}).code, ErrorCode::usage);
    EXPECT_EQ(refused({"client", "status", "--job-id", "a", "--job-id", "b"}).code,
              ErrorCode::usage);
    EXPECT_EQ(refused({"client", "list", "--quiet=yes"}).code, ErrorCode::usage);
}

TEST(CliArguments, two_dashes_end_the_flags) {
    const auto parsed = parse_arguments(Words{"inference", "complete", "--", "--help me"});
    ASSERT_TRUE(parsed.ok()) << parsed.error().what;
    ASSERT_NE(parsed.value().find("prompt"), nullptr);
    EXPECT_EQ(parsed.value().find("prompt")->text, "--help me");
}

TEST(CliArguments, a_group_and_nothing_are_not_errors) {
    const auto group = parse_arguments(Words{"client", "--help"});
    ASSERT_TRUE(group.ok());
    EXPECT_EQ(group.value().operation, nullptr);
    EXPECT_EQ(group.value().words, Words{"client"});
    EXPECT_TRUE(group.value().options.help);
    EXPECT_TRUE(parse_arguments(Words{}).ok());
}

// Breaks if an alias of a row leads elsewhere or nowhere.
TEST(CliArguments, every_command_and_alias_of_the_table_is_found) {
    for (const auto* operation : registry::all_operations()) {
        if (operation->cli.empty()) continue;
        std::vector<std::string> spellings{std::string(operation->cli)};
        std::string aliases(operation->cli_aliases);
        for (std::size_t at = 0; !aliases.empty() && at != std::string::npos;) {
            const std::size_t end = aliases.find(';', at);
            spellings.push_back(aliases.substr(at, end == std::string::npos ? end : end - at));
            at = end == std::string::npos ? end : end + 1;
        }
        for (const auto& spelling : spellings) {
            Words words;
            std::string word;
            for (const char c : spelling + " ") {
                if (c == ' ')
                    words.push_back(std::exchange(word, ""));
                else
                    word += c;
            }
            words.emplace_back("--help");
            const auto parsed = parse_arguments(words);
            ASSERT_TRUE(parsed.ok()) << spelling << parsed.error().what;
            EXPECT_EQ(parsed.value().operation, operation) << spelling;
        }
    }
}

TEST(CliDurations, are_read_with_units) {
    EXPECT_EQ(parse_duration_ms("300").value(), 300'000U);
    EXPECT_EQ(parse_duration_ms("250ms").value(), 250U);
    EXPECT_EQ(parse_duration_ms("1 hour").value(), 3'600'000U);
    EXPECT_EQ(parse_time("1 hour ago", 10'000'000).value(), 6'400'000);
    for (const char* bad : {"", "x", "5 parsecs", "-5", "99999999999999999999"})
        EXPECT_FALSE(parse_duration_ms(bad).ok()) << bad;
}

}  // namespace
}  // namespace ait::cli
