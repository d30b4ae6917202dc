# SPDX-License-Identifier: Apache-2.0
# tessera_precompiled(NAME HEADERS...) precompiles headers for the targets that say target_precompile_headers(TARGET REUSE_FROM NAME):
# parsing the same library headers again and again was half of a build. Sources still include what they use: the sanitizer
# presets compile without (CMAKE_DISABLE_PRECOMPILE_HEADERS).
set(TESSERA_EMPTY_SOURCE ${CMAKE_BINARY_DIR}/precompiled.cpp)
file(GENERATE OUTPUT ${TESSERA_EMPTY_SOURCE} CONTENT "// compiles headers only\n")
if(TESSERA_CCACHE AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  target_compile_options(tessera_flags INTERFACE -fpch-preprocess) # or ccache passes such compilations on
endif()

function(tessera_precompiled name)
  add_library(${name} OBJECT ${TESSERA_EMPTY_SOURCE})
  target_link_libraries(${name} PRIVATE tessera_flags fmt::fmt)
  target_precompile_headers(${name} PRIVATE <algorithm> <array> <atomic> <chrono> <cmath> <condition_variable> <cstdint> <cstring>
    <filesystem> <fstream> <functional> <map> <memory> <mutex> <optional> <set> <span> <sstream> <string> <string_view> <thread>
    <unordered_map> <utility> <vector> <fmt/format.h> <fmt/ranges.h> ${ARGN})
endfunction()

tessera_precompiled(tessera_headers)
