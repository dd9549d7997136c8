# Runs what follows `--`, and the command EXPECTED: both have to end well and print the same, byte for byte.
include("${CMAKE_CURRENT_LIST_DIR}/../command_after_dashes.cmake")
list(REMOVE_ITEM EXPECTED "")

execute_process(COMMAND ${EXPECTED} OUTPUT_FILE "${OUTPUT}.expected" ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${command} OUTPUT_FILE "${OUTPUT}.actual" COMMAND_ERROR_IS_FATAL ANY)
file(SIZE "${OUTPUT}.expected" size)
if(size EQUAL 0)
  message(FATAL_ERROR "nothing was printed")
endif()
execute_process(COMMAND "${CMAKE_COMMAND}" -E compare_files "${OUTPUT}.expected" "${OUTPUT}.actual"
  COMMAND_ERROR_IS_FATAL ANY)
