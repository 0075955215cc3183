# The header-only libraries of TRIAGE_HEADERS under the names of their packages, and the machine's libcrypto, which often
# has no development files beside it.
foreach(library nlohmann_json::nlohmann_json tomlplusplus::tomlplusplus CLI11::CLI11 OpenSSL::Crypto)
  add_library(${library} INTERFACE IMPORTED GLOBAL)
  target_include_directories(${library} INTERFACE ${TRIAGE_HEADERS})
endforeach()
find_library(TRIAGE_CRYPTO NAMES crypto libcrypto.so.3 REQUIRED)
target_link_libraries(OpenSSL::Crypto INTERFACE ${TRIAGE_CRYPTO})
