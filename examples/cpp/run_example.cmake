# cmake -DEXPECTED=FILE -P run_example.cmake -- PROGRAM ARGUMENT...
# Runs a program and fails unless it ends well and prints what FILE says: a regular expression for
# each line, or "..." for any number of lines.
cmake_minimum_required(VERSION 3.25)

set(command)
set(found FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE ${last})
  if(found)
    list(APPEND command "${CMAKE_ARGV${i}}")
  elseif(CMAKE_ARGV${i} STREQUAL "--")
    set(found TRUE)
  endif()
endforeach()

execute_process(COMMAND ${command}
  OUTPUT_VARIABLE output ERROR_VARIABLE errors RESULT_VARIABLE status)
message("${output}${errors}")
if(NOT status EQUAL 0)
  message(FATAL_ERROR "the program ended with ${status}")
endif()

file(READ ${EXPECTED} pattern)
string(REGEX REPLACE "\n$" "" pattern "${pattern}")
# A line end stands for itself. "." must not cross one. (No set may hold ".+" or ".*".)
string(REPLACE "\n...\n" "\n@ANY_LINES@" pattern "${pattern}")
string(REPLACE ".*" "[^\n]*" pattern "${pattern}")
string(REPLACE ".+" "[^\n]+" pattern "${pattern}")
string(REPLACE "@ANY_LINES@" "([^\n]*\n)*" pattern "${pattern}")
if(NOT output MATCHES "^${pattern}\n$")
  message(FATAL_ERROR "the output is not what ${EXPECTED} says")
endif()
