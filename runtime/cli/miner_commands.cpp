// The commands on miners that are more than one call: registering, polling by hand, and the
// processes that mine.

#include <cstdio>

#include <algorithm>
#include <array>

#include "actors/miner/registration.hpp"
#include "runtime/base/crypto/bech32m.hpp"
#include "runtime/cli/commands.hpp"
#include "runtime/cli/replace_process.hpp"
#include "runtime/registry/registry.hpp"
#include "runtime/registry/suggest.hpp"
#include "runtime/supervise/local_node.hpp"

namespace ait::cli {
namespace {

constexpr std::size_t driver_answer_bytes_max = 64 * 1024;

Error no_driver(std::string why) {
    return {ErrorCode::unavailable, "The machine's GPUs cannot be detected.", std::move(why),
            "Name them: aitbc miner register --gpus \"1x RTX 4090\""};
}

/// Name and memory of each GPU as NVIDIA's driver tells them: "NVIDIA RTX 4090, 24564" a line.
Result<std::string> ask_driver() {
    constexpr const char* command = "nvidia-smi --query-gpu=name,memory.total --format=csv,noheader,nounits 2>/dev/null";
    std::FILE* const pipe = ::popen(command, "r");
    if (pipe == nullptr) return no_driver("No process can be started.");
    std::string text(driver_answer_bytes_max, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), pipe));
    if (::pclose(pipe) != 0 || text.empty()) return no_driver("nvidia-smi is not there or found no GPU.");
    return text;
}

Result<Json> detected_gpus() {
    auto text = ask_driver();
    if (!text.ok()) return text.error();
    Json gpus = Json::array();
    for (const auto line : registry::split(text.value(), '\n')) {
        const std::size_t comma = line.rfind(", ");
        if (comma == std::string_view::npos) return no_driver("nvidia-smi answers in an unknown form.");
        std::string name(line.substr(0, comma));
        if (name.starts_with("NVIDIA ")) name.erase(0, 7);
        const auto memory = parse_json(line.substr(comma + 2));
        if (!memory.ok() || !memory.value().is_number_unsigned()) return no_driver("nvidia-smi tells no memory size.");
        const bool same = !gpus.empty() && gpus.back()["model"] == name && gpus.back()["memory_mb"] == memory.value();
        if (same) gpus.back()["count"] = gpus.back()["count"].get<std::uint64_t>() + 1;
        else gpus.push_back({{"model", name}, {"count", 1U}, {"memory_mb", memory.value()}, {"source", "detected"}});
    }
    return gpus;
}

Result<Answer> register_miner(Session& session, const Request& request) {
    Json input = request.input;
    if (flag_in(request.local, "detect")) {
        if (input.contains("gpus")) return Error{ErrorCode::usage, "`--detect` and `--gpus` are both given.", "", "Keep one of them."};
        auto gpus = detected_gpus();
        if (!gpus.ok()) return gpus.error();
        input["gpus"] = std::move(gpus).value();
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
    const std::string genesis = text_in(chain.value(), "genesis_hash", text_in(chain.value(), "genesis"));
    auto key = session.unlock(wallet.value());
    if (!key.ok()) return key.error();
    const std::string address = crypto::to_text(wallet.value().address);
    const std::int64_t now = session.now_unix_ms();
    const std::string statement = text_in(chain.value(), "chain") + "|" + genesis + "|" + address + "|" + std::to_string(now);
    const Signature signature = key.value().sign("session/1", statement);
    auto opened = call_node(session, "miner.session",
                            Json{{"address", address},
                                 {"public_key", to_hex(wallet.value().public_key.view())},
                                 {"time_unix_ms", now},
                                 {"signature", to_hex(signature.view())}});
    if (!opened.ok()) return opened.error();
    const std::string token = text_in(opened.value(), "token");
    if (token.empty()) return Error{ErrorCode::internal, "The node's answer cannot be used.", "It opened a session without a token.", ""};
    return token;
}

Result<Answer> poll(Session& session, const Request& request) {
    auto token = open_session(session);
    if (!token.ok()) return token.error();
    auto node = session.new_node_client(std::move(token).value());
    if (!node.ok()) return node.error();
    CallOptions call;
    const auto wait_seconds = static_cast<std::uint64_t>(std::max<std::int64_t>(integer_in(request.input, "wait", 0), 0));
    const std::uint64_t wait_ms = std::min<std::uint64_t>(wait_seconds * 1'000, limits::long_poll_ms_max);
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

config::Sources sources_with(const Session& session, const Request& request) {
    config::Sources sources = session.sources();
    const auto set = [&](std::string_view key, const char* name) {
        const auto found = request.local.find(name);
        if (found != request.local.end()) sources.flags.emplace_back(key, found->is_string() ? found->get<std::string>() : dump_json(*found));
    };
    set("miner.model", "model");
    set("miner.price_per_hour", "price_per_hour");
    set("miner.concurrency", "concurrency");
    set("miner.region", "region");
    return sources;
}

/// What aitbcd's miner roles take from the command line; secrets stay in files and environment.
std::vector<std::string> process_arguments(const Session& session, const Request& request, std::string_view role) {
    std::vector<std::string> arguments{"--role", std::string(role)};
    for (const auto& [name, value] : request.local.items()) {
        if (name == "foreground" || name == "wallet" || (value.is_boolean() && !value.get<bool>())) continue;
        std::string flag = "--" + name;
        std::replace(flag.begin(), flag.end(), '_', '-');
        arguments.push_back(std::move(flag));
        if (!value.is_boolean()) arguments.push_back(query_text(value));
    }
    const auto add = [&arguments](const char* flag, const std::string& value) {
        if (value.empty()) return;
        arguments.emplace_back(flag);
        arguments.push_back(value);
    };
    add("--wallet", session.options.wallet);
    add("--password-file", session.options.password_file);
    add("--data-dir", session.options.data_dir);
    if (!request.local.contains("node")) add("--node", session.options.node);
    return arguments;
}

Result<Answer> run_in_place(Session& session, const Request& request, std::string_view role) {
    auto program = supervise::find_node_program();
    if (!program.ok()) return program.error();
    return replace_process(program.value(), process_arguments(session, request, role));
}

Result<Answer> start(Session& session, const Request& request) {
    const bool external = text_in(request.local, "engine") != "builtin";
    if (flag_in(request.local, "foreground") || external) return run_in_place(session, request, "miner");
    auto program = supervise::find_node_program();
    if (!program.ok()) return program.error();
    auto started = supervise::start_miner({.sources = sources_with(session, request), .node_program = std::move(program).value()});
    if (!started.ok()) return started.error();
    return Answer{.value = std::move(started).value(), .next = "aitbc miner status"};
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
    return run_in_place(session, request, "mine-ollama");
}

constexpr std::array rows{
    CommandRow{"miner.register", &register_miner}, CommandRow{"miner.poll", &poll},
    CommandRow{"miner.start", &start},             CommandRow{"miner.stop", &stop},
    CommandRow{"miner.mine_ollama", &mine_ollama},
};

}  // namespace

std::span<const CommandRow> miner_commands() { return rows; }

}  // namespace ait::cli
