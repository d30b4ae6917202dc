# SPDX-License-Identifier: Apache-2.0
# Language, warnings, sanitizers and ccache for every target of ours.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# Kernels ask for -O3 themselves; elsewhere it only makes building slower. What runs once a run or once a file is built with -O1.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(TESSERA_COLD $<$<CONFIG:Release>:-O1>)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(TESSERA_CCACHE ccache)
if(TESSERA_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${TESSERA_CCACHE})
endif()

# Flags of our own code. Floating point is exactly what the source says: a compiler that fuses a*b+c on its own would make
# an element's result depend on where in a loop it stands.
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  set(TESSERA_FALSE_ALARMS -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow) # GCC 12 takes "literal" + std::string for copies that overlap or overrun
endif()
add_library(tessera_flags INTERFACE)
target_compile_options(tessera_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Werror ${TESSERA_FALSE_ALARMS} -ffp-contract=off -fno-math-errno -fno-trapping-math)
target_link_libraries(tessera_flags INTERFACE OpenMP::OpenMP_CXX) # everywhere: precompiled headers want the same flags
target_include_directories(tessera_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})

if(TESSERA_SANITIZE STREQUAL "address")
  set(sanitizers -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
elseif(TESSERA_SANITIZE STREQUAL "thread")
  set(sanitizers -fsanitize=thread -fno-omit-frame-pointer)
elseif(NOT TESSERA_SANITIZE STREQUAL "")
  message(FATAL_ERROR "TESSERA_SANITIZE is '${TESSERA_SANITIZE}'; use address, thread, or nothing")
endif()
if(sanitizers)
  # GCC 12 sees uninitialised members in the standard library's regular expressions once they are instrumented.
  target_compile_options(tessera_flags INTERFACE ${sanitizers} $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(tessera_flags INTERFACE ${sanitizers})
endif()
