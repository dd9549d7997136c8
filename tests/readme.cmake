# cmake -DREADME=FILE -DEXAMPLE=FILE -P readme.cmake: fails unless the README's first C++ code is the example, word for word
# but for the head of the latter, which says how it is compiled.
file(READ "${README}" readme)
file(READ "${EXAMPLE}" example)
string(REGEX REPLACE "^(//[^\n]*\n)+\n" "" example "${example}")

set(fence "```cpp\n")
string(FIND "${readme}" "${fence}" begin)
if(begin EQUAL -1)
  message(FATAL_ERROR "${README} has no C++ code")
endif()
string(LENGTH "${fence}" fence_length)
math(EXPR begin "${begin} + ${fence_length}")
string(SUBSTRING "${readme}" ${begin} -1 code)
string(FIND "${code}" "```\n" end)
string(SUBSTRING "${code}" 0 ${end} code)

if(NOT code STREQUAL example)
  message(FATAL_ERROR
    "The first C++ code of ${README} is not ${EXAMPLE}. It is in the README:\n${code}\nand in the example:\n${example}")
endif()
