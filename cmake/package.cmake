# The runtime library for other projects: triage::runtime after add_subdirectory(triage) or, installed, find_package(triage).
# cmake --install BUILD --component library   headers, static libraries and the CMake package; without a component also
# the programs.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

add_library(triage::runtime ALIAS triage_runtime)
target_compile_features(triage_runtime PUBLIC cxx_std_20)
target_include_directories(triage_runtime PUBLIC
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
if(NOT PROJECT_IS_TOP_LEVEL)
  return()
endif()

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/triage)
foreach(library core engine engines preprocess plan runtime)
  set_target_properties(triage_${library} PROPERTIES EXPORT_NAME ${library})
  install(TARGETS triage_${library} EXPORT triage COMPONENT library ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/triage DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library)
install(EXPORT triage NAMESPACE triage:: FILE triage-targets.cmake DESTINATION ${package} COMPONENT library)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/triage-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_SOURCE_DIR}/cmake/triage-config.cmake ${PROJECT_BINARY_DIR}/triage-config-version.cmake
        DESTINATION ${package} COMPONENT library)
