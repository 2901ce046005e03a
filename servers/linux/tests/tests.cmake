# Host tests of the file side: the sources under test, against hosted/, with doubles for what belongs to processes (doubles.cpp).
if(HATI_HOST_TESTS)
  set(tested
    core/page_in.cpp core/user.cpp core/wait.cpp
    file/anonymous.cpp file/epoll.cpp file/fd_table.cpp file/file.cpp file/io.cpp file/pipe.cpp
    fs/tmpfs/attributes.cpp fs/tmpfs/content.cpp fs/tmpfs/inode.cpp fs/tmpfs/tmpfs.cpp
    process/identity.cpp
    vfs/acl.cpp vfs/dentry.cpp vfs/inode.cpp vfs/locks.cpp vfs/mount.cpp vfs/notify.cpp vfs/path.cpp vfs/walk.cpp
    tests/doubles.cpp)
  list(TRANSFORM tested PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  add_library(hati_linux_file_tested STATIC ${tested})
  target_compile_options(hati_linux_file_tested PRIVATE ${HATI_WARNINGS} ${HATI_HOST_FLAGS} -ffunction-sections -fdata-sections)
  hati_use_precompiled(hati_linux_file_tested hati_host_headers)
  target_link_libraries(hati_linux_file_tested PUBLIC hati_hosted)
  file(GLOB checks CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/tests/abi_*_check.cpp)
  hati_host_test(linux_abi_test ${CMAKE_CURRENT_SOURCE_DIR}/tests/abi_test.cpp ${checks})
  # The kernel's headers and the C library's define the same structures.
  set_target_properties(linux_abi_test PROPERTIES DISABLE_PRECOMPILE_HEADERS ON)
  foreach(name abi_debug tmpfs walk pipe)
    hati_host_test(linux_${name}_test ${CMAKE_CURRENT_SOURCE_DIR}/tests/${name}_test.cpp LIBRARIES hati_linux_file_tested)
    # Parts of the sources that no test reaches refer to rooms that are not linked.
    target_link_options(linux_${name}_test PRIVATE -Wl,--gc-sections)
  endforeach()
  hati_host_test(linux_acl_test ${CMAKE_CURRENT_SOURCE_DIR}/vfs/acl_test.cpp LIBRARIES hati_linux_file_tested)
  target_link_options(linux_acl_test PRIVATE -Wl,--gc-sections)
endif()
