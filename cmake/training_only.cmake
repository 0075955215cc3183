# The preset cuda: LibTorch and header-only libraries are all it needs.
find_package(Torch REQUIRED)
find_package(ZLIB REQUIRED)
# PyTorch's libtorch_cpu exports a part of an older libstdc++ (std::filesystem), which crashes where it meets code of a newer
# compiler: the loader must find the real one first.
string(APPEND CMAKE_EXE_LINKER_FLAGS " -Wl,--no-as-needed -lstdc++ -Wl,--as-needed")
add_subdirectory(src/core)
add_subdirectory(src/engine)
add_subdirectory(src/preprocess)
add_subdirectory(src/plan)
add_subdirectory(src/results)
add_subdirectory(src/data)
add_subdirectory(src/supernet)
add_subdirectory(src/train)
add_subdirectory(bench)
