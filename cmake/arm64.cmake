# Toolchain: cross-compiling for 64-bit ARM with Debian's compiler and its multiarch libraries (scripts/setup arm64).
# The libraries' headers are those of this machine: Debian keeps them free of the architecture.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

# Programs (git, ccache, protoc) are this machine's; packages come from the other architecture first.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_PREFIX_PATH /usr/lib/aarch64-linux-gnu/cmake /usr/share/cmake /usr/share)
set(ONNX_DIR /usr/lib/aarch64-linux-gnu/cmake/ONNX)
set(onnxruntime_DIR /usr/lib/aarch64-linux-gnu/cmake/onnxruntime)
set(tomlplusplus_DIR /usr/lib/aarch64-linux-gnu/cmake/tomlplusplus)
set(Protobuf_LIBRARY /usr/lib/aarch64-linux-gnu/libprotobuf.so.32)  # of the runtime package: -dev would pull in a libc
set(Protobuf_LITE_LIBRARY ${Protobuf_LIBRARY})
set(Protobuf_PROTOC_LIBRARY ${Protobuf_LIBRARY})
set(Protobuf_INCLUDE_DIR /usr/include)
set(OPENSSL_CRYPTO_LIBRARY /usr/lib/aarch64-linux-gnu/libcrypto.so)
set(OPENSSL_SSL_LIBRARY /usr/lib/aarch64-linux-gnu/libssl.so)
set(CMAKE_SKIP_RPATH ON)  # a device has them where its loader looks
