# What is installed, by component (docs/install.md), and the library for projects that take this one as a folder:
#   shared    libtriage.so.1                                        programs  triage, its libraries, manual pages, completions
#   library   headers, static libraries, CMake package, pkg-config  server    triage-serve and its unit of systemd
#   decoders  what triage::decoders is more                         python    the module triage
# What a build does not make it does not install. cmake/packages.cmake makes Debian packages of them.
include(CMakePackageConfigHelpers)

add_library(triage::runtime ALIAS triage_runtime)
target_compile_features(triage_runtime PUBLIC cxx_std_20)
target_include_directories(triage_runtime PUBLIC
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
if(TARGET triage_decoders)
  add_library(triage::decoders ALIAS triage_decoders)
  target_compile_features(triage_decoders PUBLIC cxx_std_20)
  target_include_directories(triage_decoders PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endif()
if(NOT PROJECT_IS_TOP_LEVEL)
  return()
endif()

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/triage)
foreach(library core engine engines preprocess plan runtime)
  set_target_properties(triage_${library} PROPERTIES EXPORT_NAME ${library})
  install(TARGETS triage_${library} EXPORT triage COMPONENT library ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endforeach()
if(TARGET triage_decoders)
  foreach(library images decoders)
    set_target_properties(triage_${library} PROPERTIES EXPORT_NAME ${library})
    install(TARGETS triage_${library} EXPORT triage-decoders COMPONENT decoders ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  endforeach()
  install(EXPORT triage-decoders NAMESPACE triage:: FILE triage-decoders-targets.cmake DESTINATION ${package} COMPONENT decoders)
endif()

# For C: libtriage.so.1, and as libtriage.a the same for a static link, for which triage.pc names all that it is made with.
if(TARGET triage_shared)
  install(TARGETS triage_shared EXPORT triage-shared
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT shared NAMELINK_COMPONENT library)
  install(EXPORT triage-shared NAMESPACE triage:: FILE triage-shared-targets.cmake DESTINATION ${package} COMPONENT library)
  add_library(triage_archive STATIC $<TARGET_OBJECTS:triage_shared>)
  set_target_properties(triage_archive PROPERTIES OUTPUT_NAME triage LINKER_LANGUAGE CXX)
  install(TARGETS triage_archive ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library)
  file(RELATIVE_PATH TRIAGE_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  set(TRIAGE_ARCHIVES "")
  if(TARGET triage_decoders)
    string(APPEND TRIAGE_ARCHIVES "-ltriage_decoders -ltriage_images -lgif -ljpeg -lpng -ltiff -lwebpdemux -lwebp ")
  endif()
  string(APPEND TRIAGE_ARCHIVES "-ltriage_runtime -ltriage_plan -ltriage_preprocess -ltriage_engines -ltriage_engine -ltriage_core")
  string(REGEX REPLACE "/$" "" TRIAGE_PREFIX ${TRIAGE_PREFIX})
  configure_file(${PROJECT_SOURCE_DIR}/cmake/triage.pc.in ${PROJECT_BINARY_DIR}/triage.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/triage.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT library)
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library)
install(EXPORT triage NAMESPACE triage:: FILE triage-targets.cmake DESTINATION ${package} COMPONENT library)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/triage-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_SOURCE_DIR}/cmake/triage-config.cmake ${PROJECT_BINARY_DIR}/triage-config-version.cmake
        DESTINATION ${package} COMPONENT library)
