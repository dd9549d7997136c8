# Installs from a new build folder, into folders as a distribution may have them, with nothing but CMake: there is no
# compiler, and BUILD_TESTING=OFF is CMake's own word for no tests.
file(REMOVE_RECURSE "${STAGE}")
# (The absolute one is in the prefix, as CMake takes no other in the tree of the sources, where a build folder may be.)
execute_process(
  COMMAND "${CMAKE_COMMAND}" -S "${SOURCE}" -B "${STAGE}/build" -G "${GENERATOR}" -Werror=dev
    -DCMAKE_CXX_COMPILER=there-is-no-compiler
    -DBUILD_TESTING=OFF
    -DDCP_BUILD_TESTS=ON
    "-DCMAKE_INSTALL_PREFIX=${STAGE}/prefix"
    "-DCMAKE_INSTALL_INCLUDEDIR=${STAGE}/prefix/elsewhere/include"
    -DCMAKE_INSTALL_DATADIR=deep/share
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${STAGE}/build" COMMAND_ERROR_IS_FATAL ANY)

file(GLOB headers RELATIVE "${SOURCE}/include" "${SOURCE}/include/dcp/*.hpp")
file(GLOB installed RELATIVE "${STAGE}/prefix/elsewhere/include" "${STAGE}/prefix/elsewhere/include/dcp/*")
if(NOT headers OR NOT headers STREQUAL installed)
  message(FATAL_ERROR "installed are ${installed}, and there are ${headers}")
endif()
