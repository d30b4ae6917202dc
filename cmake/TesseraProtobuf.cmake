# SPDX-License-Identifier: Apache-2.0
# tessera_proto_library(NAME FILE.proto): a static library of the code that protoc makes of FILE, included as the proto's path
# from the top of the repository with .pb.h. Generated code is not ours: it is compiled without our warnings, and its headers
# are system headers.
function(tessera_proto_library name proto)
  file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${proto})
  string(REGEX REPLACE "\\.proto$" ".pb" generated ${CMAKE_BINARY_DIR}/${path})
  add_custom_command(
    OUTPUT ${generated}.cc ${generated}.h
    COMMAND protobuf::protoc --proto_path=${CMAKE_SOURCE_DIR} --cpp_out=${CMAKE_BINARY_DIR} ${path}
    DEPENDS ${CMAKE_SOURCE_DIR}/${path}
    COMMENT "Generating ${path}"
    VERBATIM)
  add_library(${name} STATIC ${generated}.cc)
  target_include_directories(${name} SYSTEM PUBLIC ${CMAKE_BINARY_DIR})
  target_link_libraries(${name} PUBLIC protobuf::libprotobuf)
endfunction()
