# SPDX-License-Identifier: Apache-2.0
message(STATUS "Tessera ${PROJECT_VERSION}")
message(STATUS "  build type   ${CMAKE_BUILD_TYPE} ${TESSERA_SANITIZE}")
message(STATUS "  compiler     ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}")
message(STATUS "  MPI          ${MPI_CXX_LIBRARIES}")
message(STATUS "  oneDNN       ${dnnl_VERSION} (${dnnl_DIR})")
message(STATUS "  protobuf     ${Protobuf_VERSION}")
message(STATUS "  ccache       ${TESSERA_CCACHE}")
message(STATUS "  tests        ${TESSERA_TESTS}")
