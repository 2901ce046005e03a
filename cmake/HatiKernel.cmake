# Freestanding kernel code: no exceptions, no RTTI, no vector registers; libc++'s header-only parts.
set(HATI_KERNEL_FLAGS
  -ffreestanding -nostdlib -mno-red-zone -mno-mmx -mno-sse -mno-avx -msoft-float -mcmodel=kernel -fno-pic -fno-pie
  -fno-stack-protector -fno-omit-frame-pointer -ffunction-sections -fdata-sections -fno-threadsafe-statics
  -O2 -g1 -D_LIBCPP_HARDENING_MODE=_LIBCPP_HARDENING_MODE_NONE -DHATI_KERNEL=1)
set(HATI_KERNEL_CXX_FLAGS -std=c++23 -stdlib=libc++ -fno-exceptions -fno-rtti -fno-use-cxa-atexit)

# hati_kernel_sources(file...) adds sources of the current folder to the kernel image (built in kernel/CMakeLists.txt).
function(hati_kernel_sources)
  foreach(file ${ARGN})
    set_property(GLOBAL APPEND PROPERTY HATI_KERNEL_SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  endforeach()
endfunction()
