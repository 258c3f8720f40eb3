# Headers that most files read, parsed once for each target: they are half of the time of a build of single files.
# A file still includes what it uses: CMAKE_DISABLE_PRECOMPILE_HEADERS=ON builds without this.
# Sources compiled as one (cmake/unity.cmake) parse them once anyway.
function(lodestone_precompile target)
  get_target_property(unity ${target} UNITY_BUILD)
  if(NOT unity)
    target_precompile_headers(${target} PRIVATE
      <algorithm> <array> <cmath> <cstdint> <functional> <memory> <optional> <string> <utility>
      <vector> <Eigen/Dense> <fmt/format.h> ${ARGN})
  endif()
endfunction()
