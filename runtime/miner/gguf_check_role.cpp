#include <unistd.h>

#include <cstdio>
#include <new>

#include "runtime/miner/gguf_check.hpp"
#include "runtime/miner/roles.hpp"
#include "runtime/miner/sandbox.hpp"

namespace ait::miner_process {
namespace {

/// At the bound of memory a vector throws what nobody catches here; this says which bound it was.
[[noreturn]] void out_of_memory() {
    ::_exit(out_of_memory_exit);
}

/// The child: the file is open, and nothing else is.
[[noreturn]] void run_child() {
    std::set_new_handler(&out_of_memory);
    Status verdict = enter_sandbox();
    if (verdict.ok()) verdict = check_gguf_here(gguf_check_descriptor);
    const std::string text = render_verdict(verdict);
    const bool told = ::write(STDOUT_FILENO, text.data(), text.size()) ==
                      static_cast<ssize_t>(text.size());  // far less than a pipe holds
    // Without destructors: the sandbox has no use for what they might call.
    ::_exit(told && verdict.ok() ? 0 : 1);
}

int fail(const Error& error) {
    std::fputs(render_error(error).c_str(), stderr);
    return error_code_row(error.code).exit_status;
}

}  // namespace

int run_gguf_check_role(const std::vector<std::string>& arguments) {
    if (arguments.empty()) run_child();
    if (arguments.size() != 1) {
        return fail(Error{ErrorCode::usage, "The arguments are not understood.",
                          "One file can be checked at a time.",
                          "aitbcd --role gguf-check -- FILE"});
    }
    const auto file = open_checked_gguf(arguments[0], check_by_this_program());
    if (!file.ok()) return fail(file.error());
    std::printf("%s: a model file of %zu tensors, version %u\n", arguments[0].c_str(),
                file.value().tensors().size(), static_cast<unsigned>(file.value().version()));
    return 0;
}

}  // namespace ait::miner_process
