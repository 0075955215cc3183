# The preset cuda: LibTorch, zlib, libcrypto and header-only libraries are all it needs. What other packages are for is
# left out, or a file without_*.cc stands in its place.
find_package(Torch REQUIRED)
find_package(ZLIB REQUIRED)
if(NOT TARGET CLI11::CLI11)
  find_package(CLI11 REQUIRED)
endif()
# PyTorch's libtorch_cpu exports a part of an older libstdc++ (std::filesystem), which crashes where it meets code of a newer
# compiler: the loader must find the real one first.
string(APPEND CMAKE_EXE_LINKER_FLAGS " -Wl,--no-as-needed -lstdc++ -Wl,--as-needed")

foreach(whole core preprocess plan family results cost_tables cost supernet train)
  add_subdirectory(src/${whole})
endforeach()
triage_module(engine FOLDER ${PROJECT_SOURCE_DIR}/src/engine LINK triage_core ONLY status spec engine session fake_session)
triage_module(data FOLDER ${PROJECT_SOURCE_DIR}/src/data LINK triage_core OpenSSL::Crypto Threads::Threads ZLIB::ZLIB
              WITHOUT download gif jpeg png tiff webp STAND_IN without_download without_formats)
triage_module(exporting FOLDER ${PROJECT_SOURCE_DIR}/src/exporting LINK triage_core ONLY int8_config range_histogram)
triage_module(route FOLDER ${PROJECT_SOURCE_DIR}/src/route LINK triage_plan ONLY router_options)
triage_module(search FOLDER ${PROJECT_SOURCE_DIR}/src/search LINK triage_plan ONLY without_sqlite)
triage_module(workflow_training FOLDER ${PROJECT_SOURCE_DIR}/src/workflow LINK triage_train triage_search triage_cost triage_route triage_exporting
              ONLY alone_config build_config changed_config dry_run open_supernet pack_supernet pipeline processes run_check run_config stage_config
                   subnet_list teachers timing without_onnx without_store)
add_subdirectory(apps/triage)
add_subdirectory(bench)
