# Everything that `mlp build` links into an artifact besides kernels and package, made ready while the project is built, so
# that no compiler, linker or -dev package is needed where mlp is installed:
#   executable.o  start code, main and all libraries down to libc, linked into one relocatable object
#   device.o      the same for a GPU, without libc and libm: a program that is linked against them
#   library.o     the C interface and all libraries but libc and libm, in the same way: for a library, or joined into an object
#   executable-pictures.o and so on   the same with room `pictures`, for a pipeline that reads some
#   start.o       what runs first (runtime/base/self_check.cpp); apart, because it stands first in an executable
#   crti.o, crtbeginS.o, crtendS.o, crtn.o       start and end of a library
#   libc.so.6, libm.so.6, ld-linux-x86-64.so.2   what a library and a program for a GPU are linked against
# mlp_artifact_runtime(NAME DIRECTORY dir MAIN sources... ROOMS rooms... [DEVICE sources...] [LIBRARY room])

function(mlp_crt_files variable)
  set(paths)
  foreach(file ${ARGN})
    execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=${file} OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(NOT IS_ABSOLUTE "${path}")
      message(FATAL_ERROR "${file} of the C library or the compiler is missing: run scripts/install-dependencies")
    endif()
    list(APPEND paths ${path})
  endforeach()
  set(${variable} ${paths} PARENT_SCOPE)
endfunction()

# One relocatable object from what is added to the target, BEGIN before it, LIBS of the compiler and END behind it. Behind
# all rooms, that is: room `base`, the last of every link, adds the ARTIFACT_TAIL of whatever is linked.
function(mlp_relocatable target output directory)
  cmake_parse_arguments(PART "" "LIBS" "BEGIN;END;ROOMS" ${ARGN})
  mlp_crt_files(begin ${PART_BEGIN})
  mlp_crt_files(end ${PART_END})
  list(TRANSFORM end PREPEND ",")
  list(JOIN end "" end)
  target_link_options(${target} PRIVATE -r -nostdlib -static -no-pie -Wl,--strip-debug ${begin})
  foreach(room ${PART_ROOMS})
    target_link_libraries(${target} PRIVATE mlp_${room})
  endforeach()
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${output} SUFFIX .o RUNTIME_OUTPUT_DIRECTORY ${directory}
    ARTIFACT_TAIL "-Wl,--start-group,${PART_LIBS},--end-group${end}")
endfunction()

function(mlp_artifact_runtime name)
  cmake_parse_arguments(ARTIFACT "" "DIRECTORY;LIBRARY" "MAIN;DEVICE;ROOMS" ${ARGN})

  add_library(${name}_start OBJECT ${PROJECT_SOURCE_DIR}/runtime/base/self_check.cpp)
  target_include_directories(${name}_start PRIVATE ${PROJECT_SOURCE_DIR})
  get_source_file_property(start_flags ${PROJECT_SOURCE_DIR}/runtime/base/self_check.cpp DIRECTORY ${PROJECT_SOURCE_DIR}/runtime/base COMPILE_OPTIONS)
  target_compile_options(${name}_start PRIVATE ${start_flags})

  set(made)
  foreach(more "" -pictures)
    set(rooms)
    set(wanted)
    if(more)
      set(rooms pictures)
      set(wanted -Wl,--undefined=mlp_read_picture,--undefined=mlp_write_picture)  # weak elsewhere: runtime/values/picture.h
    endif()
    set(target ${name}_executable${more})
    add_executable(${target} ${ARTIFACT_MAIN})
    mlp_relocatable(${target} executable${more} ${ARTIFACT_DIRECTORY} ROOMS ${ARTIFACT_ROOMS} ${rooms}
      BEGIN crt1.o crti.o crtbeginT.o LIBS -lstdc++,-lm,-lc,-lgcc,-lgcc_eh END crtend.o crtn.o)
    target_link_options(${target} PRIVATE ${wanted})
    list(APPEND made ${target})
    if(ARTIFACT_DEVICE)
      set(target ${name}_device${more})
      add_executable(${target} ${ARTIFACT_DEVICE})
      mlp_relocatable(${target} device${more} ${ARTIFACT_DIRECTORY} ROOMS ${ARTIFACT_ROOMS} ${rooms}
        BEGIN crt1.o crti.o crtbegin.o LIBS -lstdc++,-lgcc,-lgcc_eh END crtend.o crtn.o)
      target_link_options(${target} PRIVATE ${wanted})
      list(APPEND made ${target})
    endif()
    if(ARTIFACT_LIBRARY)
      set(target ${name}_library${more})
      add_executable(${target} $<TARGET_OBJECTS:mlp_${ARTIFACT_LIBRARY}>)
      set_target_properties(${target} PROPERTIES LINKER_LANGUAGE CXX)
      mlp_relocatable(${target} library${more} ${ARTIFACT_DIRECTORY} ROOMS ${ARTIFACT_LIBRARY} ${rooms}
        LIBS -lstdc++,-lgcc,-lgcc_eh)
      # What is inside is not merged with its like in the caller's program: no section groups, no common symbols.
      target_link_options(${target} PRIVATE -Wl,--force-group-allocation,-d ${wanted})
      list(APPEND made ${target})
    endif()
  endforeach()

  mlp_crt_files(shared crti.o crtbeginS.o crtendS.o crtn.o libc.so.6 libm.so.6 ld-linux-x86-64.so.2)
  add_custom_target(${name} ALL
    COMMAND ${CMAKE_COMMAND} -E make_directory ${ARTIFACT_DIRECTORY}
    COMMAND ${CMAKE_COMMAND} -E copy_if_different ${shared} ${ARTIFACT_DIRECTORY}
    COMMAND ${CMAKE_COMMAND} -E copy_if_different $<TARGET_OBJECTS:${name}_start> ${ARTIFACT_DIRECTORY}/start.o
    DEPENDS ${made} COMMENT "Artifact runtime in ${ARTIFACT_DIRECTORY}" VERBATIM)
  add_dependencies(${name} ${name}_start)
endfunction()
