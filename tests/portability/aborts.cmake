# cmake -DPROGRAM=... -DARGUMENT=... -DEXPECTED=REGEX -P aborts.cmake: fails unless the program prints EXPECTED and aborts.
execute_process(COMMAND "${PROGRAM}" "${ARGUMENT}" RESULT_VARIABLE status ERROR_VARIABLE output)
message("${output}")
if(NOT status MATCHES "[Aa]borted")
  message(FATAL_ERROR "it ended with ${status}")
endif()
if(NOT output MATCHES "${EXPECTED}")
  message(FATAL_ERROR "it did not print ${EXPECTED}")
endif()
