#include "tests/benchmarks/options.hpp"

#include <charconv>
#include <map>

#include "runtime/base/limits.hpp"

namespace ait::benchmarks {

const char* const usage =
    "usage: jobs_load --node 127.0.0.1:PORT --token-file FILE [option...]\n"
    "       jobs_load --redis 127.0.0.1:PORT [option...]\n"
    "       jobs_load --etcd 127.0.0.1:PORT [option...]\n"
    "Nodes of one chain, or members of one etcd, are given one by one; the connections are spread "
    "over them.\n"
    "Puts the durable life of jobs (submit, lease, result) on a server from many kept "
    "connections.\n"
    "  --seconds N         how long to measure, may have a fraction (5)\n"
    "  --warm-up N         seconds before that (0.5)\n"
    "  --jobs N            measure until this many jobs are done, if that is earlier\n"
    "  --connections N     each with one request under way (64)\n"
    "  --batch N           jobs a request (1)\n"
    "  --payload-bytes N   (100)      --result-bytes N   (200)\n"
    "  --submit-only       fill the queue of a node; a job counts when it is submitted\n"
    "  --results FORM      of a node: session (unpaid jobs) or signed (by the miner's key)\n"
    "  --plain-lists       of Redis: RPOP and LPUSH only, which forgets a job when its worker "
    "dies\n"
    "  --look-for-work     of etcd: a worker reads some of the queue to find a job\n"
    "  --server-pid N      process whose CPU time is counted; one for each server\n"
    "  --seed TEXT         names the accounts of the load\n"
    "  --json              one JSON object on standard output\n";

namespace {

Error refuse(const std::string& why) {
    return Error{ErrorCode::usage, "The command line is not understood.", why, usage};
}

template <class Number>
Result<Number> number_in(const std::string& name, const std::string& text, Number low,
                         Number high) {
    Number number{};
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (code == std::errc{} && end == text.data() + text.size() && number >= low && number <= high)
        return number;
    return refuse(name + " does not take \"" + text + "\".");
}

/// One word that takes a value, and where it goes.
template <class Target, class Number>
Status store_number(Target& target, const std::string& name, const std::string& text, Number low,
                    Number high, double factor = 1) {
    const auto number = number_in<Number>(name, text, low, high);
    if (!number.ok()) return number.error();
    target = static_cast<Target>(static_cast<double>(number.value()) * factor);
    return {};
}

Status store_address(Options& options, Peer peer, const std::string& name,
                     const std::string& text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos) return refuse(name + " needs 127.0.0.1:PORT.");
    if (!options.load.endpoints.empty() && (options.peer != peer || peer == Peer::redis))
        return refuse("There is one server to load, or nodes of one chain or one etcd.");
    options.peer = peer;
    options.load.endpoints.push_back({.host = text.substr(0, colon)});
    return store_number(options.load.endpoints.back().port, name, text.substr(colon + 1), 1U,
                        65'535U);
}

Status store_form(Options& options, const std::string& text) {
    if (text != "signed" && text != "session")
        return refuse("--results takes signed or session, not \"" + text + "\".");
    options.node.results = text == "signed" ? ResultForm::signed_ : ResultForm::session;
    return {};
}

Status store_bytes(std::size_t& bytes, const std::string& name, const std::string& text) {
    return store_number(bytes, name, text, 40U, limits::prompt_bytes_max);
}

using Store = Status (*)(Options& options, const std::string& name, const std::string& text);

const std::map<std::string, Store, std::less<>>& stores() {
    constexpr std::uint64_t large = 1'000'000'000;
    static const std::map<std::string, Store, std::less<>> table{
        {"--node", [](Options& o, const std::string& n,
                      const std::string& t) { return store_address(o, Peer::node, n, t); }},
        {"--redis", [](Options& o, const std::string& n,
                       const std::string& t) { return store_address(o, Peer::redis, n, t); }},
        {"--etcd", [](Options& o, const std::string& n,
                      const std::string& t) { return store_address(o, Peer::etcd, n, t); }},
        {"--token-file",
         [](Options& o, const std::string&, const std::string& t) {
             o.token_files.push_back(t);
             return Status{};
         }},
        {"--seed",
         [](Options& o, const std::string&, const std::string& t) {
             o.seed = t;
             return Status{};
         }},
        {"--seconds",
         [](Options& o, const std::string& n, const std::string& t) {
             return store_number(o.load.measure_ms, n, t, 0.05, 36'000.0, 1'000);
         }},
        {"--warm-up",
         [](Options& o, const std::string& n, const std::string& t) {
             return store_number(o.load.warm_up_ms, n, t, 0.0, 600.0, 1'000);
         }},
        {"--jobs",
         [](Options& o, const std::string& n, const std::string& t) {
             return store_number(o.load.jobs_max, n, t, std::uint64_t{1}, large);
         }},
        {"--connections",
         [](Options& o, const std::string& n, const std::string& t) {
             return store_number(o.load.connections, n, t, 1U, 4'096U);
         }},
        {"--batch",
         [](Options& o, const std::string& n, const std::string& t) {
             const Status stored = store_number(o.node.batch, n, t, 1U, limits::batch_jobs_max);
             o.redis.batch = o.node.batch;
             return stored;
         }},
        {"--payload-bytes",
         [](Options& o, const std::string& n, const std::string& t) {
             return store_bytes(o.node.payload_bytes, n, t);
         }},
        {"--result-bytes",
         [](Options& o, const std::string& n, const std::string& t) {
             return store_bytes(o.node.result_bytes, n, t);
         }},
        {"--results",
         [](Options& o, const std::string&, const std::string& t) { return store_form(o, t); }},
        {"--server-pid", [](Options& o, const std::string& n, const std::string& t) {
             return store_number(o.load.server_pids.emplace_back(), n, t, 1, 1 << 22);
         }}};
    return table;
}

}  // namespace

Result<Options> read_options(const std::vector<std::string>& words) {
    Options options;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        if (word == "--help" || word == "-h") {
            options.wants_help = true;
        } else if (word == "--json") {
            options.is_json = true;
        } else if (word == "--submit-only") {
            options.node.submits_only = true;
        } else if (word == "--look-for-work") {
            options.etcd.looks_for_work = true;
        } else if (word == "--plain-lists") {
            options.redis.plain_lists = true;
        } else if (const auto found = stores().find(word); found == stores().end()) {
            return refuse("There is no \"" + word + "\".");
        } else if (i + 1 == words.size()) {
            return refuse(word + " needs a value.");
        } else if (const Status stored = found->second(options, word, words[++i]); !stored.ok()) {
            return stored.error();
        }
    }
    if (options.wants_help) return options;
    options.redis.payload_bytes = options.etcd.payload_bytes = options.node.payload_bytes;
    options.redis.result_bytes = options.etcd.result_bytes = options.node.result_bytes;
    if (options.load.endpoints.empty()) return refuse("It needs --node, --redis or --etcd.");
    if (options.peer == Peer::node && options.token_files.size() != options.load.endpoints.size())
        return refuse("Each node needs --token-file; it is the api.token of its data folder.");
    if (options.peer == Peer::etcd && options.node.batch != 1)
        return refuse("etcd takes one job a request.");
    const bool leases = !options.node.submits_only && options.peer == Peer::node;
    if (leases && options.node.batch > limits::lease_jobs_max) {
        return refuse("A miner may hold " + std::to_string(limits::lease_jobs_max) +
                      " jobs; a larger --batch needs --submit-only.");
    }
    return options;
}

}  // namespace ait::benchmarks
