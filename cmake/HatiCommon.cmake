# Flags that every target shares.
set(HATI_WARNINGS
  -Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor -Wthread-safety -Wimplicit-fallthrough -Wno-unused-parameter -Wno-missing-designated-field-initializers
  -Wno-missing-designated-field-initializers
  -Wno-gnu-statement-expression)

# Headers that most sources of a kind include are parsed once. hati_precompile(TARGET HEADER): TARGET's own; hati_use_precompiled(TARGET FROM): those of
# FROM, whose flags TARGET has, too.
function(hati_precompile target header)
  target_precompile_headers(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${CMAKE_SOURCE_DIR}/${header}>)
  _hati_precompiled_for_ccache(${target})
endfunction()
function(hati_use_precompiled target from)
  target_precompile_headers(${target} REUSE_FROM ${from})
  _hati_precompiled_for_ccache(${target})
endfunction()
# ccache must be told that a precompiled header may be trusted (and see CMakePresets.json).
function(_hati_precompiled_for_ccache target)
  if(CMAKE_CXX_COMPILER_LAUNCHER MATCHES ccache)
    target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
  endif()
endfunction()
# hati_precompiled_headers(NAME HEADER options...): a target that does nothing but have them.
function(hati_precompiled_headers name header)
  add_library(${name} OBJECT ${CMAKE_SOURCE_DIR}/cmake/empty.cpp)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${ARGN})
  hati_precompile(${name} ${header})
endfunction()
