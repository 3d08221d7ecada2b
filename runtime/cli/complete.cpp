#include "runtime/cli/complete.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "runtime/cli/arguments.hpp"
#include "runtime/cli/commands.hpp"
#include "runtime/cli/context_store.hpp"
#include "runtime/cli/help.hpp"
#include "runtime/cli/node_store.hpp"
#include "runtime/registry/input.hpp"
#include "runtime/registry/registry.hpp"
#include "runtime/registry/suggest.hpp"

namespace ait::cli {
namespace {

constexpr std::string_view request_word = "__complete";
constexpr std::size_t candidates_max = 200;
constexpr std::uint32_t node_ms_max = 120;  ///< leaves the rest of the budget to the process itself

/// Where values come from.
enum class Source : std::uint8_t {
    none,
    jobs,
    miners,
    models,
    wallets,
    contexts,
    nodes,
    keys,
    codes,
    anything_explained,
    commands,
    files
};

/// The part of the line before the cursor, as far as completion needs to understand it.
struct Line {
    const Operation* operation = nullptr;
    std::vector<std::string> words{};       ///< of the command or group
    std::vector<std::string> positional{};  ///< values without a flag
    std::set<std::string> flags{};
    std::string open_flag{};  ///< the last word is a flag that wants a value
    GlobalOptions options{};  ///< those that say whom to ask
};

const Parameter* find_parameter(const Operation* operation, std::string_view flag) {
    if (operation == nullptr) return nullptr;
    for (const auto& parameter : operation->parameters) {
        if (registry::flag_of(parameter) == flag) return &parameter;
        for (const auto spelling : registry::split(parameter.flags, ',')) {
            if (spelling == flag) return &parameter;
        }
    }
    return nullptr;
}

bool wants_value(const Operation* operation, const std::string& flag) {
    if (const auto* parameter = find_parameter(operation, flag))
        return parameter->kind != ValueKind::boolean;
    const auto* global = find_global_flag(flag);
    return global != nullptr && global->arity == Arity::value;
}

void take_flag(Line& line, const std::string& word, std::span<const std::string> rest,
               std::size_t& index) {
    const std::size_t equals = word.find('=');
    const std::string flag = word.substr(0, equals);
    line.flags.insert(flag);
    std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
    if (equals == std::string::npos && wants_value(line.operation, flag)) {
        if (index + 1 == rest.size()) {
            line.open_flag = flag;
            return;
        }
        value = rest[++index];
    }
    const auto* global = find_global_flag(flag);
    const bool is_own = find_parameter(line.operation, flag) != nullptr;
    if (global == nullptr || is_own) return;
    // A value that is not understood is the command's to complain of, not completion's.
    const auto applied = global->apply(line.options, value);
    if (!applied.ok()) return;
}

Line read_line(std::span<const std::string> before) {
    Line line;
    bool words_end = false;
    for (std::size_t i = 0; i < before.size(); ++i) {
        const std::string& word = before[i];
        if (word.size() > 1 && word.front() == '-') {
            take_flag(line, word, before, i);
            continue;
        }
        auto longer = line.words;
        longer.push_back(word);
        const bool extends = !words_end && (registry::is_command_group(longer) ||
                                            registry::find_command(longer).words == longer.size());
        if (!extends) {
            words_end = true;
            line.positional.push_back(word);
            continue;
        }
        line.words = std::move(longer);
        const auto match = registry::find_command(line.words);
        line.operation = match.words == line.words.size() ? match.operation : nullptr;
    }
    return line;
}

struct SourceRow {
    std::string_view parameter;
    Source source;
};
constexpr std::array sources{
    SourceRow{"job_id", Source::jobs},
    SourceRow{"job", Source::jobs},
    SourceRow{"miner_id", Source::miners},
    SourceRow{"miner", Source::miners},
    SourceRow{"model", Source::models},
    SourceRow{"wallet", Source::wallets},
    SourceRow{"address", Source::wallets},
    SourceRow{"to", Source::wallets},
    SourceRow{"key", Source::keys},
    SourceRow{"code", Source::codes},
    SourceRow{"term", Source::anything_explained},
    SourceRow{"command", Source::commands},
    SourceRow{"file", Source::files},
    SourceRow{"genesis", Source::files},
    SourceRow{"out_dir", Source::files},
    SourceRow{"dir", Source::files},
    SourceRow{"config", Source::files},
};

Source source_of(const Operation& operation, const Parameter& parameter) {
    const std::string_view name = parameter.name;
    const bool makes = operation.name == "wallet.create" || operation.name == "wallet.import" ||
                       operation.name == "context.add";
    const bool is_name = name == "name" || name == "from";
    if (is_name && !makes && operation.name.starts_with("wallet.")) return Source::wallets;
    if (is_name && !makes && operation.name.starts_with("context.")) return Source::contexts;
    if (operation.name == "node.wait" && name == "id") return Source::jobs;
    const bool is_kept = operation.name.starts_with("node.") || operation.name == "explain.node";
    if (is_kept && name == "node") return Source::nodes;
    if (name.ends_with("_file")) return Source::files;
    for (const auto& row : sources) {
        if (row.parameter == name) return row.source;
    }
    return Source::none;
}

Source source_of_global(std::string_view flag) {
    if (flag == "--wallet") return Source::wallets;
    if (flag == "--context") return Source::contexts;
    if (flag == "--token-file" || flag == "--password-file" || flag == "--data-dir")
        return Source::files;
    return Source::none;
}

/// Gathers what fits the word at the cursor.
class Gatherer {
  public:
    Gatherer(const Line& line, std::string prefix, Console& console)
        : line_(line), prefix_(std::move(prefix)), console_(console) {}

    void offer(std::string value, std::string what = {}) {
        if (!value.starts_with(prefix_) || found_.all.size() == candidates_max) return;
        if (!seen_.insert(value).second) return;
        found_.all.push_back({std::move(value), std::move(what)});
    }

    void offer_choices(std::string_view choices) {
        for (const auto choice : registry::split(choices, '|')) offer(std::string(choice));
    }

    void offer_words() {
        for (const auto& word : registry::next_words(line_.words)) {
            auto longer = line_.words;
            longer.push_back(word);
            const auto match = registry::find_command(longer);
            const bool whole = match.operation != nullptr && match.words == longer.size();
            offer(word, whole ? std::string(match.operation->summary) : "");
        }
    }

    void offer_flags() {
        if (line_.operation != nullptr) {
            for (const auto& parameter : line_.operation->parameters) {
                const auto flag = registry::flag_of(parameter);
                if (parameter.repeated || !line_.flags.contains(flag))
                    offer(flag, std::string(parameter.help));
            }
        }
        for (const auto& global : global_flags()) {
            const auto flag = std::string(registry::split(global.spellings, ',').front());
            if (!line_.flags.contains(flag)) offer(flag, std::string(global.help));
        }
    }

    void offer_values(const Operation& operation, const Parameter& parameter) {
        if (!parameter.choices.empty()) return offer_choices(parameter.choices);
        offer_source(source_of(operation, parameter));
    }

    void offer_source(Source source) {
        switch (source) {
            case Source::none:
                return;
            case Source::jobs:
                offer("@last", "the last one of this wallet");
                return offer_listed("job.list", Json{{"limit", candidates_max}}, "job_id",
                                    "status");
            case Source::miners:
                return offer_listed("miner.list", Json{{"limit", candidates_max}}, "miner_id",
                                    "status");
            case Source::models:
                return offer_listed("model.list", Json::object(), "name", "");
            case Source::wallets:
                return offer_wallets();
            case Source::contexts:
                return offer_contexts();
            case Source::nodes:
                return offer_nodes();
            case Source::keys:
                return offer_keys();
            case Source::codes:
                return offer_codes();
            case Source::anything_explained:
                offer_codes();
                offer_keys();
                if (prefix_.empty() || prefix_.starts_with("job") || prefix_.starts_with("@"))
                    offer_source(Source::jobs);
                if (prefix_.starts_with("miner")) offer_source(Source::miners);
                return;
            case Source::commands:
                for (const auto& word : registry::next_words(line_.positional)) offer(word);
                return;
            case Source::files:
                found_.files = true;
                return;
        }
    }

    Candidates take() { return std::move(found_); }

  private:
    /// Made when a value is first asked for: most completions need no configuration and no node.
    Session& session() {
        if (!session_) {
            GlobalOptions options = line_.options;
            options.quiet = true;
            options.no_input = true;
            // Without its context the local node is asked, which is no worse than nothing.
            const auto applied = apply_context(options, console_.environment,
                                               config::default_paths(console_.environment));
            if (!applied.ok()) options.context.clear();
            session_.emplace(console_, std::move(options));
        }
        return *session_;
    }

    void offer_listed(std::string_view operation, const Json& input, std::string_view id,
                      std::string_view what) {
        auto node = session().node();
        if (!node.ok()) return;
        auto account = session().account_or_none();
        const CallOptions call{.account = account.ok() ? account.value() : "",
                               .timeout_ms = node_ms_max,
                               .answer_slack_ms = 0};
        const Operation* row = registry::find_operation(operation);
        AIT_ASSERT(row != nullptr);
        auto answer = node.value()->call(*row, input, call);
        if (!answer.ok()) return;
        for (const auto& item : items_of(answer.value())) {
            const Json* value = find_path(item, id);
            if (value == nullptr || !value->is_string()) continue;
            const Json* said = what.empty() ? nullptr : find_path(item, what);
            offer(printable(value->get<std::string>()),
                  said != nullptr && said->is_string() ? printable(said->get<std::string>()) : "");
        }
    }

    void offer_wallets() {
        auto store = session().wallets();
        if (!store.ok()) return;
        auto wallets = store.value()->list();
        if (!wallets.ok()) return;
        for (const auto& wallet : wallets.value()) offer(wallet.name);
    }

    void offer_contexts() {
        const auto contexts =
            read_contexts(contexts_file(config::default_paths(console_.environment)));
        offer(std::string(default_context), "the local node");
        if (!contexts.ok()) return;
        for (const auto& context : contexts.value().all) offer(context.name, context.node);
    }

    void offer_nodes() {
        const auto nodes = read_nodes(nodes_file(config::default_paths(console_.environment)));
        if (!nodes.ok()) return;
        for (const auto& entry : nodes.value().all) offer(entry.name, address_of(entry));
    }

    void offer_keys() {
        for (const auto& row : config::key_rows())
            offer(std::string(row.name), std::string(row.meaning));
    }

    void offer_codes() {
        const auto [rows, count] = error_code_rows();
        for (std::size_t i = 0; i < count; ++i)
            offer(std::string(rows[i].name), std::string(rows[i].meaning));
    }

    const Line& line_;
    std::string prefix_;
    Console& console_;
    std::optional<Session> session_{};
    std::set<std::string> seen_{};
    Candidates found_{};
};

void offer_flag_value(Gatherer& gatherer, const Line& line, const std::string& flag) {
    if (const auto* parameter = find_parameter(line.operation, flag))
        return gatherer.offer_values(*line.operation, *parameter);
    const auto* global = find_global_flag(flag);
    if (global == nullptr) return;
    if (!global->choices.empty()) return gatherer.offer_choices(global->choices);
    gatherer.offer_source(source_of_global(registry::split(global->spellings, ',').front()));
}

/// The parameter that the next word without a flag would go to, or null.
const Parameter* next_positional(const Line& line) {
    if (line.operation == nullptr) return nullptr;
    std::size_t taken = line.positional.size();
    for (const auto& parameter : line.operation->parameters) {
        if (!parameter.positional || line.flags.contains(registry::flag_of(parameter))) continue;
        if (taken == 0 || parameter.repeated) return &parameter;
        --taken;
    }
    return nullptr;
}

}  // namespace

bool is_completion_request(std::span<const std::string> arguments) {
    return !arguments.empty() && arguments.front() == request_word;
}

Candidates candidates_for(std::span<const std::string> words, Console& console) {
    if (words.empty()) return {};
    const Line line = read_line(words.first(words.size() - 1));
    const std::string& at = words.back();
    const std::size_t equals = at.find('=');
    if (!line.open_flag.empty()) {
        Gatherer gatherer(line, at, console);
        offer_flag_value(gatherer, line, line.open_flag);
        return gatherer.take();
    }
    if (at.starts_with("--") && equals != std::string::npos) {
        Gatherer gatherer(line, at.substr(equals + 1), console);
        offer_flag_value(gatherer, line, at.substr(0, equals));
        Candidates found = gatherer.take();
        for (auto& each : found.all) each.value.insert(0, at, 0, equals + 1);
        return found;
    }
    Gatherer gatherer(line, at, console);
    if (at.starts_with('-')) {
        gatherer.offer_flags();
        return gatherer.take();
    }
    if (line.positional.empty()) gatherer.offer_words();
    if (const auto* parameter = next_positional(line))
        gatherer.offer_values(*line.operation, *parameter);
    return gatherer.take();
}

int run_completion(std::span<const std::string> arguments, Console& console) {
    if (!arguments.empty() && arguments.front() == "--") arguments = arguments.subspan(1);
    const Candidates found = candidates_for(arguments, console);
    std::string text;
    for (const auto& each : found.all)
        text += each.value + (each.what.empty() ? "" : "\t" + each.what) + "\n";
    console.out(text + (found.files ? ":files\n" : ":end\n"));
    return 0;
}

}  // namespace ait::cli
