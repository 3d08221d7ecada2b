#include "runtime/cli/arguments.hpp"

#include <algorithm>

#include "runtime/registry/input.hpp"
#include "runtime/registry/registry.hpp"
#include "runtime/registry/suggest.hpp"

namespace ait::cli {
namespace {

constexpr std::size_t arguments_max = 4'096;

bool looks_like_flag(std::string_view argument) {
    if (argument.size() < 2 || argument.front() != '-') return false;
    return argument[1] < '0' || argument[1] > '9';  // "-5" is a number, "-" is standard input
}

/// "--price_per_hour=0.5" -> ("--price-per-hour", "0.5").
struct Flag {
    std::string name{};
    std::optional<std::string> value{};
};

Flag cut_flag(const std::string& argument) {
    Flag flag;
    const std::size_t equals = argument.find('=');
    flag.name = argument.substr(0, equals);
    if (argument.starts_with("--")) std::replace(flag.name.begin(), flag.name.end(), '_', '-');
    if (equals != std::string::npos) flag.value = argument.substr(equals + 1);
    return flag;
}

const Parameter* find_parameter(const Operation& operation, std::string_view spelling) {
    for (const auto& parameter : operation.parameters) {
        if (registry::flag_of(parameter) == spelling) return &parameter;
        for (const auto known : registry::split(parameter.flags, ',')) {
            if (known == spelling) return &parameter;
        }
    }
    return nullptr;
}

Error unknown_command(std::span<const std::string> words, const std::string& word) {
    const auto known = registry::next_words(words);
    std::string group = "aitbc";
    for (const auto& each : words) group += " " + each;
    std::string hint = registry::did_you_mean(word, known);
    if (!hint.empty()) hint += " ";
    return {ErrorCode::usage, "`" + group + " " + word.substr(0, 64) + "` is not a command.",
            words.empty() ? "" : "`" + group + "` has other commands.",
            hint + "`" + group + " --help` lists them."};
}

/// `client receipts` lists; with a job on the line it means that job's receipt.
const Operation* singular_of(const Operation* operation) {
    const bool lists = operation != nullptr && operation->name == "job.receipts";
    return lists ? registry::find_operation("job.receipt") : nullptr;
}

/// Marks which arguments are command words; the rest is for the second pass.
class CommandFinder {
  public:
    explicit CommandFinder(std::span<const std::string> arguments)
        : arguments_(arguments), is_word_(arguments.size(), false) {}

    Status find(Invocation& invocation) {
        std::vector<std::size_t> places;
        for (std::size_t i = 0; i < arguments_.size(); ++i) {
            const std::string& argument = arguments_[i];
            if (argument == "--") break;
            if (looks_like_flag(argument)) {
                skip_flag(i);
                continue;
            }
            auto words = invocation.words;
            words.push_back(argument);
            const bool extends = registry::is_command_group(words) ||
                                 registry::find_command(words).words == words.size();
            if (!extends && maybe_value_) {
                maybe_value_ = false;
                continue;
            }
            if (!extends) {
                stopped_at_ = i;
                break;
            }
            maybe_value_ = false;
            invocation.words = std::move(words);
            places.push_back(i);
        }
        return settle(invocation, places);
    }

    [[nodiscard]] bool is_word(std::size_t index) const { return is_word_[index]; }

  private:
    void skip_flag(std::size_t& index) {
        const Flag flag = cut_flag(arguments_[index]);
        const GlobalFlag* global = find_global_flag(flag.name);
        if (global != nullptr && global->arity == Arity::value && !flag.value) ++index;
        maybe_value_ = global == nullptr && !flag.value;
    }

    Status settle(Invocation& invocation, const std::vector<std::size_t>& places) {
        const auto match = registry::find_command(invocation.words);
        invocation.operation = match.operation;
        if (match.operation != nullptr) invocation.words.resize(match.words);
        for (std::size_t i = 0; i < invocation.words.size(); ++i) is_word_[places[i]] = true;
        const bool stray = match.operation == nullptr && stopped_at_ < arguments_.size();
        if (stray) return unknown_command(invocation.words, arguments_[stopped_at_]);
        return {};
    }

    std::span<const std::string> arguments_;
    std::vector<bool> is_word_;
    std::size_t stopped_at_ = static_cast<std::size_t>(-1);
    bool maybe_value_ = false;
};

class ValueReader {
  public:
    ValueReader(std::span<const std::string> arguments, const CommandFinder& words,
                Invocation& invocation)
        : arguments_(arguments), words_(words), invocation_(invocation) {}

    Status read() {
        bool only_positional = false;
        for (; index_ < arguments_.size(); ++index_) {
            if (words_.is_word(index_)) continue;
            const std::string& argument = arguments_[index_];
            if (only_positional || !looks_like_flag(argument)) {
                positional_.push_back(argument);
            } else if (argument == "--") {
                only_positional = true;
            } else if (auto read = read_flag(argument); !read.ok()) {
                return read;
            }
        }
        return assign_positional();
    }

  private:
    Status read_flag(const std::string& argument) {
        const Flag flag = cut_flag(argument);
        const Operation* operation = invocation_.operation;
        if (operation != nullptr) {
            if (const auto* parameter = find_parameter(*operation, flag.name))
                return read_parameter(*parameter, flag);
        }
        if (const auto* global = find_global_flag(flag.name)) return read_global(*global, flag);
        if (operation != nullptr && flag.name.starts_with("--no-")) {
            const auto* negated = find_parameter(*operation, "--" + flag.name.substr(5));
            if (negated != nullptr && negated->kind == ValueKind::boolean) {
                invocation_.values.push_back({negated, "false"});
                return {};
            }
        }
        if (!argument.starts_with("--") && argument.size() > 2) return read_short_cluster(argument);
        return unknown_flag(flag.name);
    }

    /// "-ojson" and "-vv".
    Status read_short_cluster(const std::string& argument) {
        const std::string first = argument.substr(0, 2);
        const std::string rest = argument.substr(2);
        const auto* parameter = invocation_.operation == nullptr
                                    ? nullptr
                                    : find_parameter(*invocation_.operation, first);
        if (parameter != nullptr && parameter->kind != ValueKind::boolean)
            return read_parameter(*parameter, {first, rest});
        const auto* global = find_global_flag(first);
        if (parameter == nullptr && global != nullptr && global->arity == Arity::value)
            return read_global(*global, {first, rest});
        for (const char letter : argument.substr(1)) {
            const std::string one{'-', letter};
            const auto* each = find_global_flag(one);
            if (each == nullptr || each->arity != Arity::none) return unknown_flag(argument);
            if (auto read = read_global(*each, {one, {}}); !read.ok()) return read;
        }
        return {};
    }

    /// The text after a flag that needs one. Error: usage.
    Result<std::string> text_of(const Flag& flag) {
        if (flag.value) return *flag.value;
        const bool there = index_ + 1 < arguments_.size() && !words_.is_word(index_ + 1) &&
                           !looks_like_flag(arguments_[index_ + 1]);
        if (!there) {
            const std::string next =
                index_ + 1 < arguments_.size()
                    ? "\"" + arguments_[index_ + 1].substr(0, 64) + "\" follows it."
                    : "It is the last on the line.";
            return Error{ErrorCode::usage, "`" + flag.name + "` needs a value.", next,
                         "Write `" + flag.name + " VALUE`; a value that begins with a dash as `" +
                             flag.name + "=-VALUE`."};
        }
        return arguments_[++index_];
    }

    Status read_parameter(const Parameter& parameter, const Flag& flag) {
        if (parameter.kind == ValueKind::boolean) {
            invocation_.values.push_back({&parameter, flag.value.value_or("true")});
            return {};
        }
        auto text = text_of(flag);
        if (!text.ok()) return text.error();
        if (!parameter.repeated && invocation_.find(parameter.name) != nullptr) {
            return Error{ErrorCode::usage, "`" + flag.name + "` is given twice.",
                         std::string(parameter.name) + " takes one value.",
                         "Leave one of them out."};
        }
        invocation_.values.push_back({&parameter, std::move(text).value()});
        return {};
    }

    Status read_global(const GlobalFlag& global, const Flag& flag) {
        if (global.arity == Arity::none && flag.value) {
            return Error{ErrorCode::usage, "`" + flag.name + "` takes no value.", "",
                         "Write it alone."};
        }
        if (global.arity != Arity::value)
            return global.apply(invocation_.options, flag.value.value_or(""));
        auto text = text_of(flag);
        if (!text.ok()) return text.error();
        return global.apply(invocation_.options, text.value());
    }

    [[nodiscard]] Status unknown_flag(const std::string& name) const {
        std::vector<std::string> known;
        if (invocation_.operation != nullptr) known = flags_of(*invocation_.operation);
        std::string command = "aitbc";
        for (const auto& word : invocation_.words) command += " " + word;
        std::string hint = registry::did_you_mean(name, known);
        if (!hint.empty()) hint += " ";
        return Error{ErrorCode::usage,
                     "`" + command + "` has no flag `" + name.substr(0, 64) + "`.", "",
                     hint + "`" + command + " --help` lists them."};
    }

    Status assign_positional() {
        if (invocation_.operation == nullptr) return {};
        std::size_t used = 0;
        for (const auto& parameter : invocation_.operation->parameters) {
            if (!parameter.positional || invocation_.find(parameter.name) != nullptr) continue;
            while (used < positional_.size()) {
                invocation_.values.push_back({&parameter, positional_[used++]});
                if (!parameter.repeated) break;
            }
        }
        if (used == positional_.size()) return {};
        std::string command = "aitbc";
        for (const auto& word : invocation_.words) command += " " + word;
        const auto hint =
            registry::did_you_mean(positional_[used], registry::next_words(invocation_.words));
        return Error{ErrorCode::usage,
                     "\"" + positional_[used].substr(0, 64) + "\" is too much on the line.",
                     "`" + command + "` takes no more values.",
                     hint.empty() ? "`" + command + " --help` shows how it is called." : hint};
    }

    std::span<const std::string> arguments_;
    const CommandFinder& words_;
    Invocation& invocation_;
    std::vector<std::string> positional_{};
    std::size_t index_ = 0;
};

}  // namespace

const GivenValue* Invocation::find(std::string_view parameter) const {
    for (auto value = values.rbegin(); value != values.rend(); ++value) {
        if (value->parameter->name == parameter) return &*value;
    }
    return nullptr;
}

std::vector<std::string> flags_of(const Operation& operation) {
    std::vector<std::string> flags;
    for (const auto& parameter : operation.parameters) {
        flags.push_back(registry::flag_of(parameter));
        for (const auto flag : registry::split(parameter.flags, ',')) flags.emplace_back(flag);
    }
    for (const auto& global : global_flags()) {
        for (const auto flag : registry::split(global.spellings, ',')) {
            if (std::find(flags.begin(), flags.end(), flag) == flags.end())
                flags.emplace_back(flag);
        }
    }
    return flags;
}

Result<Invocation> parse_arguments(std::span<const std::string> arguments) {
    if (arguments.size() > arguments_max) {
        return Error{ErrorCode::usage, "The command line is too long.",
                     "At most " + std::to_string(arguments_max) + " arguments are read.",
                     "Use a file."};
    }
    Invocation invocation;
    CommandFinder finder(arguments);
    if (auto found = finder.find(invocation); !found.ok()) return found.error();
    Invocation other = invocation;
    const auto read = ValueReader(arguments, finder, invocation).read();
    if (read.ok()) return invocation;
    other.operation = singular_of(invocation.operation);
    const bool fits =
        other.operation != nullptr && ValueReader(arguments, finder, other).read().ok();
    if (fits) return other;
    return read.error();
}

}  // namespace ait::cli
