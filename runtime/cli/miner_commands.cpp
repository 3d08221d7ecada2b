// The commands on miners that are more than one call: registering, polling by hand, and the
// processes that mine.

#include <unistd.h>

#include <algorithm>
#include <array>

#include "actors/miner/registration.hpp"
#include "runtime/base/crypto/bech32m.hpp"
#include "runtime/cli/commands.hpp"
#include "runtime/cli/replace_process.hpp"
#include "runtime/miner/detect_gpus.hpp"
#include "runtime/registry/registry.hpp"
#include "runtime/supervise/local_node.hpp"

namespace ait::cli {
namespace {

Result<Answer> register_miner(Session& session, const Request& request) {
    Json input = request.input;
    if (flag_in(request.local, "detect")) {
        if (input.contains("gpus"))
            return Error{ErrorCode::usage, "`--detect` and `--gpus` are both given.", "",
                         "Keep one of them."};
        auto gpus = miner_process::detect_gpus();
        if (!gpus.ok()) return gpus.error();
        input["gpus"] = Json::array();
        for (const auto& gpu : gpus.value()) input["gpus"].push_back(to_json_value(gpu));
    }
    auto composed = miner::compose_registration(input);
    if (!composed.ok()) return composed.error();
    auto answer = call_node(session, *request.operation, to_json_value(composed.value()));
    if (!answer.ok()) return answer.error();
    if (!session.options.dry_run) remember(session, answer.value());
    return Answer{.value = std::move(answer).value(), .next = "aitbc miner poll"};
}

/// A session that proves the wallet's key; its token goes with the polls.
Result<std::string> open_session(Session& session) {
    auto wallet = session.wallet();
    if (!wallet.ok()) return wallet.error();
    auto chain = call_node(session, "chain.info", Json::object());
    if (!chain.ok()) return chain.error();
    const std::string genesis = text_in(chain.value(), "genesis");
    auto key = session.unlock(wallet.value());
    if (!key.ok()) return key.error();
    const std::string address = crypto::to_text(wallet.value().address);
    const std::int64_t now = session.now_unix_ms();
    const std::string statement =
        text_in(chain.value(), "chain") + "|" + genesis + "|" + address + "|" + std::to_string(now);
    const Signature signature = key.value().sign("session/1", statement);
    auto opened = call_node(session, "miner.session",
                            Json{{"address", address},
                                 {"public_key", to_hex(wallet.value().public_key.view())},
                                 {"time_unix_ms", now},
                                 {"signature", to_hex(signature.view())}});
    if (!opened.ok()) return opened.error();
    const std::string token = text_in(opened.value(), "token");
    if (token.empty())
        return Error{ErrorCode::internal, "The node's answer cannot be used.",
                     "It opened a session without a token.", ""};
    return token;
}

Result<Answer> poll(Session& session, const Request& request) {
    auto token = open_session(session);
    if (!token.ok()) return token.error();
    auto node = session.new_node_client(std::move(token).value());
    if (!node.ok()) return node.error();
    CallOptions call;
    const auto wait_seconds =
        static_cast<std::uint64_t>(std::max<std::int64_t>(integer_in(request.input, "wait", 0), 0));
    const std::uint64_t wait_ms =
        std::min<std::uint64_t>(wait_seconds * 1'000, limits::long_poll_ms_max);
    call.timeout_ms = limits::request_timeout_ms_default + static_cast<std::uint32_t>(wait_ms);
    auto value = node.value().call(*request.operation, request.input, call);
    if (!value.ok()) return value.error();
    Answer answer;
    answer.value = std::move(value).value();
    const Json* jobs = find_path(answer.value, "jobs");
    if (jobs == nullptr) jobs = find_path(answer.value, "items");
    if (jobs == nullptr || jobs->empty()) {
        answer.plain = "no jobs in queue\n";
        return answer;
    }
    remember(session, jobs->front());
    return answer;
}

/// Settings of the miner process that the line overrides, as configuration keys.
std::vector<std::pair<std::string, std::string>> settings_of(const Session& session,
                                                             const Request& request) {
    std::vector<std::pair<std::string, std::string>> settings;
    for (const char* name : {"model", "price_per_hour", "concurrency", "region"}) {
        const auto found = request.local.find(name);
        if (found != request.local.end()) {
            settings.emplace_back(std::string("miner.") + name, query_text(*found));
        }
    }
    if (!session.options.data_dir.empty()) {
        settings.emplace_back("node.data_dir", session.options.data_dir);
    }
    return settings;
}

/// The wallet's key for the process that this one becomes: through a pipe, never by argument,
/// environment or file. The descriptor stays open across exec.
Result<int> key_descriptor(Session& session) {
    auto facts = session.wallet();
    if (!facts.ok()) return facts.error();
    auto key = session.unlock(facts.value());
    if (!key.ok()) return key.error();
    int ends[2] = {-1, -1};
    if (::pipe(ends) != 0) {
        return Error{ErrorCode::limit_reached, "The miner process cannot be given its key.",
                     "No pipe can be made.", "Close other programs."};
    }
    const crypto::Secret seed = key.value().seed();
    std::string digits = to_hex(seed.view());  // 64 bytes: they fit into the pipe at once
    const bool written =
        ::write(ends[1], digits.data(), digits.size()) == static_cast<ssize_t>(digits.size());
    crypto::wipe(digits);
    ::close(ends[1]);
    if (written) return ends[0];
    ::close(ends[0]);
    return Error{ErrorCode::internal, "The miner process cannot be given its key.",
                 "The pipe took no bytes.", ""};
}

void add_option(std::vector<std::string>& arguments, const char* flag, const std::string& value) {
    if (value.empty()) return;
    arguments.emplace_back(flag);
    arguments.push_back(value);
}

/// Becomes `aitbcd --role ROLE --set KEY=VALUE ... -- ROLE'S OWN`.
Result<Answer> become(Session& session, const Request& request, const std::string& role,
                      std::vector<std::string> own, bool with_wallet_key) {
    auto program = supervise::find_node_program();
    if (!program.ok()) return program.error();
    add_option(own, "--node", text_in(request.local, "node", session.options.node));
    add_option(own, "--chain", session.chain());
    if (with_wallet_key) {
        auto descriptor = key_descriptor(session);
        if (!descriptor.ok()) return descriptor.error();
        add_option(own, "--key-fd", std::to_string(descriptor.value()));
    }
    std::vector<std::string> arguments{"--role", role};
    for (const auto& [key, value] : settings_of(session, request)) {
        const bool of_this_role = role == "miner" || !key.starts_with("miner.");
        if (of_this_role) add_option(arguments, "--set", key + "=" + value);
    }
    arguments.emplace_back("--");
    arguments.insert(arguments.end(), own.begin(), own.end());
    return replace_process(program.value(), arguments);
}

Result<Answer> become_ollama_miner(Session& session, const Request& request, bool continuous,
                                   const std::string& url) {
    std::vector<std::string> own;
    add_option(own, "--model", text_in(request.local, "model"));
    add_option(own, "--ollama-url", url);
    if (continuous) own.emplace_back("--continuous");
    for (const char* name : {"jobs", "wait"}) {
        const auto found = request.local.find(name);
        if (found == request.local.end()) continue;
        add_option(own, (std::string("--") + name).c_str(), dump_json(*found));
    }
    return become(session, request, "mine-ollama", std::move(own), true);
}

Result<Answer> start(Session& session, const Request& request) {
    const std::string engine = text_in(request.local, "engine");
    if (engine == "openai") {
        return Error{ErrorCode::unsupported, "A miner process cannot use an OpenAI server yet.",
                     "It has engines builtin and ollama.",
                     "aitbc miner start --engine ollama --model NAME"};
    }
    if (engine == "ollama") {
        return become_ollama_miner(session, request, true, text_in(request.local, "engine_url"));
    }
    // The miner in the background is the one that `aitbc up` supervises, on the default chain.
    const bool elsewhere =
        request.local.contains("node") || !session.options.node.empty() || !session.chain().empty();
    if (flag_in(request.local, "foreground") || elsewhere) {
        return become(session, request, "miner", {}, !session.options.wallet.empty());
    }
    auto program = supervise::find_node_program();
    if (!program.ok()) return program.error();
    supervise::MinerStartOptions options;
    options.sources = session.sources();
    for (const auto& setting : settings_of(session, request))
        options.sources.flags.push_back(setting);
    options.node_program = std::move(program).value();
    auto started = supervise::start_miner(options);
    if (!started.ok()) return started.error();
    return Answer{.value = std::move(started).value(), .next = "aitbc miner list"};
}

Result<Answer> stop(Session& session, const Request& request) {
    supervise::DownOptions options;
    options.sources = session.sources();
    options.force = flag_in(request.local, "force");
    if (session.options.timeout_ms) options.deadline_ms = *session.options.timeout_ms;
    auto stopped = supervise::stop_miner(options);
    if (!stopped.ok()) return stopped.error();
    return Answer{.value = std::move(stopped).value()};
}

Result<Answer> mine_ollama(Session& session, const Request& request) {
    return become_ollama_miner(session, request, flag_in(request.local, "continuous"),
                               text_in(request.local, "ollama_url"));
}

constexpr std::array rows{
    CommandRow{"miner.register", &register_miner},
    CommandRow{"miner.poll", &poll},
    CommandRow{"miner.start", &start},
    CommandRow{"miner.stop", &stop},
    CommandRow{"miner.mine_ollama", &mine_ollama},
};

}  // namespace

std::span<const CommandRow> miner_commands() {
    return rows;
}

}  // namespace ait::cli
