# Native servers and drivers: ordinary static-PIE programs on glibc and libc++, linked with the runtime.
# -mno-implicit-float: the compiler does not use vector registers on its own, so a program's extended state can stay in the
# processor while its supervisor answers a call.
set(HATI_SERVER_FLAGS
  -std=c++23 -stdlib=libc++ -O2 -g1 -fPIE -fno-exceptions -fno-rtti -fno-omit-frame-pointer -ffunction-sections -fdata-sections
  -mno-implicit-float -fno-stack-protector
  -D_LIBCPP_HARDENING_MODE=_LIBCPP_HARDENING_MODE_FAST)
# _hati_start registers the bridge that carries out glibc's system calls, then goes on to _start.
set(HATI_SERVER_LINK_FLAGS -static-pie -Wl,-e,_hati_start -stdlib=libc++ -fuse-ld=lld -Wl,--gc-sections -Wl,-z,relro,-z,now -rtlib=libgcc)

# hati_server_library(name sources...): code of servers as a static library.
function(hati_server_library name)
  if(HATI_HOST_TESTS)
    return()
  endif()
  add_library(${name} STATIC ${ARGN})
  target_compile_options(${name} PRIVATE ${HATI_WARNINGS} "$<$<COMPILE_LANGUAGE:CXX>:${HATI_SERVER_FLAGS}>" "$<$<COMPILE_LANGUAGE:ASM>:-fPIE>")
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
endfunction()

# hati_server(name FOLDER servers|drivers SOURCES ... LIBRARIES ...): one program, build/FOLDER/name. Linked with hati_runtime.
function(hati_server name)
  if(HATI_HOST_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "FOLDER" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/${ARG_FOLDER})
  target_compile_options(${name} PRIVATE ${HATI_WARNINGS} ${HATI_SERVER_FLAGS})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_options(${name} PRIVATE ${HATI_SERVER_LINK_FLAGS})
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES} hati_runtime)
endfunction()
