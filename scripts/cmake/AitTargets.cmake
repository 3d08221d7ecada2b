# One way to declare a library, a program and a test, so that warnings, sanitizers and precompiled
# headers are the same everywhere.

add_library(ait_warnings INTERFACE)
add_library(ait::warnings ALIAS ait_warnings)
target_compile_options(ait_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror
    # clang blames us for what libstdc++ 12 itself calls inside stable_sort.
    $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>)
target_compile_definitions(ait_warnings INTERFACE
    SPDLOG_FMT_EXTERNAL MSGPACK_NO_BOOST BOOST_ASIO_NO_DEPRECATED)
if(AIT_SANITIZE)
    target_compile_options(ait_warnings INTERFACE
        -fsanitize=${AIT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
    target_link_options(ait_warnings INTERFACE -fsanitize=${AIT_SANITIZE})
    if(AIT_SANITIZE MATCHES "undefined")
        # A header of CAF takes a reference through null when it spawns (notes/libraries.md).
        target_compile_options(ait_warnings INTERFACE -fno-sanitize=null)
    endif()
    if(AIT_SANITIZE MATCHES "thread")
        # TSan knows no fences, and Asio's add nothing to the mutexes around its queue: without them
        # -Wtsan stays on for fences of our own.
        target_compile_definitions(ait_warnings INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
    endif()
endif()

# ait_library(<room> SOURCES ... [PUBLIC ...] [PRIVATE ...]): target ait_<room>, alias ait::<room>.
function(ait_library room)
    cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
    add_library(ait_${room} STATIC ${ARG_SOURCES})
    add_library(ait::${room} ALIAS ait_${room})
    target_include_directories(ait_${room} PUBLIC ${PROJECT_SOURCE_DIR})
    target_link_libraries(ait_${room} PUBLIC ${ARG_PUBLIC} PRIVATE ait::warnings ${ARG_PRIVATE})
    # A fuzzer only learns from code that reports its edges, and that is the libraries'.
    if(AIT_BUILD_FUZZERS)
        target_compile_options(ait_${room} PRIVATE -fsanitize=fuzzer-no-link)
    endif()
endfunction()

# ait_sanitized(<program>): what TSan leaves out goes with the program, so that it holds wherever and
# by whomever it is started.
function(ait_sanitized name)
    if(AIT_SANITIZE MATCHES "thread")
        target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/scripts/cmake/tsan_suppressions.cpp)
    endif()
endfunction()

# ait_program(<name> SOURCES ... LINK ...): a binary in bin/.
function(ait_program name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE ait::warnings ${ARG_LINK})
    ait_sanitized(${name})
endfunction()

# ait_test(<name> SOURCES ... LINK ... [TIMEOUT seconds] [THREADED]): a GoogleTest program in tests/bin,
# each test known to ctest. THREADED: actors or threads run in it, so that scripts/test runs it under
# TSan (target and label "threaded").
add_custom_target(threaded)
function(ait_test name)
    cmake_parse_arguments(ARG "THREADED" "TIMEOUT" "SOURCES;LINK" ${ARGN})
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 120)
    endif()
    set(properties TIMEOUT ${ARG_TIMEOUT})
    if(ARG_THREADED)
        list(APPEND properties LABELS threaded)
        add_dependencies(threaded ${name})
    endif()
    add_executable(${name} ${ARG_SOURCES})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/bin)
    target_link_libraries(${name} PRIVATE ait::warnings ${ARG_LINK} GTest::gmock_main)
    ait_sanitized(${name})
    target_compile_definitions(${name} PRIVATE AIT_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES ${properties})
endfunction()

# ait_plant(<copy> <source> <patch>): the file <copy> is <source> with a bug planted into it. A target
# that compiles it beside the source's library gets the copy's symbols: it defines all that the
# library's object would, so that the linker never asks for that one.
function(ait_plant copy source patch)
    get_filename_component(folder ${copy} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    add_custom_command(OUTPUT ${copy}
        COMMAND patch --quiet --output=${copy} ${PROJECT_SOURCE_DIR}/${source} ${patch}
        DEPENDS ${PROJECT_SOURCE_DIR}/${source} ${patch}
        COMMENT "Planting a bug into ${source}" VERBATIM)
endfunction()

# ait_fuzzer(<name> SOURCES ... LINK ...): a libFuzzer harness in fuzz/; only when clang compiles.
function(ait_fuzzer name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
    if(NOT AIT_BUILD_FUZZERS)
        return()
    endif()
    add_executable(${name} ${ARG_SOURCES})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_libraries(${name} PRIVATE ait::warnings ${ARG_LINK})
endfunction()
