#include "runtime/cli/replace_process.hpp"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <system_error>

namespace ait::cli {

Error replace_process(const std::string& program, const std::vector<std::string>& arguments) {
    std::vector<std::string> copies{program};
    copies.insert(copies.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (auto& argument : copies) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    // Handlers vanish by exec, ignored signals stay ignored: give the defaults back.
    ::signal(SIGPIPE, SIG_DFL);
    ::signal(SIGINT, SIG_DFL);
    ::signal(SIGTERM, SIG_DFL);
    // The program that takes over works for hours and has no use for the wallet's password.
    ::unsetenv("AITBC_WALLET_PASSWORD");
    ::execv(program.c_str(), pointers.data());
    return {ErrorCode::unavailable, "\"" + program + "\" cannot be started.",
            std::generic_category().message(errno) + ".", "Install aitbcd beside aitbc."};
}

}  // namespace ait::cli
