# Libraries, all from Debian but DuckDB, which scripts/install-dependencies fetches from npm.
find_package(Threads REQUIRED)
find_package(GTest REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(fmt 9 REQUIRED)
find_library(CRYPTO_STATIC libcrypto.a REQUIRED)  # of OpenSSL 3; artifacts are static
find_package(SQLite3 REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_path(FAST_FLOAT_INCLUDE fast_float/fast_float.h REQUIRED)
find_path(XXHASH_INCLUDE xxhash.h REQUIRED)
find_path(CLI11_INCLUDE CLI/CLI.hpp REQUIRED)
find_program(ANTLR4_TOOL antlr4 REQUIRED)
find_package(antlr4-runtime REQUIRED CONFIG)
find_package(LLVM 19.1 REQUIRED CONFIG)
find_package(LLD REQUIRED CONFIG PATHS "${LLVM_LIBRARY_DIR}/cmake/lld" NO_DEFAULT_PATH)
find_program(CLANG_19 NAMES clang++-19 HINTS ${LLVM_TOOLS_BINARY_DIR} REQUIRED)

# DuckDB: an installed one (DUCKDB_ROOT or the system), else what was fetched from npm into third_party/.
find_path(DUCKDB_INCLUDE duckdb.h HINTS ${DUCKDB_ROOT} $ENV{DUCKDB_ROOT} ${PROJECT_SOURCE_DIR}/third_party/duckdb PATH_SUFFIXES include)
find_library(DUCKDB_LIBRARY duckdb HINTS ${DUCKDB_ROOT} $ENV{DUCKDB_ROOT} ${PROJECT_SOURCE_DIR}/third_party/duckdb PATH_SUFFIXES lib)
if(NOT DUCKDB_INCLUDE OR NOT DUCKDB_LIBRARY)
  message(FATAL_ERROR "DuckDB is missing: run scripts/install-dependencies, or set DUCKDB_ROOT")
endif()
# Nothing links it: runtime/data opens it when data is read.
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/lib/millrace)
file(CREATE_LINK ${DUCKDB_LIBRARY} ${PROJECT_BINARY_DIR}/lib/millrace/libduckdb.so SYMBOLIC)
add_library(duckdb INTERFACE)
target_include_directories(duckdb SYSTEM INTERFACE ${DUCKDB_INCLUDE})
