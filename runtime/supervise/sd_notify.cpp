#include "runtime/supervise/sd_notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "runtime/supervise/process.hpp"

namespace ait::supervise {
namespace {

std::int64_t number_variable(const char* name) {
    const char* text = std::getenv(name);
    std::int64_t number = 0;
    if (text != nullptr) std::from_chars(text, text + std::strlen(text), number);
    return number;
}

}  // namespace

Status sd_notify(std::string_view state) {
    const char* path = std::getenv("NOTIFY_SOCKET");
    ::sockaddr_un address{};
    if (path == nullptr || (path[0] != '/' && path[0] != '@')) return {};
    const std::size_t length = std::strlen(path);
    if (length >= sizeof address.sun_path) return {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path, length);
    // '@' stands for the zero byte of the abstract name space.
    if (path[0] == '@') address.sun_path[0] = '\0';
    const Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto size = static_cast<::socklen_t>(offsetof(::sockaddr_un, sun_path) + length);
    const auto sent = ::sendto(socket.number(), state.data(), state.size(), MSG_NOSIGNAL,
                               reinterpret_cast<const ::sockaddr*>(&address), size);
    if (sent == static_cast<::ssize_t>(state.size())) return {};
    return Error{ErrorCode::unavailable, "The service manager was not told.", std::strerror(errno),
                 ""};
}

std::int64_t sd_watchdog_interval_ms() {
    const auto wanted_pid = number_variable("WATCHDOG_PID");
    if (wanted_pid != 0 && wanted_pid != ::getpid()) return 0;
    constexpr std::int64_t us_per_ms = 1'000;
    return number_variable("WATCHDOG_USEC") / us_per_ms / 2;
}

}  // namespace ait::supervise
