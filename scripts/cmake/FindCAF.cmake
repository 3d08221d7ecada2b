# CAF's Debian package has no CMake configuration. Gives CAF::core; libcaf_io and libcaf_openssl are
# left out on purpose: peers talk over our own transport (net/).
if(CAF_ROOT)
    # The tsan preset names the CAF that scripts/caf_tsan built; to take the system's would go unseen.
    set(caf_place PATHS ${CAF_ROOT} NO_DEFAULT_PATH)
endif()
find_path(CAF_INCLUDE_DIR caf/config.hpp PATH_SUFFIXES include ${caf_place})
find_library(CAF_CORE_LIBRARY NAMES caf_core caf_core_static PATH_SUFFIXES lib ${caf_place})
if(CAF_INCLUDE_DIR)
    file(STRINGS ${CAF_INCLUDE_DIR}/caf/config.hpp caf_version_line REGEX "#define CAF_VERSION [0-9]+")
    string(REGEX REPLACE ".* ([0-9]+)$" "\\1" CAF_VERSION_NUMBER "${caf_version_line}")
    math(EXPR caf_major "${CAF_VERSION_NUMBER} / 10000")
    math(EXPR caf_minor "(${CAF_VERSION_NUMBER} / 100) % 100")
    math(EXPR caf_patch "${CAF_VERSION_NUMBER} % 100")
    set(CAF_VERSION ${caf_major}.${caf_minor}.${caf_patch})
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(CAF REQUIRED_VARS CAF_CORE_LIBRARY CAF_INCLUDE_DIR VERSION_VAR CAF_VERSION)
if(CAF_FOUND AND NOT TARGET CAF::core)
    find_package(Threads REQUIRED)
    add_library(CAF::core UNKNOWN IMPORTED)
    set_target_properties(CAF::core PROPERTIES
        IMPORTED_LOCATION ${CAF_CORE_LIBRARY}
        INTERFACE_INCLUDE_DIRECTORIES ${CAF_INCLUDE_DIR}
        INTERFACE_LINK_LIBRARIES Threads::Threads)
endif()
mark_as_advanced(CAF_INCLUDE_DIR CAF_CORE_LIBRARY)
