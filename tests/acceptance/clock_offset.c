// Preloaded into one node: the wall clock is off by as many seconds as the file named by
// CLOCK_OFFSET_FILE says at that moment. Timers (the monotonic clock) are left alone, as when
// somebody sets the time of a machine.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long offset_s(void) {
    const char* path = getenv("CLOCK_OFFSET_FILE");
    char text[32] = {0};
    if (path == NULL) return 0;
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    const ssize_t size = read(file, text, sizeof text - 1);
    close(file);
    return size > 0 ? strtol(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t clock, struct timespec* now) {
    const int result = (int)syscall(SYS_clock_gettime, clock, now);
    const int is_wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    if (result == 0 && is_wall) now->tv_sec += offset_s();
    return result;
}

int gettimeofday(struct timeval* now, void* zone) {
    const int result = (int)syscall(SYS_gettimeofday, now, zone);
    if (result == 0) now->tv_sec += offset_s();
    return result;
}

time_t time(time_t* out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL) *out = now.tv_sec;
    return now.tv_sec;
}
