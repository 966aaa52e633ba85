# What both builds of the library are made of, seen from this folder: the Linux one that the simulated terminal links,
# and the Windows one of windows/.
set(TROUPE_LINK_CLIENT_SOURCES
    client.cpp client_thread.cpp config.cpp errors.cpp exports.cpp resolve.cpp wire.cpp)
set(TROUPE_LINK_CORE_SOURCES codec.cpp fingerprint.cpp handshake.cpp key.cpp random.cpp sha256.cpp validate.cpp)
