// The process that a model file is checked by, and a worse one: a text "test.plant" in the file's
// metadata makes it do what a file could make a broken reader do. Without one it checks honestly.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <new>
#include <string>

#include "gpu/core/gguf.hpp"
#include "gpu/core/mapped_file.hpp"
#include "runtime/miner/gguf_check.hpp"
#include "runtime/miner/roles.hpp"
#include "runtime/miner/sandbox.hpp"

namespace {

using namespace ait;
using namespace ait::miner_process;

std::string planted_in_file() {
    const auto mapped = gpu::map_descriptor(gguf_check_descriptor, "model");
    if (!mapped.ok()) return {};
    const auto file = gpu::GgufFile::parse(mapped.value().bytes);
    return file.ok() ? std::string(file.value().find_string("test.plant").value_or("")) : "";
}

void say(const std::string& text) {
    (void)!::write(STDOUT_FILENO, text.data(), text.size());
}

/// What the parent must have taken from this process before its first instruction.
int tell_what_is_left() {
    std::string left;
    if (environ != nullptr && environ[0] != nullptr) left += " environment";
    for (int fd = gguf_check_descriptor + 1; fd < 1'000; ++fd) {
        if (::fcntl(fd, F_GETFD) >= 0) left += " descriptor-" + std::to_string(fd);
    }
    say(left.empty() ? "ok\n" : "internal\nLeft:" + left + "\n\n\n");
    return left.empty() ? 0 : 1;
}

void allocate_without_end() {
    std::set_new_handler([] { ::_exit(out_of_memory_exit); });
    constexpr std::size_t step = 64U * 1024 * 1024;
    while (true) {
        volatile char* const more = static_cast<volatile char*>(::operator new(step));
        more[0] = 1;
    }
}

int misbehave(const std::string& plant) {
    if (plant == "what-is-left") return tell_what_is_left();
    if (!enter_sandbox().ok()) return 1;
    if (plant == "crash") std::abort();
    if (plant == "wild-pointer") {
        volatile std::uintptr_t nowhere = 8;  // volatile, or the compiler refuses to build the bug
        *reinterpret_cast<volatile int*>(nowhere) = 1;
    }
    if (plant == "hang") {
        ::kill(::getpid(), SIGSTOP);  // without a sandbox; in it, the call itself is fatal
    }
    if (plant == "spin") {
        for (volatile bool forever = true; forever;) {
        }
    }
    if (plant == "allocate") allocate_without_end();
    if (plant == "open-file") (void)::open("/etc/passwd", O_RDONLY);
    if (plant == "socket") (void)::socket(AF_INET, SOCK_STREAM, 0);
    if (plant == "fork") (void)::fork();
    if (plant == "executable-memory") {
        (void)::mmap(nullptr, 4'096, PROT_READ | PROT_WRITE | PROT_EXEC,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    if (plant == "flood") {
        while (true) say(std::string(4'096, 'x'));
    }
    if (plant == "lie") {
        say("ok\n");
        return 1;
    }
    if (plant == "garbage") say("\x1b[2J\xff nonsense");
    if (plant == "escapes") {
        say("malformed\nA \x1b[31mred\x1b[0m error\nwhy\nnext\n");
        return 1;
    }
    return 0;
}

}  // namespace

int main() {
    const std::string plant = planted_in_file();
    if (plant.empty()) return run_gguf_check_role({});
    return misbehave(plant);
}
