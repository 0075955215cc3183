# Where things are installed below the prefix.
set(TRIAGE_ON_DEBIAN OFF)
if(EXISTS /etc/debian_version AND PROJECT_IS_TOP_LEVEL)
  set(TRIAGE_ON_DEBIAN ON)
  # Where Debian looks for libraries, below /usr and /usr/local alike: one build serves both.
  set(CMAKE_INSTALL_LIBDIR lib/${CMAKE_LIBRARY_ARCHITECTURE} CACHE PATH "Folder of libraries below the prefix")
endif()
include(GNUInstallDirs)
set(TRIAGE_PRIVATE_DIR ${CMAKE_INSTALL_LIBDIR}/triage)  # what `triage` alone opens and starts
