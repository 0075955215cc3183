# Run after a test program was linked: asks it for its suites and writes one ctest entry for each, MODULE.Suite, to OUTPUT.
# Instances of one parameterised suite ("On/Suite.", "Suite/0.") belong to one entry.
execute_process(COMMAND ${PROGRAM} --gtest_list_tests OUTPUT_VARIABLE listed RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "${PROGRAM} --gtest_list_tests: ${failed}")
endif()
string(REGEX MATCHALL "(^|\n)[A-Za-z0-9_/]+\\." lines "${listed}")
set(suites "")
foreach(line ${lines})
  string(REGEX REPLACE "^\n|\\.$" "" suite "${line}")
  string(REGEX REPLACE "/[0-9]+$" "" name "${suite}")  # of a type
  string(REGEX REPLACE "^.*/" "" name "${name}")       # of an instance
  list(APPEND suites ${name})
  list(APPEND filter_${name} "${suite}.*")
endforeach()
if(NOT suites)
  message(FATAL_ERROR "${PROGRAM} --gtest_list_tests: expected suites, found none")
endif()
list(REMOVE_DUPLICATES suites)
set(text "")
foreach(suite ${suites})
  list(JOIN filter_${suite} ":" filter)
  string(APPEND text "add_test([=[${MODULE}.${suite}]=] [=[${PROGRAM}]=] [=[--gtest_brief=1]=] [=[--gtest_filter=${filter}]=])\n"
    "set_tests_properties([=[${MODULE}.${suite}]=] PROPERTIES LABELS unit)\n")
endforeach()
file(WRITE ${OUTPUT} "${text}")
