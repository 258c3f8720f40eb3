# Eigen of version 3.4 or 5: its package refuses whoever asks for another major version, by a minimum as by a range,
# so each is asked for by itself. LODESTONE_EIGEN_VERSION is the one that is there; users of the installed library need
# the same, since vectors cross its border.
foreach(version IN ITEMS 3.4 5)
  if(NOT Eigen3_FOUND)
    set(LODESTONE_EIGEN_VERSION ${version})
    find_package(Eigen3 ${version} QUIET NO_MODULE)
  endif()
endforeach()
