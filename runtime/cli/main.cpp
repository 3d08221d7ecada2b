#include <string>
#include <vector>

#include "runtime/cli/run.hpp"

int main(int count, char** texts) {
    std::stop_source stop;
    const std::vector<std::string> arguments(texts + (count > 0 ? 1 : 0), texts + count);
    ait::cli::Console console = ait::cli::process_console(count > 0 ? texts[0] : "aitbc", stop);
    return ait::cli::run(arguments, console);
}
