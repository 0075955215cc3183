# Debian packages by CPack: `make packages`. A package is made of the components that this build installs (cmake/package.cmake);
# what its programs load is found by dpkg-shlibdeps, so a package is for the Debian that it was made on.
add_custom_target(installed)  # everything that is installed
foreach(target triage_runtime triage_decoders triage_shared triage_archive triage_manual)
  if(TARGET ${target})
    add_dependencies(installed ${target})
  endif()
endforeach()
if(TARGET triage_serve_program)
  add_dependencies(installed triage_serve_program)
  install(SCRIPT ${PROJECT_SOURCE_DIR}/packaging/triage-server/install.cmake COMPONENT server)
endif()
if(TARGET triage_python)
  add_dependencies(installed triage_python_stub)
endif()
if(NOT TRIAGE_ON_DEBIAN)
  return()
endif()
get_cmake_property(components COMPONENTS)
set(CPACK_COMPONENTS_ALL "")
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "Triage maintainers <triage@localhost>" CACHE STRING "Maintainer of the packages")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_SOURCE triage)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

find_program(GZIP gzip REQUIRED)
set(changelog ${PROJECT_BINARY_DIR}/changelog.gz)
execute_process(COMMAND ${GZIP} -9nc ${PROJECT_SOURCE_DIR}/packaging/changelog OUTPUT_FILE ${changelog} COMMAND_ERROR_IS_FATAL ANY)

# debian_package(NAME SECTION DESCRIPTION OF components... and the fields of its control file): not made where none of its
# components is built. The description's first line is its summary.
function(debian_package name section description)
  cmake_parse_arguments(arg "" "" "OF;DEPENDS;RECOMMENDS;SUGGESTS;SCRIPTS" ${ARGN})
  string(TOUPPER ${name} key)
  set(parts "")
  foreach(component ${arg_OF})
    if(component IN_LIST components)
      string(TOUPPER ${component} upper)
      set(CPACK_COMPONENT_${upper}_GROUP ${name} PARENT_SCOPE)
      list(APPEND parts ${component})
    endif()
  endforeach()
  if(NOT parts)
    return()
  endif()
  list(GET parts 0 first)
  install(FILES ${PROJECT_SOURCE_DIR}/packaging/copyright ${changelog} DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${name} COMPONENT ${first})
  set(CPACK_COMPONENTS_ALL ${CPACK_COMPONENTS_ALL} ${parts} PARENT_SCOPE)
  set(CPACK_DEBIAN_${key}_PACKAGE_NAME ${name} PARENT_SCOPE)
  set(CPACK_DEBIAN_${key}_PACKAGE_SECTION ${section} PARENT_SCOPE)
  set(CPACK_DEBIAN_${key}_DESCRIPTION "${description}" PARENT_SCOPE)
  foreach(field DEPENDS RECOMMENDS SUGGESTS)
    list(JOIN arg_${field} ", " value)
    set(CPACK_DEBIAN_${key}_PACKAGE_${field} "${value}" PARENT_SCOPE)
  endforeach()
  list(TRANSFORM arg_SCRIPTS PREPEND ${PROJECT_SOURCE_DIR}/packaging/${name}/)
  set(CPACK_DEBIAN_${key}_PACKAGE_CONTROL_EXTRA "${arg_SCRIPTS}" PARENT_SCOPE)
endfunction()

set(triage "Triage decides, per image, how much network the image needs: easy ones leave\nearly, hard ones go on to a bigger network.\n")
debian_package(libtriage1 libs "dynamic inference: runtime library\n${triage}\nThis is the library that loads a plan and classifies images, for C."
  OF shared SCRIPTS shlibs)
set(shared "")
if("shared" IN_LIST components)
  set(shared "libtriage1 (= ${PROJECT_VERSION})")
endif()
debian_package(libtriage-dev libdevel "dynamic inference: headers and static libraries\n${triage}\nThese are the headers for C and C++, the static libraries with decoders of\nimages, the CMake package and triage.pc."
  OF library decoders
  DEPENDS ${shared} libonnxruntime-dev libonnx-dev libprotobuf-dev nlohmann-json3-dev libtomlplusplus-dev libssl-dev
  RECOMMENDS libgif-dev libjpeg-dev libpng-dev libtiff-dev libwebp-dev)
debian_package(triage science "dynamic inference: training, measuring, plans\n${triage}\nThis is the program: it trains networks and a router between them, measures\nwhat they cost on this machine and makes a plan."
  OF programs
  RECOMMENDS g++ gnuplot-nox fonts-dejavu-core openssh-client triage-server
  SUGGESTS dataset-fashion-mnist fonts-unifont)
debian_package(triage-server net "dynamic inference: server\n${triage}\nThis is a server for the Open Inference Protocol over HTTP, with a unit of\nsystemd. It listens to this machine alone until it is told otherwise."
  OF server
  SCRIPTS conffiles postinst prerm postrm)
if("python" IN_LIST components)  # an extension module is for one version of Python
  set(Python_EXECUTABLE /usr/bin/python3)
  find_package(Python COMPONENTS Interpreter REQUIRED)
  math(EXPR next "${Python_VERSION_MINOR} + 1")
endif()
debian_package(python3-triage python "dynamic inference: for Python\n${triage}\nThis is the module triage: plans that classify arrays and images, and the\nresults of a run as arrays."
  OF python
  DEPENDS "python3 (>= 3.${Python_VERSION_MINOR}~)" "python3 (<< 3.${next}~)" python3-numpy
  RECOMMENDS python3-pil
  SCRIPTS postinst prerm)
include(CPack)
