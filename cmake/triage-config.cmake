# find_package(triage): the target triage::runtime. A static library, so its libraries are looked for as well.
include(CMakeFindDependencyMacro)
find_dependency(nlohmann_json)
find_dependency(tomlplusplus)
find_dependency(OpenSSL)
find_dependency(Threads)
find_dependency(ONNX)
find_dependency(onnxruntime)
include(${CMAKE_CURRENT_LIST_DIR}/triage-targets.cmake)
