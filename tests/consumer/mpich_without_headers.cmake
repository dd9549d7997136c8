# MPICH's wrappers may be there without its headers, which are another package: the tests are built without MPICH then.
file(REMOVE_RECURSE "${STAGE}")
file(WRITE "${STAGE}/mpicxx" "#!/bin/sh\necho \"c++ '-I${STAGE}/include' -lmpich\"\n")
file(CHMOD "${STAGE}/mpicxx" PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)

function(expect_mpich_targets expected)
  execute_process(
    COMMAND "${CMAKE_COMMAND}" -S "${SOURCE}" -B "${STAGE}/build" -G "${GENERATOR}"
      "-DCMAKE_CXX_COMPILER=${CXX}"
      "-DCMAKE_CXX_FLAGS=${CXX_FLAGS}"
      -DDCP_BUILD_TESTS=ON
      "-DDCP_MPICH_CXX=${STAGE}/mpicxx"
      "-DDCP_MPICH_RUN=${STAGE}/mpicxx"
    COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND "${CMAKE_COMMAND}" --build "${STAGE}/build" --target help
    OUTPUT_VARIABLE targets COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[a-z_]+[.]mpich" found "${targets}")
  if((expected AND NOT found) OR (found AND NOT expected))
    message(FATAL_ERROR "targets of MPICH: '${found}', and there should be some: ${expected}")
  endif()
endfunction()

expect_mpich_targets(FALSE)
file(WRITE "${STAGE}/include/mpi.h" "")
expect_mpich_targets(TRUE)
