include(CMakeFindDependencyMacro)
find_dependency(dcp)
include("${CMAKE_CURRENT_LIST_DIR}/parentTargets.cmake")
