// What TSan is told to leave out, in every program of the tsan preset, and why.
//
// librocksdb.so: the packaged library is not instrumented, so TSan sees neither the atomics that
// order its skip lists nor its hand-overs between threads, but it does see its memcpy, its frees,
// and the inline functions of its headers that our binaries hold too. Left out are reports with one
// of its frames in a stack; of our code, only what runs inside its calls is among them.

extern "C" const char* __tsan_default_suppressions();  // the name is TSan's
extern "C" const char* __tsan_default_suppressions() {
    return "called_from_lib:librocksdb.so\n"
           "race:librocksdb.so\n";
}
