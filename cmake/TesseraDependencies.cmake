# SPDX-License-Identifier: Apache-2.0
# What Tessera builds on; scripts/setup installs all of it. oneDNN 3 comes from the system or from the wheels that
# scripts/setup unpacks into .deps/onednn.
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
set(MPI_CXX_SKIP_MPICXX TRUE)
find_package(MPI REQUIRED COMPONENTS CXX)
find_package(Protobuf REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(ZLIB REQUIRED)
find_package(PNG REQUIRED)
find_path(XXHASH_INCLUDE_DIR xxhash.h REQUIRED)

find_package(dnnl 3 QUIET CONFIG)
if(NOT dnnl_FOUND)
  find_package(dnnl CONFIG REQUIRED PATHS ${CMAKE_SOURCE_DIR}/.deps/onednn NO_DEFAULT_PATH)
endif()
if(dnnl_VERSION VERSION_LESS 3)
  message(FATAL_ERROR "oneDNN ${dnnl_VERSION} is too old: Tessera needs 3 or newer; run scripts/setup")
endif()
