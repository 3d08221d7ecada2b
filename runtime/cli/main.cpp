#include <string>
#include <vector>

#include "runtime/base/process_limits.hpp"
#include "runtime/cli/complete.hpp"
#include "runtime/cli/run.hpp"

int main(int count, char** texts) {
    ait::keep_memory_private();  // it will hold passwords and keys
    std::stop_source stop;
    const std::vector<std::string> arguments(texts + (count > 0 ? 1 : 0), texts + count);
    if (ait::cli::is_completion_request(arguments))
        ait::cli::end_process_after(ait::cli::completion_ms_max);
    ait::cli::Console console = ait::cli::process_console(count > 0 ? texts[0] : "aitbc", stop);
    return ait::cli::run(arguments, console);
}
