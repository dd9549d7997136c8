# A parent that has dcp as a subproject and exports a library that links to it. By itself it installs nothing of dcp;
# with DCP_INSTALL=ON all that its own users need, which are in STAGE/moved then.
file(REMOVE_RECURSE "${STAGE}")

function(install_parent name)
  execute_process(
    COMMAND "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/exporting" -B "${STAGE}/${name}-build" -G "${GENERATOR}"
      "-DCMAKE_CXX_COMPILER=${CXX}"
      "-DCMAKE_CXX_FLAGS=${CXX_FLAGS}"
      "-DCMAKE_INSTALL_PREFIX=${STAGE}/${name}"
      "-DDCP_CHECKOUT=${SOURCE}"
      ${ARGN}
    COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND "${CMAKE_COMMAND}" --install "${STAGE}/${name}-build" COMMAND_ERROR_IS_FATAL ANY)
endfunction()

install_parent(without)
file(GLOB_RECURSE installed RELATIVE "${STAGE}/without" "${STAGE}/without/*dcp*")
if(installed)
  message(FATAL_ERROR "installed unasked: ${installed}")
endif()

install_parent(with -DDCP_INSTALL=ON)
file(RENAME "${STAGE}/with" "${STAGE}/moved")
