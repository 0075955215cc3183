# One CMake target per folder under src/, with its sub-folders.
#   triage_module(name LINK libs...)   library triage_<name> from *.cc, its tests from *_test.cc,
#                                      its fuzz targets from *_fuzz.cc
#     WITHOUT stems..., ONLY stems...  where a folder makes two libraries: not these files, no others
#     FOLDER folder                    of the tree, where it is not the current one
#     STAND_IN stems...                of the files without_*.cc, which take the place of others, these; in ONLY they stand like others
#     ALONE stems...                   tests that get a program of their own, triage_<stem>

# How our own code is compiled. PRIVATE everywhere: a project that links triage_runtime gets none of it.
add_library(triage_options INTERFACE)
target_compile_options(triage_options INTERFACE -Wall -Wextra -Wshadow -Wno-missing-field-initializers)
target_include_directories(triage_options INTERFACE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
if(TRIAGE_SANITIZE)
  target_compile_options(triage_options INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  target_link_options(triage_options INTERFACE -fsanitize=address,undefined)
endif()
if(TRIAGE_FUZZ)  # counters in every library, which libFuzzer follows
  target_compile_options(triage_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Tests, subcommands, mains: a short build is worth more than fast code.
add_library(triage_glue_options INTERFACE)
target_compile_options(triage_glue_options INTERFACE $<$<CONFIG:Release>:-O1>)
target_link_libraries(triage_glue_options INTERFACE triage_options)

function(triage_module name)
  cmake_parse_arguments(arg "" "FOLDER" "LINK;WITHOUT;ONLY;ALONE;STAND_IN" ${ARGN})
  if(NOT arg_FOLDER)
    set(arg_FOLDER ${CMAKE_CURRENT_SOURCE_DIR})
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${arg_FOLDER}/*.cc ${arg_FOLDER}/*/*.cc ${arg_FOLDER}/*/*/*.cc)
  if(arg_ONLY)
    list(JOIN arg_ONLY "|" stems)
    list(FILTER sources INCLUDE REGEX "/(${stems})(_test|_fuzz)?\\.cc$")
  else()
    set(stand_ins ${sources})
    list(JOIN arg_STAND_IN "|" stems)
    list(FILTER stand_ins INCLUDE REGEX "/(${stems})\\.cc$")
    list(JOIN arg_WITHOUT "|" stems)
    list(FILTER sources EXCLUDE REGEX "/(without_[a-z_]*|(${stems})(_test|_fuzz)?)\\.cc$")
    list(APPEND sources ${stand_ins})
  endif()
  set(tests ${sources})
  set(fuzzers ${sources})
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz)\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")
  if(NOT sources)
    add_library(triage_${name} INTERFACE)
    return()
  endif()
  add_library(triage_${name} STATIC ${sources})
  target_link_libraries(triage_${name} PRIVATE $<BUILD_INTERFACE:triage_options> PUBLIC ${arg_LINK})
  if(NOT BUILD_TESTING)
    return()
  endif()
  foreach(stem ${arg_ALONE})
    set(own ${tests})
    list(FILTER own INCLUDE REGEX "/${stem}\\.cc$")
    list(FILTER tests EXCLUDE REGEX "/${stem}\\.cc$")
    triage_test(triage_${stem} ${name} ${own})
  endforeach()
  if(tests)
    triage_test(triage_${name}_test ${name} ${tests})
  endif()
  foreach(fuzzer ${fuzzers})
    get_filename_component(stem ${fuzzer} NAME_WE)
    triage_fuzz(${stem} ${fuzzer} triage_${name})
  endforeach()
endfunction()

# The program of a module's tests. ctest knows each of its suites by name, module.Suite: the program is asked for them
# once, after it was linked (cmake/list_suites.cmake), since starting one that links LibTorch for each test costs minutes.
function(triage_test program module)
  add_executable(${program} ${ARGN})
  target_link_libraries(${program} PRIVATE triage_${module} triage_glue_options GTest::gmock GTest::gtest_main)
  triage_suites(${program} ${module})
endfunction()

function(triage_suites program module)
  set(list ${CMAKE_CURRENT_BINARY_DIR}/${program}_suites.cmake)
  add_custom_command(TARGET ${program} POST_BUILD BYPRODUCTS ${list} VERBATIM
    COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:${program}> -DMODULE=${module} -DOUTPUT=${list} -P ${PROJECT_SOURCE_DIR}/cmake/list_suites.cmake)
  set(include ${CMAKE_CURRENT_BINARY_DIR}/${program}_include.cmake)
  file(WRITE ${include} "if(EXISTS \"${list}\")\n  include(\"${list}\")\nelse()\n  add_test(${module}.not_built ${program})\nendif()\n")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${include})
endfunction()

# A fuzz target is a file with LLVMFuzzerTestOneInput. The preset fuzz links libFuzzer (scripts/fuzz runs it); others link
# tests/fuzz_driver.cc, which mutates the seeds of tests/fuzz_seeds/<stem>/ for a fixed number of rounds.
function(triage_fuzz stem source library)
  add_executable(${stem} ${source})
  target_link_libraries(${stem} PRIVATE ${library} triage_glue_options)
  if(TRIAGE_FUZZ)
    target_link_options(${stem} PRIVATE -fsanitize=fuzzer)
    set_property(GLOBAL APPEND PROPERTY triage_fuzzers ${stem})
  else()
    target_sources(${stem} PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz_driver.cc)
    add_test(NAME ${stem} COMMAND ${stem} ${PROJECT_SOURCE_DIR}/tests/fuzz_seeds/${stem} 5000)
    set_tests_properties(${stem} PROPERTIES LABELS fuzz)
  endif()
endfunction()
