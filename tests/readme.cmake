# cmake -DREADME=FILE -DEXAMPLE=FILE -P readme.cmake: fails unless the README has the example as C++ code, word for word but
# for the head of the latter, which says how it is compiled.
file(READ "${README}" readme)
file(READ "${EXAMPLE}" example)
string(REGEX REPLACE "^(//[^\n]*\n)+\n" "" example "${example}")

string(FIND "${readme}" "```cpp\n${example}```\n" begin)
if(begin EQUAL -1)
  message(FATAL_ERROR "${README} does not have the code of ${EXAMPLE}:\n${example}")
endif()
