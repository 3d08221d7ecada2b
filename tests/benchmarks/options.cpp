#include "tests/benchmarks/options.hpp"

#include <charconv>
#include <map>

#include "runtime/base/limits.hpp"

namespace ait::benchmarks {

const char* const usage =
    "usage: jobs_load --node 127.0.0.1:PORT --token-file FILE [option...]\n"
    "       jobs_load --redis 127.0.0.1:PORT [option...]\n"
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
    "  --server-pid N      process whose CPU time is counted\n"
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
    options.peer = peer;
    options.load.host = text.substr(0, colon);
    return store_number(options.load.port, name, text.substr(colon + 1), 1U, 65'535U);
}

Status store_form(Options& options, const std::string& text) {
    if (text != "signed" && text != "session")
        return refuse("--results takes signed or session, not \"" + text + "\".");
    options.node.results = text == "signed" ? ResultForm::signed_ : ResultForm::session;
    return {};
}

using Store = Status (*)(Options& options, const std::string& name, const std::string& text);

const std::map<std::string, Store, std::less<>>& stores() {
    constexpr std::uint64_t large = 1'000'000'000;
    static const std::map<std::string, Store, std::less<>> table{
        {"--node", [](Options& o, const std::string& n,
                      const std::string& t) { return store_address(o, Peer::node, n, t); }},
        {"--redis", [](Options& o, const std::string& n,
                       const std::string& t) { return store_address(o, Peer::redis, n, t); }},
        {"--token-file",
         [](Options& o, const std::string&, const std::string& t) {
             o.token_file = t;
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
             const Status stored =
                 store_number(o.node.payload_bytes, n, t, 40U, limits::prompt_bytes_max);
             o.redis.payload_bytes = o.node.payload_bytes;
             return stored;
         }},
        {"--result-bytes",
         [](Options& o, const std::string& n, const std::string& t) {
             const Status stored =
                 store_number(o.node.result_bytes, n, t, 40U, limits::prompt_bytes_max);
             o.redis.result_bytes = o.node.result_bytes;
             return stored;
         }},
        {"--results",
         [](Options& o, const std::string&, const std::string& t) { return store_form(o, t); }},
        {"--server-pid", [](Options& o, const std::string& n, const std::string& t) {
             return store_number(o.load.server_pid, n, t, 1, 1 << 22);
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
    if (options.load.port == 0) return refuse("It needs --node or --redis.");
    if (options.peer == Peer::node && options.token_file.empty())
        return refuse("A node needs --token-file; it is the api.token of its data folder.");
    const bool leases = !options.node.submits_only && options.peer == Peer::node;
    if (leases && options.node.batch > limits::lease_jobs_max) {
        return refuse("A miner may hold " + std::to_string(limits::lease_jobs_max) +
                      " jobs; a larger --batch needs --submit-only.");
    }
    return options;
}

}  // namespace ait::benchmarks
