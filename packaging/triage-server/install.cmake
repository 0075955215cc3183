# Run by the installation of the component server: the unit of systemd, its options and the folder of its plans. Of /usr they are in
# /etc and /var, of another prefix below it.
set(etc ${CMAKE_INSTALL_PREFIX}/etc)
set(var ${CMAKE_INSTALL_PREFIX}/var)
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(etc /etc)
  set(var /var)
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/triage-server.service.in
               $ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/lib/systemd/system/triage-server.service @ONLY)
file(INSTALL ${CMAKE_CURRENT_LIST_DIR}/triage-server DESTINATION ${etc}/default)
file(INSTALL DESTINATION ${var}/lib/triage/plans TYPE DIRECTORY FILES "")
