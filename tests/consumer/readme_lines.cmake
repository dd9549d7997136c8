# Types the README's lines that install the library and configure a project that finds it, word for word, in a new folder and
# with a home of its own.
file(READ "${SOURCE}/README.md" readme)
string(REGEX MATCH "```sh\n(cmake -B build[^`]*)```" lines "${readme}")
if(NOT lines)
  message(FATAL_ERROR "README.md has no lines that install the library")
endif()
set(lines "${CMAKE_MATCH_1}")

file(REMOVE_RECURSE "${STAGE}")
file(COPY "${SOURCE}/CMakeLists.txt" "${SOURCE}/.cmake" "${SOURCE}/include" DESTINATION "${STAGE}/dcp")
file(WRITE "${STAGE}/dcp/yours/CMakeLists.txt" "
cmake_minimum_required(VERSION 3.16)
project(yours LANGUAGES CXX)
find_package(dcp REQUIRED)
add_executable(yours main.cpp)
target_link_libraries(yours PRIVATE dcp::dedup_tensors)
")
file(COPY "${SOURCE}/tests/consumer/main.cpp" DESTINATION "${STAGE}/dcp/yours")
execute_process(
  COMMAND "${CMAKE_COMMAND}" -E env "HOME=${STAGE}/home" sh -e -c "${lines}"
  WORKING_DIRECTORY "${STAGE}/dcp"
  COMMAND_ERROR_IS_FATAL ANY)
