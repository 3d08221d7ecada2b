#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <mutex>

#include "actors/consensus/transaction.hpp"
#include "net/http_server.hpp"
#include "runtime/base/codec/json.hpp"
#include "runtime/base/crypto/bech32m.hpp"
#include "runtime/base/crypto/hash.hpp"
#include "runtime/cli/run.hpp"
#include "runtime/registry/input.hpp"
#include "tests/unit/runtime/seeded_random.hpp"

namespace ait::cli {
namespace {

using Words = std::vector<std::string>;

/// A home of its own, streams made of strings, and optionally a node that answers by a script.
class CliRun : public ::testing::Test {
  protected:
    void SetUp() override {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "aitbc-cli-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        home_ = pattern;
        console_.environment = {{"HOME", home_}, {"AITBC_HOME", home_}};
        console_.out = [this](std::string_view text) { out_ += text; };
        console_.err = [this](std::string_view text) { err_ += text; };
        console_.read_input = [this](std::size_t) { return Result<std::string>(input_); };
        console_.ask_line = [](std::string_view) {
            return Result<std::string>(Error{ErrorCode::cancelled, "", "", ""});
        };
        console_.ask_secret = [](std::string_view) -> Result<crypto::Secret> {
            return Error{ErrorCode::cancelled, "", "", ""};
        };
        console_.clock = &clock_;
        console_.random = &random_;
        console_.stop = stop_.get_token();
    }
    void TearDown() override {
        server_.reset();
        std::error_code ignored;
        std::filesystem::remove_all(home_, ignored);
    }

    int run_line(const Words& words) {
        out_.clear();
        err_.clear();
        return run(words, console_);
    }
    Json out_json() {
        auto json = parse_json(out_);
        EXPECT_TRUE(json.ok()) << out_;
        return json.ok() ? json.value() : Json();
    }
    Json err_json() {
        const std::size_t brace = err_.find('{');
        auto json = parse_json(brace == std::string::npos ? "" : err_.substr(brace));
        EXPECT_TRUE(json.ok()) << err_;
        return json.ok() ? json.value() : Json();
    }

    using Script = std::function<net::HttpResponse(const net::HttpRequest&)>;
    void start_node(Script script) {
        net::HttpServer::Options options;
        options.unix_socket_path = home_ + "/test.sock";
        options.tcp_enabled = false;
        auto server = net::HttpServer::open(
            options, [script = std::move(script)](std::shared_ptr<net::HttpExchange> exchange) {
                exchange->respond(script(exchange->request()));
            });
        ASSERT_TRUE(server.ok()) << server.error().why;
        server_ = std::move(server).value();
        console_.environment.emplace_back("AITBC_NODE", "unix:" + home_ + "/test.sock");
    }

    std::string home_, out_, err_, input_;
    ManualClock clock_;
    SeededRandom random_{7};
    std::stop_source stop_;
    Console console_;
    std::unique_ptr<net::HttpServer> server_;
};

net::HttpResponse json_response(const Json& json) {
    return {.status = 200, .headers = {}, .body = dump_json(json)};
}

net::HttpResponse error_response(ErrorCode code) {
    return {.status = error_code_row(code).http_status,
            .headers = {},
            .body = dump_json(error_to_json({code, "Refused.", "By the script.", ""}, "trace-1"))};
}

Json chain_json() {
    return {{"chain", "ait-test"}, {"genesis", std::string(64, 'a')}, {"height", 41U}};
}

// Breaks if an exit status depends on the output format, or differs from the published table.
TEST_F(CliRun, exit_statuses_follow_the_error_table_whatever_the_format) {
    ErrorCode next = ErrorCode::internal;
    start_node([&next](const net::HttpRequest&) { return error_response(next); });
    const auto [rows, count] = error_code_rows();
    for (std::size_t i = 0; i < count; ++i) {
        next = rows[i].code;
        for (const char* format : {"table", "json", "yaml", "csv"}) {
            EXPECT_EQ(run_line({"status", "-o", format}), rows[i].exit_status)
                << rows[i].name << " " << format;
            EXPECT_EQ(out_, "") << "errors belong on standard error";
            EXPECT_NE(err_.find(rows[i].name), std::string::npos) << err_;
        }
        ASSERT_EQ(run_line({"status", "-o", "json"}), rows[i].exit_status);
        EXPECT_EQ(err_json()["error"]["code"], rows[i].name);
    }
}

TEST_F(CliRun, without_a_node_it_exits_7_and_names_aitbc_up) {
    EXPECT_EQ(run_line({"status"}), 7);
    EXPECT_NE(err_.find("aitbc up"), std::string::npos) << err_;
    EXPECT_EQ(run_line({"client", "submit", "--prompt", "x", "-o", "json"}), 7);
    EXPECT_NE(err_json()["error"]["hint"].get<std::string>().find("aitbc up"), std::string::npos);
}

TEST_F(CliRun, usage_errors_exit_2_and_json_errors_are_json_even_when_the_line_is_wrong) {
    EXPECT_EQ(run_line({"clent", "status"}), 2);
    EXPECT_EQ(run_line({"client"}), 2);
    EXPECT_NE(err_.find("submit"), std::string::npos);
    EXPECT_EQ(run_line({"client", "submit", "--modle", "x", "--format", "json"}), 2);
    EXPECT_EQ(err_json()["error"]["code"], "usage");
    EXPECT_EQ(run_line({"client", "submit", "--data", "{not json"}), 2);
    EXPECT_EQ(run_line({"client", "submit"}), 2);
    EXPECT_EQ(run_line({"status", "--dry-run"}), 7);
    EXPECT_EQ(run_line({"wallet", "create", "w", "--dry-run"}), 2);
}

TEST_F(CliRun, help_needs_nothing_and_goes_to_standard_output) {
    EXPECT_EQ(run_line({}), 0);
    EXPECT_NE(out_.find("client submit"), std::string::npos);
    EXPECT_EQ(run_line({"client", "--help"}), 0);
    EXPECT_NE(out_.find("client pay"), std::string::npos);
    EXPECT_EQ(run_line({"client", "submit", "-h"}), 0);
    EXPECT_LT(out_.find("Examples:"), out_.find("Usage:"));
    EXPECT_EQ(run_line({"help", "client", "pay"}), 0);
    EXPECT_EQ(run_line({"help", "clientt"}), 2);
    EXPECT_EQ(run_line({"help", "exit-codes", "-o", "json"}), 0);
    EXPECT_EQ(out_json()["items"][0]["exit"], 0);
    EXPECT_EQ(run_line({"explain", "insufficient_funds", "-o", "json"}), 0);
    EXPECT_EQ(out_json()["exit"], 6);
    EXPECT_EQ(run_line({"explain", "insuficient_funds"}), 3);
    EXPECT_NE(err_.find("insufficient_funds"), std::string::npos);
    EXPECT_EQ(run_line({"--version"}), 0);
    EXPECT_EQ(run_line({"version", "-o", "json"}), 0);
    EXPECT_EQ(out_json()["name"], "aitbc");
    EXPECT_EQ(err_, "");
}

// Breaks if scenario 3.1 cannot run without a person, or leaves its password open to others.
TEST_F(CliRun, a_wallet_is_made_without_input_and_its_phrase_is_part_of_the_result) {
    ASSERT_EQ(run_line({"wallet", "create", "--name", "test_wallet", "-o", "json"}), 0) << err_;
    const Json made = out_json();
    EXPECT_TRUE(made["active"].get<bool>()) << "the first wallet becomes the active one";
    const std::string phrase = made["seed_phrase"].get<std::string>();
    EXPECT_EQ(std::count(phrase.begin(), phrase.end(), ' '), 23);
    EXPECT_NE(err_.find("wallet.password"), std::string::npos) << err_;
    EXPECT_EQ(err_.find(phrase), std::string::npos);

    ASSERT_EQ(
        run_line({"wallet", "create", "second", "--out-file", home_ + "/seed.txt", "-o", "json"}),
        0)
        << err_;
    EXPECT_FALSE(out_json()["active"].get<bool>()) << "a later one does not";
    EXPECT_FALSE(out_json().contains("seed_phrase"));
    struct stat facts{};
    ASSERT_EQ(::stat((home_ + "/seed.txt").c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777U, 0600U);

    EXPECT_EQ(run_line({"wallet", "create", "second"}), 5);
    EXPECT_EQ(run_line({"wallet", "list", "-o", "name"}), 0);
    EXPECT_EQ(out_, "second\ntest_wallet\n");
    EXPECT_EQ(run_line({"wallet", "use", "second"}), 0);
    EXPECT_EQ(run_line({"wallet", "show", "--fields", "name", "--no-header"}), 0);
    EXPECT_EQ(out_, "second\n");
    EXPECT_EQ(run_line({"wallet", "use", "nobody"}), 3);
}

TEST_F(CliRun, an_exported_and_a_remembered_wallet_come_back_with_their_address) {
    ASSERT_EQ(run_line({"wallet", "create", "one", "-o", "json"}), 0) << err_;
    const Json made = out_json();
    ASSERT_EQ(run_line({"wallet", "export", "one", "--out-file", home_ + "/one.wallet"}), 0)
        << err_;
    ASSERT_EQ(run_line({"wallet", "import", "copy", "--file", home_ + "/one.wallet", "-o", "json"}),
              0)
        << err_;
    EXPECT_EQ(out_json()["address"], made["address"]);
    input_ = made["seed_phrase"].get<std::string>() + "\n";
    ASSERT_EQ(run_line({"wallet", "import", "words", "--file", "-", "-o", "json"}), 0) << err_;
    EXPECT_EQ(out_json()["address"], made["address"]);
    ASSERT_EQ(run_line({"wallet", "rename", "words", "paper", "-o", "json"}), 0) << err_;
    EXPECT_EQ(out_json()["name"], "paper");
    console_.environment.emplace_back("AITBC_WALLET_PASSWORD", "not the password");
    EXPECT_EQ(run_line({"wallet", "rename", "paper", "other"}), 4);
    EXPECT_EQ(err_.find("not the password"), std::string::npos);
}

TEST_F(CliRun, submit_sends_the_row_and_remembers_the_job) {
    std::mutex mutex;
    std::vector<net::HttpRequest> seen;
    start_node([&](const net::HttpRequest& request) {
        const std::lock_guard lock(mutex);
        seen.push_back(request);
        if (request.method == "POST")
            return json_response({{"job_id", "job-" + std::string(26, 'a')},
                                  {"status", "pending"},
                                  {"payment_state", "unfunded"}});
        return json_response({{"job_id", request.path.substr(request.path.rfind('/') + 1)},
                              {"status", "queued"},
                              {"payment_state", "unfunded"}});
    });
    ASSERT_EQ(run_line({"wallet", "create", "w"}), 0) << err_;
    ASSERT_EQ(run_line({"client", "submit", "--type", "inference", "--model", "llama3", "--data",
                        R"({"prompt":"Hello AITBC"})", "-o", "json"}),
              0)
        << err_;
    EXPECT_EQ(out_json()["status"], "pending");
    ASSERT_EQ(run_line({"client", "status", "-o", "json"}), 0) << err_;
    EXPECT_EQ(out_json()["job_id"], "job-" + std::string(26, 'a'));
    EXPECT_NE(err_.find("using job-"), std::string::npos) << "a guessed id is said";
    ASSERT_EQ(run_line({"client", "status", "@last", "-o", "name"}), 0) << err_;
    const std::lock_guard lock(mutex);
    ASSERT_EQ(seen.size(), 3U);
    EXPECT_EQ(seen[0].path, "/api/v1/jobs");
    EXPECT_EQ(
        parse_json(seen[0].body).value(),
        (Json{{"type", "inference"}, {"model", "llama3"}, {"data", {{"prompt", "Hello AITBC"}}}}));
    ASSERT_NE(seen[0].find_header("idempotency-key"), nullptr);
    ASSERT_NE(seen[0].find_header("aitbc-account"), nullptr);
    EXPECT_EQ(seen[1].find_header("idempotency-key"), nullptr) << "a read needs none";
}

/// Answers like a node whose account has moved on by `behind` transactions.
struct PayingNode {
    std::mutex mutex{};
    Json unpaid = Json::array();
    int behind = 0;
    std::vector<consensus::VerifiedTransaction> paid{};
    bool dry_run = false;

    net::HttpResponse answer(const net::HttpRequest& request) {
        const std::lock_guard lock(mutex);
        if (request.path == "/api/v1/jobs")
            return json_response({{"items", unpaid}, {"next_cursor", nullptr}});
        if (request.path == "/api/v1/chain") return json_response(chain_json());
        if (request.method == "GET")
            return json_response({{"nonce", 5U + static_cast<unsigned>(paid.size())}});
        const auto body = parse_json(request.body);
        auto wire = from_base64(body.value()["transaction"].get<std::string>());
        auto transaction = consensus::verify_transaction(
            wire.value(), "ait-test", fixed_from_hex<Hash>(std::string(64, 'a')).value());
        if (!transaction.ok()) return error_response(transaction.error().code);
        paid.push_back(transaction.value());
        dry_run = request.find_query("dry_run") != nullptr;
        if (behind-- > 0) return error_response(ErrorCode::nonce_mismatch);
        return json_response({{"job_id", "job-1"},
                              {"payment_state", "funded"},
                              {"transaction_hash", to_hex(transaction.value().hash.view())}});
    }
};

Json unpaid_job(char letter) {
    return {{"job_id", "job-" + std::string(26, letter)}, {"status", "pending"}};
}

TEST_F(CliRun, pay_without_an_id_funds_the_only_unpaid_job_and_signs_again_after_a_nonce_race) {
    PayingNode node;
    node.unpaid.push_back(unpaid_job('a'));
    node.behind = 2;
    start_node([&node](const net::HttpRequest& request) { return node.answer(request); });
    ASSERT_EQ(run_line({"wallet", "create", "w", "-o", "json"}), 0) << err_;
    const std::string public_key = out_json()["public_key"].get<std::string>();
    ASSERT_EQ(run_line({"client", "pay", "--amount", "10", "-o", "json"}), 0) << err_;
    EXPECT_EQ(out_json()["payment_state"], "funded");
    ASSERT_EQ(node.paid.size(), 3U);
    std::vector<std::uint64_t> nonces;
    for (const auto& each : node.paid) nonces.push_back(each.content.nonce);
    EXPECT_EQ(nonces, (std::vector<std::uint64_t>{6, 7, 8}));
    EXPECT_EQ(node.paid[0].content.kind, "job.pay");
    EXPECT_EQ(node.paid[0].content.expiry_height, 1'041U);
    EXPECT_EQ(to_hex(node.paid[0].content.signer.view()), public_key);
    EXPECT_EQ(node.paid[0].content.idempotency_key, node.paid[2].content.idempotency_key)
        << "a repeat is the same command";
    EXPECT_FALSE(node.dry_run);
}

TEST_F(CliRun, pay_without_an_id_is_refused_when_several_jobs_wait_and_lists_them) {
    PayingNode node;
    node.unpaid = Json::array({unpaid_job('a'), unpaid_job('b')});
    start_node([&node](const net::HttpRequest& request) { return node.answer(request); });
    ASSERT_EQ(run_line({"wallet", "create", "w"}), 0) << err_;
    EXPECT_EQ(run_line({"client", "pay", "--amount", "10"}), 2);
    EXPECT_NE(err_.find("job-" + std::string(26, 'a')), std::string::npos) << err_;
    EXPECT_NE(err_.find("job-" + std::string(26, 'b')), std::string::npos) << err_;
    EXPECT_TRUE(node.paid.empty());
    node.unpaid = Json::array();
    EXPECT_EQ(run_line({"client", "pay", "--amount", "10"}), 3);
}

TEST_F(CliRun, a_unique_prefix_names_a_job_and_a_shared_one_is_ambiguous) {
    PayingNode node;
    node.unpaid = Json::array({unpaid_job('a'), unpaid_job('b')});
    start_node([&node](const net::HttpRequest& request) { return node.answer(request); });
    ASSERT_EQ(run_line({"wallet", "create", "w"}), 0) << err_;
    EXPECT_EQ(run_line({"client", "pay", "job-", "10"}), 2);
    EXPECT_EQ(run_line({"client", "pay", "job-b", "10", "--dry-run"}), 0) << err_;
    ASSERT_EQ(node.paid.size(), 1U);
    EXPECT_TRUE(node.dry_run);
    EXPECT_NE(node.paid[0].content.body.bytes.find("job-" + std::string(26, 'b')),
              std::string::npos);
}

TEST_F(CliRun, an_endless_nonce_race_is_given_up) {
    PayingNode node;
    node.unpaid.push_back(unpaid_job('a'));
    node.behind = 1'000;
    start_node([&node](const net::HttpRequest& request) { return node.answer(request); });
    ASSERT_EQ(run_line({"wallet", "create", "w"}), 0) << err_;
    EXPECT_EQ(run_line({"client", "pay", "--amount", "10"}), 5);
    EXPECT_EQ(node.paid.size(), 5U);
}

TEST_F(CliRun, a_stopped_wait_says_that_the_job_goes_on_and_exits_130) {
    start_node([this](const net::HttpRequest& request) {
        if (request.path.ends_with("/events")) {
            stop_.request_stop();
            return error_response(ErrorCode::unsupported);
        }
        return json_response(
            {{"job_id", "job-1"}, {"status", "queued"}, {"payment_state", "unfunded"}});
    });
    const std::string id = "job-" + std::string(26, 'a');
    EXPECT_EQ(run_line({"client", "result", id, "--wait"}), 130);
    EXPECT_NE(err_.find("aitbc client result " + id + " --wait"), std::string::npos) << err_;
}

TEST_F(CliRun, batch_files_are_read_as_json_lines_and_csv) {
    std::vector<Json> bodies;
    std::mutex mutex;
    start_node([&](const net::HttpRequest& request) {
        const std::lock_guard lock(mutex);
        bodies.push_back(parse_json(request.body).value());
        return json_response({{"jobs", Json::array()}});
    });
    ASSERT_EQ(run_line({"wallet", "create", "w"}), 0) << err_;
    std::ofstream(home_ + "/jobs.csv")
        << "prompt,model,ttl\r\n\"Hello, you\",llama3,60\r\nTwo,,\r\n";
    std::ofstream(home_ + "/jobs.jsonl") << "{\"prompt\":\"One\"}\n\n{\"prompt\":\"Two\"}\n";
    ASSERT_EQ(run_line({"client", "batch-submit", home_ + "/jobs.csv"}), 0) << err_;
    ASSERT_EQ(run_line({"client", "batch-submit", "@" + home_ + "/jobs.jsonl"}), 0) << err_;
    std::ofstream(home_ + "/bad.jsonl") << "{\"promt\":\"One\"}\n";
    EXPECT_EQ(run_line({"client", "batch-submit", home_ + "/bad.jsonl"}), 2);
    EXPECT_NE(err_.find("Job 1"), std::string::npos) << err_;
    EXPECT_EQ(run_line({"client", "batch-submit", home_ + "/nothing.json"}), 3);
    const std::lock_guard lock(mutex);
    ASSERT_EQ(bodies.size(), 2U);
    EXPECT_EQ(bodies[0]["jobs"][0]["prompt"], "Hello, you");
    EXPECT_EQ(bodies[0]["jobs"][0]["ttl"], 60);
    EXPECT_EQ(bodies[1]["jobs"].size(), 2U);
}

TEST_F(CliRun, a_result_with_a_receipt_that_cannot_be_had_is_shown_with_a_warning) {
    start_node([](const net::HttpRequest& request) {
        if (request.path.ends_with("/result"))
            return json_response({{"text", "Because of Rayleigh."},
                                  {"result", {{"response", "x"}}},
                                  {"proof", {{"tx_hash", "ab"}}}});
        return error_response(ErrorCode::not_found);
    });
    const std::string id = "job-" + std::string(26, 'a');
    EXPECT_EQ(run_line({"client", "result", id}), 0);
    EXPECT_EQ(out_, "Because of Rayleigh.\n");
    EXPECT_NE(err_.find("not verified"), std::string::npos);
    EXPECT_EQ(run_line({"client", "result", id, "-o", "json"}), 0);
    EXPECT_FALSE(out_json()["proof"]["verified"].get<bool>());
    EXPECT_EQ(out_json()["proof"]["tx_hash"], "ab");
}

TEST_F(CliRun, no_secret_is_taken_from_arguments) {
    for (const char* flag :
         {"--password", "--mnemonic", "--seed-phrase", "--token", "--private-key"}) {
        EXPECT_EQ(run_line({"wallet", "create", "w", flag, "x"}), 2) << flag;
    }
}

}  // namespace
}  // namespace ait::cli
