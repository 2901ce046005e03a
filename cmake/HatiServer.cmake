# Native servers and drivers: ordinary static-PIE programs on glibc and libc++, linked with the runtime.
# -mno-implicit-float: the compiler does not use vector registers on its own, so a program's extended state can stay in the
# processor while its supervisor answers a call.
set(HATI_SERVER_FLAGS
  -std=c++23 -stdlib=libc++ -O2 -g1 -fPIE -fno-exceptions -fno-rtti -fno-omit-frame-pointer -ffunction-sections -fdata-sections
  -mno-implicit-float -fno-stack-protector
  -D_LIBCPP_HARDENING_MODE=_LIBCPP_HARDENING_MODE_FAST)
# _hati_start registers the bridge that carries out glibc's system calls, then goes on to _start.
set(HATI_SERVER_LINK_FLAGS -static-pie -Wl,-e,_hati_start -stdlib=libc++ -fuse-ld=lld -Wl,--gc-sections -Wl,-z,relro,-z,now -rtlib=libgcc)

if(NOT HATI_HOST_TESTS)
  hati_precompiled_headers(hati_server_headers runtime/precompiled.h ${HATI_WARNINGS} ${HATI_SERVER_FLAGS})
endif()

# hati_server_library(name [HEADERS target] sources...): code of servers as a static library. HEADERS: whose precompiled headers it uses,
# hati_server_headers if not given.
function(hati_server_library name)
  if(HATI_HOST_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "HEADERS" "" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_compile_options(${name} PRIVATE ${HATI_WARNINGS} "$<$<COMPILE_LANGUAGE:CXX>:${HATI_SERVER_FLAGS}>" "$<$<COMPILE_LANGUAGE:ASM>:-fPIE>")
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  if(NOT ARG_HEADERS)
    set(ARG_HEADERS hati_server_headers)
  endif()
  hati_use_precompiled(${name} ${ARG_HEADERS})
endfunction()

# hati_server(name FOLDER servers|drivers SOURCES ... LIBRARIES ...): one program, build/native/FOLDER/name. Linked with hati_runtime.
function(hati_server name)
  if(HATI_HOST_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "FOLDER" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/native/${ARG_FOLDER})
  target_compile_options(${name} PRIVATE ${HATI_WARNINGS} ${HATI_SERVER_FLAGS})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  hati_use_precompiled(${name} hati_server_headers)
  target_link_options(${name} PRIVATE ${HATI_SERVER_LINK_FLAGS})
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES} hati_runtime)
endfunction()

# hati_boot_image(name MANIFEST file PROGRAMS NAME=target...): build/name, the image that the kernel gets as its initial ram disk.
# NAME is the path below .hati/; targets that do not exist are left out, which init then reports.
function(hati_boot_image name)
  if(HATI_HOST_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "MANIFEST" "PROGRAMS" ${ARGN})
  set(pairs)
  set(targets)
  foreach(pair ${ARG_PROGRAMS})
    string(REGEX MATCH "^([^=]+)=(.+)$" whole ${pair})
    set(target ${CMAKE_MATCH_2})
    if(TARGET ${target})
      list(APPEND pairs "${CMAKE_MATCH_1}=$<TARGET_FILE:${target}>")
      list(APPEND targets ${target})
    else()
      message(WARNING "${name} has no ${CMAKE_MATCH_1}")
    endif()
  endforeach()
  add_custom_command(
    OUTPUT ${CMAKE_BINARY_DIR}/${name}
    COMMAND python3 ${CMAKE_SOURCE_DIR}/servers/boot_image.py llvm-objcopy-19 ${CMAKE_BINARY_DIR}/${name} ${ARG_MANIFEST} ${pairs}
    DEPENDS ${targets} ${ARG_MANIFEST} ${CMAKE_SOURCE_DIR}/servers/boot_image.py ${CMAKE_SOURCE_DIR}/tools/hati/initramfs.py
    VERBATIM)
  add_custom_target(${name}_target ALL DEPENDS ${CMAKE_BINARY_DIR}/${name})
endfunction()
