#include "runtime/cli/completion.hpp"

#include <map>
#include <set>
#include <vector>

#include "runtime/cli/arguments.hpp"
#include "runtime/cli/help.hpp"
#include "runtime/registry/input.hpp"
#include "runtime/registry/suggest.hpp"

namespace ait::cli {
namespace {

/// What the three scripts share: all of it words without spaces or quotes.
struct Words {
    std::map<std::string, std::set<std::string>> next{};  ///< "client" -> submit, status, ...
    std::map<std::string, std::string> flags{};           ///< "client submit" -> "--type --model"
    std::map<std::string, std::string> values{};  ///< "client list --status" -> "pending queued"
    std::map<std::string, std::string>
        live{};  ///< what may stand without a flag; "@" begins a command that lists
};

std::string live_command(std::string_view parameter) {
    if (parameter == "job_id") return "client list";
    if (parameter == "miner_id") return "miner list";
    return {};
}

void add_parameters(const Operation& operation, const std::string& command, Words& words) {
    for (const auto& parameter : operation.parameters) {
        std::string choices(parameter.choices);
        for (auto& c : choices) c = c == '|' ? ' ' : c;
        if (!choices.empty()) words.values[command + " " + registry::flag_of(parameter)] = choices;
        if (!choices.empty() && parameter.positional) words.live.try_emplace(command, choices);
        const std::string live = live_command(parameter.name);
        if (live.empty()) continue;
        words.values.try_emplace(command + " " + registry::flag_of(parameter), "@" + live);
        if (parameter.positional) words.live[command] = "@" + live;
    }
    const bool names_wallet = operation.name.starts_with("wallet.") &&
                              operation.name != "wallet.create" &&
                              operation.name != "wallet.import";
    if (names_wallet && !operation.parameters.empty()) words.live[command] = "@wallet list";
}

Words collect() {
    Words words;
    for (const auto* operation : commands_in_order()) {
        std::string at;
        for (const auto word : registry::split(operation->cli, ' ')) {
            words.next[at].insert(std::string(word));
            at += (at.empty() ? "" : " ") + std::string(word);
        }
        std::string flags;
        for (const auto& flag : flags_of(*operation)) {
            if (flag.starts_with("--")) flags += (flags.empty() ? "" : " ") + flag;
        }
        words.flags[at] = flags;
        add_parameters(*operation, at, words);
    }
    for (const auto& flag : global_flags()) {
        std::string choices(flag.choices);
        for (auto& c : choices) c = c == '|' ? ' ' : c;
        for (const auto spelling : registry::split(flag.spellings, ',')) {
            if (!choices.empty()) words.values["* " + std::string(spelling)] = choices;
            if (spelling == "--wallet") words.values["* --wallet"] = "@wallet list";
        }
    }
    return words;
}

std::string joined(const std::set<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
}

/// Entries of an associative array of bash and zsh.
std::string array_of(const std::string& name, const std::map<std::string, std::string>& entries) {
    std::string text = "typeset -gA " + name + "\n" + name + "=(\n";
    for (const auto& [key, value] : entries) text += "  ['" + key + "']='" + value + "'\n";
    return text + ")\n";
}

std::string tables(const Words& words, bool zsh) {
    std::map<std::string, std::string> next;
    for (const auto& [at, follow] : words.next) next[at.empty() ? "-" : at] = joined(follow);
    std::map<std::string, std::string> live = words.live;
    std::string text = array_of("_aitbc_next", next) + array_of("_aitbc_flags", words.flags) +
                       array_of("_aitbc_values", words.values) + array_of("_aitbc_live", live);
    if (zsh) {  // zsh keeps the quotes of ['key'] in the key
        std::string plain;
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text.compare(i, 4, "  ['") == 0) {
                const std::size_t end = text.find("']='", i);
                plain += "  '" + text.substr(i + 4, end - i - 4) + "' '";
                i = end + 3;
            } else {
                plain += text[i];
            }
        }
        return plain;
    }
    return text;
}

/// Finds the command's words, then offers values, flags or words. `words` and `cword` are set.
constexpr std::string_view logic = R"sh(
_aitbc_list() { timeout 0.2 aitbc $1 -o name --quiet --no-input 2>/dev/null; }
_aitbc_offer() {
  local value=$1
  case $value in
    @*) _aitbc_list "${value#@}" ;;
    *) printf '%s\n' $value ;;
  esac
}
_aitbc_words() {
  # $1: the word before, $2: the word at the cursor, then the words of the line without both
  local previous=$1 current=$2 command='' next word
  shift 2
  for word in "$@"; do
    next="${command:+$command }$word"
    if [ -n "${_aitbc_next[$next]}" ] || [ -n "${_aitbc_flags[$next]}" ]; then command=$next; fi
  done
  if [ -n "$command" ] && [ -n "${_aitbc_values[$command $previous]}" ]; then
    _aitbc_offer "${_aitbc_values[$command $previous]}"; return
  fi
  if [ -n "${_aitbc_values[* $previous]}" ]; then
    _aitbc_offer "${_aitbc_values[* $previous]}"; return
  fi
  case $current in
    -*) [ -n "$command" ] && printf '%s\n' ${=_aitbc_flags[$command]}; return ;;
  esac
  [ -n "${_aitbc_next[${command:--}]}" ] && printf '%s\n' ${=_aitbc_next[${command:--}]}
  [ -n "$command" ] && [ -n "${_aitbc_live[$command]}" ] && _aitbc_offer "${_aitbc_live[$command]}"
}
)sh";

/// zsh splits a parameter into words only when told so by `=`; bash always does.
std::string logic_for(bool zsh) {
    std::string text(logic);
    for (std::size_t at = text.find("${="); !zsh && at != std::string::npos; at = text.find("${="))
        text.erase(at + 2, 1);
    const std::string plain = "printf '%s\\n' $value", split = "printf '%s\\n' ${=value}";
    if (zsh) text.replace(text.find(plain), plain.size(), split);
    if (zsh) text.replace(text.find("aitbc $1 -o"), 11, "aitbc ${=1} -o");
    return text;
}

std::string bash_script(const Words& words) {
    std::string text =
        "# bash completion of aitbc; source it or put it into bash-completion's folder\n" +
        tables(words, false);
    for (std::size_t at = text.find("typeset -gA"); at != std::string::npos;
         at = text.find("typeset -gA"))
        text.replace(at, 11, "declare -gA");
    text += logic_for(false);
    return text + R"sh(
_aitbc() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
  local IFS=$'\n'
  local words="$(IFS=' '; _aitbc_words "$previous" "$current" "${COMP_WORDS[@]:1:COMP_CWORD-1}")"
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _aitbc aitbc aima
)sh";
}

std::string zsh_script(const Words& words) {
    return "#compdef aitbc aima\n" + tables(words, true) + logic_for(true) + R"sh(
_aitbc() {
  local -a found
  local before="${words[CURRENT-1]}" at="${words[CURRENT]}"
  found=(${(f)"$(_aitbc_words "$before" "$at" "${(@)words[2,CURRENT-1]}")"})
  compadd -a found
}
compdef _aitbc aitbc aima
)sh";
}

std::string fish_quoted(std::string_view text) {
    std::string result = "'";
    for (const char c : text)
        result += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    return result + "'";
}

std::string fish_script() {
    std::string text =
        "# fish completion of aitbc\ncomplete -c aitbc -f\n"
        "function __aitbc_at\n  set -l words (commandline -opc)[2..-1]\n  set -l plain (string "
        "match -v -- '-*' $words)\n"
        "  test \"$plain\" = \"$argv\"; or string match -q -- \"$argv *\" \"$plain\"; and test -n "
        "\"$argv\"\nend\n"
        "function __aitbc_exactly\n  set -l plain (string match -v -- '-*' (commandline "
        "-opc)[2..-1])\n  test \"$plain\" = \"$argv\"\nend\n";
    std::set<std::string> offered;
    for (const auto* operation : commands_in_order()) {
        std::string at;
        const auto words = registry::split(operation->cli, ' ');
        for (std::size_t i = 0; i < words.size(); ++i) {
            const std::string description =
                i + 1 == words.size() ? std::string(operation->summary) : "";
            const std::string line = "complete -c aitbc -n " +
                                     fish_quoted("__aitbc_exactly " + at) + " -a " +
                                     fish_quoted(words[i]);
            if (offered.insert(line).second)
                text +=
                    line + (description.empty() ? "" : " -d " + fish_quoted(description)) + "\n";
            at += (at.empty() ? "" : " ") + std::string(words[i]);
        }
        for (const auto& parameter : operation->parameters) {
            const std::string flag = registry::flag_of(parameter).substr(2);
            text += "complete -c aitbc -n " + fish_quoted("__aitbc_at " + at) + " -l " + flag +
                    (parameter.kind == ValueKind::boolean ? "" : " -x");
            std::string choices(parameter.choices);
            for (auto& c : choices) c = c == '|' ? ' ' : c;
            const std::string live = live_command(parameter.name);
            if (!choices.empty()) text += " -a " + fish_quoted(choices);
            if (!live.empty())
                text += " -a " + fish_quoted("(timeout 0.2 aitbc " + live +
                                             " -o name --quiet --no-input 2>/dev/null)");
            text += " -d " + fish_quoted(parameter.help) + "\n";
        }
    }
    return text;
}

}  // namespace

std::string completion_script(std::string_view shell) {
    if (shell == "fish") return fish_script();
    const Words words = collect();
    return shell == "zsh" ? zsh_script(words) : bash_script(words);
}

}  // namespace ait::cli
