// What TSan is told to leave out, in every program of the tsan preset, and why.
//
// librocksdb.so: the packaged library is not instrumented. Its memtable is a skip list that readers
// and a writer share without locks, ordered by atomics that TSan does not see; but it does see
// the memcpy and memcmp on the nodes. Left out are only memory accesses of library functions that
// RocksDB itself calls: locks are still followed through it, and what our code does with its
// results is still watched. The second line is for an inline function of RocksDB's headers that our
// binaries also hold, so that the library calls our instrumented copy of it.

extern "C" const char* __tsan_default_suppressions();  // the name is TSan's
extern "C" const char* __tsan_default_suppressions() {
    return "called_from_lib:librocksdb.so\n"
           "race:std::vector<rocksdb::DbPath\n";
}
