# cmake -DEXPECTED=REGEX -P expect.cmake -- PROGRAM [ARGUMENT...]: fails unless the program ends with 0 and what it writes,
# to standard output or standard error, matches.
include("${CMAKE_CURRENT_LIST_DIR}/command_after_dashes.cmake")

execute_process(COMMAND ${command} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
message("${output}")
if(NOT status EQUAL 0)
  message(FATAL_ERROR "it ended with ${status}")
endif()
if(NOT output MATCHES "${EXPECTED}")
  message(FATAL_ERROR "it did not print ${EXPECTED}")
endif()
