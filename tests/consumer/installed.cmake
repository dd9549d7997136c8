# Lays out in STAGE what most consumers use: an installed copy, and the one header in an otherwise empty folder.
file(REMOVE_RECURSE "${STAGE}")
execute_process(
  COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${STAGE}/installed" --config "${CONFIG}" --component dcp
  COMMAND_ERROR_IS_FATAL ANY)
# A package gets built in one place and used in another: no absolute path may be in it.
file(RENAME "${STAGE}/installed" "${STAGE}/moved")
file(COPY "${SOURCE}/include/dcp/dedup_tensors.hpp" DESTINATION "${STAGE}/copied/dcp")
