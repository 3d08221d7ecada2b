#include "runtime/cli/completion.hpp"

namespace ait::cli {
namespace {

/// bash cuts words at ':' and '=', which are inside of model names and of --flag=value: they are
/// joined again before the program is asked, and what bash keeps of the word is taken from the
/// answers.
constexpr std::string_view bash_script =
    R"sh(# bash completion of aitbc: source <(aitbc completion bash)
_aitbc() {
  local -a words=() found=()
  local i word join='' line cut=''
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ -n $join || $word == [:=]* ]] && ((${#words[@]} > 0)); then
      words[${#words[@]}-1]+=$word
    else
      words+=("$word")
    fi
    case $word in *[:=]) join=1 ;; *) join='' ;; esac
  done
  word=${words[${#words[@]}-1]-}
  case $word in *[:=]*) cut=${word%"${word##*[:=]}"} ;; esac
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files) compopt -o default 2>/dev/null; return ;;
      :*) ;;
      *) line=${line%%$'\t'*}; found+=("${line#"$cut"}") ;;
    esac
  done < <("${COMP_WORDS[0]}" __complete -- "${words[@]}" 2>/dev/null)
  COMPREPLY=("${found[@]}")
}
complete -F _aitbc aitbc aima
)sh";

constexpr std::string_view zsh_script = R"sh(#compdef aitbc aima
# zsh completion of aitbc: source <(aitbc completion zsh), or as _aitbc in a folder of fpath
_aitbc() {
  local -a described
  local line value files=''
  for line in "${(@f)$("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      :files) files=1 ;;
      :*|'') ;;
      *$'\t'*) value=${line%%$'\t'*}; described+=("${value//:/\\:}:${line#*$'\t'}") ;;
      *) described+=("${line//:/\\:}") ;;
    esac
  done
  if [[ -n $files ]]; then
    _files
  elif (( ${#described} )); then
    _describe 'aitbc' described
  fi
}
if [[ ${funcstack[1]-} == _aitbc ]]; then
  _aitbc "$@"
else
  compdef _aitbc aitbc aima
fi
)sh";

constexpr std::string_view fish_script =
    R"sh(# fish completion of aitbc: aitbc completion fish | source
function __aitbc_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l program $words[1]
  set -e words[1]
  for line in ($program __complete -- $words "$current" 2>/dev/null)
    switch $line
      case ':files'
        __fish_complete_path "$current"
      case ':*'
      case '*'
        echo $line
    end
  end
end
complete -c aitbc -f -a '(__aitbc_complete)'
complete -c aima -f -a '(__aitbc_complete)'
)sh";

}  // namespace

std::string completion_script(std::string_view shell) {
    if (shell == "fish") return std::string(fish_script);
    return std::string(shell == "zsh" ? zsh_script : bash_script);
}

}  // namespace ait::cli
